package dev.sluice.converter.report;

import java.math.BigDecimal;
import java.math.MathContext;
import java.math.RoundingMode;
import java.util.Locale;

/**
 * Numbers as a report has them: no more digits than tell something, a true minus sign, and a space
 * before the unit that does not break.
 *
 * <p>Thread safety: stateless.
 */
final class Amounts {
  /** Stands where nothing was measured. */
  static final String NONE = "–";

  private static final char NO_BREAK = '\u00a0';
  private static final double PLAIN_FROM = 1e-4;
  private static final double GROUPED_FROM = 1e4;
  private static final double PLAIN_TO = 1e7;
  private static final int DIGITS = 4;

  private Amounts() {}

  /** Four significant digits. */
  static String real(double value) {
    return significant(value, DIGITS);
  }

  /** As {@link #real(double)}; nothing for null. */
  static String real(Double value) {
    return value == null ? NONE : real(value.doubleValue());
  }

  private static String significant(double value, int digits) {
    double size = Math.abs(value);
    if (!Double.isFinite(value)) {
      return Double.isNaN(value) ? "NaN" : value > 0 ? "∞" : "−∞";
    }
    if (size == 0) {
      return "0";
    }
    if (size >= PLAIN_TO || size < PLAIN_FROM) {
      String text = String.format(Locale.ROOT, "%." + (digits - 1) + "e", value);
      int exponent = text.indexOf('e') + 1;
      // Without the plus sign and the leading zeros.
      return minus(text.substring(0, exponent) + Integer.parseInt(text.substring(exponent)));
    }
    if (size >= GROUPED_FROM) {
      return minus(String.format(Locale.ROOT, "%,.0f", value));
    }
    BigDecimal rounded = new BigDecimal(value).round(new MathContext(digits));
    return minus(rounded.stripTrailingZeros().toPlainString());
  }

  /** With so many decimals; more than fit a column are given as {@link #real(double)}. */
  static String fixed(double value, int decimals) {
    if (!Double.isFinite(value) || Math.abs(value) >= PLAIN_TO) {
      return real(value);
    }
    // Adding 0 makes 0 of -0.
    double rounded =
        new BigDecimal(value).setScale(decimals, RoundingMode.HALF_UP).doubleValue() + 0.0;
    return minus(String.format(Locale.ROOT, "%." + decimals + "f", rounded));
  }

  /** A level in dB with one decimal, without the unit. */
  static String level(Double decibels) {
    return decibels == null ? NONE : fixed(decibels, 1);
  }

  /** A level in dB with its unit. */
  static String decibels(double decibels) {
    return level(decibels) + NO_BREAK + "dB";
  }

  /** A share of 1 in percent; what is not nothing or all does not look like it. */
  static String percent(Double share) {
    if (share == null) {
      return NONE;
    }
    double percent = share * 100;
    String text = fixed(percent, 2);
    if (percent > 0 && text.equals("0.00")) {
      text = "<" + NO_BREAK + "0.01";
    } else if (percent < 100 && text.equals("100.00")) {
      text = ">" + NO_BREAK + "99.99";
    }
    return (text.endsWith(".00") ? text.substring(0, text.length() - 3) : text) + NO_BREAK + "%";
  }

  /** Bytes in powers of 1000. */
  static String bytes(Long size) {
    if (size == null) {
      return NONE;
    }
    double value = size;
    if (Math.abs(value) < 1000) {
      return minus(size.toString()) + NO_BREAK + "B";
    }
    String[] units = {"kB", "MB", "GB", "TB", "PB", "EB"};
    int unit = 0;
    value /= 1000;
    while (Math.abs(value) >= 999.95 && unit < units.length - 1) {
      value /= 1000;
      unit++;
    }
    return fixed(value, 1) + NO_BREAK + units[unit];
  }

  /** Three significant digits. */
  static String milliseconds(Double ms) {
    return ms == null ? NONE : significant(ms, 3) + NO_BREAK + "ms";
  }

  /** Two significant digits, at least all before the point. */
  static String ratio(double ratio) {
    return Math.abs(ratio) >= 10 ? fixed(ratio, 0) : significant(ratio, 2);
  }

  /** A whole number. */
  static String count(long number) {
    return minus(String.format(Locale.ROOT, "%,d", number));
  }

  /** A whole number of things. */
  static String count(long number, String one, String more) {
    return count(number) + " " + (number == 1 ? one : more);
  }

  private static String minus(String number) {
    return number.replace('-', '−');
  }
}
