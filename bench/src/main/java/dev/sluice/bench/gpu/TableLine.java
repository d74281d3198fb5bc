package dev.sluice.bench.gpu;

import java.util.Locale;

/**
 * A line of the table: two figures of the same kind, and what their relation has to be.
 *
 * <p>Thread safety: immutable.
 */
sealed interface TableLine {
  /** Most that the engine's device time may be of the bare loop's. */
  double DEVICE_BAR = 1.01;

  /** Most microseconds that the engine may add to the bare loop's latency. */
  double LATENCY_BAR_US = 10;

  /** Least that 64 callers must get of the plan's best rate. */
  double RATE_BAR = 0.9;

  /** Whether its bar is met. */
  boolean ok();

  private static String verdict(boolean ok) {
    return ok ? "ok" : "MISSED";
  }

  /**
   * Runs of one size, the bare loop and the engine in turn.
   *
   * @param rows of a run
   * @param bareUs the bare loop's device time, microseconds, median of the rounds' medians
   * @param engineUs the engine's
   * @param deviceRatio median of the rounds' ratios
   * @param late of the bare loop's repetitions, in which the device may have waited for the host
   * @param bareLatencyUs from the first copy to the end of the last, microseconds
   * @param engineLatencyUs from claim to close, without the writing of inputs; 0 where a lone row
   *     is not what was measured
   * @param copyUs copies alone
   * @param graph whether the engine launched graphs
   */
  record Runs(
      int rows,
      double bareUs,
      double engineUs,
      double deviceRatio,
      int late,
      double bareLatencyUs,
      double engineLatencyUs,
      double copyUs,
      boolean graph)
      implements TableLine {
    @Override
    public boolean ok() {
      return deviceRatio <= DEVICE_BAR && engineLatencyUs <= bareLatencyUs + LATENCY_BAR_US;
    }

    @Override
    public String toString() {
      String latency =
          engineLatencyUs == 0
              ? ""
              : String.format(
                  Locale.ROOT,
                  "; latency %.1f us, bare loop %.1f us (+%.1f, bar %.0f)",
                  engineLatencyUs,
                  bareLatencyUs,
                  engineLatencyUs - bareLatencyUs,
                  LATENCY_BAR_US);
      return String.format(
          Locale.ROOT,
          "  batch %2d  device %.1f us, bare loop %.1f us, ratio %.4f (bar %.2f, %d late%s)%s; copies"
              + " %.1f us  %s",
          rows,
          engineUs,
          bareUs,
          deviceRatio,
          DEVICE_BAR,
          late,
          graph ? "" : ", no graph",
          latency,
          copyUs,
          verdict(ok()));
    }
  }

  /**
   * Callers with a row each, in a closed loop.
   *
   * @param callers how many
   * @param rowsPerS that they got
   * @param bestPerS rows over device time of the bare loop, at the best batch size
   * @param bestRows that batch size
   * @param meanBatch rows of a run
   * @param heapBytes of a request; NaN in checked mode, which allocates
   * @param errors requests that failed or got a wrong answer
   * @param firstError in words, or null
   */
  record Load(
      int callers,
      double rowsPerS,
      double bestPerS,
      int bestRows,
      double meanBatch,
      double heapBytes,
      long errors,
      String firstError)
      implements TableLine {
    /** A stray byte of the JIT compiler's is not the engine's. */
    private static final double HEAP_BAR = 1;

    @Override
    public boolean ok() {
      return errors == 0 && rowsPerS >= RATE_BAR * bestPerS && !(heapBytes >= HEAP_BAR);
    }

    @Override
    public String toString() {
      return String.format(
          Locale.ROOT,
          "  %d callers  %,.0f rows/s, best of the plan %,.0f at %d rows, ratio %.3f (bar %.2f); mean"
              + " batch %.1f; heap %s; %d errors%s  %s",
          callers,
          rowsPerS,
          bestPerS,
          bestRows,
          rowsPerS / bestPerS,
          RATE_BAR,
          meanBatch,
          Double.isNaN(heapBytes)
              ? "not counted in checked mode"
              : String.format(Locale.ROOT, "%.2f bytes a request", heapBytes),
          errors,
          firstError == null ? "" : " (" + firstError + ")",
          verdict(ok()));
    }
  }
}
