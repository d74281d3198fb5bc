package dev.sluice.converter.cli;

import dev.sluice.converter.load.LoadGenerator;
import dev.sluice.converter.load.LoadPlan;
import dev.sluice.converter.load.LoadReport;
import dev.sluice.converter.load.LoadSamples;
import dev.sluice.converter.load.PackageSamples;
import dev.sluice.engine.Engine;
import dev.sluice.engine.EngineOptions;
import dev.sluice.engine.backend.BackendException;
import dev.sluice.engine.format.PackageReader;
import dev.sluice.engine.format.SluicePackage;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/**
 * {@code sluice bench}: load on a package, every answer checked.
 *
 * <p>Thread safety: one thread.
 */
@Command(
    name = "bench",
    mixinStandardHelpOptions = true,
    description = {
      "Puts load on a package and measures latency and throughput.",
      "",
      "In a closed loop each of --callers sends when it has its answer; in an open loop --rate requests a"
          + " second are due whatever happens. Latencies count from when a request was due, after a warm-up, and"
          + " every answer is checked."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  sluice bench model.sluice --callers 64",
      "  sluice bench model.sluice --rate 2000 --duration 30 --json",
      "  sluice bench model.sluice --callers 1000 --virtual"
    })
final class BenchCommand implements Callable<Integer> {
  private static final int MAX_CALLERS = 10_000;

  /** Callers of an open loop: as many requests as can be in flight. */
  private static final int OPEN_CALLERS = 128;

  private static final double MAX_WARM_UP_S = 3;
  private static final long SEED = 1;

  @Spec private CommandSpec spec;
  @Mixin private Output output;
  @Mixin private DeviceOption device;
  @Mixin private CustomOps customOps;

  @Parameters(paramLabel = "PKG", description = "The package.")
  private Path packageFile;

  @ArgGroup(exclusive = true)
  private Loop loop = new Loop();

  /** One of the two. */
  private static final class Loop {
    @Option(
        names = "--callers",
        paramLabel = "N",
        description = "Closed loop: N callers, each sends when it has its answer (default: 1).")
    private Integer callers;

    @Option(
        names = "--rate",
        paramLabel = "R",
        description = "Open loop: R requests per second are due, whether or not it keeps up.")
    private String rate;
  }

  @Option(
      names = "--batch",
      paramLabel = "N",
      defaultValue = "1",
      description = "Rows of each request (default: ${DEFAULT-VALUE}).")
  private int rows;

  @Option(
      names = "--duration",
      paramLabel = "S",
      defaultValue = "10",
      description = "Seconds that are measured, after a warm-up (default: ${DEFAULT-VALUE}).")
  private double durationS;

  @Option(
      names = "--data",
      paramLabel = "DIR",
      description =
          "Send the samples of a folder, as verify takes them, instead of random numbers.")
  private Path data;

  @Option(names = "--virtual", description = "The callers are virtual threads.")
  private boolean virtual;

  @Override
  public Integer call()
      throws IOException,
          BackendException,
          BadInputException,
          RunFailedException,
          InterruptedException {
    LoadPlan plan = plan();
    EngineOptions options = device.engine().customOps(customOps.libraries()).build();
    try (SluicePackage opened = PackageReader.open(packageFile);
        Engine engine = Engine.open(packageFile, options)) {
      if (rows > engine.maxBatch()) {
        throw new BadInputException(
            "--batch "
                + rows
                + ": "
                + packageFile
                + " takes at most "
                + engine.maxBatch()
                + " rows at once ("
                + opened.manifest().batching().reason()
                + "); give at most that"
                + (opened.manifest().batching().proven()
                    ? ", or build the package with a larger --batch"
                    : ""));
      }
      output.progress("asking for the answers that the load is checked against …");
      LoadSamples samples =
          data == null
              ? PackageSamples.make(engine, opened, rows, SEED)
              : LoadData.read(data, engine, opened.manifest(), rows);
      output.progress(
          String.format(
              Locale.ROOT,
              "measuring for %.1f s, after %.1f s of warm-up …",
              durationS,
              plan.warmUp().toMillis() / 1e3));
      LoadReport report = LoadGenerator.run(engine, samples, plan);
      output.print(json(engine, report), out -> text(engine, report, out));
      check(report);
    }
    return 0;
  }

  private LoadPlan plan() {
    if (rows < 1) {
      throw usage("--batch " + rows + ": a request has at least 1 row");
    }
    if (!(durationS > 0 && durationS <= 86_400)) {
      throw usage("--duration " + durationS + ": between 0 and 86400 seconds");
    }
    int callers = loop.callers == null ? loop.rate == null ? 1 : OPEN_CALLERS : loop.callers;
    if (callers < 1 || callers > MAX_CALLERS) {
      throw usage("--callers " + callers + ": between 1 and " + MAX_CALLERS);
    }
    Duration duration = Duration.ofNanos((long) (durationS * 1e9));
    Duration warmUp = Duration.ofNanos((long) (Math.min(MAX_WARM_UP_S, durationS / 2) * 1e9));
    return new LoadPlan(callers, loop.rate == null ? 0 : rate(), warmUp, duration, virtual);
  }

