package dev.sluice.bench.peers;

import ai.onnxruntime.OrtEnvironment;
import dev.sluice.bench.models.PackageFolder;
import dev.sluice.converter.build.ModelBuilder;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/**
 * The engine beside ONNX Runtime's Java API and DJL. Each has a process of its own; they have turns
 * of the same length one after another, and ratios are taken within a round. The peers' answers are
 * compared with each other before, and every answer with its caller's first.
 *
 * <p>Exit status: 0, also where a bar is missed; 1 where an answer is wrong or a process ends
 * early.
 *
 * <p>Not thread-safe.
 */
@Command(
    name = "peer-table",
    mixinStandardHelpOptions = true,
    description = "Measures the engine beside ONNX Runtime's Java API and DJL on the CPU.")
public final class PeerTable implements Callable<Integer> {
  private static final Path CPU_INFO = Path.of("/proc/cpuinfo");

  private final PrintStream out;

  @Spec private CommandSpec spec;

  @Option(
      names = "--parts",
      paramLabel = "NAME",
      split = ",",
      description = "${COMPLETION-CANDIDATES} (default: all).")
  private List<Part> parts = List.of(Part.values());

  @Option(
      names = "--models",
      paramLabel = "NAME",
      split = ",",
      description = "${COMPLETION-CANDIDATES} (default: those that a part is about).")
  private List<PeerModel> models;

  @Option(
      names = "--rounds",
      paramLabel = "N",
      description = "Turns of each (default: as many as a part needs).")
  private Integer rounds;

  @Option(
      names = "--turn",
      paramLabel = "MS",
      description = "Milliseconds of a turn (default: as many as a part needs).")
  private Integer turnMs;

  @Option(names = "--json", paramLabel = "FILE", description = "Writes the rows there, too.")
  private Path json;

  PeerTable(PrintStream out) {
    this.out = out;
  }

  /** Runs the program; {@code --help} says how. */
  public static void main(String[] arguments) {
    System.exit(command(System.out).execute(arguments));
  }

  /** The program, which prints to a stream. */
  static CommandLine command(PrintStream out) {
    return new CommandLine(new PeerTable(out)).setCaseInsensitiveEnumValuesAllowed(true);
  }

  @Override
  public Integer call() throws IOException, InterruptedException {
    Report report = new Report(out);
    try (PackageFolder packages = new PackageFolder()) {
      Setting setting = new Setting(packages.path(), rounds, turnMs);
      // What every process warms up with.
      PeerModel.A.make(packages.path());
      for (Part part : parts) {
        List<PeerModel> asked = models == null ? part.models() : models;
        for (PeerModel model : asked) {
          model.make(packages.path());
        }
        part.measurement().measure(asked, setting, report);
      }
    }
    report.summary();
    if (json != null) {
      String command = String.join(" ", spec.commandLine().getParseResult().originalArgs());
      new TableResults(
              LocalDate.now(ZoneOffset.UTC).toString(),
              command,
              machine(),
              versions(),
              report.rows())
          .write(json);
    }
    return 0;
  }

  private static String machine() throws IOException {
    String processor = System.getProperty("os.arch");
    if (Files.exists(CPU_INFO)) {
      try (Stream<String> lines = Files.lines(CPU_INFO)) {
        processor =
            lines
                .filter(line -> line.startsWith("model name"))
                .map(line -> line.replaceFirst("^.*: ", ""))
                .findFirst()
                .orElse(processor);
      }
    }
    return String.format(
        "%s, %d cores, %s %s",
        processor,
        Runtime.getRuntime().availableProcessors(),
        System.getProperty("os.name"),
        System.getProperty("os.version"));
  }

  private static Map<String, String> versions() {
    // The converter's jar is the one that names it.
    String own = ModelBuilder.class.getPackage().getImplementationVersion();
    return Map.of(
        "Java",
        Runtime.version().toString(),
        "ONNX Runtime",
        OrtEnvironment.getEnvironment().getVersion(),
        "DJL",
        ai.djl.engine.Engine.getDjlVersion(),
        "Sluice",
        own == null ? "not packaged" : own);
  }
}
