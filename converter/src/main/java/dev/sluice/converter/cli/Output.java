package dev.sluice.converter.cli;

import java.io.PrintWriter;
import java.util.Map;
import java.util.function.Consumer;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/**
 * What every command prints by: a text for people, or one JSON object.
 *
 * <p>Thread safety: one thread.
 */
final class Output {
  @Option(
      names = "--json",
      description = "Print one JSON object on standard output, and nothing else there.")
  private boolean json;

  // Failures reads it out of the arguments, so that it counts where these can't be parsed, too.
  @SuppressWarnings("unused")
  @Option(names = "--debug", description = "Show where in the code a failure came from.")
  private boolean debug;

  @Spec(Spec.Target.MIXEE)
  private CommandSpec command;

  /** Prints the result once, in the form that was asked for. */
  void print(Map<String, ?> object, Consumer<PrintWriter> text) {
    PrintWriter out = command.commandLine().getOut();
    if (json) {
      out.println(Json.write(object));
    } else {
      text.accept(out);
    }
    out.flush();
  }

  /** Tells a person at a terminal what takes so long. */
  @SuppressWarnings("SystemConsoleNull") // JDK 25's built-in console is null without a terminal
  void progress(String what) {
    if (!json && System.console() != null && System.console().isTerminal()) {
      command.commandLine().getErr().println(what);
    }
  }

  /** A remark beside the result. */
  void warn(String remark) {
    command.commandLine().getErr().println("sluice: " + remark);
  }
}
