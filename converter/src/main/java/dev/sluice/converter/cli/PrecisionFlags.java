package dev.sluice.converter.cli;

import dev.sluice.converter.build.BuildOptions;
import dev.sluice.converter.build.PrecisionBuilder;
import dev.sluice.converter.calibrate.CalibrationSource;
import dev.sluice.converter.calibrate.Calibrator;
import dev.sluice.converter.calibrate.Progress;
import dev.sluice.converter.precision.BarNotMetException;
import dev.sluice.converter.precision.LossBar;
import dev.sluice.converter.precision.PrecisionOptions;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/**
 * What {@code sluice build} takes for another precision.
 *
 * <p>Thread safety: one thread.
 */
final class PrecisionFlags {
  private static final String FP32 = "fp32";
  private static final String INT8 = "int8";
  private static final String KEEP = "keep";
  private static final String LOW = "low";

  @Spec(Spec.Target.MIXEE)
  private CommandSpec command;

  private String precision = FP32;
  private Calibrator calibrator;
  private LossBar maxLoss;
  private PrecisionOptions.CpuGraph cpuGraph;
  private String ioTypes;

  @Option(
      names = "--calibration",
      paramLabel = "PATH",
      description =
          "Samples of what the model will see, for another precision: a folder as 'verify --data'"
              + " takes it, or one .npz, .npy or .pb. Some are held out to measure the loss on.")
  private Path calibration;

  @Option(
      names = "--report",
      paramLabel = "DIR",
      description =
          "Write report.html there: a page about the accuracy of each layer and tensor, with size and"
              + " speed.")
  private Path report;

  @Option(
      names = "--exclude",
      paramLabel = "NODE_OR_REGEX",
      description =
          "A node that stays as it is: its name, that of its first result, or a regular expression"
              + " for either. Repeatable.")
  private List<String> excluded = new ArrayList<>();

  @Option(
      names = "--precision",
      paramLabel = "PRECISION",
      defaultValue = FP32,
      description =
          "fp32: every layer stays as the model has it. int8: convolutions and products with"
              + " constant weights get 8 bits. fp16, bf16: values get 16 bits in the graph for"
              + " TensorRT, but for those that would overflow (default: ${DEFAULT-VALUE}).")
  void setPrecision(String value) {
    if (!List.of(FP32, INT8, "fp16", "bf16").contains(value)) {
      throw usage("--precision " + value + ": there are fp32, fp16, bf16 and int8");
    }
    precision = value;
  }

  @Option(
      names = "--calibrator",
      paramLabel = "NAME",
      description =
          "How the range of a tensor is picked: minmax, entropy, percentile or mse (default:"
              + " mse).")
  void setCalibrator(String value) {
    try {
      calibrator = Calibrator.of(value);
    } catch (IllegalArgumentException e) {
      throw usage("--calibrator " + value + ": " + e.getMessage());
    }
  }

  @Option(
      names = "--max-loss",
      paramLabel = "X",
      description =
          "The accuracy that the precision may cost samples that the build has not seen, with"
              + " 95 %% confidence by those that are held out: 1%% of the rows that rank the same"
              + " first, or 30dB of signal to noise. Layers that cost too much stay in FP32"
              + " (default: 20dB).")
  void setMaxLoss(String value) {
    try {
      maxLoss = LossBar.parse(value);
    } catch (IllegalArgumentException e) {
      throw usage("--max-loss " + value + ": " + e.getMessage());
    }
  }

  @Option(
      names = "--cpu-graph",
      paramLabel = "PRECISION",
      description =
          "The precision of the package's graph for the CPU: int8, fp32, or auto, which is fp32 where"
              + " int8 is not a tenth faster on this machine (default: auto).")
  void setCpuGraph(String value) {
    if (!List.of("auto", INT8, FP32).contains(value)) {
      throw usage("--cpu-graph " + value + ": there are auto, int8 and fp32");
    }
    cpuGraph = PrecisionOptions.CpuGraph.valueOf(value.toUpperCase(Locale.ROOT));
  }

