package dev.sluice.bench.peers;

/**
 * A number of a turn's line, by its place there.
 *
 * <p>Thread safety: immutable.
 */
enum Figure {
  /** Of a lone caller's request. */
  TIME(0, "us", false),
  /** That a lone caller allocates for each request. */
  HEAP(1, "bytes", false),
  /** Of all callers together. */
  ROWS(0, "rows/s", true),
  /** Median latency. */
  P50(1, "us", false),
  /** 99th percentile of the latency. */
  P99(2, "us", false),
  /** That callers allocate for each request. */
  CALLERS_HEAP(3, "bytes", false),
  /** Requests that found no caller, or callers that found no core. */
  UNSENT(4, "requests", false),
  /** Of opening a model. */
  OPEN(0, "us", false),
  /** Of the first request after that. */
  FIRST(1, "us", false);

  /** How many numbers a {@link Tally#line} has. */
  static final int OF_TALLY = 5;

  private final int place;
  private final String unit;
  private final boolean moreIsBetter;

  Figure(int place, String unit, boolean moreIsBetter) {
    this.place = place;
    this.unit = unit;
    this.moreIsBetter = moreIsBetter;
  }

  int place() {
    return place;
  }

  String unit() {
    return unit;
  }

  boolean moreIsBetter() {
    return moreIsBetter;
  }

  /** In the ids of rows. */
  String id() {
    return switch (this) {
      case TIME -> "time";
      case HEAP, CALLERS_HEAP -> "heap";
      case ROWS -> "rows";
      case P50 -> "p50";
      case P99 -> "p99";
      case UNSENT -> "unsent";
      case OPEN -> "open";
      case FIRST -> "first";
    };
  }

  @Override
  public String toString() {
    return switch (this) {
      case TIME -> "time of a request";
      case HEAP, CALLERS_HEAP -> "heap of a request";
      case ROWS -> "rows/s";
      case P50 -> "p50";
      case P99 -> "p99";
      case UNSENT -> "requests not sent";
      case OPEN -> "opening";
      case FIRST -> "first request";
    };
  }
}
