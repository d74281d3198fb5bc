package dev.sluice.converter.report;

/**
 * Tables whose columns of numbers are aligned; a table that is too wide scrolls in itself.
 *
 * <p>Thread safety: stateless.
 */
final class Table {
  /** Marks a heading's column as one of numbers. */
  static final String NUMBER = "#";

  private Table() {}

  /**
   * Opens a table and its body.
   *
   * @param caption what it has
   * @param style a class of the style sheet
   * @param headings of the columns; {@link #NUMBER} before it makes a column of numbers
   */
  static void open(Html html, String caption, String style, String... headings) {
    html.open("div", "class", "scroll", "role", "region", "tabindex", "0", "aria-label", caption);
    html.open("table", "class", style).element("caption", caption).open("thead").open("tr");
    for (String heading : headings) {
      boolean number = heading.startsWith(NUMBER);
      html.element(
          "th",
          number ? heading.substring(NUMBER.length()) : heading,
          "scope",
          "col",
          "class",
          number ? "number" : "words");
    }
    html.close("tr").close("thead").open("tbody");
  }

  /** A cell with a number. */
  static void number(Html html, String text) {
    html.element("td", text, "class", "number");
  }

  /** Opens the heading of a row. */
  static Html head(Html html) {
    return html.open("th", "scope", "row");
  }

  /** Closes the body and the table. */
  static void close(Html html) {
    html.close("tbody").close("table").close("div");
  }
}