  private double rate() {
    try {
      double rate = Double.parseDouble(loop.rate.replaceFirst("/s$", ""));
      if (rate > 0 && rate <= 1e8) {
        return rate;
      }
    } catch (NumberFormatException e) {
      // Told below, like a number that makes no sense.
    }
    throw usage("--rate " + loop.rate + ": a number of requests per second, as in 500 or 500/s");
  }

  private ParameterException usage(String problem) {
    return new ParameterException(spec.commandLine(), problem);
  }

  private static void check(LoadReport report) throws RunFailedException {
    if (report.errors() > 0) {
      throw new RunFailedException(
          report.errors()
              + " requests failed; the first: "
              + report.firstError()
              + "; 'sluice verify' tells whether the package's answers hold, 'sluice doctor' what"
              + " this machine lacks");
    }
  }

  /** The fields that scripts rely on; the demonstration prints them, too. */
  static Map<String, Object> json(Engine engine, LoadReport report) {
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("device", engine.device());
    object.put("loop", report.plan().isOpen() ? "open" : "closed");
    object.put("callers", report.plan().callers());
    object.put("virtual", report.plan().virtual());
    object.put("ratePerS", report.plan().isOpen() ? report.plan().ratePerS() : null);
    object.put("rowsPerRequest", report.rowsPerRequest());
    object.put("rows", report.rows());
    object.put("seconds", report.seconds());
    object.put("throughputPerS", report.throughputPerS());
    object.put("latencyUs", report.latencyUs());
    Map<String, Object> batch = new LinkedHashMap<>();
    batch.put("mean", report.meanBatch());
    batch.put("histogram", report.batches());
    batch.put("max", engine.maxBatch());
    object.put("batch", batch);
    object.put("lanes", engine.lanes());
    object.put(
        "allocatedBytesPerInference",
        report.allocatedBytesPerInference().isPresent()
            ? report.allocatedBytesPerInference().getAsDouble()
            : null);
    object.put("rejected", report.rejected());
    object.put("notSent", report.notSent());
    object.put("errors", report.errors());
    return object;
  }

  private static void text(Engine engine, LoadReport report, PrintWriter out) {
    LoadPlan plan = report.plan();
    LoadReport.Latency latency = report.latencyUs();
    String threads = plan.callers() + (plan.virtual() ? " virtual" : "") + " callers";
    TextTable table =
        new TextTable()
            .row("device", engine.device() + ", lanes " + engine.lanes())
            .row(
                "load",
                plan.isOpen()
                    ? String.format(
                        Locale.ROOT, "open loop, %.6g requests/s, %s", plan.ratePerS(), threads)
                    : "closed loop, " + threads)
            .row("rows", InspectCommand.count(report.rows()) + " in " + report.seconds() + " s")
            .row("throughput", String.format(Locale.ROOT, "%,.0f rows/s", report.throughputPerS()))
            .row("p50", latency(latency.p50()))
            .row("p90", latency(latency.p90()))
            .row("p99", latency(latency.p99()))
            .row("p99.9", latency(latency.p999()))
            .row("max", latency(latency.max()))
            .row("mean batch", String.format(Locale.ROOT, "%.1f rows", report.meanBatch()))
            .row("batches", histogram(report))
            .row("allocated", allocated(report));
    if (plan.isOpen()) {
      table
          .row("rejected", InspectCommand.count(report.rejected()))
          .row("not sent", InspectCommand.count(report.notSent()));
    }
    table.row("errors", InspectCommand.count(report.errors()));
    table.print(out);
  }

  private static String allocated(LoadReport report) {
    return report.allocatedBytesPerInference().isEmpty()
        ? "n/a (virtual callers are not counted)"
        : String.format(
            Locale.ROOT,
            "%.1f bytes of heap per request",
            report.allocatedBytesPerInference().getAsDouble());
  }

  /** Runs by rows, in steps of powers of two. */
  private static String histogram(LoadReport report) {
    Map<Integer, Long> byPower = new LinkedHashMap<>();
    report
        .batches()
        .forEach((rows, runs) -> byPower.merge(Integer.highestOneBit(rows), runs, Long::sum));
    List<String> words = new ArrayList<>();
    byPower.forEach((from, runs) ->
        words.add((from == 1 ? "1" : from + "-" + (2 * from - 1)) + " rows: " + runs));
    return String.join(", ", words);
  }

  static String latency(double us) {
    return us < 1_000
        ? String.format(Locale.ROOT, "%.1f us", us)
        : String.format(Locale.ROOT, "%.2f ms", us / 1e3);
  }
}
