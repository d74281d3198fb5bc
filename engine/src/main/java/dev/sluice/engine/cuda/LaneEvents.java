package dev.sluice.engine.cuda;

import dev.sluice.bindings.cuda.CudaApi;
import dev.sluice.bindings.cuda.CudaEvent;
import dev.sluice.bindings.cuda.CudaStream;

/**
 * A lane's events: the two around a run, where runs are timed, and the one that a thread blocks on,
 * where it does not spin.
 *
 * <p>Thread safety: the lane's.
 */
final class LaneEvents implements AutoCloseable {
  private static final float NS_PER_MS = 1e6f;

  private final CudaStream.Wait wait;

  /** Null where runs are not timed. */
  private CudaEvent begin;

  private CudaEvent end;

  /** Null where the thread does not block. */
  private CudaEvent done;

  private long deviceNs;

  private LaneEvents(CudaStream.Wait wait) {
    this.wait = wait;
  }

  static LaneEvents create(CudaApi cuda, String label, CudaOptions options) {
    LaneEvents events = new LaneEvents(options.waiting());
    boolean made = false;
    try {
      if (options.timed()) {
        events.begin = CudaEvent.create(cuda, label + " begin", true);
        events.end = CudaEvent.create(cuda, label + " end", true);
      }
      if (options.waiting() == CudaStream.Wait.BLOCK) {
        events.done = CudaEvent.blocking(cuda, label + " done", false);
      }
      made = true;
      return events;
    } finally {
      if (!made) {
        events.close();
      }
    }
  }

  void begin(CudaStream stream) {
    if (begin != null) {
      begin.record(stream);
    }
  }

  void end(CudaStream stream) {
    if (end != null) {
      end.record(stream);
    }
  }

  /** Waits for all that is in the stream. Takes no heap memory, unless runs are timed. */
  void await(CudaStream stream) {
    if (done == null) {
      stream.await(wait);
    } else {
      // An event of its own blocks whatever flags the context has, which is not ours to set.
      done.record(stream);
      done.await();
    }
    if (begin != null) {
      deviceNs = (long) (end.msSince(begin) * NS_PER_MS);
    }
  }

  long deviceNs() {
    return deviceNs;
  }

  @Override
  public void close() {
    for (CudaEvent event : new CudaEvent[] {begin, end, done}) {
      if (event != null) {
        event.close();
      }
    }
  }
}
