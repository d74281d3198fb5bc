package dev.sluice.bench.peers;

import java.io.IOException;
import java.util.List;

/**
 * A lone virtual caller, of the engine with one thread for a run, as the peer, and of the engine as
 * a service opens it.
 *
 * <p>Thread safety: stateless.
 */
final class VirtualPart implements Part.Measurement {
  private static final int GENERATIONS = 3;
  private static final double MOST = 1.0;

  @Override
  public void measure(List<PeerModel> models, Setting setting, Report report)
      throws IOException, InterruptedException {
    for (PeerModel model : models) {
      String words = setting.turnAlone(model, "virtual");
      List<Turn> turns =
          List.of(
              new Turn(Subject.of(Peer.Kind.SLUICE, 1), words),
              new Turn(Subject.of(Peer.Kind.SLUICE, 0), words),
              new Turn(Subject.of(Peer.Kind.ORT_REUSED, 1), words));
      List<Figures> figures =
          Contest.generations(
              GENERATIONS, setting.folder(), model, turns, 1, setting.roundsAlone(model));
      Figures peer = figures.getLast();
      report.add(
          new Load(model.id(), "1-virtual", "1 virtual caller", figures.get(0))
              .against(peer, Figure.TIME, Bar.median(MOST)));
      report.add(
          new Load(model.id(), "1-virtual-tuned", "1 virtual caller, own tuning", figures.get(1))
              .against(peer, Figure.TIME, Bar.median(MOST)));
    }
  }
}
