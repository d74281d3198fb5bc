package dev.sluice.bench.peers;

import dev.sluice.bench.models.PackageFolder;
import dev.sluice.bench.precision.CpuModel;
import dev.sluice.bench.precision.CpuModel.Precision;
import dev.sluice.bench.precision.ManyCallersBenchmark;
import dev.sluice.bench.precision.OneCallerBenchmark;
import dev.sluice.converter.cli.Sluice;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * The command {@code sluice bench} beside the benchmarks by JMH: two instruments on one engine,
 * which have to agree. Each turn is a new process, the two alternate, and ratios are taken within a
 * round.
 *
 * <p>Two of the three rows of a model are of an engine as a service opens it, with the tuning that
 * all processes find in one cache; in the third {@link OneCallerBenchmark} opens it for a lone
 * caller: one lane, one thread, no batches. What is timed differs a little: {@code sluice bench}
 * times claim to answer, and compares all of the answer outside of that, though inside of a
 * caller's loop; JMH times claim to close, with one number read.
 *
 * <p>Exit status: 0; 1 where a process fails.
 *
 * <p>Not thread-safe.
 */
@Command(
    name = "agreement-table",
    mixinStandardHelpOptions = true,
    description = "Holds 'sluice bench' against the same by JMH.")
public final class AgreementTable implements Callable<Integer> {
  private static final JsonMapper JSON = new JsonMapper();
  private static final int CALLERS = 64;

  private final PrintStream out;

  @Option(
      names = "--models",
      paramLabel = "NAME",
      split = ",",
      description = "${COMPLETION-CANDIDATES} (default: tiny, mlp).")
  private List<CpuModel> models = List.of(CpuModel.TINY, CpuModel.MLP);

  @Option(
      names = "--rounds",
      paramLabel = "N",
      defaultValue = "6",
      description = "Turns of each (default: ${DEFAULT-VALUE}).")
  private int rounds;

  @Option(
      names = "--turn",
      paramLabel = "MS",
      defaultValue = "1000",
      description =
          "Milliseconds that are measured, after half of that to warm up (default:"
              + " ${DEFAULT-VALUE}).")
  private int turnMs;

  AgreementTable(PrintStream out) {
    this.out = out;
  }

  /** Runs the program; {@code --help} says how. */
  public static void main(String[] arguments) {
    System.exit(command(System.out).execute(arguments));
  }

  /** The program, which prints to a stream. */
  static CommandLine command(PrintStream out) {
    return new CommandLine(new AgreementTable(out)).setCaseInsensitiveEnumValuesAllowed(true);
  }

  @Override
  public Integer call() throws IOException, InterruptedException {
    try (PackageFolder packages = new PackageFolder()) {
      for (CpuModel model : models) {
        model.pack(packages.path(), Precision.FP32);
        measure(packages.path(), model);
      }
    }
    return 0;
  }

  private void measure(Path folder, CpuModel model) throws IOException, InterruptedException {
    String many = ManyCallersBenchmark.class.getName() + ".sluice";
    String one = OneCallerBenchmark.class.getName() + ".request";
    double[][] bench = new double[2][rounds];
    double[][] jmh = new double[3][rounds];
    for (int round = 0; round < rounds; round++) {
      bench[0][round] = bench(folder, model, 1).path("latencyUs").path("p50").asDouble();
      jmh[0][round] = p50(jmh(folder, model, many, 1, "-bm", "sample", "-tu", "us"));
      jmh[1][round] = p50(jmh(folder, model, one, 1, "-bm", "sample", "-tu", "us", "-p", "rows=1"));
      bench[1][round] = bench(folder, model, CALLERS).path("throughputPerS").asDouble();
      jmh[2][round] =
          jmh(folder, model, many, CALLERS, "-bm", "thrpt", "-tu", "s").path("score").asDouble();
    }
    print(model, "1 caller, p50, us", bench[0], jmh[0]);
    print(model, "1 caller, p50, us, JMH's on one lane", bench[0], jmh[1]);
    print(model, CALLERS + " callers, rows/s", bench[1], jmh[2]);
  }

  private void print(CpuModel model, String what, double[] bench, double[] jmh) {
    out.printf(
        Locale.ROOT,
        "%-6s %-38s sluice bench %10.2f  JMH %10.2f  ratio %s%n",
        model.name().toLowerCase(Locale.ROOT),
        what,
        PairedRatio.median(bench),
        PairedRatio.median(jmh),
        PairedRatio.of(bench, jmh));
  }

  private static double p50(JsonNode metric) {
    return metric.path("scorePercentiles").path("50.0").asDouble();
  }

  private JsonNode bench(Path folder, CpuModel model, int callers)
      throws IOException, InterruptedException {
    String file = model.file(folder, Precision.FP32).toString();
    String seconds = String.format(Locale.ROOT, "%.3f", turnMs / 1e3);
    return JSON.readTree(
        output(
            folder,
            Sluice.class.getName(),
            List.of("bench", file, "--json", "--duration", seconds, "--callers", "" + callers)));
  }

  /** The primary metric of a benchmark, which runs in the process that is started here. */
  private JsonNode jmh(
      Path folder, CpuModel model, String benchmark, int callers, String... options)
      throws IOException, InterruptedException {
    Path results = folder.resolve("jmh.json");
    List<String> arguments = new ArrayList<>(List.of(options));
    arguments.addAll(List.of("-p", "model=" + model, "-p", "precision=" + Precision.FP32));
    arguments.addAll(List.of("-f", "0", "-t", "" + callers, "-foe", "true", "-v", "SILENT"));
    arguments.addAll(List.of("-wi", "1", "-w", turnMs / 2 + "ms", "-i", "1", "-r", turnMs + "ms"));
    arguments.addAll(List.of("-rf", "json", "-rff", results.toString()));
    arguments.add("^" + benchmark.replace(".", "\\.") + "$");
    Files.deleteIfExists(results);
    String said = output(folder, org.openjdk.jmh.Main.class.getName(), arguments);
    if (!Files.exists(results)) {
      throw new IOException("JMH measured nothing of " + benchmark + ": " + said);
    }
    return JSON.readTree(Files.readString(results)).path(0).path("primaryMetric");
  }

  /** Runs a main class in a process of its own; what it prints. */
  private static String output(Path folder, String main, List<String> arguments)
      throws IOException, InterruptedException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.add("--enable-native-access=ALL-UNNAMED");
    command.add("--sun-misc-unsafe-memory-access=allow");
    command.add("-D" + PackageFolder.PROPERTY + "=" + folder);
    // What the engine measures of a model is the same for both.
    command.add("-Dsluice.cache=" + folder.resolve("cache"));
    command.add("-Djmh.ignoreLock=true");
    command.addAll(List.of("-cp", System.getProperty("java.class.path"), main));
    command.addAll(arguments);
    Path errors = folder.resolve("errors.txt");
    Process process = new ProcessBuilder(command).redirectError(errors.toFile()).start();
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    if (process.waitFor() != 0) {
      throw new IOException(
          main + " failed with status " + process.exitValue() + ": " + Files.readString(errors));
    }
    return said;
  }
}
