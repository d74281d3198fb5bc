package dev.sluice.bench.gpu;

import dev.sluice.bench.models.GeneratedModel;
import dev.sluice.bench.models.MakeModels;
import dev.sluice.bench.models.TableModel;
import dev.sluice.bindings.cuda.CudaDevice;
import dev.sluice.bindings.cuda.DriverProbe;
import dev.sluice.bindings.cuda.DriverReport;
import dev.sluice.bindings.tensorrt.TensorRtLoader;
import dev.sluice.converter.build.BuildOptions;
import dev.sluice.converter.build.ModelBuilder;
import dev.sluice.engine.cuda.GpuLibraries;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/**
 * The engine beside a bare loop over the same plan: device time at some batch sizes, the latency of
 * a lone caller, and the rows per second of 64 callers beside the best that the plan does on the
 * device at any batch size. Each model is generated from a seed, packed, and its plan built here.
 *
 * <p>Exit status: 0; 1 where an answer is wrong, a bar is missed, or the GPU can't be used. Without
 * a GPU it says so and returns 0.
 *
 * <p>Not thread-safe.
 */
@Command(
    name = "side-by-side",
    mixinStandardHelpOptions = true,
    description = "Measures the engine beside a bare loop over the same TensorRT plan.")
public final class SideBySide implements Callable<Integer> {
  private final PrintStream out;

  @Parameters(
      index = "0..*",
      paramLabel = "NAME",
      description = "resnet50, mobilenetv2 or bert-base; all of them by default.")
  private List<TableModel> models = List.of();

  @Option(
      names = "--work",
      paramLabel = "DIR",
      description = "Where models and packages are made; a temporary folder by default.")
  private Path work;

  @Option(
      names = "--seconds",
      defaultValue = "5",
      paramLabel = "S",
      description = "How long 64 callers are measured (default: ${DEFAULT-VALUE}).")
  private int seconds;

  SideBySide(PrintStream out) {
    this.out = out;
  }

  /** Runs the program; {@code --help} says how. */
  public static void main(String[] arguments) {
    System.exit(
        new CommandLine(new SideBySide(System.out))
            .setCaseInsensitiveEnumValuesAllowed(true)
            .execute(arguments));
  }

  @Override
  public Integer call() throws Exception {
    DriverReport driver = DriverProbe.probe();
    if (driver.status() == DriverReport.Status.NO_DRIVER
        || driver.status() == DriverReport.Status.NO_DEVICE) {
      out.println("skipped, no GPU: " + driver.missing() + "; " + driver.remedy());
      return 0;
    }
    GpuLibraries gpu = GpuLibraries.ofMachine().require();
    out.println("driver " + driver.release().orElse("?"));
    Path folder = work == null ? Files.createTempDirectory("sluice-table") : work;
    Files.createDirectories(folder);
    boolean ok = true;
    for (TableModel each : models.isEmpty() ? List.of(TableModel.values()) : models) {
      ok &= print(gpu, each.model(), folder, Effort.full(Duration.ofSeconds(seconds)), out);
    }
    return ok ? 0 : 1;
  }

  /**
   * How much is measured.
   *
   * <p>Thread safety: immutable.
   *
   * @param batches rows of the runs that are compared
   * @param rounds of the bare loop and the engine in turn
   * @param repetitions of a round
   * @param warmUp before the first round
   * @param load how long 64 callers are measured
   */
  record Effort(
      List<Integer> batches, int rounds, int repetitions, Duration warmUp, Duration load) {
    static Effort full(Duration load) {
      return new Effort(List.of(1, 8, 32), 7, 60, Duration.ofSeconds(1), load);
    }
  }

  /** Measures a model and prints its lines; whether each bar is met and each answer right. */
  static boolean print(
      GpuLibraries gpu, GeneratedModel model, Path folder, Effort effort, PrintStream out)
      throws Exception {
    CudaDevice device = gpu.device(0);
    out.printf(
        Locale.ROOT,
        "%s on %s, TensorRT %s, Java %s, seed %d%n",
        model.name(),
        device.name(),
        TensorRtLoader.versionText(gpu.tensorRt().getInferLibVersion()),
        Runtime.version(),
        MakeModels.SEED);
    Path file = model.write(folder, MakeModels.SEED);
    Path packed = folder.resolve(model.name() + ".sluice");
    ModelBuilder.build(file, packed, BuildOptions.defaults());
    List<TableLine> lines = new ArrayList<>();
    try (PlanUnderTest plan = PlanUnderTest.load(gpu, packed, model)) {
      out.printf(Locale.ROOT, "  plan of %,d bytes: %s%n", plan.sizeBytes(), plan.origin());
      for (int rows : effort.batches()) {
        TableLine line = plan.compare(rows, effort);
        lines.add(line);
        out.println(line);
      }
      TableLine load = plan.load(effort);
      lines.add(load);
      out.println(load);
    }
    return lines.stream().allMatch(TableLine::ok);
  }
}
