package dev.sluice.converter.report;

/**
 * Coordinates, paths and small drawings in SVG.
 *
 * <p>Thread safety: stateless.
 */
final class Svg {
  private Svg() {}

  /** A coordinate, to a tenth. */
  static String at(double coordinate) {
    double tenths = Math.rint(coordinate * 10) / 10 + 0.0;
    return tenths == Math.rint(tenths) ? Long.toString((long) tenths) : Double.toString(tenths);
  }

  /** A line. */
  static void line(Html html, String style, double x1, double y1, double x2, double y2) {
    html.empty("line", "class", style, "x1", at(x1), "y1", at(y1), "x2", at(x2), "y2", at(y2));
  }

  /** A filled box. */
  static void box(Html html, String style, double x, double y, double width, double height) {
    html.empty(
        "rect", "class", style, "x", at(x), "y", at(y), "width", at(width), "height", at(height));
  }

  /** A text whose anchor is start, middle or end. */
  static void label(Html html, String anchor, double x, double y, String text) {
    html.element("text", text, "x", at(x), "y", at(y), "text-anchor", anchor);
  }

  /**
   * A bar that is as wide as what it stands in, where the number beside it is its text.
   *
   * @param share of the width that it fills, 0 to 1
   */
  static void bar(Html html, String style, double share) {
    html.open(
        "svg",
        "class",
        "bar",
        "viewBox",
        "0 0 1000 1",
        "preserveAspectRatio",
        "none",
        "aria-hidden",
        "true",
        "focusable",
        "false");
    box(html, "track", 0, 0, 1000, 1);
    double filled = Double.isNaN(share) ? 0 : Math.clamp(share, 0, 1) * 1000;
    if (filled > 0) {
      box(html, style, 0, 0, filled, 1);
    }
    html.close("svg");
  }

  /** The pattern that marks what is clipped; every drawing of the page may use it. */
  static void patterns(Html html) {
    html.open("svg", "class", "patterns", "width", "0", "height", "0", "aria-hidden", "true");
    html.open("defs");
    html.open(
        "pattern",
        "id",
        "hatch",
        "width",
        "5",
        "height",
        "5",
        "patternUnits",
        "userSpaceOnUse",
        "patternTransform",
        "rotate(45)");
    line(html, "hatch", 0, 0, 0, 5);
    html.close("pattern").close("defs").close("svg");
  }
}
