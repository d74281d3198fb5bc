package dev.sluice.kernels.compile;

import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.bindings.ElementType;
import dev.sluice.bindings.NativeException;
import dev.sluice.bindings.cuda.CudaException;
import dev.sluice.bindings.cuda.CudaStatus;
import dev.sluice.bindings.cuda.PrimaryContext;
import dev.sluice.bindings.nvrtc.Nvrtc;
import dev.sluice.bindings.nvrtc.NvrtcApi;
import dev.sluice.bindings.sim.FaultPlan;
import dev.sluice.bindings.sim.KernelLaunch;
import dev.sluice.bindings.sim.SimulatedCuda;
import dev.sluice.bindings.sim.SimulatedDevices;
import dev.sluice.bindings.sim.SimulatedKernel;
import dev.sluice.bindings.sim.SimulatedNvrtc;
import dev.sluice.kernels.Cast;
import dev.sluice.kernels.Kernel;
import dev.sluice.kernels.KernelCall;
import dev.sluice.kernels.SimulatedKernels;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.reflect.Proxy;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class LoadedKernelsTest {
  @TempDir private Path cache;
  private String before;

  @BeforeEach
  void useOwnCache() {
    before = System.getProperty("sluice.cache", "");
    System.setProperty("sluice.cache", cache.toString());
  }

  @AfterEach
  void restore() {
    System.setProperty("sluice.cache", before);
  }

  private static KernelCompiler compiler() {
    SimulatedNvrtc nvrtc = new SimulatedNvrtc(SimulatedKernels.all().keySet(), 90);
    return new KernelCompiler(() -> new Nvrtc(nvrtc, "simulated"));
  }

  private static SimulatedDevices devices() {
    return SimulatedCuda.builder().kernels(SimulatedKernels.all());
  }

  @Test
  void launchesOnADevice() {
    try (SimulatedCuda cuda = devices().build();
        Arena arena = Arena.ofConfined()) {
      CudaStatus.check(cuda, cuda.cuInit(0), "cuInit", "0");
      try (PrimaryContext _ = PrimaryContext.enter(cuda, 0);
          LoadedKernels kernels = LoadedKernels.load(cuda, 0, compiler());
          KernelCall call = new KernelCall(kernels.multiprocessors())) {
        MemorySegment out = arena.allocate(JAVA_LONG);
        assertThat(cuda.cuMemAlloc_v2(out, 64)).isZero();
        long memory = out.get(JAVA_LONG, 0);
        MemorySegment one = arena.allocateFrom(ValueLayout.JAVA_FLOAT, 1f, 2f);
        assertThat(cuda.cuMemcpyHtoD_v2(memory, one, 8)).isZero();
        Cast.prepare(call, ElementType.FLOAT, ElementType.FLOAT16, memory, memory + 32, 2);
        kernels.launch(call, 0);
        assertThat(cuda.cuMemcpyDtoH_v2(out, memory + 32, 4)).isZero();
        assertThat(Integer.toHexString(out.get(ValueLayout.JAVA_INT, 0))).isEqualTo("40003c00");
        assertThat(cuda.cuMemFree_v2(memory)).isZero();
      }
      assertThat(cuda.leaks()).isEmpty();
      assertThat(cuda.failures()).isEmpty();
      assertThat(cuda.races()).isEmpty();
    }
  }

  @Test
  void cannotBeLaunchedAfterClose() {
    try (SimulatedCuda cuda = devices().build()) {
      CudaStatus.check(cuda, cuda.cuInit(0), "cuInit", "0");
      try (PrimaryContext _ = PrimaryContext.enter(cuda, 0);
          KernelCall call = new KernelCall(1)) {
        LoadedKernels closed;
        try (LoadedKernels kernels = LoadedKernels.load(cuda, 0, compiler())) {
          closed = kernels;
        }
        Cast.prepare(call, ElementType.FLOAT, ElementType.FLOAT16, 0, 0, 0);
        assertThatThrownBy(() -> closed.launch(call, 0))
            .isInstanceOf(IllegalStateException.class)
            .hasMessageContaining("CUmodule");
      }
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "cuDeviceGetAttribute",
        "cuModuleLoadDataEx",
        "cuModuleGetFunction",
        "cuFuncGetParamInfo"
      })
  void aFailedCallIsNamedAndNothingStays(String function) {
    FaultPlan faults = FaultPlan.none().failCall(function, 3, CudaStatus.UNKNOWN);
    try (SimulatedCuda cuda = devices().faults(faults).build()) {
      CudaStatus.check(cuda, cuda.cuInit(0), "cuInit", "0");
      try (PrimaryContext _ = PrimaryContext.enter(cuda, 0)) {
        assertThatThrownBy(() -> LoadedKernels.load(cuda, 0, compiler()))
            .isInstanceOf(CudaException.class)
            .hasMessageContaining(function);
      }
      assertThat(cuda.leaks()).isEmpty();
    }
  }

  @Test
  void whateverIsThrownNothingStays() {
    SimulatedNvrtc nvrtc = new SimulatedNvrtc(SimulatedKernels.all().keySet(), 90);
    AtomicInteger programs = new AtomicInteger();
    NvrtcApi breaks =
        (NvrtcApi)
            Proxy.newProxyInstance(
                NvrtcApi.class.getClassLoader(),
                new Class<?>[] {NvrtcApi.class},
                (_, method, arguments) -> {
                  if (method.getName().equals("nvrtcCreateProgram")
                      && programs.incrementAndGet() == 3) {
                    throw new IllegalStateException("the third program");
                  }
                  return method.invoke(nvrtc, arguments);
                });
    try (SimulatedCuda cuda = devices().build()) {
      CudaStatus.check(cuda, cuda.cuInit(0), "cuInit", "0");
      try (PrimaryContext _ = PrimaryContext.enter(cuda, 0)) {
        assertThatThrownBy(() ->
                LoadedKernels.load(
                    cuda, 0, new KernelCompiler(() -> new Nvrtc(breaks, "simulated"))))
            .isInstanceOf(IllegalStateException.class)
            .hasMessage("the third program");
      }
      assertThat(cuda.leaks()).isEmpty();
    }
  }

  @Test
  void refusesAKernelWithOtherParameters() {
    for (int[] bytes : new int[][] {{8, 8, 4}, {8, 8}, {8, 8, 8, 4}}) {
      Map<String, SimulatedKernel> kernels = new HashMap<>(SimulatedKernels.all());
      kernels.put(Kernel.CAST_F16_F32.function(), with(bytes));
      try (SimulatedCuda cuda = SimulatedCuda.builder().kernels(kernels).build()) {
        CudaStatus.check(cuda, cuda.cuInit(0), "cuInit", "0");
        try (PrimaryContext _ = PrimaryContext.enter(cuda, 0)) {
          assertThatThrownBy(() -> LoadedKernels.load(cuda, 0, compiler()))
              .isInstanceOf(CudaException.class)
              .hasMessageContaining("cast_f16_f32, parameter")
              .hasMessageContaining("another version");
        }
        assertThat(cuda.leaks()).isEmpty();
      }
    }
  }

  private static SimulatedKernel with(int... parameterBytes) {
    return new SimulatedKernel() {
      @Override
      public int[] parameterBytes() {
        return parameterBytes;
      }

      @Override
      public void run(KernelLaunch launch) {}
    };
  }

  @Test
  void refusesAnArchitectureThatNobodyCompilesFor() {
    try (SimulatedCuda cuda = devices().architecture(5, 2, 10).build()) {
      CudaStatus.check(cuda, cuda.cuInit(0), "cuInit", "0");
      try (PrimaryContext _ = PrimaryContext.enter(cuda, 0)) {
        assertThatThrownBy(() -> LoadedKernels.load(cuda, 0, compiler()))
            .isInstanceOf(NativeException.class)
            .hasMessageContaining("sm_52");
      }
    }
  }
}
