package dev.sluice.engine.memory;

import dev.sluice.bindings.cuda.CudaApi;
import dev.sluice.bindings.cuda.RealGpu;
import org.junit.jupiter.api.BeforeAll;

/** The pools on this machine's GPU. */
class DevicePoolIT extends DevicePoolContract {
  private static CudaApi driver;

  @BeforeAll
  static void load() {
    driver = RealGpu.driver();
  }

  @Override
  protected CudaApi api() {
    return driver;
  }
}
