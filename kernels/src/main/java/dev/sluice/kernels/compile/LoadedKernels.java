package dev.sluice.kernels.compile;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.sluice.bindings.NativeException;
import dev.sluice.bindings.NativeHandle;
import dev.sluice.bindings.cuda.CudaApi;
import dev.sluice.bindings.cuda.CudaConstants;
import dev.sluice.bindings.cuda.CudaException;
import dev.sluice.bindings.cuda.CudaHandles;
import dev.sluice.bindings.cuda.CudaStatus;
import dev.sluice.kernels.Kernel;
import dev.sluice.kernels.KernelCall;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.Map;

/**
 * All kernels, compiled for a device and loaded into the context that was current then. Looking a
 * kernel up and launching it takes no heap memory.
 *
 * <p>Thread safety: any thread on which that context is current; close it when nobody launches.
 */
public final class LoadedKernels implements AutoCloseable {
  private static final int LOG_BYTES = 1 << 13;

  private final CudaApi api;
  private final int multiprocessors;
  private final long[] functions = new long[Kernel.values().length];
  private final Deque<NativeHandle> modules = new ArrayDeque<>();
  private NativeHandle open;

  private LoadedKernels(CudaApi api, int multiprocessors) {
    this.api = api;
    this.multiprocessors = multiprocessors;
  }

  /**
   * Compiles what was not compiled before, and loads it.
   *
   * @param device the {@code CUdevice} of the current context
   * @throws NativeException where something does not compile or load; nothing is held then
   */
  public static LoadedKernels load(CudaApi api, int device, KernelCompiler compiler) {
    int major = attribute(api, CudaConstants.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, device);
    int minor = attribute(api, CudaConstants.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR, device);
    LoadedKernels loaded =
        new LoadedKernels(
            api, attribute(api, CudaConstants.CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT, device));
    try (Arena arena = Arena.ofConfined()) {
      Map<String, NativeHandle> bySource = new HashMap<>();
      for (Map.Entry<Kernel, KernelSource> entry : sources().entrySet()) {
        Kernel kernel = entry.getKey();
        NativeHandle module = bySource.get(kernel.source());
        if (module == null) {
          byte[] cubin = compiler.compile(entry.getValue(), 10 * major + minor);
          module = loaded.loadModule(arena, kernel.source(), cubin);
          bySource.put(kernel.source(), module);
        }
        loaded.find(arena, kernel, module);
      }
      return loaded;
    } catch (RuntimeException | Error e) {
      loaded.close();
      throw e;
    }
  }

  private static Map<Kernel, KernelSource> sources() {
    Map<Kernel, KernelSource> sources = new EnumMap<>(Kernel.class);
    for (Kernel kernel : Kernel.values()) {
      sources.put(kernel, KernelSource.of(kernel));
    }
    return sources;
  }

  private static int attribute(CudaApi api, int attribute, int device) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(JAVA_INT);
      CudaStatus.check(
          api,
          api.cuDeviceGetAttribute(out, attribute, device),
          "cuDeviceGetAttribute",
          "attribute " + attribute + ", device " + device);
      return out.get(JAVA_INT, 0);
    }
  }

  private NativeHandle loadModule(Arena arena, String source, byte[] cubin) {
    MemorySegment image = arena.allocate(cubin.length + 1L, 16);
    MemorySegment.copy(cubin, 0, image, ValueLayout.JAVA_BYTE, 0, cubin.length);
    MemorySegment log = arena.allocate(LOG_BYTES);
    MemorySegment options =
        arena.allocateFrom(
            JAVA_INT,
            CudaConstants.CU_JIT_ERROR_LOG_BUFFER,
            CudaConstants.CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES);
    MemorySegment values = arena.allocateFrom(JAVA_LONG, log.address(), LOG_BYTES);
    MemorySegment out = arena.allocate(JAVA_LONG);
    int status = api.cuModuleLoadDataEx(out, image, 2, options, values);
    String said = log.getString(0).strip();
    CudaStatus.check(
        api,
        status,
        "cuModuleLoadDataEx",
        source + ", " + cubin.length + " bytes" + (said.isEmpty() ? "" : ", log: " + said));
    NativeHandle module =
        CudaHandles.own(
            api, "CUmodule", source, out.get(JAVA_LONG, 0), "cuModuleUnload", api::cuModuleUnload);
    modules.push(module);
    open = module;
    return module;
  }

  private void find(Arena arena, Kernel kernel, NativeHandle module) {
    MemorySegment out = arena.allocate(JAVA_LONG);
    CudaStatus.check(
        api,
        api.cuModuleGetFunction(out, module.raw(), arena.allocateFrom(kernel.function())),
        "cuModuleGetFunction",
        kernel.source() + ", " + kernel.function());
    long function = out.get(JAVA_LONG, 0);
    checkParameters(arena, kernel, function);
    functions[place(kernel)] = function;
  }

  /** A launch with arguments of other sizes would read what is not there: never let it happen. */
  private void checkParameters(Arena arena, Kernel kernel, long function) {
    MemorySegment offset = arena.allocate(JAVA_LONG);
    MemorySegment size = arena.allocate(JAVA_LONG);
    int[] bytes = kernel.parameterBytes();
    for (int i = 0; i <= bytes.length; i++) {
      int status = api.cuFuncGetParamInfo(function, i, offset, size);
      boolean end = status == CudaStatus.INVALID_VALUE.code();
      boolean fits =
          i == bytes.length
              ? end
              : status == CudaApi.CUDA_SUCCESS && size.get(JAVA_LONG, 0) == bytes[i];
      if (!fits) {
        throw new CudaException(
            "cuFuncGetParamInfo",
            kernel.function() + ", parameter " + i,
            CudaStatus.of(status).map(CudaStatus::cName).orElse("CUresult"),
            status,
            i == bytes.length
                ? "the function has more parameters than the " + bytes.length + " that are known"
                : "a parameter of "
                    + bytes[i]
                    + " bytes is expected, not of "
                    + size.get(JAVA_LONG, 0),
            "the compiled kernel is of another version: remove the cache's folder kernels");
      }
    }
  }

  @SuppressWarnings("EnumOrdinal") // the place in an array of this class alone
  private static int place(Kernel kernel) {
    return kernel.ordinal();
  }

  /** Multiprocessors of the device, for a {@link KernelCall}. */
  public int multiprocessors() {
    return multiprocessors;
  }

  /**
   * Launches what was prepared.
   *
   * @param stream a {@code CUstream} of the context
   * @throws CudaException where the driver refuses it; a failure while it runs comes later
   */
  public void launch(KernelCall call, long stream) {
    open.raw();
    int status = call.launch(api, functions[place(call.kernel())], stream);
    if (status != CudaApi.CUDA_SUCCESS) {
      throw CudaStatus.exception(api, status, "cuLaunchKernel", call.toString());
    }
  }

  /** Unloads the modules. Closing twice does nothing. */
  @Override
  public void close() {
    modules.forEach(NativeHandle::close);
  }
}
