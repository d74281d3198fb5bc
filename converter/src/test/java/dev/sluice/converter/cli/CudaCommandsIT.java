package dev.sluice.converter.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.bindings.cuda.RealGpu;
import dev.sluice.engine.Shape;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

/** A plan's whole way by the command, on this machine's GPU. */
class CudaCommandsIT {
  private static final String CACHE = "sluice.cache";

  @TempDir Path folder;
  @TempDir Path cache;
  private String cacheBefore;

  @BeforeEach
  void useOwnCache() {
    // Nothing of JavaCPP may be touched before a driver has answered.
    RealGpu.driverWithNvrtc();
    cacheBefore = System.getProperty(CACHE, "");
    System.setProperty(CACHE, cache.toString());
  }

  @AfterEach
  void restoreCache() {
    if (cacheBefore != null) {
      System.setProperty(CACHE, cacheBefore);
    }
  }

  @Test
  void buildInspectAndRun() throws Exception {
    Path model = Models.product(folder);
    Path made = folder.resolve("product.sluice");
    Path array = Models.floats(folder.resolve("x.npy"), Shape.of(2, 3), 1, 2, 3, 4, 5, 6);
    JsonNode plan =
        Cli.run("build", model, "--device", "cuda", "--batch", "1:2:4", "--refit", "--json")
            .done()
            .json()
            .get("plans")
            .get(0);
    JsonNode told =
        Cli.run("inspect", made, "--layers", "--device", "cuda", "--json")
            .done()
            .json()
            .get("plans")
            .get(0);
    assertThat(told.get("name")).isEqualTo(plan.get("name"));
    assertThat(told.get("fits").asBoolean()).isTrue();
    assertThat(told.get("options").get("refittable").asBoolean()).isTrue();
    double timeUs = 0;
    StringBuilder precisions = new StringBuilder();
    for (JsonNode layer : told.get("layers")) {
      assertThat(layer.get("name").asString()).isNotBlank();
      precisions.append(layer.get("precision").asString()).append(' ');
      timeUs += layer.get("timeUs").asDouble();
    }
    assertThat(timeUs).isPositive();
    assertThat(precisions.toString()).contains("fp32");
    Path out = folder.resolve("out");
    JsonNode run =
        Cli.run("run", made, "--input", "x=" + array, "-o", out, "--device", "cuda", "--json")
            .done()
            .json();
    assertThat(run.get("device").asString()).isEqualTo("cuda:0");
    // Small whole numbers: TF32 has them all.
    assertThat(Models.floats(out.resolve("y.npy"))).containsExactly(22, 28, 49, 64);
  }
}
