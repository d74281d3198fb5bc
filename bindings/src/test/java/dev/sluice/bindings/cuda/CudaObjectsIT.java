package dev.sluice.bindings.cuda;

import org.junit.jupiter.api.BeforeAll;

/** The owners on this machine's GPU. */
class CudaObjectsIT extends CudaObjectsContract {
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
