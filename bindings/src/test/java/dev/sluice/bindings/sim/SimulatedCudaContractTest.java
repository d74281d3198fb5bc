package dev.sluice.bindings.sim;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.bindings.cuda.CudaApi;
import dev.sluice.bindings.cuda.CudaApiContract;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Map;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.ValueSource;

/** The simulated device keeps the contract of the driver, on threads and step by step. */
class SimulatedCudaContractTest {
  static final SimulatedKernel FILL =
      new SimulatedKernel() {
        @Override
        public int[] parameterBytes() {
          return new int[] {8, 4, 4};
        }

        @Override
        public void run(KernelLaunch launch) {
          int threads = Math.multiplyExact(launch.gridX(), launch.blockX());
          int count = Math.min(threads, launch.intArgument(1));
          MemorySegment out = launch.device(launch.longArgument(0), 4L * count);
          for (int i = 0; i < count; i++) {
            out.setAtIndex(ValueLayout.JAVA_INT_UNALIGNED, i, launch.intArgument(2));
          }
        }
      };

  /** Each test's driver must have nothing left, and no race. */
  abstract static class Simulated extends CudaApiContract {
    private final SimulatedCuda cuda;

    Simulated(SimulatedDevices devices) {
      cuda = devices.kernels(Map.of(FILL, SimulatedCudaContractTest.FILL)).build();
    }

    @Override
    protected CudaApi api() {
      return cuda;
    }

    @Override
    protected String image() {
      return "sluice-sim-module\n" + FILL + "\n";
    }

    @Override
    protected void nothingIsLeft() {
      assertThat(cuda.leaks()).isEmpty();
      assertThat(cuda.failures()).isEmpty();
      assertThat(cuda.races()).isEmpty();
      cuda.close();
    }
  }

  @Nested
  class Threaded extends Simulated {
    Threaded() {
      super(SimulatedCuda.builder().threaded());
    }
  }

  /** In ten orders. */
  @Nested
  @ParameterizedClass(name = "seed {0}")
  @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8, 9, 4711})
  class Stepped extends Simulated {
    Stepped(long seed) {
      super(SimulatedCuda.builder().stepped(seed));
    }

    @Override
    protected boolean runsByItself() {
      return false;
    }
  }
}
