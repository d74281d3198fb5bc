package dev.sluice.converter.report;

import dev.sluice.converter.report.PrecisionReport.Activation;
import dev.sluice.converter.report.PrecisionReport.Bar;
import dev.sluice.converter.report.PrecisionReport.Choice;
import dev.sluice.converter.report.PrecisionReport.Layer;
import dev.sluice.converter.report.PrecisionReport.Output;
import dev.sluice.converter.report.PrecisionReport.Variant;
import dev.sluice.converter.report.PrecisionReport.Weight;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Random;

/** Reports as a build would make them, from a seed. */
final class SampleReports {
  static final Instant MADE_AT = Instant.parse("2026-11-26T14:40:12Z");
  private static final int BINS = 2048;
  private static final int MANY_VALUES = 40_000;
  private static final int FEW_VALUES = 200;
  private static final int LEVELS = 127;

  private final Random random;
  private final int draws;
  private final List<Layer> layers = new ArrayList<>();
  private final List<Activation> activations = new ArrayList<>();
  private final List<Weight> weights = new ArrayList<>();

  private SampleReports(long seed, int draws) {
    random = new Random(seed);
    this.draws = draws;
  }

  /** Nothing in it. */
  static PrecisionReport empty() {
    return new PrecisionReport(
        "m.onnx",
        "fp16",
        null,
        0,
        0,
        null,
        List.of(),
        List.of(),
        List.of(),
        List.of(),
        List.of(),
        List.of(),
        "sluice 0.1.0",
        MADE_AT);
  }

  /** An image classifier of 60 nodes. */
  static PrecisionReport squeezeNet(long seed) {
    SampleReports made = new SampleReports(seed, MANY_VALUES);
    made.convolution("/features/features.0/Conv", 3 * 64 * 9, 64, 26.4);
    made.plain("/features/features.2/MaxPool", "MaxPool");
    int[] squeeze = {16, 16, 32, 32, 48, 48, 64, 64};
    int[] expand = {64, 64, 128, 128, 192, 192, 256, 256};
    int inputs = 64;
    for (int fire = 0; fire < squeeze.length; fire++) {
      String at = "/features/features." + (fire + 3);
      made.convolution(at + "/squeeze/Conv", inputs * squeeze[fire], squeeze[fire], 31);
      made.convolution(at + "/expand1x1/Conv", squeeze[fire] * expand[fire], expand[fire], 36);
      made.convolution(at + "/expand3x3/Conv", squeeze[fire] * expand[fire] * 9, expand[fire], 35);
      made.plain(at + "/squeeze/Relu", "Relu");
      made.plain(at + "/expand3x3/Relu", "Relu");
      made.plain(at + "/Concat", "Concat");
      if (fire % 3 == 1) {
        made.plain(at + "/MaxPool", "MaxPool");
      }
      inputs = 2 * expand[fire];
    }
    made.convolution("/classifier/classifier.1/Conv", 512 * 1000, 1000, 29.5);
    made.plain("/classifier/classifier.2/Relu", "Relu");
    made.plain("/classifier/classifier.3/GlobalAveragePool", "GlobalAveragePool");
    made.plain("/Flatten", "Flatten");
    for (int i = made.layers.size(); i < 60; i++) {
      made.plain("/Identity_" + i, "Identity");
    }
    return made.report("squeezenet1.1.onnx");
  }

  /** Many layers, each with its tensors. */
  static PrecisionReport large(long seed, int layers, String longName) {
    SampleReports made = new SampleReports(seed, FEW_VALUES);
    for (int i = 0; i < layers; i++) {
      made.convolution(longName + i, 1000, 64, 30);
    }
    return made.report(longName);
  }

