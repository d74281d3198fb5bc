package dev.sluice.bench.peers;

import java.io.IOException;
import java.util.List;

/**
 * Opening a model, with what the engine measured of it in its cache, and the first request after
 * that, of a handle that is new.
 *
 * <p>The engine's first request is held against its own in steady state in a process that has
 * served the model before, as when a version is swapped in: there it tells what the engine itself
 * has left to do when it is open. In a process that is new the JVM loads and interprets classes
 * besides; these rows stand beside the same of the peer, without a bar.
 *
 * <p>Thread safety: stateless.
 */
final class StartPart implements Part.Measurement {
  private static final int ROUNDS = 15;
  private static final int FRESH_ROUNDS = 7;
  private static final int WARM_UPS = 3;
  private static final int TURN_MS = 100;
  private static final Subject SLUICE = Subject.of(Peer.Kind.SLUICE, 0);
  private static final Subject PEER = Subject.of(Peer.Kind.ORT_REUSED, 1);

  @Override
  public void measure(List<PeerModel> models, Setting setting, Report report)
      throws IOException, InterruptedException {
    for (PeerModel model : models) {
      try (Contest contest = new Contest(setting.folder(), List.of(model))) {
        again(model, contest, setting, report);
        fresh(model, contest, setting, report);
      }
    }
  }

  private static void again(PeerModel model, Contest contest, Setting setting, Report report)
      throws IOException, InterruptedException {
    List<Figures> figures =
        contest.rounds(
            List.of(
                new Turn(SLUICE, "one " + setting.turnMs(TURN_MS) + " platform"),
                new Turn(SLUICE, "anew"),
                new Turn(PEER, "anew")),
            WARM_UPS,
            setting.rounds(ROUNDS));
    Load load = new Load(model.id(), "again", "opened again", figures.get(1));
    Figures peer = figures.get(2);
    report.add(load.against(peer, Figure.OPEN, model == PeerModel.C ? Bar.median(1.1) : null));
    report.add(
        load.against(
            "steady",
            "Sluice's steady median",
            figures.get(0),
            Figure.FIRST,
            Figure.TIME,
            Bar.median(5)));
    report.add(load.against(peer, Figure.FIRST, null));
  }

  private static void fresh(PeerModel model, Contest contest, Setting setting, Report report)
      throws IOException, InterruptedException {
    List<Figures> figures =
        contest.fresh(
            List.of(new Turn(SLUICE, "start"), new Turn(PEER, "start")),
            setting.rounds(FRESH_ROUNDS));
    Load load = new Load(model.id(), "fresh", "opened in a new process", figures.getFirst());
    report.add(load.against(figures.getLast(), Figure.OPEN, null));
    report.add(load.against(figures.getLast(), Figure.FIRST, null));
  }
}
