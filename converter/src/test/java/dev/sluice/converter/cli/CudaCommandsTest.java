package dev.sluice.converter.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.engine.Shape;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

/** The commands that run a package, on the simulated GPU. */
@Timeout(120)
class CudaCommandsTest {
  @TempDir Path folder;
  @TempDir Path cache;
  private Path model;
  private Path made;
  private Path array;

  @BeforeEach
  void build() throws IOException {
    model = Models.product(folder);
    made = folder.resolve("made.sluice");
    array = Models.floats(folder.resolve("x.npy"), Shape.of(2, 3), 1, 2, 3, 4, 5, 6);
    try (SimulatedGpu gpu = new SimulatedGpu(cache)) {
      gpu.run("build", model, "-o", made, "--device", "cuda").done();
    }
  }

  @Test
  void runRunsThePlanOfThePackage() throws IOException {
    Path out = folder.resolve("out");
    try (SimulatedGpu gpu = new SimulatedGpu(cache)) {
      for (String device : new String[] {"cuda", "cuda:0", "auto"}) {
        JsonNode json =
            gpu.run("run", made, "--input", "x=" + array, "-o", out, "--device", device, "--json")
                .done()
                .json();
        assertThat(json.get("device").asString()).isEqualTo("cuda:0");
        assertThat(Models.floats(out.resolve("y.npy"))).containsExactly(22, 28, 49, 64);
      }
      JsonNode json =
          gpu.run("run", made, "--input", "x=" + array, "--device", "cpu", "--json").done().json();
      assertThat(json.get("device").asString()).isEqualTo("cpu");
      assertThat(gpu.tensorRt.builds()).isZero();
      gpu.run("run", made, "--input", "x=" + array, "--device", "cuda:4")
          .refused(1, "there is no cuda:4");
    }
  }

  @Test
  void verifyHoldsTheGpuAgainstTheCpu() throws IOException {
    Path data = Files.createDirectory(folder.resolve("data"));
    Files.copy(array, data.resolve("x.npy"));
    try (SimulatedGpu gpu = new SimulatedGpu(cache)) {
      JsonNode json =
          gpu.run("verify", made, "--against", model, "--data", data, "--device", "cuda", "--json")
              .done()
              .json();
      assertThat(json.get("ok").asBoolean()).isTrue();
      assertThat(json.get("samples").asInt()).isEqualTo(2);
      // Neither of the package, whose plan is there, nor of the reference, which the CPU runs.
      assertThat(gpu.tensorRt.builds()).isZero();
    }
  }

  @Test
  void benchPutsLoadOnTheGpu() {
    try (SimulatedGpu gpu = new SimulatedGpu(cache)) {
      JsonNode json =
          gpu.run(
                  "bench",
                  made,
                  "--duration",
                  "0.5",
                  "--callers",
                  "4",
                  "--device",
                  "cuda",
                  "--json")
              .done()
              .json();
      assertThat(json.get("device").asString()).isEqualTo("cuda:0");
      assertThat(json.get("rows").asLong()).isPositive();
      assertThat(json.get("errors").asLong()).isZero();
    }
  }
}
