package dev.sluice.engine.batch;

/**
 * When an open batch closes. A pure function of what it is shown: no clock, no threads.
 *
 * <p>A full batch is closed by the claim that fills it. An open one is closed when a lane is idle
 * and there is no reason to expect more rows, or its oldest row has waited {@code maxDelayNs}. What
 * is expected is learnt from the last runs ({@link #expect}): a lone caller never waits for
 * company.
 *
 * <p>Why wait at all: callers that are just being woken need the cores that an eager lane would
 * take to run the first one that comes. A blocking caller lets them have its core, if they wait for
 * that one ({@link Courtesy}); {@code maxDelayNs} is for others, and for where too few come so. 64
 * callers on two cores and two lanes, runs of 150 us and 17 us a row, batches of up to 64: without
 * either 21,700 rows/s in batches of 2.6, with the first 45,200 in batches of 10, with up to 1 ms
 * of the other 51,400 in batches of 23 ({@code CompanyScenario} in bench, {@code
 * bench/results/company.txt}).
 *
 * <p>Thread safety: immutable.
 *
 * @param maxRows rows of a full batch
 * @param maxDelayNs longest wait of the oldest row for company while a lane is idle; 0 for none
 */
public record BatchPolicy(int maxRows, long maxDelayNs) {
  /** {@link #decide}: nothing to do until something else happens. */
  public static final long NEVER = Long.MAX_VALUE;

  /**
   * Decides on an open batch.
   *
   * @param rows rows claimed
   * @param expectedRows rows that recent batches had
   * @param oldestNs when the first of them was claimed
   * @param laneIdle whether a lane is idle
   * @param nowNs the time, of the same clock as {@code oldestNs}
   * @return 0 to close the batch now; else nanoseconds after which to ask again; {@link #NEVER} for
   *     not before something else happens
   */
  public long decide(int rows, int expectedRows, long oldestNs, boolean laneIdle, long nowNs) {
    if (rows == 0 || !laneIdle) {
      return NEVER;
    }
    if (waitsForNobody(rows, expectedRows)) {
      return 0;
    }
    return Math.max(0, maxDelayNs - (nowNs - oldestNs));
  }

  /**
   * Whether a batch whose first caller has let all go first that were ready to is worth a run,
   * though it has fewer rows than were expected: a quarter of them. Fewer would not pay for the
   * run, while waiting for more leaves a lane idle: of 4 callers on two lanes all would come
   * together, on one of them.
   */
  static boolean suffices(int rows, int expectedRows) {
    return 4 * rows >= expectedRows;
  }

  /** Whether an open batch is due as soon as a lane is idle, whatever the time. */
  boolean waitsForNobody(int rows, int expectedRows) {
    return maxDelayNs == 0 || rows >= Math.min(expectedRows, maxRows);
  }

  /**
   * What to expect after a batch of {@code rows}: rises at once, falls by an eighth of the
   * difference, at least by one.
   *
   * @param expectedRows what was expected before it
   */
  public static int expect(int expectedRows, int rows) {
    return rows >= expectedRows ? rows : expectedRows - Math.ceilDiv(expectedRows - rows, 8);
  }
}
