package dev.sluice.engine;

import java.util.List;

/**
 * Picks lanes, threads and the largest batch from a model's own timings. Pure.
 *
 * <p>The estimate, in rows per second over all cores: a run of {@code n} rows on {@code t} threads
 * serves {@code n / T(t, n)}, and {@code cores / t} lanes run at once. A caller that waits, for its
 * batch or for a lane, costs a wake-up besides: {@value #WAKE_NS} ns. A run that callers share
 * costs {@value #SHARED_RUN_NS} ns more. Short runs of single rows need not wait where every caller
 * finds a lane of its own, and the system shares the cores among them; runs of {@value
 * #SHORT_RUN_NS} ns and more would only slow each other down. What cannot beat the best unbatched
 * way by {@value #GAIN} is not batched; among batch sizes the smallest that comes within {@value
 * #NEAR_OF_BATCHES} of the best wins, for the sake of latency; of those for virtual threads and
 * devices, {@value #NEAR}. Of single rows the shortest run within {@value #NEAR} of the best rate
 * does: more threads, where they cost no more than that.
 *
 * <p>Thread safety: stateless.
 */
final class TuningChoice {
  /** Assumed CPU time of parking and waking a thread, both sides; not measured on each machine. */
  static final long WAKE_NS = 8_000;

  /**
   * What a run costs that callers share, beyond their wake-ups: its leader comes to a core of its
   * own and finds cold caches. Of 2 cores of an AMD EPYC, 64 callers of a perceptron of 1.8 million
   * weights got 37,400, 41,300 and 38,600 rows/s in batches of 4, 8 and 16 whose rows cost 37.5,
   * 37.6 and 41.6 us: 16, 11 and 10 us a row on top; virtual threads 39,800, 45,400 and 46,200: 13,
   * 6 and 2 us. That is 42 to 77 us a run; tried by hand, with {@code maxBatch}.
   */
  static final long SHARED_RUN_NS = 60_000;

  /** What waiting costs a virtual thread; assumed, too. */
  static final long VIRTUAL_WAKE_NS = 800;

  /** Callers of short runs that need not wait for each other; assumed to be enough. */
  static final int SOLO_BUFFERS = 128;

  static final double GAIN = 1.1;
  static final double NEAR = 0.95;

  /**
   * Platform threads pay for a batch that is larger than it need be: the callers of one stand
   * behind each other for a core. 64 callers got 32,400 rows/s in batches of 32 with a 99th
   * percentile of 10 ms, and 42,300 and 40,700 in batches of 8 and 16 with 3 and 4 ms, where the
   * estimates were 2 / 43.9, 2 / 46.7 and 2 / 50.8 rows a microsecond.
   */
  static final double NEAR_OF_BATCHES = 0.9;

  /** Runs shorter than this are not worth queueing for a lane. */
  static final long SHORT_RUN_NS = 1_000_000;

  /** Lanes per core of a model with short runs, so that few callers have to wait for one. */
  static final int LANES_PER_CORE = 16;

  /** One lane copies while another computes: assumed, not measured. */
  static final int DEVICE_LANES = 2;

  /** Single rows of a small model leave most of a device idle: assumed, not measured. */
  static final int DEVICE_LANES_OF_ROWS = 4;

  static final long SHORTEST_DELAY_NS = 50_000;
  static final long LONGEST_DELAY_NS = 1_000_000;
  static final long UNMEASURED_DELAY_NS = 200_000;

  private TuningChoice() {}

  /** What is taken where nothing may be measured. */
  static Tuning unmeasured(int cores, int profileRows) {
    long delayNs = profileRows == 1 ? 0 : UNMEASURED_DELAY_NS;
    return new Tuning(profileRows, cores, 0, 1, delayNs, false, List.of());
  }

  static Tuning of(List<Tuning.Timing> timings, int cores) {
    Tuning.Timing chosen = best(timings, cores, true);
    int soloBuffers = 0;
    if (chosen.rows() == 1 && needsNoWait(chosen)) {
      soloBuffers = SOLO_BUFFERS;
      chosen = best(timings, cores, false);
    }
    int lanes = soloBuffers > 0 ? LANES_PER_CORE * cores : Math.max(1, cores / chosen.threads());
    return new Tuning(
        chosen.rows(),
        lanes,
        soloBuffers,
        chosen.threads(),
        delayNs(chosen, soloBuffers, timings),
        true,
        timings);
  }

