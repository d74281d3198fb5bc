package dev.sluice.engine.cuda;

import dev.sluice.bindings.cuda.CudaApi;
import dev.sluice.bindings.nvrtc.Nvrtc;
import dev.sluice.bindings.sim.SimulatedNvrtc;
import dev.sluice.kernels.SimulatedKernels;
import dev.sluice.kernels.compile.KernelCompiler;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;

/**
 * A driver that tells a test of its calls.
 *
 * <p>Thread safety: any thread, as far as the watcher's.
 */
final class WatchedCuda {
  /** Hears of calls. */
  interface Watcher {
    /** A call has returned, on the thread that made it. */
    void called(String function, Object... arguments);
  }

  private WatchedCuda() {}

  /** The libraries of a simulated GPU, whose driver's calls are told. */
  static GpuLibraries libraries(SimulatedGpu gpu, Watcher watcher) {
    SimulatedNvrtc nvrtc = new SimulatedNvrtc(SimulatedKernels.all().keySet(), 80, 90);
    return GpuLibraries.of(
        driver(gpu.cuda, watcher),
        gpu.tensorRt,
        new KernelCompiler(() -> new Nvrtc(nvrtc, "simulated")));
  }

  private static CudaApi driver(CudaApi cuda, Watcher watcher) {
    return (CudaApi)
        Proxy.newProxyInstance(
            CudaApi.class.getClassLoader(),
            new Class<?>[] {CudaApi.class},
            (_, method, arguments) -> {
              try {
                Object result = method.invoke(cuda, arguments);
                watcher.called(method.getName(), arguments == null ? new Object[0] : arguments);
                return result;
              } catch (InvocationTargetException e) {
                throw e.getCause();
              }
            });
  }
}
