package dev.sluice.converter.report;

import dev.sluice.converter.report.Worst.Loss;
import java.util.List;
import java.util.TreeSet;
import java.util.function.BiConsumer;
import java.util.function.Function;
import java.util.stream.IntStream;

/**
 * Drawings of many tensors. Few are all shown; of more the worst stand open and the others folded;
 * of still more only the worst are drawn, the numbers of some more listed, and the rest left out.
 *
 * <p>Thread safety: immutable; a page is written by one thread.
 *
 * @param what they are, in the plural
 * @param loss of one
 * @param card draws one
 * @param headings of the list of numbers
 * @param row a row of that list
 */
record Gallery<T>(
    String what,
    Function<T, Loss> loss,
    BiConsumer<Html, T> card,
    List<String> headings,
    BiConsumer<Html, T> row) {
  /** Drawings of a page. */
  static final int MAX_DRAWN = 96;

  /** Of those that are not drawn, whose numbers are listed. */
  static final int MAX_ROWS = 500;

  private static final int SHORT = 24;
  private static final int WORST = 12;

  void write(Html html, List<T> items) {
    if (items.size() <= SHORT) {
      cards(html, items, all(items.size()));
      return;
    }
    List<Integer> ranked = Worst.first(items, loss, items.size());
    html.element("h3", "The " + WORST + " " + what + " that lose most");
    cards(html, items, ranked.subList(0, WORST));
    int drawn = Math.min(MAX_DRAWN, items.size());
    String others = drawn == items.size() ? "The other " : "The next ";
    html.open("details");
    html.element("summary", others + (drawn - WORST) + " " + what + ", in graph order");
    cards(html, items, sorted(ranked.subList(WORST, drawn)));
    html.close("details");
    if (drawn < items.size()) {
      int listed = Math.min(MAX_ROWS, items.size() - drawn);
      String title = "Numbers of " + Amounts.count(listed) + " more " + what + ", in graph order";
      html.open("details").element("summary", title);
      Table.open(html, title, "quiet", headings.toArray(String[]::new));
      sorted(ranked.subList(drawn, drawn + listed)).forEach(i -> row.accept(html, items.get(i)));
      Table.close(html);
      html.close("details");
      html.element("p", note(items.size(), drawn, listed), "class", "left-out");
    }
  }

  private String note(int all, int drawn, int listed) {
    return "Of "
        + Amounts.count(all)
        + " "
        + what
        + " the "
        + drawn
        + " that lose most are drawn"
        + (drawn + listed < all
            ? ", the numbers of the next "
                + Amounts.count(listed)
                + " listed, and the others left out"
            : ", and the numbers of the others listed")
        + ", to keep this page small.";
  }

  private static List<Integer> all(int size) {
    return IntStream.range(0, size).boxed().toList();
  }

  private static List<Integer> sorted(List<Integer> numbers) {
    return List.copyOf(new TreeSet<>(numbers));
  }

  private void cards(Html html, List<T> items, List<Integer> numbers) {
    html.open("div", "class", "cards");
    numbers.forEach(i -> card.accept(html, items.get(i)));
    html.close("div");
  }

  /** A line of a card: what, and how much. */
  static void fact(Html html, String what, String amount) {
    html.open("div").element("dt", what).element("dd", amount).close("div");
  }
}
