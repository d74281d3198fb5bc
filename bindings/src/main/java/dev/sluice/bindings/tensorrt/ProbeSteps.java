package dev.sluice.bindings.tensorrt;

import java.io.PrintStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * The steps of a probe, printed as they end: what they found, or why they failed and what to do.
 *
 * <p>Thread safety: one thread.
 */
final class ProbeSteps {
  /** Does one thing and says in a few words what it found. */
  interface Step {
    String run() throws Exception;
  }

  /** A step failed; the message says why and what to do. */
  static final class Failure extends Exception {
    private static final long serialVersionUID = 1L;

    Failure(String message) {
      super(message);
    }
  }

  private final PrintStream out;
  private final List<String> verdicts = new ArrayList<>();
  private int failures;

  ProbeSteps(PrintStream out) {
    this.out = out;
  }

  /** Runs a step and says whether it succeeded. A library that does not link is a failure too. */
  boolean run(String name, Step step) {
    long startNs = System.nanoTime();
    // Before the step, so that a crash of the process shows where.
    out.printf("%-28s ", name);
    out.flush();
    try {
      String found = step.run();
      print("OK", found, startNs);
      return true;
    } catch (Exception | LinkageError e) {
      failures++;
      print("FAILED", speaksForItself(e) ? e.getMessage() : describe(e), startNs);
      return false;
    }
  }

  /** Notes a step that has nothing to stand on. */
  void skip(String name, String why) {
    out.printf("%-28s %-7s %s%n", name, "SKIPPED", why);
  }

  /** Answers one of the questions that the probe is there for. */
  void verdict(String question, String answer) {
    verdicts.add(String.format(Locale.ROOT, "%-54s %s", question, answer));
  }

  /** Prints the answers. */
  void printVerdicts() {
    out.println();
    verdicts.forEach(verdict -> out.println("VERDICT " + verdict));
  }

  int failures() {
    return failures;
  }

  private void print(String outcome, String text, long startNs) {
    double elapsedMs = (System.nanoTime() - startNs) / 1e6;
    out.printf(Locale.ROOT, "%-7s %9.1f ms  ", outcome, elapsedMs);
    out.println(String.join(System.lineSeparator() + " ".repeat(8), text.split("\n")));
  }

  /** Whether the message says why and what to do. */
  private static boolean speaksForItself(Throwable e) {
    return e instanceof Failure
        || e instanceof TensorRtLoader.NotLoaded
        || e instanceof TensorRtException;
  }

  /** The chain of causes: JavaCPP's own reason stands at its end. */
  private static String describe(Throwable e) {
    StringBuilder text = new StringBuilder(e.toString());
    for (Throwable cause = e.getCause(); cause != null; cause = cause.getCause()) {
      text.append("\ncaused by ").append(cause);
    }
    return text.toString();
  }
}
