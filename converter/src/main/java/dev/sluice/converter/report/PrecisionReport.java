package dev.sluice.converter.report;

import java.time.Instant;
import java.util.List;
import java.util.Objects;

/**
 * What a build in lower precision decided and measured. Signal-to-quantization-noise ratios (SQNR)
 * are in dB, against FP32: infinite where nothing differs; what was not measured is null.
 *
 * <p>Thread safety: immutable.
 *
 * @param model the model's name
 * @param precision what was asked for: {@code int8}, {@code fp16} or {@code bf16}
 * @param calibrator how the ranges were picked, or null where there was no calibration
 * @param calibrationSamples samples that the ranges come from
 * @param holdoutSamples samples that the losses were measured on; none of them calibrated
 * @param bar the loss that was allowed, or null
 * @param layers in the order of the graph
 * @param activations the tensors that were calibrated, in the order of the graph
 * @param weights the weights that were quantized, in the order of the graph
 * @param variants what the package is compared with: first the reference, then the package as it
 *     serves on this machine, then others
 * @param outputs the package's outputs against the reference's, on the hold-out
 * @param notes what else a reader should know, a sentence each
 * @param producer who made it, with the version
 * @param madeAt when
 */
public record PrecisionReport(
    String model,
    String precision,
    String calibrator,
    int calibrationSamples,
    int holdoutSamples,
    Bar bar,
    List<Layer> layers,
    List<Activation> activations,
    List<Weight> weights,
    List<Variant> variants,
    List<Output> outputs,
    List<String> notes,
    String producer,
    Instant madeAt) {
  /** Copies the lists. */
  public PrecisionReport {
    Objects.requireNonNull(model, "model");
    Objects.requireNonNull(precision, "precision");
    Objects.requireNonNull(producer, "producer");
    Objects.requireNonNull(madeAt, "madeAt");
    if (calibrationSamples < 0 || holdoutSamples < 0) {
      throw new IllegalArgumentException(
          "numbers of samples are 0 or more, not " + calibrationSamples + " and " + holdoutSamples);
    }
    layers = List.copyOf(layers);
    activations = List.copyOf(activations);
    weights = List.copyOf(weights);
    variants = List.copyOf(variants);
    outputs = List.copyOf(outputs);
    notes = List.copyOf(notes);
  }

  /**
   * The loss that was allowed.
   *
   * @param limit as it was asked for: {@code 1%} or {@code 30dB}
   * @param met whether the package as it was built stays within
   */
  public record Bar(String limit, boolean met) {
    /** Checks the fields. */
    public Bar {
      Objects.requireNonNull(limit, "limit");
    }
  }

  /** What became of a layer. */
  public enum Choice {
    /** It runs in the precision that was asked for. */
    LOWERED,
    /** It could, but cost too much, and runs in a higher one. */
    GIVEN_BACK,
    /** It was no candidate: its operator has no such form, or it was excluded. */
    KEPT
  }

  /**
   * A node of the graph.
   *
   * @param name the node's name
   * @param operator its operator, as {@code Conv}
   * @param precision what it runs in
   * @param choice whether that is what was asked for
   * @param reason why
   * @param sqnrDb of its output, were this layer alone lowered; of a layer that was given back,
   *     too; or null
   * @param weightBytesBefore bytes of its weights in the reference, or null where it has none
   * @param weightBytesAfter bytes of its weights in the package, or null
   */
  public record Layer(
      String name,
      String operator,
      String precision,
      Choice choice,
      String reason,
      Double sqnrDb,
      Long weightBytesBefore,
      Long weightBytesAfter) {
    /** Checks the fields. */
    public Layer {
      Objects.requireNonNull(name, "name");
      Objects.requireNonNull(operator, "operator");
      Objects.requireNonNull(precision, "precision");
      Objects.requireNonNull(choice, "choice");
      Objects.requireNonNull(reason, "reason");
    }
  }

  /**
   * A tensor whose range was calibrated.
   *
   * @param tensor its name
   * @param histogram its values on the calibration's samples
   * @param observedMin smallest of them
   * @param observedMax largest of them
   * @param thresholdLow smallest value that the quantized tensor has
   * @param thresholdHigh largest value that the quantized tensor has
   * @param scale a step of the quantized tensor
   * @param sqnrDb of the quantized tensor against the histogram's values, or null
   */
  public record Activation(
      String tensor,
      Histogram histogram,
      double observedMin,
      double observedMax,
      double thresholdLow,
      double thresholdHigh,
      double scale,
      Double sqnrDb) {
    /** Checks the fields. */
    public Activation {
      Objects.requireNonNull(tensor, "tensor");
      Objects.requireNonNull(histogram, "histogram");
    }

    /** The share of the values that the thresholds clip, 0 to 1, as the histogram has it. */
    public double clippedShare() {
      return histogram.shareOutside(clipsBelow(), clipsAbove());
    }

    /** The lower threshold; where no value is half a step below it, minus infinity. */
    double clipsBelow() {
      return observedMin > thresholdLow - scale / 2 ? Double.NEGATIVE_INFINITY : thresholdLow;
    }

    /** The upper threshold; where no value is half a step above it, infinity. */
    double clipsAbove() {
      return observedMax < thresholdHigh + scale / 2 ? Double.POSITIVE_INFINITY : thresholdHigh;
    }
  }

  /**
   * The weights of a layer.
   *
   * @param layer the node's name
   * @param before their values in the reference
   * @param after their values in the package, dequantized
   * @param sqnrDb of these against those, or null
   * @param channels how many scales they have; 1 where one scale serves the whole tensor
   */
  public record Weight(
      String layer, Histogram before, Histogram after, Double sqnrDb, int channels) {
    /** Checks the fields. */
    public Weight {
      Objects.requireNonNull(layer, "layer");
      Objects.requireNonNull(before, "before");
      Objects.requireNonNull(after, "after");
    }
  }

  /**
   * A form of the model on a backend.
   *
   * @param name as {@code int8 cpu}
   * @param note how it was measured, or why something was not; or null
   * @param sizeBytes of its weights and graph, or null
   * @param latencyMs of a run in milliseconds, or null
   * @param outputs its outputs against the reference's on the hold-out; of the reference none
   */
  public record Variant(
      String name, String note, Long sizeBytes, Double latencyMs, List<Output> outputs) {
    /** Copies the list. */
    public Variant {
      Objects.requireNonNull(name, "name");
      outputs = List.copyOf(outputs);
    }
  }

  /**
   * An output against the reference's, over the hold-out.
   *
   * @param name the output's name
   * @param sqnrDb its SQNR, or null
   * @param cosine the cosine of the angle between both, or null
   * @param maxAbs the largest difference, or null
   * @param top1Agreement the share of rows whose largest element is the same, 0 to 1, or null
   */
  public record Output(
      String name, Double sqnrDb, Double cosine, Double maxAbs, Double top1Agreement) {
    /** Checks the fields. */
    public Output {
      Objects.requireNonNull(name, "name");
    }
  }
}
