package dev.sluice.engine.stage;

import dev.sluice.kernels.TopK;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * The words of a stage's text: numbers, lists of numbers, sizes.
 *
 * <p>Thread safety: stateless.
 */
final class StageWords {
  /** Most results of a top-k. */
  static final int MAX_K = TopK.MAX_K;

  private static final Pattern SIZE = Pattern.compile("(\\d{1,5})[xX](\\d{1,5})");

  private StageWords() {}

  /** Height and width. */
  record Size(int height, int width) {
    @Override
    public String toString() {
      return height + "x" + width;
    }
  }

  /** Reads {@code HxW}. */
  static Size size(String key, String text) {
    Matcher matcher = SIZE.matcher(text);
    if (matcher.matches()) {
      Size size = new Size(Integer.parseInt(matcher.group(1)), Integer.parseInt(matcher.group(2)));
      if (inside(size.height()) && inside(size.width())) {
        return size;
      }
    }
    throw new IllegalArgumentException(
        key
            + "="
            + text
            + ": write HEIGHTxWIDTH, as in "
            + key
            + "=224x224, each 1 to "
            + InputStage.MAX_SIDE);
  }

  private static boolean inside(int extent) {
    return extent >= 1 && extent <= InputStage.MAX_SIDE;
  }

  /** Reads a number, or a fraction as in {@code 1/255}. */
  static double number(String key, String text) {
    try {
      int slash = text.indexOf('/');
      double value =
          slash < 0
              ? Double.parseDouble(text)
              : Double.parseDouble(text.substring(0, slash))
                  / Double.parseDouble(text.substring(slash + 1));
      if (Float.isFinite((float) value)) {
        return value;
      }
    } catch (NumberFormatException e) {
      // Told below, like a number that makes no sense.
    }
    throw new IllegalArgumentException(
        key + "=" + text + ": '" + text + "' is no number; write one as 0.485 or 1/255");
  }

  /** Reads numbers between colons. */
  static List<Double> numbers(String key, String text) {
    List<Double> values = new ArrayList<>();
    for (String word : text.split(":", -1)) {
      values.add(number(key, word));
    }
    return values;
  }

  /** A number as it is read again. */
  static String number(double value) {
    return BigDecimal.valueOf(value).stripTrailingZeros().toPlainString();
  }

  /** A scale as people write it. */
  static String factor(double value) {
    return value == 1.0 / 255 ? "1/255" : number(value);
  }

  /** Numbers as they are read again; one where all are the same. */
  static String list(List<Double> values) {
    List<Double> distinct = values.stream().distinct().toList();
    return (distinct.size() == 1 ? distinct : values)
        .stream().map(StageWords::number).collect(Collectors.joining(":"));
  }
}
