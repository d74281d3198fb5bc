package dev.sluice.engine.plan;

import dev.sluice.bindings.cuda.CudaDevice;
import dev.sluice.bindings.tensorrt.TensorRtApi;
import java.util.Objects;

/**
 * What runs plans: a TensorRT on a device.
 *
 * <p>Thread safety: immutable.
 *
 * @param tensorRtVersion {@code 10000 * major + 100 * minor + patch}
 * @param device the product name of the GPU
 * @param computeMajor compute capability before the point
 * @param computeMinor compute capability behind the point
 */
public record PlanTarget(int tensorRtVersion, String device, int computeMajor, int computeMinor) {
  /** Checks that it is named. */
  public PlanTarget {
    Objects.requireNonNull(device, "device");
  }

  /** The library and the device at hand. */
  public static PlanTarget of(TensorRtApi api, CudaDevice device) {
    return new PlanTarget(
        api.getInferLibVersion(), device.name(), device.computeMajor(), device.computeMinor());
  }

  /** The version as people write it: {@code 11.2.0}. */
  public String versionText() {
    return tensorRtVersion / 10_000
        + "."
        + tensorRtVersion / 100 % 100
        + "."
        + tensorRtVersion % 100;
  }

  /** The architecture: {@code sm90}. */
  public String architecture() {
    return "sm" + computeMajor + computeMinor;
  }

  @Override
  public String toString() {
    return "TensorRT " + versionText() + " on " + device + " (" + architecture() + ")";
  }
}
