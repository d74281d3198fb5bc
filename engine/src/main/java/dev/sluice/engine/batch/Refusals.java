package dev.sluice.engine.batch;

import dev.sluice.engine.Admission;
import java.util.EnumMap;
import java.util.Map;
import java.util.concurrent.atomic.LongAdder;

/**
 * Counts refused claims by reason.
 *
 * <p>Thread safety: any thread.
 */
final class Refusals {
  private final Map<Admission, LongAdder> counts = new EnumMap<>(Admission.class);

  Refusals() {
    for (Admission reason : Admission.values()) {
      counts.put(reason, new LongAdder());
    }
  }

  void count(Admission reason) {
    counts.get(reason).increment();
  }

  long of(Admission reason) {
    return counts.get(reason).sum();
  }
}