  private PrecisionReport report(String model) {
    Output own = new Output("class_scores", 31.27, 0.999631, 0.8423, 0.9921875);
    Output emulated = new Output("class_scores", 30.64, 0.999557, 0.9107, 0.984375);
    Output half = new Output("class_scores", 67.9, 0.99999992, 0.0121, 1.0);
    return new PrecisionReport(
        model,
        "int8",
        "entropy",
        512,
        128,
        new Bar("30dB", true),
        layers,
        activations,
        weights,
        List.of(
            new Variant(
                "fp32 cpu", "median of 200 runs of 1 row, 2 threads", 4_956_208L, 14.82, List.of()),
            new Variant(
                "int8 cpu",
                "median of 200 runs of 1 row, 2 threads",
                1_291_744L,
                5.113,
                List.of(own)),
            new Variant(
                "int8 tensorrt (emulated)",
                "on this CPU: no speed",
                1_302_310L,
                null,
                List.of(emulated)),
            new Variant(
                "fp16 tensorrt (emulated)",
                "on this CPU: no speed",
                2_481_104L,
                null,
                List.of(half))),
        List.of(own),
        List.of(
            "ReLUs are absorbed by the clip of the quantizer behind them.",
            "Of 640 samples in calibration.npz every fifth was held out."),
        "sluice 0.1.0",
        MADE_AT);
  }

  private void convolution(String name, int values, int channels, double sqnrDb) {
    double level = sqnrDb + random.nextGaussian() * 3.5;
    boolean given = level < 29;
    String reason =
        given
            ? String.format(
                Locale.ROOT, "costs %.1f dB of the output, more than the bar leaves", 31 - level)
            : "quantized per channel";
    layers.add(
        new Layer(
            name,
            "Conv",
            given ? "fp32" : "int8",
            given ? Choice.GIVEN_BACK : Choice.LOWERED,
            reason,
            level,
            4L * values,
            given ? 4L * values : values + 8L * channels));
    activation(name + "_output_0", level + 4);
    if (!given) {
      weight(name, values, channels, level + 6);
    }
  }

  private void plain(String name, String operator) {
    boolean follows = !operator.equals("GlobalAveragePool") && !operator.equals("Identity");
    layers.add(
        new Layer(
            name,
            operator,
            follows ? "int8" : "fp32",
            follows ? Choice.LOWERED : Choice.KEPT,
            follows ? "between quantized layers" : "its operator has no int8 form",
            follows ? 40 + random.nextGaussian() * 2 : null,
            null,
            null));
  }

  private void activation(String name, double sqnrDb) {
    double spread = 0.5 + random.nextDouble() * 3;
    double[] values = new double[draws];
    double min = 0;
    double max = 0;
    for (int i = 0; i < values.length; i++) {
      double tail = random.nextInt(500) == 0 ? 3 : 1;
      values[i] = Math.max(-spread, random.nextGaussian()) * spread * tail;
      min = Math.min(min, values[i]);
      max = Math.max(max, values[i]);
    }
    double width = (max - min) / BINS;
    double high = max * (0.45 + random.nextDouble() * 0.55);
    double low = Math.max(min, -high);
    activations.add(
        new Activation(
            name, counted(values, min, width), min, max, low, high, high / LEVELS, sqnrDb));
  }

  private void weight(String name, int count, int channels, double sqnrDb) {
    int drawn = Math.min(count, draws);
    double[] before = new double[drawn];
    double[] after = new double[drawn];
    double scale = 0.4 / LEVELS;
    for (int i = 0; i < drawn; i++) {
      before[i] = random.nextGaussian() * 0.08;
      double steps = Math.rint(before[i] / scale);
      after[i] = Math.clamp(steps, -LEVELS, LEVELS) * scale;
    }
    double width = 0.9 / BINS;
    weights.add(
        new Weight(
            name, counted(before, -0.45, width), counted(after, -0.45, width), sqnrDb, channels));
  }

  private static Histogram counted(double[] values, double low, double width) {
    long[] counts = new long[BINS];
    for (double value : values) {
      counts[Math.clamp((int) ((value - low) / width), 0, BINS - 1)]++;
    }
    return Histogram.of(low, width, counts);
  }
}
