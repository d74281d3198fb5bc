package dev.sluice.bench.gpu;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.bindings.cuda.CudaStatus;
import dev.sluice.bindings.nvrtc.Nvrtc;
import dev.sluice.bindings.sim.FaultPlan;
import dev.sluice.bindings.sim.KernelLaunch;
import dev.sluice.bindings.sim.SimulatedCuda;
import dev.sluice.bindings.sim.SimulatedKernel;
import dev.sluice.bindings.sim.SimulatedNvrtc;
import dev.sluice.kernels.Kernel;
import dev.sluice.kernels.SimulatedKernels;
import dev.sluice.kernels.compile.KernelCompiler;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class KernelBandwidthTest {
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

  @Test
  void checksEveryKernelAndPrintsATable() {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (SimulatedCuda cuda = SimulatedCuda.builder().kernels(SimulatedKernels.all()).build();
        PrintStream out = new PrintStream(bytes, true, StandardCharsets.UTF_8)) {
      KernelBandwidth.print(cuda, compiler(), 200_000, out);
      assertThat(cuda.leaks()).isEmpty();
      assertThat(cuda.failures()).isEmpty();
    }
    assertThat(bytes.toString(StandardCharsets.UTF_8).lines().toList())
        .hasSize(40)
        .anyMatch(line -> line.startsWith("quantize FLOAT to INT8"))
        .last()
        .asString()
        .startsWith("39 cases right, ")
        .endsWith(", 0 failed");
  }

  @Test
  void noticesAWrongKernel() {
    Map<String, SimulatedKernel> kernels = new HashMap<>(SimulatedKernels.all());
    kernels.put(
        Kernel.HISTOGRAM_F32.function(),
        new SimulatedKernel() {
          @Override
          public int[] parameterBytes() {
            return Kernel.HISTOGRAM_F32.parameterBytes();
          }

          @Override
          public void run(KernelLaunch launch) {}
        });
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (SimulatedCuda cuda = SimulatedCuda.builder().kernels(kernels).build();
        PrintStream out = new PrintStream(bytes, true, StandardCharsets.UTF_8)) {
      assertThat(KernelBandwidth.print(cuda, compiler(), 200_000, out)).isEqualTo(1);
      assertThat(cuda.leaks()).isEmpty();
    }
    assertThat(bytes.toString(StandardCharsets.UTF_8).lines().toList())
        .anyMatch(line -> line.startsWith("FAILED histogram"))
        .last()
        .asString()
        .startsWith("37 cases right, ")
        .endsWith(", 1 failed");
  }

  @Test
  void aLostDeviceEndsTheTable() {
    FaultPlan faults = FaultPlan.none();
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (SimulatedCuda cuda =
            SimulatedCuda.builder().kernels(SimulatedKernels.all()).faults(faults).build();
        PrintStream out = new PrintStream(bytes, true, StandardCharsets.UTF_8)) {
      faults.failLaunchLate(30, CudaStatus.ILLEGAL_ADDRESS);
      assertThat(KernelBandwidth.print(cuda, compiler(), 200_000, out)).isEqualTo(1);
    }
    assertThat(bytes.toString(StandardCharsets.UTF_8).lines().toList())
        .filteredOn(line -> line.startsWith("FAILED"))
        .hasSize(1);
  }

  @Test
  void aBarIsABar() {
    assertThat(new KernelBandwidth.Row("x", 1, 1, 0.84, KernelBandwidth.BAR, "").ok()).isFalse();
    assertThat(new KernelBandwidth.Row("x", 1, 1, 0.85, KernelBandwidth.BAR, "").ok()).isTrue();
    assertThat(new KernelBandwidth.Row("x", 1, 1, 0.01, 0, "").ok()).isTrue();
  }

  @Test
  void theStatusSaysWhetherARowIsBelowItsBar() {
    KernelBandwidth.Row good = new KernelBandwidth.Row("x", 1, 1, 0.9, KernelBandwidth.BAR, "");
    KernelBandwidth.Row below = new KernelBandwidth.Row("y", 1, 1, 0.8, KernelBandwidth.BAR, "");
    assertThat(KernelBandwidth.status(List.of(), List.of())).isZero();
    assertThat(KernelBandwidth.status(List.of(good, good), List.of())).isZero();
    assertThat(KernelBandwidth.status(List.of(good, below, good), List.of())).isEqualTo(1);
    assertThat(KernelBandwidth.status(List.of(good), List.of(new IllegalStateException("z"))))
        .isEqualTo(1);
  }
}
