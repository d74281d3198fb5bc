package dev.sluice.bench.peers;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/**
 * A lone platform caller, from claim to close; every peer takes one thread for a run.
 *
 * <p>Thread safety: stateless.
 */
final class LonePart implements Part.Measurement {
  private static final int GENERATIONS = 4;

  /** What claim to close may take on top of the same call in C, where 5 % is less. */
  private static final double MOST_OVERHEAD_US = 0.2;

  @Override
  public void measure(List<PeerModel> models, Setting setting, Report report)
      throws IOException, InterruptedException {
    List<Peer.Kind> kinds = new ArrayList<>();
    kinds.add(Peer.Kind.SLUICE);
    if (CProgram.canBeMade()) {
      kinds.add(Peer.Kind.C);
    } else {
      report.note("there is no C compiler here, so no caller in C");
    }
    kinds.addAll(List.of(Peer.Kind.ORT_REUSED, Peer.Kind.ORT_USUAL, Peer.Kind.DJL));
    for (PeerModel model : models) {
      String words = setting.turnAlone(model, "platform");
      List<Turn> turns = kinds.stream().map(kind -> new Turn(Subject.of(kind, 1), words)).toList();
      List<Figures> figures =
          Contest.generations(
              GENERATIONS, setting.folder(), model, turns, 1, setting.roundsAlone(model));
      Load load = new Load(model.id(), "1-platform", "1 platform caller", figures.getFirst());
      for (Figures other : figures.subList(1, figures.size())) {
        report.add(load.against(other, Figure.TIME, bar(model, other)));
      }
      report.add(load.heapAgainst(figures.get(kinds.indexOf(Peer.Kind.ORT_REUSED)), Figure.HEAP));
    }
  }

  private static Bar bar(PeerModel model, Figures other) {
    Peer.Kind kind = other.turn().subject().kind();
    if (kind == Peer.Kind.C) {
      return Bar.median(Math.max(1.05, 1 + MOST_OVERHEAD_US / other.median(Figure.TIME)));
    }
    if (model == PeerModel.A) {
      return switch (kind) {
        case ORT_REUSED -> Bar.median(0.70);
        case ORT_USUAL -> Bar.median(0.36);
        case DJL -> Bar.median(0.28);
        case SLUICE, BACKEND, C -> null;
      };
    }
    return kind == Peer.Kind.ORT_REUSED ? Bar.bound(1.02) : null;
  }
}
