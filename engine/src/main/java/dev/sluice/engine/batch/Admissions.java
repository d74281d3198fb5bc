package dev.sluice.engine.batch;

import dev.sluice.engine.Priority;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;

/**
 * Callers that wait for rows of one shape: two lists, first in first out, high priority first. The
 * node is part of the caller's handle, so waiting allocates nothing.
 *
 * <p>Who is told to try is taken off its list, and counts as <i>told</i> until it tries; who fails
 * goes back to the front. Waking spreads: who frees a batch tells two, and each of them tells two
 * more before it tries, as long as there are rows for all that were told. Nobody takes the monitor
 * between its claim and its submit.
 *
 * <p>Thread safety: any thread; a node by its caller.
 */
final class Admissions {
  /** How many a freed batch, and each caller that was told, tells. */
  static final int FAN_OUT = 2;

  /** A caller's place in the line; reused for ever. */
  static final class Node {
    private Node next;
    private Thread thread;
    private Priority priority;
    private AtomicInteger told;
    private volatile boolean waits;
    private volatile boolean go;

    /** Whether the caller may try, and has not yet. */
    boolean isTold() {
      return go;
    }

    /**
     * Whether the caller may try now; true once for each time that it was told. Until then nobody
     * else is told in its place, so it has to try, or else tell somebody.
     */
    boolean takeGo() {
      // Only what was seen is wiped out: a wake-up between a look and a store would be lost.
      if (!go) {
        return false;
      }
      go = false;
      // Before the try: who makes room while it fails has to tell somebody.
      told.decrementAndGet();
      return true;
    }
  }

  private static final class Line {
    private Node head;
    private Node tail;

    void addFirst(Node node) {
      node.next = head;
      head = node;
      tail = tail == null ? node : tail;
    }

    void addLast(Node node) {
      if (tail == null) {
        head = node;
      } else {
        tail.next = node;
      }
      tail = node;
    }

    void remove(Node node) {
      Node previous = null;
      for (Node n = head; n != node; n = n.next) {
        previous = n;
      }
      if (previous == null) {
        head = node.next;
      } else {
        previous.next = node.next;
      }
      if (tail == node) {
        tail = previous;
      }
      node.next = null;
    }
  }

  private final Line high = new Line();
  private final Line normal = new Line();

  /** How many may try and have not yet. */
  private final AtomicInteger told = new AtomicInteger();

  private volatile int waitingHigh;
  private volatile int waitingNormal;

  /** Whether a newcomer of this priority would overtake somebody in the line. */
  boolean isBehind(Priority priority) {
    return waitingHigh > 0 || (priority == Priority.NORMAL && waitingNormal > 0);
  }

  /** How many may try and have not yet. */
  int told() {
    return told.get();
  }

  boolean isEmpty() {
    return waitingHigh == 0 && waitingNormal == 0;
  }

  /** Takes the calling thread into the line. */
  void enqueue(Node node, Priority priority) {
    node.thread = Thread.currentThread();
    node.priority = priority;
    node.told = told;
    add(node, false);
  }

  /** Takes a node back whose caller was told and found no room. */
  void requeue(Node node) {
    add(node, true);
  }

  private synchronized void add(Node node, boolean first) {
    Line line = node.priority == Priority.HIGH ? high : normal;
    node.waits = true;
    if (first) {
      line.addFirst(node);
    } else {
      line.addLast(node);
    }
    count(node.priority, 1);
  }

  @SuppressWarnings("NonAtomicOperationOnVolatileField") // written under the monitor only
  private synchronized void count(Priority priority, int more) {
    if (priority == Priority.HIGH) {
      waitingHigh += more;
    } else {
      waitingNormal += more;
    }
  }

  /**
   * The caller waits no longer.
   *
   * @return whether it was told and has not tried: somebody else may
   */
  boolean leave(Node node) {
    if (node.waits) {
      removeIfWaiting(node);
    }
    node.thread = null;
    return node.takeGo();
  }

  private synchronized void removeIfWaiting(Node node) {
    if (node.waits) {
      (node.priority == Priority.HIGH ? high : normal).remove(node);
      node.waits = false;
      count(node.priority, -1);
    }
  }

  /** Tells the first {@code count} that they may try. */
  void wake(int count) {
    wake(count, Integer.MAX_VALUE);
  }

  /** The same, as far as {@code room} rows are enough for all that were told. */
  void wake(int count, int room) {
    // Once for all: who was told may have left that number, and not yet have claimed.
    int most = Math.min(count, room - told.get());
    for (int i = 0; i < most && !isEmpty(); i++) {
      Thread thread = tellFirst();
      if (thread == null) {
        return;
      }
      LockSupport.unpark(thread);
    }
  }

  private synchronized Thread tellFirst() {
    Line line = high.head == null ? normal : high;
    Node node = line.head;
    if (node == null) {
      return null;
    }
    line.remove(node);
    count(node.priority, -1);
    told.incrementAndGet();
    Thread thread = node.thread;
    node.waits = false;
    node.go = true;
    return thread;
  }
}
