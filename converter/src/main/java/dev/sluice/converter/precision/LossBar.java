package dev.sluice.converter.precision;

import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * How much accuracy another precision may cost, on the hold-out: the part of the rows whose best
 * class may change, or the least signal to noise.
 *
 * <p>Thread safety: immutable.
 *
 * @param unit of the value
 * @param value as the unit says
 */
public record LossBar(Unit unit, double value) {
  private static final Pattern FORM = Pattern.compile("(\\d+(?:\\.\\d+)?)\\s*(%|dB)");

  /** What is measured. */
  public enum Unit {
    /** Percent of the rows whose first rank may change. */
    PERCENT,
    /** Decibels of signal to quantization noise that every output must have. */
    DECIBEL
  }

  /**
   * Reads a bar as the command line has it: {@code 1%} or {@code 30dB}.
   *
   * @throws IllegalArgumentException when it is something else
   */
  public static LossBar parse(String text) {
    Matcher matcher = FORM.matcher(text.strip());
    if (!matcher.matches()) {
      throw new IllegalArgumentException(
          "'" + text + "' is no bar; write a part of the rows as in 1%, or decibels as in 30dB");
    }
    double value = Double.parseDouble(matcher.group(1));
    return new LossBar(matcher.group(2).equals("%") ? Unit.PERCENT : Unit.DECIBEL, value);
  }

  /**
   * Whether other samples of the kind that was held out are within the bar, with 95 % confidence:
   * what a few samples show of themselves is no promise.
   */
  public boolean holds(Loss loss) {
    return switch (unit) {
      case PERCENT -> 100 * loss.changedAtMost() <= value + 1e-9;
      case DECIBEL -> loss.sqnrLowDb() >= value;
    };
  }

  /** How far a loss is from the bar, as the larger the better; for the worse of two. */
  double headroom(Loss loss) {
    return unit == Unit.PERCENT ? -loss.changedAtMost() : loss.sqnrLowDb();
  }

  /** The figures of a loss that the bar looks at. */
  public String figure(Loss loss) {
    return switch (unit) {
      case PERCENT ->
          String.format(
              Locale.ROOT,
              "%.2f%% of the rows change, up to %.2f%% of others may",
              100 * (1 - loss.top1Agreement()),
              100 * loss.changedAtMost());
      case DECIBEL ->
          String.format(
              Locale.ROOT,
              "%.1f dB, %s elsewhere",
              loss.sqnrDb(),
              Double.isInfinite(loss.sqnrLowDb())
                  ? "unknown"
                  : String.format(Locale.ROOT, "%.1f dB or more", loss.sqnrLowDb()));
    };
  }

  @Override
  public String toString() {
    String number = value == Math.rint(value) ? "" + (long) value : "" + value;
    return number + (unit == Unit.PERCENT ? "%" : "dB");
  }
}
