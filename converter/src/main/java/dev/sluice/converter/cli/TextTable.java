package dev.sluice.converter.cli;

import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/**
 * Rows of cells in aligned columns. The last column is not padded.
 *
 * <p>Thread safety: one thread.
 */
final class TextTable {
  private static final String GAP = "  ";

  private final List<List<String>> rows = new ArrayList<>();

  /** Adds a row; rows may have different numbers of cells. */
  TextTable row(String... cells) {
    rows.add(Stream.of(cells).map(Output::printable).map(cell -> cell.replace('\n', ' ')).toList());
    return this;
  }

  /** Prints the table, each line indented by two columns. */
  void print(PrintWriter out) {
    List<Integer> widths = new ArrayList<>();
    for (List<String> row : rows) {
      for (int i = 0; i < row.size(); i++) {
        if (i == widths.size()) {
          widths.add(0);
        }
        // A row's last cell may be a sentence: it must not push the columns of others.
        if (i < row.size() - 1 || row.size() == columns()) {
          widths.set(i, Math.max(widths.get(i), row.get(i).length()));
        }
      }
    }
    for (List<String> row : rows) {
      StringBuilder line = new StringBuilder();
      for (int i = 0; i < row.size(); i++) {
        line.append(GAP).append(row.get(i));
        if (i < row.size() - 1) {
          line.repeat(' ', Math.max(0, widths.get(i) - row.get(i).length()));
        }
      }
      out.println(line.toString().stripTrailing());
    }
  }

  private int columns() {
    return rows.stream().mapToInt(List::size).max().orElse(0);
  }
}
