package dev.sluice.converter.report;

/**
 * What the terms of a report mean.
 *
 * <p>Thread safety: stateless.
 */
final class Glossary {
  private static final String[][] TERMS = {
    {
      "SQNR",
      "Signal-to-quantization-noise ratio: ten times the decimal logarithm of the sum of the"
          + " squares of FP32's values over that of the differences. 6 dB more is half the"
          + " difference; ∞ is no difference at all."
    },
    {
      "SQNR of a layer",
      "Of this layer's output on the hold-out, with this layer alone in lower precision."
    },
    {"Cosine", "Of the angle between the output and FP32's, all samples taken as one vector."},
    {"Top-1", "The share of rows whose largest element is the same as FP32's."},
    {
      "Given back",
      "A layer that could run in lower precision, but would cost too much of the accuracy that was"
          + " asked for; it runs in a higher one."
    },
    {
      "Threshold",
      "The smallest and the largest value that the quantized tensor has. Narrower ones clip rare"
          + " values and make the steps between all others finer."
    },
    {"Scale", "The step between two neighbouring values of a quantized tensor."},
    {Amounts.NONE, "Not measured, or nothing to measure."}
  };

  private Glossary() {}

  static void write(Html html) {
    html.open("section", "id", "terms").element("h2", "Terms");
    html.open("dl", "class", "terms");
    for (String[] term : TERMS) {
      html.element("dt", term[0]).element("dd", term[1]);
    }
    html.close("dl").close("section");
  }
}