  /** One row, or the batch that gains enough for callers that are platform threads, or virtual. */
  private static Tuning.Timing best(List<Tuning.Timing> timings, int cores, boolean platform) {
    Tuning.Timing single = best(timings, cores, platform, true);
    Tuning.Timing batch = best(timings, cores, platform, false);
    boolean gains =
        batch != null && rate(batch, cores, platform) > GAIN * rate(single, cores, platform);
    return gains ? batch : single;
  }

  /** What is taken on a device where nothing may be measured. */
  static Tuning unmeasuredDevice(int profileRows) {
    Tuning cpu = unmeasured(1, profileRows);
    return new Tuning(
        profileRows, deviceLanes(profileRows), 0, 1, cpu.maxDelayNs(), false, List.of());
  }

  /**
   * On a device runs share its processors, however many lanes there are, and waking callers costs
   * it nothing: the smallest batch wins whose rate comes within {@value #NEAR} of the best.
   */
  static Tuning ofDevice(List<Tuning.Timing> timings) {
    double most = 0;
    double single = 0;
    for (Tuning.Timing timing : timings) {
      most = Math.max(most, deviceRate(timing));
      single = timing.rows() == 1 ? deviceRate(timing) : single;
    }
    Tuning.Timing chosen = null;
    for (Tuning.Timing timing : timings) {
      boolean fits = most > GAIN * single ? deviceRate(timing) >= NEAR * most : timing.rows() == 1;
      if (fits && (chosen == null || timing.rows() < chosen.rows())) {
        chosen = timing;
      }
    }
    return new Tuning(
        chosen.rows(),
        deviceLanes(chosen.rows()),
        0,
        1,
        delayNs(chosen, 0, timings),
        true,
        timings);
  }

  private static double deviceRate(Tuning.Timing timing) {
    return (double) timing.rows() / timing.runNs();
  }

  private static int deviceLanes(int rows) {
    return rows == 1 ? DEVICE_LANES_OF_ROWS : DEVICE_LANES;
  }

  /**
   * An idle lane waits for company as long as a run of one row takes, or as waking the callers of a
   * full batch does, whichever is more, in bounds: the callers of the last batch are the company of
   * the next.
   */
  private static long delayNs(Tuning.Timing chosen, int soloBuffers, List<Tuning.Timing> timings) {
    if (chosen.rows() == 1 || soloBuffers > 0) {
      return 0;
    }
    for (Tuning.Timing timing : timings) {
      if (timing.rows() == 1 && timing.threads() == chosen.threads()) {
        long wakeNs = chosen.rows() * WAKE_NS;
        return Math.clamp(Math.max(timing.runNs(), wakeNs), SHORTEST_DELAY_NS, LONGEST_DELAY_NS);
      }
    }
    return UNMEASURED_DELAY_NS;
  }

  private static Tuning.Timing best(
      List<Tuning.Timing> timings, int cores, boolean platform, boolean single) {
    double most = 0;
    for (Tuning.Timing timing : timings) {
      if ((timing.rows() == 1) == single) {
        most = Math.max(most, rate(timing, cores, platform));
      }
    }
    double near = platform && !single ? NEAR_OF_BATCHES : NEAR;
    Tuning.Timing best = null;
    for (Tuning.Timing timing : timings) {
      if ((timing.rows() == 1) == single
          && rate(timing, cores, platform) >= near * most
          && (best == null
              || timing.rows() < best.rows()
              || (timing.rows() == best.rows() && timing.runNs() < best.runNs()))) {
        best = timing;
      }
    }
    return best;
  }

  private static double rate(Tuning.Timing timing, int cores, boolean platform) {
    double rowNs = (double) timing.runNs() * timing.threads() / timing.rows();
    double sharingNs =
        platform ? WAKE_NS + (double) SHARED_RUN_NS / timing.rows() : VIRTUAL_WAKE_NS;
    return cores / (timing.rows() == 1 && needsNoWait(timing) ? rowNs : rowNs + sharingNs);
  }

  private static boolean needsNoWait(Tuning.Timing timing) {
    return timing.threads() == 1 && timing.runNs() < SHORT_RUN_NS;
  }
}
