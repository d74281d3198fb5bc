package dev.sluice.converter.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.sluice.engine.Shape;
import dev.sluice.engine.npy.Npy;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Weights are mapped, never on the heap and never copied: a model of 1 GiB is built and run in
 * processes of little heap, whose memory is watched. {@code -Dsluice.large=3072} makes it 3 GiB.
 */
class LargeModelTest {
  private static final int SIZE_MIB = Integer.getInteger("sluice.large", 1024);

  /** All of the process but pages of files: heap, code, ONNX Runtime's memory. */
  private static final long MAX_MEMORY_MIB = 1024;

  private static final String MAX_HEAP = "-Xmx256m";

  @TempDir private Path folder;
  private final LargeModel model = new LargeModel(SIZE_MIB);
  private final float[] row = new float[LargeModel.WIDTH];

  @BeforeEach
  void linux() {
    WatchedCommand.assumeWatchable();
    Random random = new Random(2);
    for (int i = 0; i < row.length; i++) {
      row[i] = (float) random.nextGaussian();
    }
  }

  private void builtAndRun(Path file) throws Exception {
    Path packed = folder.resolve("large.sluice");
    Path log = folder.resolve("log");
    WatchedCommand build = WatchedCommand.run(MAX_HEAP, log, "build", file, "-o", packed);
    assertThat(build.ownMib()).isLessThan(MAX_MEMORY_MIB);
    assertThat(Files.size(packed)).isGreaterThan((long) SIZE_MIB << 20);
    Path x = Models.floats(folder.resolve("x.npy"), Shape.of(1, row.length), row);
    WatchedCommand run =
        WatchedCommand.run(MAX_HEAP, log, "run", packed, "--input", "x=" + x, "-o", folder);
    assertThat(run.ownMib()).isLessThan(MAX_MEMORY_MIB);
    float[] actual =
        Npy.read(folder.resolve("y.npy")).data().toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
    float[] expected = model.answer(row);
    // Sums of 8,192 products in another order, twice a pair of layers; tanh keeps them below 1.
    assertThat(actual).hasSize(expected.length).containsExactly(expected, within(1e-3f));
    assertThat(actual[0]).isNotEqualTo(actual[1]);
  }

  @Test
  void weightsInOtherFiles() throws Exception {
    builtAndRun(model.external(folder));
  }

  @Test
  void weightsInside() throws Exception {
    assumeTrue(SIZE_MIB < 2048, "a message has at most 2 GiB");
    builtAndRun(model.inline(folder));
  }
}
