package dev.sluice.engine.batch;

import dev.sluice.engine.Priority;
import java.util.concurrent.locks.LockSupport;

/**
 * Callers that wait for rows of one shape: two lists, first in first out, high priority first. The
 * node is part of the caller's handle, so waiting allocates nothing.
 *
 * <p>Waking spreads: who frees a batch wakes two, and each that got in wakes two more.
 *
 * <p>Thread safety: any thread.
 */
final class Admissions {
  /** How many a freed batch, and each admitted caller, wakes. */
  static final int FAN_OUT = 2;

  /** A caller's place in the line; reused for ever. */
  static final class Node {
    private Node next;
    private Thread thread;
    private Priority priority;
    private volatile boolean go;

    /** Whether the caller should try again; asked once for each wake-up. */
    boolean takeGo() {
      // Only what was seen is wiped out: a wake-up between a look and a store would be lost.
      if (!go) {
        return false;
      }
      go = false;
      return true;
    }
  }

  private static final class Line {
    private Node head;
    private Node tail;
  }

  private final Line high = new Line();
  private final Line normal = new Line();
  private volatile int waitingHigh;
  private volatile int waitingNormal;

  /** Whether a newcomer of this priority would overtake somebody. */
  boolean mustQueue(Priority priority) {
    return waitingHigh > 0 || (priority == Priority.NORMAL && waitingNormal > 0);
  }

  /** Whether a caller in the line of this priority may try now: the high line goes first. */
  boolean mayTry(Priority priority) {
    return priority == Priority.HIGH || waitingHigh == 0;
  }

  boolean isEmpty() {
    return waitingHigh == 0 && waitingNormal == 0;
  }

  @SuppressWarnings("NonAtomicOperationOnVolatileField") // written under the monitor only
  synchronized void enqueue(Node node, Priority priority) {
    node.thread = Thread.currentThread();
    node.priority = priority;
    node.next = null;
    node.go = false;
    Line line = priority == Priority.HIGH ? high : normal;
    if (line.tail == null) {
      line.head = node;
    } else {
      line.tail.next = node;
    }
    line.tail = node;
    if (priority == Priority.HIGH) {
      waitingHigh++;
    } else {
      waitingNormal++;
    }
  }

  @SuppressWarnings("NonAtomicOperationOnVolatileField") // written under the monitor only
  synchronized void remove(Node node) {
    Line line = node.priority == Priority.HIGH ? high : normal;
    Node previous = null;
    for (Node n = line.head; n != null; previous = n, n = n.next) {
      if (n == node) {
        if (previous == null) {
          line.head = n.next;
        } else {
          previous.next = n.next;
        }
        if (line.tail == n) {
          line.tail = previous;
        }
        break;
      }
    }
    node.next = null;
    node.thread = null;
    if (node.priority == Priority.HIGH) {
      waitingHigh--;
    } else {
      waitingNormal--;
    }
  }

  /** Lets the first {@code count} that were not told yet try again. */
  void wake(int count) {
    if (isEmpty()) {
      return;
    }
    synchronized (this) {
      int left = wake(high, count);
      wake(normal, left);
    }
  }

  private static int wake(Line line, int count) {
    int left = count;
    for (Node n = line.head; n != null && left > 0; n = n.next) {
      if (!n.go) {
        n.go = true;
        LockSupport.unpark(n.thread);
        left--;
      }
    }
    return left;
  }
}
