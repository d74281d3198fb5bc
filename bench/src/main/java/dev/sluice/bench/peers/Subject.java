package dev.sluice.bench.peers;

import java.nio.file.Path;
import java.util.Locale;

/**
 * What is measured: a peer and its settings.
 *
 * <p>Thread safety: immutable.
 *
 * @param kind of peer
 * @param threads of the backend for each run; 0 for the peer's own default
 * @param rows of a request; 1 but for {@link Peer.Kind#BACKEND}
 */
record Subject(Peer.Kind kind, int threads, int rows) {
  /** A peer that is asked for one row at a time. */
  static Subject of(Peer.Kind kind, int threads) {
    return new Subject(kind, threads, 1);
  }

  /** Opens a model in this process; {@link PeerModel#make} has made it. */
  Peer open(PeerModel model, Path folder) throws Exception {
    return switch (kind) {
      case SLUICE -> new SluicePeer(model.file(folder), threads);
      case ORT_REUSED -> new OrtPeer(model.onnx(folder), threads, true);
      case ORT_USUAL -> new OrtPeer(model.onnx(folder), threads, false);
      case DJL -> new DjlPeer(model.onnx(folder), threads);
      case BACKEND -> new BackendPeer(model.file(folder), threads, rows);
    };
  }

  /** Names it in the ids of rows: {@code ort-reused-1}. */
  String id() {
    String name = kind.name().toLowerCase(Locale.ROOT).replace('_', '-');
    return threads == 0 ? name : name + "-" + threads;
  }

  @Override
  public String toString() {
    String name =
        switch (kind) {
          case SLUICE -> "Sluice";
          case ORT_REUSED -> "ONNX Runtime Java, reused";
          case ORT_USUAL -> "ONNX Runtime Java, usual";
          case DJL -> "DJL";
          case BACKEND -> "the engine's backend alone, runs of " + rows + " rows";
        };
    return threads == 0 ? name : name + ", " + threads + (threads == 1 ? " thread" : " threads");
  }
}
