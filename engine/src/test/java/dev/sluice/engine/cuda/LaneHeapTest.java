package dev.sluice.engine.cuda;

import static dev.sluice.engine.cuda.CudaBackendContract.SEED;
import static dev.sluice.engine.cuda.CudaBackendContract.columns;
import static dev.sluice.engine.cuda.CudaBackendContract.runAndCheck;
import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import dev.sluice.bindings.cuda.CudaApi;
import dev.sluice.bindings.cuda.CudaStream;
import dev.sluice.bindings.sim.SimulatedCuda;
import dev.sluice.bindings.sim.SimulatedTensorRt;
import dev.sluice.engine.backend.BatchMemory;
import dev.sluice.engine.backend.Lane;
import java.lang.management.ManagementFactory;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * A lane that launches graphs takes no heap memory a run, over a driver that takes none. On a GPU
 * {@code CudaBackendIT} holds the driver's binding to that, too.
 */
class LaneHeapTest {
  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();
  private static final int WARM_UP = 30_000;
  private static final int WINDOW = 2_000;
  private static final int WINDOWS = 10;
  private static final int ROWS = 7;

  private interface Run {
    void once() throws Exception;
  }

  @AfterEach
  void beLoudAgain() {
    QuietCuda.setQuiet(false);
  }

  /**
   * Bytes of a window of runs: the least of several, since the JIT compiler takes some at times.
   */
  private static long bytes(Run run) throws Exception {
    for (int i = 0; i < WARM_UP; i++) {
      run.once();
    }
    long least = Long.MAX_VALUE;
    for (int window = 0; window < WINDOWS; window++) {
      long before = THREADS.getCurrentThreadAllocatedBytes();
      for (int i = 0; i < WINDOW; i++) {
        run.once();
      }
      least = Math.min(least, THREADS.getCurrentThreadAllocatedBytes() - before);
    }
    return least;
  }

  @ParameterizedTest
  @EnumSource(CudaStream.Wait.class)
  void aRunTakesNoHeap(CudaStream.Wait wait) throws Exception {
    try (SimulatedCuda cuda = SimulatedCuda.builder().memoryBytes(64 << 20).build()) {
      CudaApi quiet = QuietCuda.over(cuda);
      SimulatedTensorRt tensorRt = SimulatedTensorRt.builder(cuda).build();
      GpuLibraries whole = GpuLibraries.simulated(cuda, tensorRt);
      GpuLibraries gpu = GpuLibraries.of(quiet, tensorRt, whole.kernels());
      CudaOptions options = CudaOptions.defaults().withWaiting(wait);
      try (CudaBackend backend = GpuModel.columns(ROWS).open(gpu, options, true);
          BatchMemory memory = backend.allocate(columns(3), ROWS);
          Lane lane = backend.openLane(0)) {
        Random random = new Random(SEED);
        for (int i = 0; i < 3; i++) {
          for (int rows = 1; rows <= ROWS; rows++) {
            runAndCheck(lane, memory, rows, random);
          }
        }
        assertThat(backend.deviceStats().orElseThrow().graphs()).isEqualTo(ROWS);
        int[] next = {0};
        QuietCuda.setQuiet(true);
        long taken = bytes(() -> lane.run(memory, 1 + next[0]++ % ROWS));
        QuietCuda.setQuiet(false);
        assertThat(taken).isZero();
        runAndCheck(lane, memory, ROWS, random);
      }
      assertThat(cuda.failures()).isEmpty();
    }
  }

  @Test
  void aRunThatTakesHeapIsSeen() throws Exception {
    byte[][] kept = new byte[1][];
    assertThat(bytes(() -> kept[0] = new byte[1])).isPositive();
  }
}
