package dev.sluice.bench.peers;

import java.io.IOException;
import java.util.List;
import java.util.Locale;

/**
 * A part of the table, which can be measured alone.
 *
 * <p>Thread safety: stateless.
 */
enum Part {
  /** A lone platform caller. */
  ONE,
  /** A lone virtual caller. */
  VIRTUAL,
  /** 64 callers in a closed loop. */
  MANY,
  /** 64 callers whose requests are due at a fixed rate. */
  OPEN,
  /** Opening a model, and the first request after that. */
  START,
  /** Two of each of some models at once. */
  EIGHT;

  /** Measures. */
  @FunctionalInterface
  interface Measurement {
    /**
     * Adds rows to the report.
     *
     * @param models which {@link PeerModel#make} has made
     */
    void measure(List<PeerModel> models, Setting setting, Report report)
        throws IOException, InterruptedException;
  }

  /** The models that it is about. */
  List<PeerModel> models() {
    return switch (this) {
      case OPEN -> List.of(PeerModel.B);
      case EIGHT -> List.of(PeerModel.A, PeerModel.B, PeerModel.D, PeerModel.E);
      case ONE, VIRTUAL, MANY, START -> List.of(PeerModel.A, PeerModel.B, PeerModel.C, PeerModel.D);
    };
  }

  /** What measures it. */
  Measurement measurement() {
    return switch (this) {
      case ONE -> new LonePart();
      case VIRTUAL -> new VirtualPart();
      case MANY -> new ManyPart();
      case OPEN -> new OpenPart();
      case START -> new StartPart();
      case EIGHT -> new EightPart();
    };
  }

  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT);
  }
}
