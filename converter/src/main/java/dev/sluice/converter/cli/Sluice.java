package dev.sluice.converter.cli;

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
    description = "Makes packages of ONNX models and serves them in batches.",
    footer = {
      "",
      "Exit status: 0 done, 1 the run failed, 2 bad usage or bad input, 3 a bar was not met."
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

  private Sluice() {}

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
    CommandLine commandLine = commandLine().setOut(out).setErr(err);
    try {
      return commandLine.execute(arguments);
    } catch (Error e) {
      return Failures.report(e, commandLine, List.of(arguments));
    }
  }

  /** The command's own description of its subcommands and options. */
  static CommandLine commandLine() {
    return new CommandLine(new Sluice())
        .setCaseInsensitiveEnumValuesAllowed(true)
        .setParameterExceptionHandler(
            (e, arguments) -> Failures.report(e, e.getCommandLine(), List.of(arguments)))
        .setExecutionExceptionHandler(
            (e, failed, parsed) -> Failures.report(e, failed, parsed.expandedArgs()));
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
