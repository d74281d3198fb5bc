package dev.sluice.bindings.cuda;

import static org.junit.jupiter.api.Assumptions.abort;

import dev.sluice.bindings.NativeException;
import dev.sluice.bindings.nvrtc.Nvrtc;

/**
 * The GPU of this machine, for tests that need one; they are skipped, with the reason, where there
 * is none, and fail where there is one that cannot be used.
 */
public final class RealGpu {
  private RealGpu() {}

  /** The driver, after it answered that it is new enough and has a device. */
  public static CudaApi driver() {
    CudaDriverLoader.Result loaded = CudaDriverLoader.load();
    DriverReport report = DriverProbe.probe(loaded);
    String reason = report.missing() + "; " + report.remedy();
    switch (report.status()) {
      case READY -> {}
      case NO_DRIVER, NO_DEVICE -> {
        System.out.println("skipped, no GPU: " + reason);
        return abort("skipped, no GPU: " + reason);
      }
      default -> throw new AssertionError("the GPU cannot be used: " + reason);
    }
    return loaded.api().orElseThrow();
  }

  /** The same for tests that compile kernels; they are skipped where there is no NVRTC, too. */
  public static CudaApi driverWithNvrtc() {
    CudaApi driver = driver();
    try {
      Nvrtc.load();
      return driver;
    } catch (NativeException e) {
      System.out.println("skipped: " + e.getMessage());
      return abort(e.getMessage());
    }
  }
}
