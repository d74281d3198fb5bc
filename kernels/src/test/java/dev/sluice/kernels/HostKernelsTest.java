package dev.sluice.kernels;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import java.lang.invoke.MethodHandle;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The kernels' own source, compiled for the host, against the references. */
class HostKernelsTest extends KernelContract {
  @TempDir private static Path folder;
  private static Arena library;
  private static MethodHandle launch;

  @BeforeAll
  @SuppressWarnings("MustBeClosedChecker") // closed by close
  static void openLibrary() throws Exception {
    library = Arena.ofShared();
    launch = HostMachine.compile(folder, library);
  }

  @AfterAll
  static void closeLibrary() {
    library.close();
  }

  @Override
  protected KernelMachine machine() {
    return new HostMachine(launch);
  }

  @Test
  void noticesABrokenKernel() throws Exception {
    machine.close();
    machine = new HostMachine(HostMachine.compile(folder, library, "SLUICE_BREAK"));
    assertThatThrownBy(this::quantizesAndDequantizes)
        .isInstanceOf(AssertionError.class)
        .hasMessageContaining("quantize");
    clearBuffers();
    assertThatThrownBy(this::gathersRowsFromAnywhere)
        .isInstanceOf(AssertionError.class)
        .hasMessageContaining("rows of 33");
  }
}
