package dev.sluice.bindings.cuda;

import org.junit.jupiter.api.BeforeAll;

/** The contract on this machine's driver. */
class CudaDriverContractIT extends CudaApiContract {
  private static CudaApi driver;

  @BeforeAll
  static void load() {
    driver = RealGpu.driver();
  }

  @Override
  protected CudaApi api() {
    return driver;
  }

  @Override
  protected String image() {
    return FILL_PTX;
  }
}
