package dev.sluice.bindings.tensorrt;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.bindings.cuda.CudaApi;
import dev.sluice.bindings.sim.SimulatedCuda;
import dev.sluice.bindings.sim.SimulatedTensorRt;

/** The contract on the simulated TensorRT. */
class SimulatedTensorRtContractTest extends TensorRtContract {
  private SimulatedCuda device;
  private SimulatedTensorRt simulated;

  @Override
  protected CudaApi driver() {
    device = SimulatedCuda.builder().build();
    return device;
  }

  @Override
  protected TensorRtApi tensorRt() {
    simulated = SimulatedTensorRt.builder(device).build();
    return simulated;
  }

  @Override
  protected void nothingIsLeft() {
    assertThat(simulated.leaks()).isEmpty();
    assertThat(device.leaks()).isEmpty();
    assertThat(device.races()).isEmpty();
    assertThat(device.failures()).isEmpty();
    device.close();
  }
}
