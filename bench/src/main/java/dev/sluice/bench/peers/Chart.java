package dev.sluice.bench.peers;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/**
 * Draws what the table wrote as JSON: a lone caller's latencies, many callers' rows per second, and
 * the rest, a file each where there is something to draw.
 *
 * <p>Exit status: 0; 1 where a file can't be read or written; 2 for wrong usage.
 *
 * <p>Not thread-safe.
 */
@Command(
    name = "chart",
    mixinStandardHelpOptions = true,
    description = "Draws the results of the table as SVG.")
public final class Chart implements Callable<Integer> {
  private final PrintStream out;

  @Parameters(index = "0", paramLabel = "RESULTS.json", description = "What the table wrote.")
  private Path results;

  @Parameters(index = "1", paramLabel = "DIR", description = "Where the pictures go.")
  private Path folder;

  Chart(PrintStream out) {
    this.out = out;
  }

  /** Runs the program; {@code --help} says how. */
  public static void main(String[] arguments) {
    System.exit(new CommandLine(new Chart(System.out)).execute(arguments));
  }

  /** A picture, and the ids of its rows; a row is in the first that it fits. */
  enum Kind {
    /** A lone caller's latencies. */
    ONE_CALLER(
        "one-caller.svg",
        "A lone caller: time of a request, Sluice over the peer; less is better",
        true,
        "[^-]+-1-.*-time-.*"),
    /** Rows per second of many callers in a closed loop. */
    MANY_CALLERS(
        "many-callers.svg",
        "64 callers: rows per second, Sluice over the peer; more is better",
        true,
        "[^-]+-64-.*-rows-.*"),
    /** All else. */
    OTHERS(
        "others.svg",
        "Open loops, starts, heap, tails, several models: Sluice over the peer",
        false,
        ".*");

    private final String file;
    private final String title;
    private final boolean grouped;
    private final String ids;

    Kind(String file, String title, boolean grouped, String ids) {
      this.file = file;
      this.title = title;
      this.grouped = grouped;
      this.ids = ids;
    }

    /** The picture that shows a row. */
    private static Kind of(TableRow row) {
      return Stream.of(values())
          .filter(kind -> row.id().matches(kind.ids))
          .findFirst()
          .orElseThrow();
    }

    /** The name of its file. */
    String file() {
      return file;
    }
  }

  @Override
  public Integer call() throws IOException {
    TableResults read = TableResults.read(results);
    Files.createDirectories(folder);
    for (Kind kind : Kind.values()) {
      List<TableRow> rows = read.rows().stream().filter(row -> Kind.of(row) == kind).toList();
      Path file = folder.resolve(kind.file);
      if (rows.isEmpty()) {
        Files.deleteIfExists(file);
      } else {
        String drawn = new ChartDrawing(kind.title, kind.grouped, read, rows).draw();
        Files.writeString(file, drawn);
        out.println(file);
      }
    }
    return 0;
  }
}
