package dev.sluice.converter.cli;

import dev.sluice.engine.cuda.GpuLibraries;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.List;
import picocli.AutoComplete.GenerateCompletion;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.IVersionProvider;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/**
 * The command {@code sluice}.
 *
 * <p>Thread safety: one thread.
 */
@Command(
    name = "sluice",
    mixinStandardHelpOptions = true,
    versionProvider = Sluice.Version.class,
    synopsisSubcommandLabel = "COMMAND",
    description = {
      "Makes packages of ONNX models and serves them in batches: by TensorRT on an NVIDIA GPU, by"
          + " ONNX Runtime on any CPU.",
      "",
      "'build' makes a package, 'inspect' shows what is in it, 'run' and 'verify' try its answers,"
          + " 'bench' its speed. 'sluice COMMAND --help' tells of each."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  sluice demo",
      "  sluice build model.onnx",
      "  sluice run model.sluice --input x=x.npy -o out"
    },
    subcommands = {
      BuildCommand.class,
      RunCommand.class,
      VerifyCommand.class,
      InspectCommand.class,
      BenchCommand.class,
      DemoCommand.class,
      DoctorCommand.class,
      GenerateCompletion.class
    })
public final class Sluice implements Runnable {
  @Spec private CommandSpec spec;
  private final GpuLibraries.Result gpu;
  private boolean printed;

  private Sluice(GpuLibraries.Result gpu) {
    this.gpu = gpu;
  }

  /** Runs the command and ends the process with its exit status. */
  public static void main(String[] arguments) {
    PrintWriter out = new PrintWriter(System.out, false, StandardCharsets.UTF_8);
    PrintWriter err = new PrintWriter(System.err, true, StandardCharsets.UTF_8);
    int status = execute(out, err, arguments);
    out.flush();
    err.flush();
    System.exit(status);
  }

  /**
   * Runs the command in this process.
   *
   * @param out takes what the command prints
   * @param err takes messages and progress
   * @return the exit status: 0 done, 1 failed, 2 bad usage or input, 3 a bar was not met
   */
  public static int execute(PrintWriter out, PrintWriter err, String... arguments) {
    return execute(out, err, null, List.of(arguments));
  }

  /**
   * Runs the command in this process, on a simulated GPU for instance.
   *
   * @param gpu what is used in place of this machine's GPU libraries; null for these
   */
  static int execute(
      PrintWriter out, PrintWriter err, GpuLibraries.Result gpu, List<String> arguments) {
    CommandLine commandLine = commandLine(gpu).setOut(out).setErr(err);
    try {
      int status = commandLine.execute(arguments.toArray(String[]::new));
      if (status == 0 && out.checkError()) {
        throw new RunFailedException(
            "standard output could not be written: the disk is full, or who read it is gone; run it"
                + " again with it going elsewhere");
      }
      return status;
    } catch (Error | RunFailedException e) {
      return Failures.report(e, commandLine, arguments);
    }
  }

  /** The command's own description of its subcommands and options. */
  static CommandLine commandLine() {
    return commandLine(null);
  }

  /** The same of a command with these GPU libraries; null for those of this machine. */
  static CommandLine commandLine(GpuLibraries.Result gpu) {
    CommandLine commandLine = new CommandLine(new Sluice(gpu));
    HelpPage.arrange(commandLine);
    return commandLine
        .setCaseInsensitiveEnumValuesAllowed(true)
        .setParameterExceptionHandler(
            (e, arguments) -> Failures.report(e, e.getCommandLine(), List.of(arguments)))
        .setExecutionExceptionHandler(
            (e, failed, parsed) -> Failures.report(e, failed, parsed.expandedArgs()));
  }

  /** What a command was started with. */
  static Sluice of(CommandSpec command) {
    return (Sluice) command.root().userObject();
  }

  /** Notes that a result was printed. */
  void setPrinted() {
    printed = true;
  }

  /** Whether a result was printed. */
  boolean isPrinted() {
    return printed;
  }

  /** The GPU libraries that it was started with, else those of this machine. */
  GpuLibraries.Result gpu() {
    return gpu == null ? GpuLibraries.ofMachine() : gpu;
  }

  /** The GPU libraries that it was started with; null where these are this machine's. */
  GpuLibraries givenGpu() {
    return gpu == null ? null : gpu.libraries().orElse(null);
  }

  @Override
  public void run() {
    throw new ParameterException(spec.commandLine(), "a command is missing");
  }

  /** The version in the jar's manifest. */
  static final class Version implements IVersionProvider {
    static String text() {
      String version = Sluice.class.getPackage().getImplementationVersion();
      return version == null ? "(not packaged)" : version;
    }

    @Override
    public String[] getVersion() {
      return new String[] {"sluice " + text()};
    }
  }
}
