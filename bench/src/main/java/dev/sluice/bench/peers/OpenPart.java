package dev.sluice.bench.peers;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * Many callers whose requests are due at a rate that the peer can carry: some parts of what it
 * serves in a closed loop, which is measured first.
 *
 * <p>Near its saturation the peer is behind a fair semaphore, which is how it serves 64 callers
 * best: without one the operating system deals out the cores, and few wait very long. It is this
 * row that says how the 99th percentiles compare: both serve the same requests, and a latency from
 * when a request was due tells what its user sees. In a closed loop whoever serves more rows is
 * asked for more, and latencies say the same as rows per second (64 callers = rows/s x latency).
 *
 * <p>Thread safety: stateless.
 */
final class OpenPart implements Part.Measurement {
  private static final int ROUNDS = 11;
  private static final int TURN_MS = 1000;
  private static final int SATURATION_ROUNDS = 5;
  private static final Subject SLUICE = Subject.of(Peer.Kind.SLUICE, 0);
  private static final Subject PEER = Subject.of(Peer.Kind.ORT_REUSED, 1);

  /** A load, and what is asked of it. */
  private record Offer(int percent, String fair, Double p50, double p99) {}

  private static final List<Offer> OFFERS =
      List.of(
          new Offer(15, "", 1.05, 1.05),
          new Offer(60, "", 1.05, 0.8),
          new Offer(90, PeerWorker.FAIR, null, 0.5));

  @Override
  public void measure(List<PeerModel> models, Setting setting, Report report)
      throws IOException, InterruptedException {
    for (PeerModel model : models) {
      try (Contest contest = new Contest(setting.folder(), List.of(model))) {
        measure(model, contest, setting, report);
      }
    }
  }

  private static void measure(PeerModel model, Contest contest, Setting setting, Report report)
      throws IOException, InterruptedException {
    int turnMs = setting.turnMs(TURN_MS);
    String many = "many " + Setting.CALLERS + " " + turnMs + " platform";
    List<Figures> most =
        contest.rounds(
            List.of(new Turn(PEER, many), new Turn(PEER, many + PeerWorker.FAIR)),
            1,
            setting.rounds(SATURATION_ROUNDS));
    List<Turn> turns = new ArrayList<>();
    for (String threads : List.of("platform", "virtual")) {
      for (Offer offer : OFFERS) {
        double saturation = most.get(offer.fair.isEmpty() ? 0 : 1).median(Figure.ROWS);
        String words =
            "open "
                + Math.max(1, Math.round(offer.percent / 100.0 * saturation))
                + " "
                + Setting.CALLERS
                + " "
                + turnMs
                + " "
                + threads;
        turns.add(new Turn(SLUICE, words));
        turns.add(new Turn(PEER, words + offer.fair));
      }
    }
    List<Figures> figures = contest.rounds(turns, 1, setting.rounds(ROUNDS));
    for (Figures each : most) {
      report.note(
          String.format(
              Locale.ROOT, "%s serves %.0f rows/s", each.turn(), each.median(Figure.ROWS)));
    }
    for (int i = 0; i < figures.size(); i += 2) {
      String threads = i < figures.size() / 2 ? "platform" : "virtual";
      Offer offer = OFFERS.get(i / 2 % OFFERS.size());
      report(model, threads, offer, figures.subList(i, i + 2), report);
    }
  }

  private static void report(
      PeerModel model, String threads, Offer offer, List<Figures> pair, Report report) {
    Figures sluice = pair.getFirst();
    Figures peer = pair.getLast();
    Load load =
        new Load(
            model.id(),
            "open-" + offer.percent + "-" + threads,
            "open loop at " + offer.percent + " %, " + threads + " callers",
            sluice);
    report.add(load.against(peer, Figure.P50, offer.p50 == null ? null : Bar.median(offer.p50)));
    report.add(load.against(peer, Figure.P99, Bar.median(offer.p99)));
    for (Figures each : pair) {
      if (each.median(Figure.UNSENT) > 0) {
        report.note(
            String.format(
                Locale.ROOT,
                "%s, %s: %.0f requests found no caller in time",
                load.words(),
                each.turn(),
                each.median(Figure.UNSENT)));
      }
    }
  }
}
