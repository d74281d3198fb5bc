package dev.sluice.bench.peers;

import java.util.Locale;

/**
 * Writes SVG: lines, rectangles and text on white, so that it can be read on a page of any colour.
 * Places are in pixels from the left and the top.
 *
 * <p>Not thread-safe.
 */
final class Svg {
  private final StringBuilder out = new StringBuilder();

  /** A line. */
  void line(String kind, double x1, double y1, double x2, double y2, String colour, double width) {
    out.append(
        String.format(
            Locale.ROOT,
            "<line class=\"%s\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"%s\""
                + " stroke-width=\"%.1f\"/>\n",
            kind,
            x1,
            y1,
            x2,
            y2,
            colour,
            width));
  }

  /** A rectangle. */
  void rectangle(String kind, double x, double y, double width, double height, String colour) {
    out.append(
        String.format(
            Locale.ROOT,
            "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"%s\"/>\n",
            kind,
            x,
            y,
            width,
            height,
            colour));
  }

  /**
   * Text on a line.
   *
   * @param y of its baseline
   * @param attributes of the element, empty for none
   */
  void text(double x, double y, String words, String attributes) {
    out.append(
        String.format(
            Locale.ROOT,
            "<text x=\"%.1f\" y=\"%.1f\"%s>%s</text>\n",
            x,
            y,
            attributes.isEmpty() ? "" : " " + attributes,
            escape(words)));
  }

  /** Begins what belongs together; a pointer that rests on it shows the words. */
  void begin(String kind, String words) {
    out.append(String.format("<g class=\"%s\">\n<title>%s</title>\n", kind, escape(words)));
  }

  /** Ends what {@link #begin} began. */
  void end() {
    out.append("</g>\n");
  }

  /**
   * The whole file.
   *
   * @param textPx size of text that does not say its own
   * @param colour of text that does not say its own
   */
  String document(String title, int width, int height, int textPx, String colour) {
    return String.format(
            """
            <svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" \
            font-family="Helvetica, Arial, sans-serif" font-size="%d" fill="%s" role="img">
            <title>%s</title>
            <rect width="%d" height="%d" fill="white"/>
            """,
            width, height, width, height, textPx, colour, escape(title), width, height)
        + out
        + "</svg>\n";
  }

  /** Without what XML gives a meaning, and without what it forbids. */
  private static String escape(String words) {
    StringBuilder escaped = new StringBuilder();
    words
        .codePoints()
        .forEach(point -> {
          switch (point) {
            case '&' -> escaped.append("&amp;");
            case '<' -> escaped.append("&lt;");
            case '>' -> escaped.append("&gt;");
            case '"' -> escaped.append("&quot;");
            default -> escaped.appendCodePoint(isCharacter(point) ? point : '?');
          }
        });
    return escaped.toString();
  }

  /** What XML 1.0 calls a character, but for those that would end a line. */
  private static boolean isCharacter(int point) {
    boolean surrogate = point >= 0xd800 && point < 0xe000;
    return point >= 0x20 && !surrogate && point != 0xfffe && point != 0xffff;
  }
}
