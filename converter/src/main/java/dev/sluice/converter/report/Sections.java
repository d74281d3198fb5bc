package dev.sluice.converter.report;

/**
 * What sections have in common.
 *
 * <p>Thread safety: stateless.
 */
final class Sections {
  private Sections() {}

  /** Says what is not on the page; nothing where all is. */
  static void leftOut(Html html, int shown, int all, String what) {
    if (all > shown) {
      html.element(
          "p",
          Amounts.count(shown)
              + " of "
              + Amounts.count(all)
              + " "
              + what
              + " are shown; the others are left out to keep this page small.",
          "class",
          "left-out");
    }
  }
}
