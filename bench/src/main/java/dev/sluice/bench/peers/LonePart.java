package dev.sluice.bench.peers;

import java.io.IOException;
import java.util.List;
import java.util.stream.Stream;

/**
 * A lone platform caller, from claim to close; every peer takes one thread for a run.
 *
 * <p>Thread safety: stateless.
 */
final class LonePart implements Part.Measurement {
  private static final int GENERATIONS = 4;
  private static final int ROUNDS = 28;
  private static final int TURN_MS = 200;

  @Override
  public void measure(List<PeerModel> models, Setting setting, Report report)
      throws IOException, InterruptedException {
    String words = "one " + setting.turnMs(TURN_MS) + " platform";
    List<Turn> turns =
        Stream.of(Peer.Kind.SLUICE, Peer.Kind.ORT_REUSED, Peer.Kind.ORT_USUAL, Peer.Kind.DJL)
            .map(kind -> new Turn(Subject.of(kind, 1), words))
            .toList();
    for (PeerModel model : models) {
      List<Figures> figures =
          Contest.generations(
              GENERATIONS, setting.folder(), model, turns, 1, setting.rounds(ROUNDS));
      Load load = new Load(model.id(), "1-platform", "1 platform caller", figures.getFirst());
      for (Figures other : figures.subList(1, figures.size())) {
        report.add(load.against(other, Figure.TIME, bar(model, other.turn().subject().kind())));
      }
      report.add(load.heapAgainst(figures.get(1), Figure.HEAP));
    }
  }

  private static Bar bar(PeerModel model, Peer.Kind kind) {
    if (model == PeerModel.A) {
      return switch (kind) {
        case ORT_REUSED -> Bar.median(0.70);
        case ORT_USUAL -> Bar.median(0.36);
        case DJL -> Bar.median(0.28);
        case SLUICE, BACKEND -> null;
      };
    }
    return kind == Peer.Kind.ORT_REUSED ? Bar.bound(1.02) : null;
  }
}
