package dev.sluice.bindings.sim;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;

/**
 * The latest calls, in the order in which they came in.
 *
 * <p>Thread safety: guarded by the simulated driver's lock.
 */
final class CallLog {
  private static final int LIMIT = 100_000;

  /** A call that may still run. */
  static final class Entry {
    private final Call begun;
    private int status = Call.RUNNING;
    private long result;

    private Entry(Call begun) {
      this.begun = begun;
    }

    /** Notes what the call returned, and what it made. */
    void end(int returned, long made) {
      status = returned;
      result = made;
    }

    private Call call() {
      return new Call(
          begun.sequence(), begun.thread(), begun.function(), begun.arguments(), status, result);
    }
  }

  private final boolean on;
  private final Deque<Entry> calls = new ArrayDeque<>();
  private long sequence;

  CallLog(boolean on) {
    this.on = on;
  }

  boolean isOn() {
    return on;
  }

  /** Notes a call before it does anything; null where the log is off. */
  Entry begin(String function, String arguments) {
    if (!on) {
      return null;
    }
    if (calls.size() == LIMIT) {
      calls.poll();
    }
    String thread = Thread.currentThread().getName();
    Entry entry = new Entry(new Call(++sequence, thread, function, arguments, Call.RUNNING, 0));
    calls.add(entry);
    return entry;
  }

  List<Call> calls() {
    return calls.stream().map(Entry::call).toList();
  }

  void clear() {
    calls.clear();
  }
}
