package dev.sluice.bench.precision;

import dev.sluice.bench.models.PackageFolder;
import dev.sluice.bench.peers.PairedRatio;
import dev.sluice.bench.precision.CpuModel.Precision;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.ChainedOptionsBuilder;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.VerboseMode;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * Runs the benchmarks of this package in turns, so that what else the machine does meets all of
 * them, and tells how INT8 compares with FP32: the median of the rounds' ratios, and the least and
 * the largest.
 *
 * <p>Not thread-safe.
 */
@Command(
    name = "precision-table",
    mixinStandardHelpOptions = true,
    description = "Measures INT8 against FP32 on the CPU, of one caller and of 64.")
public final class PrecisionTable implements Callable<Integer> {
  private final PrintStream out;

  @Option(
      names = "--rounds",
      defaultValue = "5",
      paramLabel = "N",
      description = "How often each is measured (default: ${DEFAULT-VALUE}).")
  private int rounds;

  @Option(
      names = "--models",
      paramLabel = "NAME",
      split = ",",
      description = "For one caller: ${COMPLETION-CANDIDATES} (default: all that have INT8).")
  private List<CpuModel> models = CpuModel.quantized();

  @Option(
      names = "--callers",
      negatable = true,
      defaultValue = "true",
      fallbackValue = "true",
      description = "Measure 64 callers, too (default: yes).")
  private boolean callers;

  PrecisionTable(PrintStream out) {
    this.out = out;
  }

  /** Runs the program; {@code --help} says how. */
  public static void main(String[] arguments) {
    System.exit(
        new CommandLine(new PrecisionTable(System.out))
            .setCaseInsensitiveEnumValuesAllowed(true)
            .execute(arguments));
  }

  /** One thing that is measured: a benchmark and its parameters. */
  private record Subject(String benchmark, Map<String, String> parameters) {}

  @Override
  public Integer call() throws IOException, RunnerException {
    try (PackageFolder packages = new PackageFolder()) {
      Path folder = packages.path();
      for (CpuModel model : models) {
        model.pack(folder, Precision.INT8);
        // A row of a convolution network fills the machine; a batch tells nothing new.
        for (int rows :
            model == CpuModel.MLP || model == CpuModel.ENCODER
                ? new int[] {1, 32}
                : new int[] {1}) {
          oneCaller(folder, model, rows);
        }
      }
      if (callers) {
        CpuModel.MLP.pack(folder, Precision.INT8);
        manyCallers(folder);
      }
    }
    return 0;
  }

  private void oneCaller(Path folder, CpuModel model, int rows) throws RunnerException {
    Map<Precision, List<Double>> scores = new LinkedHashMap<>();
    for (int round = 0; round < rounds; round++) {
      for (Precision precision : Precision.values()) {
        Subject subject =
            new Subject(
                OneCallerBenchmark.class.getName() + ".request",
                Map.of("model", model.name(), "precision", precision.name(), "rows", "" + rows));
        scores.computeIfAbsent(precision, _ -> new ArrayList<>()).add(score(folder, subject));
      }
    }
    List<Double> fp32 = scores.get(Precision.FP32);
    List<Double> int8 = scores.get(Precision.INT8);
    out.printf(
        Locale.ROOT,
        "%-12s %3d rows  INT8 %9.1f us  FP32 %9.1f us  %s%n",
        model.name().toLowerCase(Locale.ROOT),
        rows,
        median(int8),
        median(fp32),
        ratios(fp32, int8));
  }

  private void manyCallers(Path folder) throws RunnerException {
    String benchmark = ManyCallersBenchmark.class.getName();
    Map<String, Subject> subjects = new LinkedHashMap<>();
    for (Precision precision : Precision.values()) {
      subjects.put(
          "Sluice " + precision,
          new Subject(benchmark + ".sluice", Map.of("precision", precision.name())));
    }
    for (String threads : List.of("1", "0")) {
      subjects.put(
          "ONNX Runtime Java FP32, " + (threads.equals("0") ? "default threads" : "1 thread"),
          new Subject(benchmark + ".onnxRuntimeJava", Map.of("intraOpThreads", threads)));
    }
    Map<String, List<Double>> scores = new LinkedHashMap<>();
    for (int round = 0; round < rounds; round++) {
      for (Map.Entry<String, Subject> one : subjects.entrySet()) {
        scores
            .computeIfAbsent(one.getKey(), _ -> new ArrayList<>())
            .add(score(folder, one.getValue()));
      }
    }
    List<Double> int8 = scores.get("Sluice " + Precision.INT8);
    scores.forEach((name, all) ->
        out.printf(
            Locale.ROOT,
            "mlp, 64 callers  %-42s %9.0f rows/s  Sluice INT8 is %s%n",
            name,
            median(all),
            ratios(int8, all)));
  }

  private static double score(Path folder, Subject subject) throws RunnerException {
    ChainedOptionsBuilder options =
        new OptionsBuilder()
            .include("^" + subject.benchmark().replace(".", "\\.") + "$")
            .jvmArgsAppend(
                "--enable-native-access=ALL-UNNAMED",
                "--sun-misc-unsafe-memory-access=allow",
                "-D" + PackageFolder.PROPERTY + "=" + folder)
            .shouldFailOnError(true)
            .verbosity(VerboseMode.SILENT);
    subject.parameters().forEach(options::param);
    Collection<RunResult> results = new Runner(options.build()).run();
    return results.iterator().next().getPrimaryResult().getScore();
  }

  /** How many times the other each one is, round by round. */
  private static String ratios(List<Double> ones, List<Double> others) {
    List<Double> ratios = new ArrayList<>();
    for (int i = 0; i < ones.size(); i++) {
      ratios.add(ones.get(i) / others.get(i));
    }
    ratios.sort(null);
    return String.format(
        Locale.ROOT, "%.2fx (%.2f to %.2f)", median(ratios), ratios.getFirst(), ratios.getLast());
  }

  private static double median(List<Double> values) {
    return PairedRatio.median(values.stream().mapToDouble(Double::doubleValue).toArray());
  }
}
