package dev.sluice.bench.peers;

import java.io.PrintStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * The rows of the table, each of which is printed as soon as it is there.
 *
 * <p>Not thread-safe.
 */
final class Report {
  private final PrintStream out;
  private final List<TableRow> rows = new ArrayList<>();

  Report(PrintStream out) {
    this.out = out;
  }

  /** Adds a row. */
  void add(TableRow row) {
    rows.add(row);
    out.printf(
        Locale.ROOT,
        "%-5s %-42s Sluice %12s  %-58s %12s %-6s  ratio %-24s%s%n",
        row.model(),
        row.what(),
        number(row.sluice()),
        row.peer(),
        number(row.other()),
        row.unit(),
        row.ratio(),
        bar(row));
  }

  /** Says something that is no row. */
  void note(String text) {
    out.println("      " + text);
  }

  /** What was added, in this order. */
  List<TableRow> rows() {
    return List.copyOf(rows);
  }

  /** Prints which bars are missed. */
  void summary() {
    List<TableRow> barred = rows.stream().filter(row -> row.bar() != null).toList();
    List<String> missed = barred.stream().filter(row -> !row.reached()).map(TableRow::id).toList();
    out.printf(
        Locale.ROOT,
        "%d of %d bars are reached%s%n",
        barred.size() - missed.size(),
        barred.size(),
        missed.isEmpty() ? "" : "; missed: " + String.join(", ", missed));
  }

  private static String number(double value) {
    return String.format(Locale.ROOT, value < 100 ? "%.2f" : "%.0f", value);
  }

  private static String bar(TableRow row) {
    if (row.bar() == null) {
      return "";
    }
    String of = row.strict() ? " for the whole interval" : "";
    return String.format(
        Locale.ROOT,
        "  bar %s %.2f%s: %s",
        row.moreIsBetter() ? ">=" : "<=",
        row.bar(),
        of,
        row.reached() ? "reached" : "MISSED");
  }
}