  @Option(
      names = "--io-types",
      paramLabel = "TYPES",
      description =
          "For fp16 and bf16. keep: inputs and outputs of real numbers keep their type. low: they get"
              + " the 16 bits, too (default: keep).")
  void setIoTypes(String value) {
    if (!List.of(KEEP, LOW).contains(value)) {
      throw usage("--io-types " + value + ": there are keep and low");
    }
    ioTypes = value;
  }

  private ParameterException usage(String problem) {
    return new ParameterException(command.commandLine(), problem);
  }

  /** Whether the package shall have another precision than the model. */
  boolean wanted() {
    return !precision.equals(FP32);
  }

  /**
   * Throws where the flags don't fit together.
   *
   * @param stages whether the package has stages
   */
  void check(boolean stages) {
    if (wanted() && calibration == null) {
      throw usage(
          "--precision "
              + precision
              + " needs samples of what the model will see: add --calibration PATH");
    }
    if (!wanted()
        && (calibration != null
            || calibrator != null
            || maxLoss != null
            || cpuGraph != null
            || ioTypes != null
            || report != null
            || !excluded.isEmpty())) {
      throw usage(
          "--calibration, --calibrator, --max-loss, --cpu-graph, --io-types, --exclude and --report"
              + " are for another precision: add --precision int8, fp16 or bf16");
    }
    if (wanted() && !precision.equals(INT8) && (calibrator != null || cpuGraph != null)) {
      throw usage("--calibrator and --cpu-graph are for --precision int8: leave them out");
    }
    if (precision.equals(INT8) && LOW.equals(ioTypes)) {
      throw usage(
          "--io-types low is for --precision fp16 and bf16; with int8 what is not in 8 bits stays in"
              + " FP32, inputs and outputs too: leave it out");
    }
    if (precision.equals("bf16") && LOW.equals(ioTypes) && stages) {
      throw usage(
          "--io-types low: stages write and read float and float16, not bfloat16; take --precision"
              + " fp16, or leave --io-types low out");
    }
  }

  /** What the flags say. */
  PrecisionOptions options() {
    PrecisionOptions defaults = PrecisionOptions.defaults();
    return new PrecisionOptions(
        calibrator == null ? defaults.calibrator() : calibrator,
        maxLoss == null ? defaults.maxLoss() : maxLoss,
        excluded,
        cpuGraph == null ? defaults.cpuGraph() : cpuGraph,
        LOW.equals(ioTypes));
  }

  /** Makes the package of one in FP32. */
  PrecisionBuilder.Built build(Path source, Path target, BuildOptions built, Output output)
      throws IOException, BadInputException, BelowBarException {
    Served served = Served.of(source);
    CalibrationSource samples = CalibrationData.read(calibration, served);
    Optional<PrintWriter> terminal = output.terminal();
    try {
      if (terminal.isEmpty()) {
        return PrecisionBuilder.build(
            source, target, precision, built, options(), samples, report, Progress.NONE);
      }
      try (PlanProgress bar = new PlanProgress(terminal.get(), System::nanoTime)) {
        Progress progress = new Remaining(bar);
        return PrecisionBuilder.build(
            source, target, precision, built, options(), samples, report, progress);
      }
    } catch (BarNotMetException e) {
      throw new BelowBarException(e.getMessage());
    }
  }

  /** Shows progress with the time that is left of a phase. */
  private static final class Remaining implements Progress {
    private final PlanProgress bar;
    private String phase = "";
    private long startNs;

    Remaining(PlanProgress bar) {
      this.bar = bar;
    }

    @Override
    public void at(String now, long done, long all) {
      long nowNs = System.nanoTime();
      if (!now.equals(phase)) {
        phase = now;
        startNs = nowNs;
      }
      double leftS = done == 0 ? 0 : (nowNs - startNs) / 1e9 / done * (all - done);
      String left = done == 0 ? "" : String.format(Locale.ROOT, ", about %.0f s left", leftS);
      bar.step(now + left, Math.toIntExact(done), Math.toIntExact(all));
    }
  }
}
