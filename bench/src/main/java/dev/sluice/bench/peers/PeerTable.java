package dev.sluice.bench.peers;

import dev.sluice.bench.models.PackageFolder;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * The engine beside ONNX Runtime's Java API and DJL: a lone caller, and 64 in a closed loop. Each
 * has a process of its own; they have turns of the same length one after another, and ratios are
 * taken within a round. The peers' answers are compared with each other before, and every answer
 * with its caller's first.
 *
 * <p>Exit status: 0; 1 where an answer is wrong or a process ends early.
 *
 * <p>Not thread-safe.
 */
@Command(
    name = "peer-table",
    mixinStandardHelpOptions = true,
    description = "Measures the engine beside ONNX Runtime's Java API and DJL on the CPU.")
public final class PeerTable implements Callable<Integer> {
  private static final float TOLERANCE = 1e-3f;
  private static final int CALLERS = 64;

  private final PrintStream out;

  @Option(
      names = "--models",
      paramLabel = "NAME",
      split = ",",
      description = "${COMPLETION-CANDIDATES} (default: all).")
  private List<PeerModel> models = List.of(PeerModel.values());

  @Option(
      names = "--rounds",
      defaultValue = "15",
      paramLabel = "N",
      description = "Turns of each (default: ${DEFAULT-VALUE}).")
  private int rounds;

  @Option(
      names = "--turn",
      defaultValue = "400",
      paramLabel = "MS",
      description = "Milliseconds of a turn of a lone caller (default: ${DEFAULT-VALUE}).")
  private int turnMs;

  @Option(
      names = "--many-turn",
      defaultValue = "1000",
      paramLabel = "MS",
      description = "The same of 64 callers (default: ${DEFAULT-VALUE}).")
  private int manyTurnMs;

  PeerTable(PrintStream out) {
    this.out = out;
  }

  /** Runs the program; {@code --help} says how. */
  public static void main(String[] arguments) {
    System.exit(
        new CommandLine(new PeerTable(System.out))
            .setCaseInsensitiveEnumValuesAllowed(true)
            .execute(arguments));
  }

  /** What is measured: a peer with a number of threads for each run, 0 for its default. */
  private record Subject(Peer.Kind kind, int threads) {
    @Override
    public String toString() {
      String name =
          switch (kind) {
            case SLUICE -> "Sluice";
            case ORT_REUSED -> "ONNX Runtime Java, reused";
            case ORT_USUAL -> "ONNX Runtime Java, usual";
            case DJL -> "DJL";
          };
      return threads == 0 ? name : name + ", " + threads + (threads == 1 ? " thread" : " threads");
    }
  }

  @Override
  public Integer call() throws IOException, InterruptedException {
    try (PackageFolder packages = new PackageFolder()) {
      Path folder = packages.path();
      for (PeerModel model : models) {
        model.make(folder);
        loneCaller(folder, model);
        for (String threads : List.of("platform", "virtual")) {
          manyCallers(folder, model, threads);
        }
      }
    }
    return 0;
  }

  private void loneCaller(Path folder, PeerModel model) throws IOException, InterruptedException {
    List<Subject> subjects =
        Stream.of(Peer.Kind.values()).map(kind -> new Subject(kind, 1)).toList();
    double[][][] turns = measure(folder, model, subjects, "one " + turnMs);
    for (int i = 0; i < subjects.size(); i++) {
      out.printf(
          Locale.ROOT,
          "%s, 1 caller    %-36s %12.2f us  %7.0f bytes of heap  Sluice takes %s of it%n",
          model,
          subjects.get(i),
          PairedRatio.median(turns[i][0]) / 1e3,
          PairedRatio.median(turns[i][1]),
          PairedRatio.of(turns[0][0], turns[i][0]));
    }
  }

  private void manyCallers(Path folder, PeerModel model, String threads)
      throws IOException, InterruptedException {
    List<Subject> subjects =
        List.of(
            new Subject(Peer.Kind.SLUICE, 0),
            new Subject(Peer.Kind.ORT_REUSED, 1),
            new Subject(Peer.Kind.ORT_REUSED, 0),
            new Subject(Peer.Kind.DJL, 1));
    String turn = "many " + CALLERS + " " + manyTurnMs + " " + threads;
    double[][][] turns = measure(folder, model, subjects, turn);
    for (int i = 0; i < subjects.size(); i++) {
      out.printf(
          Locale.ROOT,
          "%s, %d %-8s  %-36s %10.0f rows/s  p50 %9.0f us  p99 %9.0f us"
              + "  Sluice serves %s times its rows, p99 %s%n",
          model,
          CALLERS,
          threads,
          subjects.get(i),
          PairedRatio.median(turns[i][0]),
          PairedRatio.median(turns[i][1]),
          PairedRatio.median(turns[i][2]),
          PairedRatio.of(turns[0][0], turns[i][0]),
          PairedRatio.of(turns[0][2], turns[i][2]));
    }
  }

  /** Numbers by subject, kind of number and round; the first round warms up and is left out. */
  private double[][][] measure(Path folder, PeerModel model, List<Subject> subjects, String turn)
      throws IOException, InterruptedException {
    List<PeerProcess> processes = new ArrayList<>();
    try {
      for (Subject subject : subjects) {
        processes.add(new PeerProcess(subject.kind(), model, folder, subject.threads()));
        check(processes.getLast().answer(), processes.getFirst().answer(), subject);
      }
      double[][][] turns = new double[subjects.size()][][];
      for (int round = 0; round <= rounds; round++) {
        for (int i = 0; i < subjects.size(); i++) {
          double[] numbers = processes.get(i).turn(turn);
          if (round == 0) {
            turns[i] = new double[numbers.length][rounds];
          } else {
            for (int j = 0; j < numbers.length; j++) {
              turns[i][j][round - 1] = numbers[j];
            }
          }
        }
      }
      return turns;
    } finally {
      PeerProcess.closeAll(processes);
    }
  }

  private static void check(float answer, float expected, Subject subject) throws IOException {
    if (!(Math.abs(answer - expected) <= TOLERANCE * Math.max(1, Math.abs(expected)))) {
      throw new IOException(subject + " answers " + answer + ", but Sluice " + expected);
    }
  }
}
