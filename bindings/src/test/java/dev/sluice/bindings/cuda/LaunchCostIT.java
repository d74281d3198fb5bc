package dev.sluice.bindings.cuda;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A launch through FFM costs within 5 % of the same from C, on this machine's driver. */
class LaunchCostIT {
  /** Fewer than a stream holds, so that no call waits for the device. */
  private static final int CALLS = 500;

  private static final double BAR = 1.05;

  @TempDir private Path folder;

  @Test
  void javaCostsWhatCDoes() throws Exception {
    CudaApi api = RealGpu.driver();
    try (Arena arena = Arena.ofConfined();
        PrimaryContext _ = PrimaryContext.enter(api, 0);
        LaunchCost cost = new LaunchCost(api, CudaDriverLoader.LIBRARY, folder)) {
      MemorySegment out = arena.allocate(JAVA_LONG);
      check(api, api.cuStreamCreateWithPriority(out, 1, 0));
      long stream = out.get(JAVA_LONG, 0);
      check(api, api.cuEventCreate(out, CudaConstants.CU_EVENT_DISABLE_TIMING));
      long event = out.get(JAVA_LONG, 0);
      check(api, api.cuMemAlloc_v2(out, 4096));
      long memory = out.get(JAVA_LONG, 0);
      check(
          api,
          api.cuModuleLoadDataEx(
              out,
              arena.allocateFrom(CudaApiContract.FILL_PTX),
              0,
              MemorySegment.NULL,
              MemorySegment.NULL));
      long module = out.get(JAVA_LONG, 0);
      check(api, api.cuModuleGetFunction(out, module, arena.allocateFrom(CudaApiContract.FILL)));
      long kernel = out.get(JAVA_LONG, 0);
      MemorySegment values = arena.allocate(24, 8);
      values.set(JAVA_LONG, 0, memory);
      values.set(JAVA_INT, 8, 32);
      MemorySegment arguments =
          arena.allocateFrom(
              JAVA_LONG, values.address(), values.address() + 8, values.address() + 16);
      Runnable finish = () -> check(api, api.cuStreamSynchronize(stream));
      LaunchCost.Result launches = cost.launches(kernel, stream, arguments, CALLS, finish);
      LaunchCost.Result records = cost.records(event, stream, CALLS, finish);
      System.out.println(launches);
      System.out.println(records);
      check(api, api.cuModuleUnload(module));
      check(api, api.cuMemFree_v2(memory));
      check(api, api.cuEventDestroy_v2(event));
      check(api, api.cuStreamDestroy_v2(stream));
      assertThat(launches.ratio()).isLessThanOrEqualTo(BAR);
    }
  }

  private static void check(CudaApi api, int status) {
    CudaStatus.check(api, status, "a call of the driver", "");
  }
}
