package dev.sluice.kernels;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import dev.sluice.bindings.cuda.CudaConstants;
import dev.sluice.bindings.cuda.CudaStatus;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** The same with grids for all of the GPU's multiprocessors, as a service launches them. */
class WholeDeviceKernelsIT extends KernelsIT {
  @Override
  protected int multiprocessors() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(JAVA_INT);
      CudaStatus.check(
          driver(),
          driver()
              .cuDeviceGetAttribute(out, CudaConstants.CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT, 0),
          "cuDeviceGetAttribute",
          "multiprocessors");
      return out.get(JAVA_INT, 0);
    }
  }
}
