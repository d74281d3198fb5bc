package dev.sluice.converter.precision;

import dev.sluice.converter.calibrate.Calibrator;
import dev.sluice.converter.onnx.proto.Onnx.NodeProto;
import java.util.List;
import java.util.Objects;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/**
 * How a model is brought to another precision.
 *
 * <p>Thread safety: immutable.
 *
 * @param calibrator picks the bounds of tensors
 * @param maxLoss the accuracy that it may cost
 * @param excluded nodes that stay as they are: names, or regular expressions that match whole names
 * @param cpuGraph the precision of the graph for the CPU
 * @param lowIo whether inputs and outputs of FLOAT get the 16 bits of FP16 or BF16, too, in both
 *     graphs; else they stay
 */
public record PrecisionOptions(
    Calibrator calibrator,
    LossBar maxLoss,
    List<String> excluded,
    CpuGraph cpuGraph,
    boolean lowIo) {
  /** The precision of the graph for the CPU. */
  public enum CpuGraph {
    /** INT8, or FP32 where that is faster on the machine that builds. */
    AUTO,
    /** INT8 in any case: the machine that serves is another one. */
    INT8,
    /** FP32 in any case. */
    FP32
  }

  /** The bar where none is asked for: noise is a hundredth of the signal's power at most. */
  public static final LossBar DEFAULT_BAR = new LossBar(LossBar.Unit.DECIBEL, 20);

  /** Copies and checks the fields. */
  public PrecisionOptions {
    Objects.requireNonNull(calibrator, "calibrator");
    Objects.requireNonNull(maxLoss, "maxLoss");
    Objects.requireNonNull(cpuGraph, "cpuGraph");
    excluded = List.copyOf(excluded);
  }

  /** With inputs and outputs that keep their types. */
  public PrecisionOptions(
      Calibrator calibrator, LossBar maxLoss, List<String> excluded, CpuGraph cpuGraph) {
    this(calibrator, maxLoss, excluded, cpuGraph, false);
  }

  /** What a build does where nothing else is asked for. */
  public static PrecisionOptions defaults() {
    return new PrecisionOptions(Calibrator.MSE, DEFAULT_BAR, List.of(), CpuGraph.AUTO);
  }

  /** Whether a node is excluded, by its name or that of its first result. */
  boolean excludes(NodeProto node) {
    String result = node.getOutputCount() == 0 ? "" : node.getOutput(0);
    return excluded.stream().anyMatch(one -> matches(one, node.getName()) || matches(one, result));
  }

  private static boolean matches(String excluded, String name) {
    if (excluded.equals(name)) {
      return true;
    }
    try {
      return Pattern.matches(excluded, name);
    } catch (PatternSyntaxException _) {
      return false;
    }
  }
}
