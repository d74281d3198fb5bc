package dev.sluice.converter.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.bindings.ElementType;
import dev.sluice.bindings.onnxruntime.TinyModel;
import dev.sluice.engine.Shape;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * Quantizing takes heap for neither weights nor samples: both are larger than the whole heap here.
 * {@code -Dsluice.large.int8=1024} makes it 1 GiB of weights, {@code -Dsluice.large.heap=1g} names
 * another heap.
 */
class LargePrecisionTest {
  private static final int SIZE_MIB = Integer.getInteger("sluice.large.int8", 256);
  private static final String MAX_HEAP = "-Xmx" + System.getProperty("sluice.large.heap", "96m");

  private static final int ROWS = 10;

  @TempDir private Path folder;

  @BeforeEach
  void linux() {
    WatchedCommand.assumeWatchable();
  }

  private static float[] normal(Random random, int count) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }

  private JsonNode run(String maxHeap, Object... arguments) throws Exception {
    WatchedCommand command = WatchedCommand.run(maxHeap, folder.resolve("log"), arguments);
    return JsonMapper.shared().readTree(command.output());
  }

  @Test
  void weightsLargerThanTheHeap() throws Exception {
    Path model = new LargeModel(SIZE_MIB).external(folder);
    Path packed = folder.resolve("int8.sluice");
    Path data = Files.createDirectory(folder.resolve("data"));
    Shape shape = Shape.of(ROWS, LargeModel.WIDTH);
    Random random = new Random(3);
    Path samples =
        Models.floats(data.resolve("x.npy"), shape, normal(random, ROWS * LargeModel.WIDTH));
    JsonNode built =
        run(
            MAX_HEAP,
            "build",
            model,
            "-o",
            packed,
            "--precision",
            "int8",
            "--calibration",
            samples,
            "--json",
            "--cpu-graph",
            "int8");
    assertThat(built.get("layers")).hasSize(SIZE_MIB / 128);
    assertThat(built.get("layers")).allMatch(l -> l.get("precision").asString().equals("int8"));
    // Both graphs share the weights, a byte for each.
    assertThat(Files.size(packed)).isBetween((long) SIZE_MIB << 18, (long) (SIZE_MIB + 8) << 18);
    JsonNode told =
        run(
            MAX_HEAP,
            "verify",
            packed,
            "--against",
            model,
            "--data",
            data,
            "--min-sqnr",
            "20",
            "--json");
    assertThat(told.get("samples").asInt()).isEqualTo(ROWS);
    assertThat(told.at("/outputs/y/sqnrDb").asDouble()).isBetween(20.0, 60.0);
  }

  /** 128 samples of 512 KiB, each a file. */
  @Test
  void samplesLargerThanTheHeap() throws Exception {
    Path model =
        Files.write(
            folder.resolve("model.onnx"),
            new TinyModel()
                .input("x", ElementType.FLOAT, "N", 4096, 32)
                .output("y", ElementType.FLOAT, "N", 4096, 16)
                .weights("w", normal(new Random(1), 32 * 16), 32, 16)
                .node("MatMul", "x w", "y")
                .build()
                .toArray(ValueLayout.JAVA_BYTE));
    Path data = Files.createDirectory(folder.resolve("data"));
    float[] values = normal(new Random(2), 4096 * 32);
    for (int i = 0; i < 128; i++) {
      values[i] = i;
      Models.floats(data.resolve(i + ".npy"), Shape.of(1, 4096, 32), values);
    }
    Path packed = folder.resolve("int8.sluice");
    JsonNode built =
        run(
            "-Xmx48m",
            "build",
            model,
            "-o",
            packed,
            "--precision",
            "int8",
            "--calibration",
            data,
            "--batch",
            "1:2:4",
            "--json");
    assertThat(built.at("/calibration/samples").asInt()).isEqualTo(103);
    run(
        "-Xmx48m",
        "verify",
        packed,
        "--against",
        model,
        "--data",
        data,
        "--min-sqnr",
        "20",
        "--json");
  }
}
