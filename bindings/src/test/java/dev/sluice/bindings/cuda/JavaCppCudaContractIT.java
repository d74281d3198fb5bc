package dev.sluice.bindings.cuda;

import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Disabled;
import org.junit.jupiter.api.Test;

/** The contract on this machine's driver, through the JavaCPP presets. */
class JavaCppCudaContractIT extends CudaApiContract {
  private static CudaApi driver;

  @BeforeAll
  static void load() throws ReflectiveOperationException {
    // The presets must not be loaded before a driver has answered.
    RealGpu.driver();
    driver = JavaCppCudaApi.load();
  }

  @Override
  protected CudaApi api() {
    return driver;
  }

  @Override
  protected String image() {
    return FILL_PTX;
  }

  @Test
  @Override
  @Disabled("the presets take a function object of their own, not a function's address")
  void hostFunctionsRunInOrder() {}

  @Test
  @Override
  @Disabled("the presets take a function object of their own, not a function's address")
  void aHostFunctionHoldsItsStreamButNoOther() {}

  @Test
  @Override
  @Disabled("the presets cannot ask for the number of nodes alone")
  void aCopyOfAGraphIsPointedElsewhere() {}
}
