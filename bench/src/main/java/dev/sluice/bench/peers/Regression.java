package dev.sluice.bench.peers;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/**
 * Holds results of the table against earlier ones. A row is worse where its 95 % interval lies
 * beyond that of the baseline, and its median is worse by more than {@value #TOLERATED} of it.
 *
 * <p>Intervals tell of the noise within a run, not of what makes one run differ from the next, and
 * a table has a hundred rows and more: of those that did not change some are beyond the noise
 * whenever it is measured. So several results can be given, and a row is worse where it is so in
 * each of them.
 *
 * <p>Exit status: 0; 1 where a row is worse or gone; 2 where nothing can be said: other machines, a
 * file that is no result, wrong usage.
 *
 * <p>Not thread-safe.
 */
@Command(
    name = "regression",
    mixinStandardHelpOptions = true,
    description = "Tells which rows of the table got worse, beyond the noise of both runs.")
public final class Regression implements Callable<Integer> {
  private static final double TOLERATED = 0.03;

  private final PrintStream out;

  @Option(
      names = "--any-machine",
      description = "Compare results of different machines, too, which is refused otherwise.")
  private boolean anyMachine;

  @Parameters(index = "0", paramLabel = "BASELINE.json", description = "What the table wrote then.")
  private Path baseline;

  @Parameters(
      index = "1..*",
      arity = "1..*",
      paramLabel = "NEW.json",
      description = "What it wrote now; of several a row is worse where it is so in each.")
  private List<Path> files;

  Regression(PrintStream out) {
    this.out = out;
  }

  /** Runs the program; {@code --help} says how. */
  public static void main(String[] arguments) {
    System.exit(command(System.out).execute(arguments));
  }

  /** The program, which prints to a stream. */
  static CommandLine command(PrintStream out) {
    return new CommandLine(new Regression(out))
        .setExecutionExceptionHandler((e, command, _) -> {
          command.getErr().println("regression: " + e.getMessage());
          return 2;
        });
  }

  /** What became of a row; the mildest first. */
  enum Verdict {
    /** Within the noise. */
    SAME("same", false),
    /** Beyond the noise, to the good. */
    BETTER("better", false),
    /** Not in the baseline. */
    NEW("new", false),
    /** Beyond the noise, to the bad. */
    WORSE("WORSE", true),
    /** The same, and its bar was reached and is missed now. */
    BAR_MISSED("BAR MISSED", true),
    /** Not measured any more. */
    GONE("GONE", true);

    private final String words;
    private final boolean bad;

    Verdict(String words, boolean bad) {
      this.words = words;
      this.bad = bad;
    }
  }

  /** A row then and now; null where there is none. */
  private record Change(TableRow before, TableRow now) {
    Verdict verdict() {
      if (before == null) {
        return Verdict.NEW;
      }
      if (now == null || (Double.isNaN(now.ratio().median()) && !isNoNumber(before))) {
        return Verdict.GONE;
      }
      if (isWorse(before.ratio(), now.ratio(), now.moreIsBetter())) {
        return before.reached() && !now.reached() ? Verdict.BAR_MISSED : Verdict.WORSE;
      }
      return isWorse(now.ratio(), before.ratio(), now.moreIsBetter())
          ? Verdict.BETTER
          : Verdict.SAME;
    }

    private static boolean isNoNumber(TableRow row) {
      return Double.isNaN(row.ratio().median());
    }

    private static boolean isWorse(PairedRatio before, PairedRatio now, boolean moreIsBetter) {
      return moreIsBetter
          ? now.high() < before.low() && now.median() < before.median() * (1 - TOLERATED)
          : now.low() > before.high() && now.median() > before.median() * (1 + TOLERATED);
    }

    /** A heap of a byte for every thousand of the peer's is not 0. */
    private static String digits(PairedRatio ratio) {
      return String.format(
          Locale.ROOT, "%.4g (%.4g to %.4g)", ratio.median(), ratio.low(), ratio.high());
    }

    @Override
    public String toString() {
      TableRow row = now == null ? before : now;
      return String.format(
          Locale.ROOT,
          "%-10s  %-48s %-26s -> %-26s%s",
          verdict().words,
          row.id(),
          before == null ? "" : digits(before.ratio()),
          now == null ? "" : digits(now.ratio()),
          row.bar() == null
              ? ""
              : String.format(
                  Locale.ROOT,
                  "  bar %s %.2f%s",
                  row.moreIsBetter() ? ">=" : "<=",
                  row.bar(),
                  now == null || now.reached() ? "" : ": missed"));
    }
  }

  @Override
  public Integer call() throws IOException {
    TableResults before = TableResults.read(baseline);
    List<TableResults> after = new ArrayList<>();
    for (Path file : files) {
      TableResults now = TableResults.read(file);
      if (!now.machine().equals(before.machine()) && !anyMachine) {
        throw new IOException(
            "%s was measured on '%s', but %s on '%s'; --any-machine compares them all the same"
                .formatted(baseline, before.machine(), file, now.machine()));
      }
      after.add(now);
    }
    out.printf("%s of %s, on %s%n", baseline, before.date(), before.machine());
    for (int i = 0; i < after.size(); i++) {
      out.printf("%s of %s%n", files.get(i), after.get(i).date());
      printVersions(before.versions(), after.get(i).versions());
    }
    return print(changes(byId(before), after));
  }

  private static Map<String, TableRow> byId(TableResults results) throws IOException {
    Map<String, TableRow> rows = new LinkedHashMap<>();
    for (TableRow row : results.rows()) {
      if (rows.put(row.id(), row) != null) {
        throw new IOException("there are two rows " + row.id() + "; which of them counts?");
      }
    }
    return rows;
  }

  private static List<Change> changes(Map<String, TableRow> before, List<TableResults> after)
      throws IOException {
    Map<String, Change> mildest = new LinkedHashMap<>();
    for (TableResults results : after) {
      Map<String, TableRow> now = byId(results);
      Map<String, TableRow> all = new LinkedHashMap<>(before);
      now.forEach(all::putIfAbsent);
      for (String id : all.keySet()) {
        Change change = new Change(before.get(id), now.get(id));
        mildest.merge(
            id, change, (one, other) -> other.verdict().compareTo(one.verdict()) < 0 ? other : one);
      }
    }
    return List.copyOf(mildest.values());
  }

  private void printVersions(Map<String, String> before, Map<String, String> now) {
    for (String name : new TreeSet<>(now.keySet())) {
      if (!now.get(name).equals(before.get(name))) {
        out.printf("  with %s %s, not %s%n", name, now.get(name), before.get(name));
      }
    }
  }

  private int print(List<Change> changes) {
    changes.forEach(out::println);
    List<Change> bad = changes.stream().filter(change -> change.verdict().bad).toList();
    out.printf("%d rows, %d of them worse or gone%n", changes.size(), bad.size());
    bad.stream()
        .sorted(Comparator.comparing(Change::verdict).reversed())
        .forEach(change -> out.println("  " + change));
    return bad.isEmpty() ? 0 : 1;
  }
}
