package dev.sluice.bindings.sim;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.sluice.bindings.cuda.CudaConstants;
import dev.sluice.bindings.cuda.CudaStatus;
import java.lang.foreign.MemorySegment;

/**
 * The functions of modules and launches.
 *
 * <p>Thread safety: guarded by the simulated driver's lock.
 */
final class Modules {
  // Of compute capability 9.0, as those of the driver.
  private static final int MAX_BLOCKS_PER_MULTIPROCESSOR = 32;
  private static final int MAX_PARAMETER_ALIGNMENT = 16;
  private static final int SHARED_PER_MULTIPROCESSOR = 228 << 10;

  private final Driver driver;

  Modules(Driver driver) {
    this.driver = driver;
  }

  long loadModule(MemorySegment image) {
    SimModule module = new SimModule(driver.current(), image);
    module.handle = driver.handles.add(module);
    return module.handle;
  }

  void unloadModule(long handle) {
    unload(driver.handles.get(handle, SimModule.class));
  }

  void unload(SimModule module) {
    driver.handles.remove(module.handle);
    module.functions.values().forEach(function -> driver.handles.remove(function.handle));
  }

  long function(long hModule, String name) {
    SimModule module = driver.handles.get(hModule, SimModule.class);
    SimulatedKernel kernel = driver.options.kernels.get(name);
    if (!module.names.contains(name) || kernel == null) {
      throw new Refused(
          CudaStatus.NOT_FOUND,
          name + (kernel == null ? " has no simulated kernel" : " is not in the module"));
    }
    return module.functions.computeIfAbsent(
            name,
            _ -> {
              SimFunction made = new SimFunction(module, name, kernel);
              made.handle = driver.handles.add(made);
              return made;
            })
        .handle;
  }

  int functionAttribute(long hFunction, int attribute) {
    SimFunction function = driver.handles.get(hFunction, SimFunction.class);
    return switch (attribute) {
      case CudaConstants.CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK -> Driver.MAX_THREADS_PER_BLOCK;
      case CudaConstants.CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES,
          CudaConstants.CU_FUNC_ATTRIBUTE_CONST_SIZE_BYTES,
          CudaConstants.CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES ->
          0;
      case CudaConstants.CU_FUNC_ATTRIBUTE_NUM_REGS -> 32;
      case CudaConstants.CU_FUNC_ATTRIBUTE_PTX_VERSION,
          CudaConstants.CU_FUNC_ATTRIBUTE_BINARY_VERSION ->
          10 * driver.options.computeMajor + driver.options.computeMinor;
      case CudaConstants.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES ->
          function.maxDynamicSharedBytes;
      default -> throw SimulatedCuda.invalid("function attribute " + attribute);
    };
  }

  void setFunctionAttribute(long hFunction, int attribute, int value) {
    SimFunction function = driver.handles.get(hFunction, SimFunction.class);
    if (attribute != CudaConstants.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
        || value < 0
        || value > Driver.SHARED_PER_BLOCK_OPTIN) {
      throw SimulatedCuda.invalid("attribute " + attribute + " can't be " + value);
    }
    function.maxDynamicSharedBytes = value;
  }

  void parameter(long hFunction, long index, MemorySegment offset, MemorySegment size) {
    int[] bytes = driver.handles.get(hFunction, SimFunction.class).kernel().parameterBytes();
    if (index < 0 || index >= bytes.length) {
      throw SimulatedCuda.invalid("the kernel has " + bytes.length + " parameters");
    }
    long at = 0;
    for (int i = 0; i <= index; i++) {
      // As in a C struct: a structure is taken to have the strictest alignment that its size
      // allows.
      int alignment = Math.min(MAX_PARAMETER_ALIGNMENT, Integer.lowestOneBit(bytes[i]));
      at = (at + alignment - 1) / alignment * alignment;
      if (i < index) {
        at += bytes[i];
      }
    }
    offset.set(JAVA_LONG, 0, at);
    if (!size.equals(MemorySegment.NULL)) {
      size.set(JAVA_LONG, 0, bytes[(int) index]);
    }
  }

  void launch(long hFunction, int[] dimensions, long hStream, MemorySegment parameters) {
    SimFunction function = driver.handles.get(hFunction, SimFunction.class);
    SimStream stream = driver.stream(hStream);
    if (function.module.context != stream.context) {
      throw new Refused(CudaStatus.INVALID_HANDLE, "function and stream are of different contexts");
    }
    requireDimensions(function, dimensions);
    int[] bytes = function.kernel().parameterBytes();
    if (bytes.length > 0 && parameters.equals(MemorySegment.NULL)) {
      throw SimulatedCuda.invalid("the kernel has parameters");
    }
    MemorySegment[] arguments = new MemorySegment[bytes.length];
    MemorySegment pointers = parameters.reinterpret(8L * bytes.length);
    for (int i = 0; i < bytes.length; i++) {
      long address = pointers.getAtIndex(JAVA_LONG, i);
      arguments[i] =
          MemorySegment.ofArray(
              MemorySegment.ofAddress(address).reinterpret(bytes[i]).toArray(JAVA_BYTE));
    }
    driver.put(stream, new Action.Launch(function, dimensions, arguments, 0));
  }

  private static void requireDimensions(SimFunction function, int[] d) {
    for (int i = 0; i < 6; i++) {
      if (d[i] <= 0) {
        throw SimulatedCuda.invalid("a grid or block of " + d[i]);
      }
    }
    boolean grid = d[1] <= Driver.MAX_GRID_YZ && d[2] <= Driver.MAX_GRID_YZ;
    boolean block = d[3] <= 1024 && d[4] <= 1024 && d[5] <= Driver.MAX_BLOCK_Z;
    if (!grid || !block || (long) d[3] * d[4] * d[5] > Driver.MAX_THREADS_PER_BLOCK) {
      throw SimulatedCuda.invalid("the grid or the block is too large");
    }
    if (d[6] < 0 || d[6] > function.maxDynamicSharedBytes) {
      throw SimulatedCuda.invalid(d[6] + " bytes of dynamic shared memory");
    }
  }

  int occupancy(long hFunction, int blockSize, long sharedBytes) {
    driver.handles.get(hFunction, SimFunction.class);
    if (blockSize <= 0 || blockSize > Driver.MAX_THREADS_PER_BLOCK || sharedBytes < 0) {
      throw SimulatedCuda.invalid("a block of " + blockSize);
    }
    long byThreads = Driver.MAX_THREADS_PER_MULTIPROCESSOR / (((blockSize + 31) / 32) * 32L);
    // A block takes 1 KiB of shared memory for the system.
    long byShared = SHARED_PER_MULTIPROCESSOR / (sharedBytes + 1024);
    return (int) Math.min(MAX_BLOCKS_PER_MULTIPROCESSOR, Math.min(byThreads, byShared));
  }
}
