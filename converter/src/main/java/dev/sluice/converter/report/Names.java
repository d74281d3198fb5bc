package dev.sluice.converter.report;

/**
 * Names and sentences that come out of models. They may hold anything: what can't be seen, or turns
 * the direction of the text, is spelled out, and what is too long for a page is shortened in the
 * middle.
 *
 * <p>Thread safety: stateless.
 */
final class Names {
  private static final String GAP = "…";

  private Names() {}

  /**
   * The name as people can read it.
   *
   * @param maxLength in code points, after the spelling out
   */
  static String shown(String name, int maxLength) {
    if (head(name, maxLength) == name.length()) {
      return spelled(name);
    }
    // Names of one model mostly differ in their ends.
    int tailLength = maxLength / 2;
    String head = name.substring(0, head(name, maxLength - tailLength - 1));
    return spelled(head) + GAP + spelled(name.substring(tail(name, tailLength)));
  }

  /** Where the start of a name ends that fits so many code points. */
  private static int head(String name, int maxLength) {
    int left = maxLength;
    int end = 0;
    while (end < name.length()) {
      int point = name.codePointAt(end);
      left -= length(point);
      if (left < 0) {
        break;
      }
      end += Character.charCount(point);
    }
    return end;
  }

  /** Where the end of a name starts that fits so many code points. */
  private static int tail(String name, int maxLength) {
    int left = maxLength;
    int start = name.length();
    while (start > 0) {
      int point = name.codePointBefore(start);
      left -= length(point);
      if (left < 0) {
        break;
      }
      start -= Character.charCount(point);
    }
    return start;
  }

  private static String spelled(String name) {
    StringBuilder text = new StringBuilder();
    name.codePoints().forEach(point -> spell(point, text));
    return text.toString();
  }

  private static int length(int point) {
    return isSpace(point) || isVisible(point) ? 1 : 4 + Integer.toHexString(point).length();
  }

  private static void spell(int point, StringBuilder text) {
    if (isSpace(point)) {
      text.append(' ');
    } else if (isVisible(point)) {
      text.appendCodePoint(point);
    } else {
      text.append("\\u{").append(Integer.toHexString(point)).append('}');
    }
  }

  private static boolean isSpace(int point) {
    return point == '\n' || point == '\t' || point == '\r';
  }

  private static boolean isVisible(int point) {
    return switch (Character.getType(point)) {
      case Character.CONTROL,
          Character.FORMAT,
          Character.SURROGATE,
          Character.PRIVATE_USE,
          Character.UNASSIGNED,
          Character.LINE_SEPARATOR,
          Character.PARAGRAPH_SEPARATOR ->
          false;
      default -> true;
    };
  }
}
