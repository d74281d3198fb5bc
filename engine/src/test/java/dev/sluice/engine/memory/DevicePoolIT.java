package dev.sluice.engine.memory;

import dev.sluice.bindings.cuda.CudaApi;
import dev.sluice.bindings.cuda.RealGpu;

/** The pools on this machine's GPU. */
class DevicePoolIT extends DevicePoolContract {
  @Override
  protected CudaApi api() {
    return RealGpu.driver();
  }
}
