package dev.sluice.engine.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import dev.sluice.bindings.cuda.CudaStream;
import dev.sluice.bindings.cuda.RealGpu;
import dev.sluice.engine.backend.BatchMemory;
import dev.sluice.engine.backend.Lane;
import java.lang.management.ManagementFactory;
import java.util.Random;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The lanes on this machine's GPU. */
class CudaBackendIT extends CudaBackendContract {
  private static final int WARM_UP_RUNS = 20_000;
  private static final int COUNTED_RUNS = 2_000;
  private static final int ROWS = 3;

  private static GpuLibraries libraries;

  @BeforeAll
  static void load() throws Exception {
    // Nothing of JavaCPP may be touched before a driver has answered.
    RealGpu.driverWithNvrtc();
    libraries = GpuLibraries.ofMachine().require();
  }

  @Override
  GpuLibraries gpu() {
    return libraries;
  }

  /** Graphs, and runs that are enqueued one by one, whichever way the host waits. */
  @ParameterizedTest
  @EnumSource(CudaStream.Wait.class)
  void runsTakeNoHeap(CudaStream.Wait wait) throws Exception {
    for (int maxGraphs : new int[] {8, 0}) {
      CudaOptions options = CudaOptions.defaults().withWaiting(wait).withMaxGraphs(maxGraphs);
      try (CudaBackend backend = GpuModel.columns(8).open(gpu(), options, true);
          BatchMemory memory = backend.allocate(columns(4), 8);
          Lane lane = backend.openLane(0)) {
        runAndCheck(lane, memory, ROWS, new Random(SEED));
        for (int i = 0; i < WARM_UP_RUNS; i++) {
          lane.run(memory, ROWS);
        }
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        threads.getCurrentThreadAllocatedBytes();
        long before = threads.getCurrentThreadAllocatedBytes();
        for (int i = 0; i < COUNTED_RUNS; i++) {
          lane.run(memory, ROWS);
        }
        assertThat(threads.getCurrentThreadAllocatedBytes() - before)
            .as("%s, %d graphs", wait, maxGraphs)
            .isZero();
      }
    }
  }
}
