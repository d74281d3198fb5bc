package dev.sluice.bench.peers;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/**
 * Two of each model in one process, each with some callers of its own in a closed loop, all at
 * once; ONNX Runtime's Java API by default, with tensors that are used again.
 *
 * <p>Each model counts the same: the figure of all is the geometric mean of those of each. A sum of
 * rows would tell of the smallest model only, which is asked a thousand times as often.
 *
 * <p>Thread safety: stateless.
 */
final class EightPart implements Part.Measurement {
  private static final int COPIES = 2;
  private static final int CALLERS = 4;
  private static final int ROUNDS = 9;
  private static final int TURN_MS = 2000;
  private static final Subject SLUICE = Subject.of(Peer.Kind.SLUICE, 0);
  private static final Subject PEER = Subject.of(Peer.Kind.ORT_REUSED, 0);

  @Override
  public void measure(List<PeerModel> models, Setting setting, Report report)
      throws IOException, InterruptedException {
    List<PeerModel> all = new ArrayList<>();
    for (PeerModel model : models) {
      for (int i = 0; i < COPIES; i++) {
        all.add(model);
      }
      // The engine measures a model where no other is served, so that comes first.
      try (Contest alone = new Contest(setting.folder(), List.of(model))) {
        var _ = alone.fresh(List.of(new Turn(SLUICE, "start")), 0);
      }
    }
    String words = "all " + CALLERS + " " + setting.turnMs(TURN_MS) + " platform";
    try (Contest contest = new Contest(setting.folder(), all)) {
      List<Figures> figures =
          contest.rounds(
              List.of(new Turn(SLUICE, words), new Turn(PEER, words)), 1, setting.rounds(ROUNDS));
      report(models, figures.getFirst(), figures.getLast(), report);
    }
  }

  private static void report(List<PeerModel> models, Figures sluice, Figures peer, Report report) {
    int count = COPIES * models.size();
    String words = count + " models, " + CALLERS + " platform callers each";
    Load all = new Load("all", "eight", words, sluice.mean(0, count));
    report.add(all.against(peer.mean(0, count), Figure.ROWS, Bar.median(1.2)));
    report.add(all.against(peer.mean(0, count), Figure.P99, Bar.median(0.5)));
    for (int i = 0; i < models.size(); i++) {
      int first = i * COPIES;
      Load one = new Load(models.get(i).id(), "eight", words, sluice.mean(first, first + COPIES));
      Figures other = peer.mean(first, first + COPIES);
      report.add(one.against(other, Figure.ROWS, null));
      report.add(one.against(other, Figure.P99, null));
    }
  }
}
