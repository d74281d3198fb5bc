package dev.sluice.engine.plan;

import dev.sluice.bindings.tensorrt.TensorRtApi.HardwareCompatibilityLevel;
import dev.sluice.engine.format.Manifest;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Objects;

/**
 * All that a plan depends on: two plans of one key may stand in for each other, and a plan of
 * another key may not.
 *
 * <p>Thread safety: immutable.
 *
 * @param graphSha256 of the graph's entry, 64 hexadecimal digits
 * @param weightsSha256 of the weights' entry
 * @param profiles the ranges of shapes, in the plan's order
 * @param options how it is built
 * @param target what it is built by and for
 */
public record PlanKey(
    String graphSha256,
    String weightsSha256,
    List<PlanProfile> profiles,
    PlanOptions options,
    PlanTarget target) {
  /** Ampere, the oldest that {@link HardwareCompatibilityLevel#AMPERE_PLUS} runs on. */
  private static final int AMPERE_MAJOR = 8;

  /** The entry of the weights. */
  static final String WEIGHTS = "weights.bin";

  /** Copies the list, and checks that nothing is missing. */
  public PlanKey {
    Objects.requireNonNull(graphSha256, "graphSha256");
    Objects.requireNonNull(weightsSha256, "weightsSha256");
    profiles = List.copyOf(profiles);
    Objects.requireNonNull(options, "options");
    Objects.requireNonNull(target, "target");
  }

  /**
   * The key of a plan of a package's TensorRT graph.
   *
   * @throws IllegalArgumentException where the package has none
   */
  public static PlanKey of(
      Manifest manifest, List<PlanProfile> profiles, PlanOptions options, PlanTarget target) {
    Manifest.Graph graph = manifest.graphs().get(Manifest.TENSORRT);
    if (graph == null) {
      throw new IllegalArgumentException(
          "the package has no graph for TensorRT, only for "
              + manifest.graphs().keySet()
              + "; build it again");
    }
    return new PlanKey(
        manifest.entries().get(graph.entry()).sha256(),
        manifest.entries().get(WEIGHTS).sha256(),
        profiles,
        options,
        target);
  }

  /** SHA-256 over all of the key, 64 hexadecimal digits. */
  public String hash() {
    try {
      return HexFormat.of()
          .formatHex(MessageDigest.getInstance("SHA-256").digest(PlanKeyJson.write(this)));
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every Java platform has SHA-256", e);
    }
  }

  /**
   * The plan's name in a package: {@code trt-11.2.0-sm90}; {@code sm80plus} where it runs on all
   * from there on. A package has one plan of a name: for several devices of one architecture build
   * it with {@link HardwareCompatibilityLevel#SAME_COMPUTE_CAPABILITY}.
   */
  public String packageName() {
    String architecture =
        options.hardwareCompatibility() == HardwareCompatibilityLevel.AMPERE_PLUS
            ? "sm80plus"
            : target.architecture();
    return "trt-" + target.versionText() + "-" + architecture;
  }

  /**
   * Why a plan of this key does not run there; empty where it does.
   *
   * @param there where it shall run
   */
  public String misfit(PlanTarget there) {
    if (target.tensorRtVersion() != there.tensorRtVersion()) {
      return "it was built by TensorRT " + target.versionText();
    }
    boolean sameCapability =
        target.computeMajor() == there.computeMajor()
            && target.computeMinor() == there.computeMinor();
    return switch (options.hardwareCompatibility()) {
      case NONE ->
          sameCapability && target.device().equals(there.device())
              ? ""
              : "it is for " + target.device() + " (" + target.architecture() + ") alone";
      case SAME_COMPUTE_CAPABILITY ->
          sameCapability ? "" : "it is for " + target.architecture() + " alone";
      case AMPERE_PLUS ->
          there.computeMajor() >= AMPERE_MAJOR ? "" : "it is for sm80 and above alone";
    };
  }

  /** The key without its hashes, for people. */
  String text() {
    return target + ", " + profiles.size() + " profiles, " + options;
  }

  /** The text that {@link #hash} is of. */
  @Override
  public String toString() {
    return new String(PlanKeyJson.write(this), StandardCharsets.UTF_8);
  }
}
