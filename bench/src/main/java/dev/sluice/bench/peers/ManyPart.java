package dev.sluice.bench.peers;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;

/**
 * Many callers in a closed loop, one row each: the engine as it tunes itself, ONNX Runtime's Java
 * API with one thread a run and by default, either as it is and behind a fair semaphore of as many
 * permits as there are cores, and DJL. The best of ONNX Runtime's settings has a row of its own.
 *
 * <p>Of models whose batches pay, the engine's backend in full batches is a bound: a lane for each
 * core, in runs of the size that serves most.
 *
 * <p>Virtual callers of ONNX Runtime do not give up their core, nor come to the semaphore while two
 * others keep the cores, so their 99th percentile is that of two callers, or the whole turn where
 * those who got nothing are one in a hundred: it has no bar.
 *
 * <p>Thread safety: stateless.
 */
final class ManyPart implements Part.Measurement {
  private static final List<Integer> BATCHES = List.of(8, 16, 32, 64, 128);
  private static final int BATCH_ROUNDS = 2;

  @Override
  public void measure(List<PeerModel> models, Setting setting, Report report)
      throws IOException, InterruptedException {
    for (PeerModel model : models) {
      Turn batched = pays(model) ? batched(model, setting) : null;
      try (Contest contest = new Contest(setting.folder(), List.of(model))) {
        List<Turn> turns = new ArrayList<>();
        for (String threads : List.of("platform", "virtual")) {
          turns.addAll(turns(model, turnMs(model, setting), threads));
        }
        int half = turns.size() / 2;
        if (batched != null) {
          turns.add(batched);
        }
        List<Figures> figures = contest.rounds(turns, 1, setting.rounds(rounds(model)));
        Figures bound = batched == null ? null : figures.getLast().ofRows(batched.subject().rows());
        report(model, "platform", figures.subList(0, half), bound, report);
        report(model, "virtual", figures.subList(half, 2 * half), bound, report);
      }
    }
  }

  /** Whether a run of many rows serves more of them a second than runs of one. */
  private static boolean pays(PeerModel model) {
    return model == PeerModel.A || model == PeerModel.B;
  }

  /** Requests of c take seconds where 64 are in work. */
  private static int turnMs(PeerModel model, Setting setting) {
    return setting.turnMs(
        switch (model) {
          case A, B -> 1000;
          case C -> 3000;
          case D, E -> 1200;
        });
  }

  private static int rounds(PeerModel model) {
    return switch (model) {
      case A, B -> 9;
      case C -> 4;
      case D, E -> 7;
    };
  }

  /** The engine's turn, ONNX Runtime's, and DJL's. */
  private static List<Turn> turns(PeerModel model, int turnMs, String threads) {
    String words = "many " + Setting.CALLERS + " " + turnMs + " " + threads;
    List<Turn> turns = new ArrayList<>();
    turns.add(new Turn(Subject.of(Peer.Kind.SLUICE, 0), words));
    for (String fair : List.of("", PeerWorker.FAIR)) {
      turns.add(new Turn(Subject.of(Peer.Kind.ORT_REUSED, 1), words + fair));
      turns.add(new Turn(Subject.of(Peer.Kind.ORT_REUSED, 0), words + fair));
    }
    if (pays(model)) {
      turns.add(new Turn(Subject.of(Peer.Kind.DJL, 1), words));
    }
    return turns;
  }

  /** A turn of the backend alone, with the size of a run that served most. */
  private static Turn batched(PeerModel model, Setting setting)
      throws IOException, InterruptedException {
    String words =
        "many "
            + Runtime.getRuntime().availableProcessors()
            + " "
            + turnMs(model, setting)
            + " platform";
    List<Turn> turns =
        BATCHES.stream()
            .map(rows -> new Turn(new Subject(Peer.Kind.BACKEND, 1, rows), words))
            .toList();
    try (Contest contest = new Contest(setting.folder(), List.of(model))) {
      return contest.rounds(turns, 1, setting.rounds(BATCH_ROUNDS)).stream()
          .max(
              Comparator.comparingDouble(
                  (Figures each) -> each.ofRows(each.turn().subject().rows()).median(Figure.ROWS)))
          .orElseThrow()
          .turn();
    }
  }

  private static void report(
      PeerModel model, String threads, List<Figures> figures, Figures bound, Report report) {
    String words = Setting.CALLERS + " " + threads + " callers";
    Load load = new Load(model.id(), Setting.CALLERS + "-" + threads, words, figures.getFirst());
    List<Figures> others = figures.subList(1, figures.size());
    Figures best =
        others.stream()
            .filter(each -> each.turn().subject().kind() == Peer.Kind.ORT_REUSED)
            .max(Comparator.comparingDouble(each -> each.median(Figure.ROWS)))
            .orElseThrow();
    report.add(
        load.against(
            "ort-best",
            "best: " + best.turn(),
            best,
            Figure.ROWS,
            Figure.ROWS,
            Bar.median(leastRows(model, threads))));
    for (Figures other : others) {
      boolean djl = other.turn().subject().kind() == Peer.Kind.DJL;
      boolean b = model == PeerModel.B;
      report.add(load.against(other, Figure.ROWS, b && djl ? Bar.median(5.5) : null));
      boolean one = other.turn().fair() && other.turn().subject().threads() == 1;
      boolean barred = b && one && threads.equals("platform");
      report.add(load.against(other, Figure.P99, barred ? Bar.median(0.5) : null));
    }
    if (bound != null) {
      Bar bar = model == PeerModel.B ? Bar.median(0.9) : null;
      report.add(
          load.against("batched", bound.turn().toString(), bound, Figure.ROWS, Figure.ROWS, bar));
    }
    if (threads.equals("platform")) {
      report.add(load.heapAgainst(others.getFirst(), Figure.CALLERS_HEAP));
    }
    for (Figures each : figures) {
      if (each.median(Figure.UNSENT) > 0) {
        report.note(
            String.format(
                Locale.ROOT,
                "%s, %s: %.0f of them found no core in the whole turn",
                words,
                each.turn(),
                each.median(Figure.UNSENT)));
      }
    }
  }

  /** Rows per second that are asked for, as a part of the best that ONNX Runtime serves. */
  private static double leastRows(PeerModel model, String threads) {
    return switch (model) {
      case A -> threads.equals("virtual") ? 2.5 : 1.05;
      case B -> 4.5;
      case C, D, E -> 1.0;
    };
  }
}
