package dev.sluice.converter.precision;

import dev.sluice.converter.calibrate.Progress;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/**
 * Picks the layers that stay in 8 bits so that both graphs are within a bar, with as few as it
 * finds given back.
 *
 * <p>Layers are sorted by what each loses on its own, the worst first. The least number of them to
 * give back is found by bisection: more layers in FP32 lose less, but for chance. Then each layer
 * that was given back is tried in 8 bits once more, the least lossy first, and stays where the bar
 * still holds.
 *
 * <p>Thread safety: used by one thread.
 */
final class Budget {
  /** Layers that are tried once more; each costs a run of both graphs. */
  private static final int MAX_RETRIES = 16;

  private final Map<String, Loss> losses;
  private final LossBar bar;
  private final Measure measure;
  private final List<String> worstFirst;

  /** Measures what a choice of layers loses, by their keys. */
  @FunctionalInterface
  interface Measure {
    Losses of(Set<String> keys) throws IOException;
  }

  /** What the two graphs lose. */
  record Losses(Loss cpu, Loss tensorRt) {
    boolean hold(LossBar bar) {
      return bar.holds(cpu) && bar.holds(tensorRt);
    }

    /** What the bar says of the worse of the two. */
    String figure(LossBar bar) {
      boolean cpuIsWorse = bar.headroom(cpu) < bar.headroom(tensorRt);
      return bar.figure(cpuIsWorse ? cpu : tensorRt) + (cpuIsWorse ? " (cpu)" : " (tensorrt)");
    }
  }

  /**
   * What was picked.
   *
   * @param kept layers in 8 bits
   * @param losses of the whole
   * @param reasons why the other layers were given back
   */
  record Choice(Set<String> kept, Losses losses, Map<String, String> reasons) {}

  /**
   * A budget.
   *
   * @param losses what each layer loses on its own, by its key
   * @param bar to hold
   */
  Budget(Map<String, Loss> losses, LossBar bar, Measure measure) {
    this.losses = losses;
    this.bar = bar;
    this.measure = measure;
    this.worstFirst =
        losses.keySet().stream()
            .sorted(Comparator.comparingDouble(key -> losses.get(key).sqnrDb()))
            .toList();
  }

  Choice run(Progress progress) throws IOException, BarNotMetException {
    progress.at("weighing layers", 0, 1);
    Losses all = measure.of(Set.copyOf(worstFirst));
    if (all.hold(bar)) {
      return new Choice(Set.copyOf(worstFirst), all, Map.of());
    }
    String before = all.figure(bar);
    int tooFew = 0;
    int enough = worstFirst.size();
    Losses held = measure.of(without(enough));
    if (!held.hold(bar)) {
      throw new BarNotMetException(
          "the bar of "
              + bar
              + " can't be shown to hold: "
              + held.figure(bar)
              + " with every layer in FP32; give more samples, or another bar");
    }
    while (enough - tooFew > 1) {
      int middle = (tooFew + enough) >>> 1;
      Losses tried = measure.of(without(middle));
      if (tried.hold(bar)) {
        enough = middle;
        held = tried;
      } else {
        tooFew = middle;
      }
    }
    return retried(enough, held, before, progress);
  }

  private Set<String> without(int count) {
    return Set.copyOf(worstFirst.subList(count, worstFirst.size()));
  }

  private Choice retried(int count, Losses held, String before, Progress progress)
      throws IOException {
    Set<String> kept = new LinkedHashSet<>(worstFirst.subList(count, worstFirst.size()));
    // The last one was needed: bisection has shown that.
    List<String> given = new ArrayList<>(worstFirst.subList(0, count)).reversed();
    Losses now = held;
    int tries = 0;
    for (String key : given.stream().skip(1).limit(MAX_RETRIES).toList()) {
      progress.at("weighing layers", ++tries, Math.min(given.size(), MAX_RETRIES));
      kept.add(key);
      Losses tried = measure.of(kept);
      if (tried.hold(bar)) {
        now = tried;
      } else {
        kept.remove(key);
      }
    }
    Map<String, String> reasons = new HashMap<>();
    for (String key : given) {
      if (!kept.contains(key)) {
        reasons.put(
            key,
            "given back to hold "
                + bar
                + ": with all layers it was "
                + before
                + "; alone this one costs down to "
                + String.format(Locale.ROOT, "%.1f dB", losses.get(key).sqnrDb()));
      }
    }
    return new Choice(kept, now, reasons);
  }
}
