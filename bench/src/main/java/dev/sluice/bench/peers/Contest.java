package dev.sluice.bench.peers;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

/**
 * Processes that serve the same models and have turns one after another; a process starts when its
 * subject has its first turn. Every second round goes through the turns backwards, so that none
 * always follows the same one.
 *
 * <p>Not thread-safe.
 */
final class Contest implements AutoCloseable {
  /** The JVM's last compiler takes up a method of 5,000 calls, and needs some time for it. */
  private static final String WARM_UP = "warm 20000";

  private final Path folder;
  private final List<PeerModel> models;
  private final Map<Subject, PeerProcess> processes = new LinkedHashMap<>();
  private double[] answers;

  /** Of a model, or several that each process serves at once. */
  Contest(Path folder, List<PeerModel> models) {
    this.folder = folder;
    this.models = models;
  }

  /**
   * Has turns.
   *
   * @param warmUps rounds before those that count
   * @param rounds that count
   * @return the figures of each turn, in the same order
   * @throws IOException where an answer is wrong, or a process ends early
   */
  List<Figures> rounds(List<Turn> turns, int warmUps, int rounds)
      throws IOException, InterruptedException {
    for (Turn turn : turns) {
      if (!processes.containsKey(turn.subject())) {
        PeerProcess process = start(turn.subject());
        processes.put(turn.subject(), process);
        var _ = process.turn(WARM_UP);
      }
    }
    return collect(
        turns, warmUps, rounds, turn -> processes.get(turn.subject()).turn(turn.words()));
  }

  /**
   * As {@link #rounds} of one model, and starts all processes anew from time to time. Where the
   * system places a session's memory makes some percents of difference, for as long as it is open:
   * more rounds do not tell that from what a peer does, other processes do.
   *
   * @param most generations of processes; each has a round at least
   */
  static List<Figures> generations(
      int most, Path folder, PeerModel model, List<Turn> turns, int warmUps, int rounds)
      throws IOException, InterruptedException {
    int generations = Math.min(most, rounds);
    List<Figures> all = null;
    for (int i = 0; i < generations; i++) {
      int own = rounds * (i + 1) / generations - rounds * i / generations;
      try (Contest contest = new Contest(folder, List.of(model))) {
        List<Figures> figures = contest.rounds(turns, warmUps, own);
        List<Figures> before = all;
        all =
            before == null
                ? figures
                : IntStream.range(0, turns.size())
                    .mapToObj(turn -> before.get(turn).and(figures.get(turn)))
                    .toList();
      }
    }
    return all;
  }

  /**
   * As {@link #rounds}, each turn in a process that is new, and ends with it.
   *
   * @param rounds that count; one before does not, which brings the files into the disk's cache
   */
  List<Figures> fresh(List<Turn> turns, int rounds) throws IOException, InterruptedException {
    return collect(
        turns,
        1,
        rounds,
        turn -> {
          try (PeerProcess process = start(turn.subject())) {
            return process.turn(turn.words());
          }
        });
  }

  /** Has a turn; the numbers that it gave. */
  @FunctionalInterface
  private interface Host {
    double[] have(Turn turn) throws IOException, InterruptedException;
  }

  private static List<Figures> collect(List<Turn> turns, int warmUps, int rounds, Host host)
      throws IOException, InterruptedException {
    double[][][] all = new double[turns.size()][][];
    for (int round = 0; round < warmUps + rounds; round++) {
      for (int i = 0; i < turns.size(); i++) {
        int next = round % 2 == 0 ? i : turns.size() - 1 - i;
        double[] numbers = host.have(turns.get(next));
        if (all[next] == null) {
          all[next] = new double[numbers.length][rounds];
        }
        for (int j = 0; j < numbers.length && round >= warmUps; j++) {
          all[next][j][round - warmUps] = numbers[j];
        }
      }
    }
    List<Figures> figures = new ArrayList<>();
    for (int i = 0; i < turns.size(); i++) {
      figures.add(new Figures(turns.get(i), all[i]));
    }
    return figures;
  }

  /** Starts a process, and compares its answers with those of the first. */
  private PeerProcess start(Subject subject) throws IOException {
    PeerProcess process = new PeerProcess(subject, models, folder);
    double[] given = process.answers();
    if (answers == null) {
      answers = given;
    }
    for (int i = 0; i < answers.length; i++) {
      if (!CheckedCaller.same((float) given[i], (float) answers[i])) {
        process.close();
        throw new IOException(
            subject + " answers " + given[i] + " for " + models.get(i) + ", not " + answers[i]);
      }
    }
    return process;
  }

  @Override
  public void close() throws IOException {
    PeerProcess.closeAll(List.copyOf(processes.values()));
  }
}
