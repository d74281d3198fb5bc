package dev.sluice.bindings.sim;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;

/**
 * A stream: what is queued in it, and which graph it records into.
 *
 * <p>Thread safety: guarded by the simulated driver's lock.
 */
final class SimStream {
  final SimContext context;
  final int id;
  final int flags;
  final int priority;
  final boolean legacy;

  /** What has not run yet; the head stays until it has run. */
  final Deque<Operation> queue = new ArrayDeque<>();

  /** What comes later in this stream is after all that this covers. */
  final Clock clock = new Clock();

  long handle;

  /** Destroyed by the caller; what is queued is still done. */
  boolean destroyed;

  /** Whether a worker has taken the stream. */
  boolean active;

  /** Null where the stream is not capturing. */
  Capture capture;

  /** Nodes that the next captured one depends on. */
  List<SimNode> tails = List.of();

  SimStream(SimContext context, int id, int flags, int priority, boolean legacy) {
    this.context = context;
    this.id = id;
    this.flags = flags;
    this.priority = priority;
    this.legacy = legacy;
  }

  /** Whether it keeps the implicit order with the legacy stream. */
  boolean isBlocking() {
    return !legacy && (flags & 1) == 0;
  }

  boolean isIdle() {
    return queue.isEmpty();
  }

  @Override
  public String toString() {
    return legacy ? "the legacy stream" : "stream " + id;
  }
}
