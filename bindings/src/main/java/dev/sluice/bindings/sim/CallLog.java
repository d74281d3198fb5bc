package dev.sluice.bindings.sim;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;

/**
 * The latest calls.
 *
 * <p>Thread safety: any thread.
 */
final class CallLog {
  private static final int LIMIT = 100_000;

  private final boolean on;
  private final Deque<Call> calls = new ArrayDeque<>();
  private long sequence;

  CallLog(boolean on) {
    this.on = on;
  }

  boolean isOn() {
    return on;
  }

  void add(String function, String arguments, int status) {
    if (!on) {
      return;
    }
    synchronized (calls) {
      if (calls.size() == LIMIT) {
        calls.poll();
      }
      calls.add(
          new Call(++sequence, Thread.currentThread().getName(), function, arguments, status));
    }
  }

  List<Call> calls() {
    synchronized (calls) {
      return List.copyOf(calls);
    }
  }

  void clear() {
    synchronized (calls) {
      calls.clear();
    }
  }
}
