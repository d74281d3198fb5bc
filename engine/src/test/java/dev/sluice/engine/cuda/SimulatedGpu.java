package dev.sluice.engine.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.bindings.sim.FaultPlan;
import dev.sluice.bindings.sim.SimulatedCuda;
import dev.sluice.bindings.sim.SimulatedTensorRt;
import dev.sluice.bindings.sim.TensorRtFaults;
import dev.sluice.kernels.SimulatedKernels;
import java.util.function.UnaryOperator;

/** A GPU in memory, whose stream runs beside the callers; its close holds that nothing is left. */
public final class SimulatedGpu implements AutoCloseable {
  public final SimulatedCuda cuda;
  public final SimulatedTensorRt tensorRt;
  public final GpuLibraries libraries;

  /** Without faults. */
  public SimulatedGpu() {
    this(FaultPlan.none(), TensorRtFaults.none(), options -> options);
  }

  /** With faults. */
  public SimulatedGpu(
      FaultPlan faults,
      TensorRtFaults tensorRtFaults,
      UnaryOperator<SimulatedTensorRt.Builder> more) {
    cuda =
        SimulatedCuda.builder()
            .memoryBytes(256 << 20)
            .kernels(SimulatedKernels.all())
            .faults(faults)
            .threaded()
            .build();
    tensorRt = more.apply(SimulatedTensorRt.builder(cuda).faults(tensorRtFaults)).build();
    libraries = GpuLibraries.simulated(cuda, tensorRt);
  }

  /** Holds that all was given back, and that nothing ran out of order. */
  public void assertClean() {
    assertThat(tensorRt.leaks()).isEmpty();
    assertThat(cuda.leaks()).isEmpty();
    assertThat(cuda.failures()).isEmpty();
    assertThat(cuda.races()).isEmpty();
  }

  @Override
  public void close() {
    cuda.close();
  }
}
