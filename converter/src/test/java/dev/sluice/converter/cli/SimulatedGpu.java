package dev.sluice.converter.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.bindings.nvrtc.Nvrtc;
import dev.sluice.bindings.sim.SimulatedCuda;
import dev.sluice.bindings.sim.SimulatedNvrtc;
import dev.sluice.bindings.sim.SimulatedTensorRt;
import dev.sluice.bindings.tensorrt.TensorRtApi;
import dev.sluice.engine.cuda.GpuLibraries;
import dev.sluice.kernels.SimulatedKernels;
import dev.sluice.kernels.compile.KernelCompiler;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.function.UnaryOperator;

/**
 * A GPU for the command, which must be left as it was found; and a cache folder of the test's own.
 *
 * <p>Thread safety: for one test.
 */
final class SimulatedGpu implements AutoCloseable {
  /** A machine without a GPU. */
  static final GpuLibraries.Result NONE =
      new GpuLibraries.Result(
          Optional.empty(), List.of("no driver in this test"), List.of("install one"));

  private static final String CACHE = "sluice.cache";

  final SimulatedTensorRt tensorRt;
  final GpuLibraries.Result libraries;
  private final SimulatedCuda cuda;
  private final String cacheBefore;

  /** An H100. */
  SimulatedGpu(Path cache) {
    this(cache, "Simulated H100", 9, 0, options -> options, null);
  }

  /**
   * A GPU.
   *
   * @param midBuild what happens in the middle of each build of a plan; null for nothing
   */
  SimulatedGpu(
      Path cache,
      String name,
      int major,
      int minor,
      UnaryOperator<SimulatedTensorRt.Builder> options,
      Runnable midBuild) {
    cacheBefore = System.getProperty(CACHE, "");
    System.setProperty(CACHE, cache.toString());
    cuda =
        SimulatedCuda.builder()
            .name(name)
            .architecture(major, minor, 100)
            .kernels(SimulatedKernels.all())
            .build();
    tensorRt = options.apply(SimulatedTensorRt.builder(cuda)).build();
    SimulatedNvrtc nvrtc = new SimulatedNvrtc(SimulatedKernels.all().keySet(), 10 * major + minor);
    TensorRtApi api = midBuild == null ? tensorRt : with(TensorRtApi.class, tensorRt, midBuild);
    libraries =
        new GpuLibraries.Result(
            Optional.of(
                GpuLibraries.of(
                    cuda, api, new KernelCompiler(() -> new Nvrtc(nvrtc, "simulated")))),
            List.of(),
            List.of());
  }

  /** The object, with an action before it builds a plan. */
  private static <T> T with(Class<T> type, T object, Runnable midBuild) {
    return type.cast(
        Proxy.newProxyInstance(
            type.getClassLoader(),
            new Class<?>[] {type},
            (_, method, arguments) -> {
              if (method.getName().equals("buildSerializedNetwork")) {
                midBuild.run();
              }
              try {
                Object result = method.invoke(object, arguments);
                return result instanceof TensorRtApi.Builder builder
                    ? with(TensorRtApi.Builder.class, builder, midBuild)
                    : result;
              } catch (InvocationTargetException e) {
                throw e.getCause();
              }
            }));
  }

  /** Runs the command on this GPU. */
  Cli run(Object... arguments) {
    return Cli.on(libraries, arguments);
  }

  @Override
  public void close() {
    System.setProperty(CACHE, cacheBefore);
    assertThat(tensorRt.leaks()).isEmpty();
    assertThat(cuda.leaks()).isEmpty();
    assertThat(cuda.failures()).isEmpty();
    cuda.close();
  }
}
