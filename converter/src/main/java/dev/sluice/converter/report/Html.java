package dev.sluice.converter.report;

import java.util.ArrayDeque;
import java.util.Deque;

/**
 * A page that is written from front to back. What it gives is HTML5 and well-formed XML at once:
 * elements are closed in the order that they demand, and every text and attribute is escaped.
 *
 * <p>Thread safety: one thread.
 */
final class Html {
  /** Code points of a name that a page shows. */
  static final int NAME_LENGTH = 160;

  private final StringBuilder page = new StringBuilder("<!DOCTYPE html>\n");
  private final Deque<String> open = new ArrayDeque<>();

  /**
   * Opens an element.
   *
   * @param attributes names and values in turn
   */
  Html open(String tag, String... attributes) {
    start(tag, attributes);
    page.append('>');
    open.push(tag);
    return this;
  }

  /** Closes the innermost element, which must be this one. */
  Html close(String tag) {
    if (!tag.equals(open.peek())) {
      throw new IllegalStateException("</" + tag + "> where " + open + " are open");
    }
    page.append("</").append(open.pop()).append('>');
    if (isBlock(tag)) {
      page.append('\n');
    }
    return this;
  }

  /** An element that has nothing in it: a void one of HTML, or one of SVG. */
  Html empty(String tag, String... attributes) {
    start(tag, attributes);
    page.append("/>");
    return this;
  }

  /** An element with a text. */
  Html element(String tag, String text, String... attributes) {
    return open(tag, attributes).text(text).close(tag);
  }

  /** A text. */
  Html text(String text) {
    escape(text);
    return this;
  }

  /** The name of a node or a tensor. */
  Html name(String name) {
    String shown = name.isEmpty() ? "(no name)" : Names.shown(name, NAME_LENGTH);
    return element("bdi", shown, "class", "name");
  }

  /** Words that come from elsewhere, kept apart from those around them. */
  Html words(String words, int maxLength) {
    return element("bdi", Names.shown(words, maxLength));
  }

  /** The style sheet, which is the program's own, as it is. */
  Html style(String css) {
    if (css.contains("<") || css.contains("&")) {
      throw new IllegalArgumentException("a style sheet in HTML and XML has no '<' and no '&'");
    }
    page.append("<style>\n").append(css).append("</style>\n");
    return this;
  }

  /** The whole page. */
  String finish() {
    if (!open.isEmpty()) {
      throw new IllegalStateException(open + " are still open");
    }
    return page.toString();
  }

  private void start(String tag, String... attributes) {
    page.append('<').append(tag);
    for (int i = 0; i < attributes.length; i += 2) {
      page.append(' ').append(attributes[i]).append("=\"");
      escape(attributes[i + 1]);
      page.append('"');
    }
  }

  private static boolean isBlock(String tag) {
    return switch (tag) {
      case "a", "bdi", "span", "strong", "text", "title", "time", "b" -> false;
      default -> true;
    };
  }

  private void escape(String text) {
    for (int i = 0; i < text.length(); ) {
      int point = text.codePointAt(i);
      switch (point) {
        case '&' -> page.append("&amp;");
        case '<' -> page.append("&lt;");
        case '>' -> page.append("&gt;");
        case '"' -> page.append("&quot;");
        case '\'' -> page.append("&#39;");
        default -> page.appendCodePoint(isAllowed(point) ? point : '\ufffd');
      }
      i += Character.charCount(point);
    }
  }

  /** What XML 1.0 takes, without the control characters that HTML does not. */
  private static boolean isAllowed(int point) {
    return point == '\n'
        || (point >= 0x20 && point < 0x7f)
        || (point >= 0xa0 && point < 0xd800)
        || (point >= 0xe000 && point < 0xfffe)
        || (point >= 0x10000 && (point & 0xfffe) != 0xfffe);
  }
}
