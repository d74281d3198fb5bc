package dev.sluice.converter.cli;

import java.io.PrintWriter;
import java.util.Map;
import java.util.Optional;
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
    Sluice.of(command).setPrinted();
    if (json) {
      out.println(Json.write(object));
    } else {
      text.accept(out);
    }
    out.flush();
  }

  /** Tells a person at a terminal what takes so long. */
  void progress(String what) {
    terminal().ifPresent(err -> err.println(what));
  }

  /** Standard error, where a person at a terminal reads it and no JSON was asked for. */
  @SuppressWarnings("SystemConsoleNull") // JDK 25's built-in console is null without a terminal
  Optional<PrintWriter> terminal() {
    boolean read = !json && System.console() != null && System.console().isTerminal();
    return read ? Optional.of(command.commandLine().getErr()) : Optional.empty();
  }

  /** A message without what a terminal takes for a command: names come out of files. */
  static String printable(String message) {
    return message.replaceAll("[\\p{Cc}&&[^\n\t]]", "?");
  }

  /** A remark beside the result. */
  void warn(String remark) {
    command.commandLine().getErr().println("sluice: " + printable(remark));
  }
}
