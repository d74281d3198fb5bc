package dev.sluice.bindings.cuda;

import static org.junit.jupiter.api.Assumptions.abort;

/**
 * The GPU of this machine, for tests that need one; they are skipped, with the reason, where there
 * is none.
 */
public final class RealGpu {
  private RealGpu() {}

  /** The driver, after it answered that it is new enough and has a device. */
  public static CudaApi driver() {
    CudaDriverLoader.Result loaded = CudaDriverLoader.load();
    DriverReport report = DriverProbe.probe(loaded);
    if (report.status() != DriverReport.Status.READY) {
      String reason = "skipped, no GPU: " + report.missing() + "; " + report.remedy();
      System.out.println(reason);
      return abort(reason);
    }
    return loaded.api().orElseThrow();
  }
}
