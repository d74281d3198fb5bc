package dev.sluice.engine.batch;

import dev.sluice.engine.backend.Backend;
import dev.sluice.engine.backend.BackendException;
import dev.sluice.engine.backend.BatchMemory;
import dev.sluice.engine.backend.Lane;
import java.util.concurrent.locks.LockSupport;

/**
 * A lane, what is measured on it, and the thread that runs its batches when no caller can lead.
 * That thread is started at its first use; it is also a timer for {@code maxDelay}.
 *
 * <p>Thread safety: {@link #run} by whoever holds the lane; {@link #hand} and {@link #arm} by any
 * thread.
 */
final class LaneRunner {
  private static final System.Logger LOG = System.getLogger(LaneRunner.class.getName());

  private final int index;
  private final Dispatcher dispatcher;
  private final Backend backend;
  private final LaneStats stats = new LaneStats();
  private final boolean staged;
  private Lane lane;
  private volatile Batch mailbox;
  private volatile long dueNs;
  private volatile boolean armed;
  private volatile boolean stop;
  private volatile Thread thread;

  LaneRunner(int index, Dispatcher dispatcher, Backend backend) throws BackendException {
    this.index = index;
    this.dispatcher = dispatcher;
    this.backend = backend;
    this.staged = !backend.stages().isEmpty();
    this.lane = backend.openLane(index);
  }

  int index() {
    return index;
  }

  LaneStats stats() {
    return stats;
  }

  /**
   * Runs rows of a batch on the calling thread; after a failure the lane is opened anew.
   *
   * @return what the run failed with, or null
   */
  Throwable run(BatchMemory memory, int rows) {
    try {
      lane.run(memory, rows);
      long preNs = staged ? lane.preNs() : 0;
      long postNs = staged ? lane.postNs() : 0;
      if (preNs + postNs > 0) {
        stats.record(Stage.PRE, preNs);
        stats.record(Stage.POST, postNs);
      }
      long deviceNs = lane.deviceNs();
      if (deviceNs > 0) {
        stats.record(Stage.DEVICE, deviceNs);
      }
      return null;
    } catch (Throwable t) { // whatever a backend throws belongs to this batch's requests
      rebuild(t);
      return t;
    }
  }

  /** Makes the lane ready for a shape, before it serves. */
  void prepare(BatchMemory memory) throws BackendException {
    lane.prepare(memory);
  }

  /** Whether the lane can run another batch. */
  boolean usable() {
    return lane != null;
  }

  private void rebuild(Throwable failure) {
    LOG.log(System.Logger.Level.WARNING, "lane " + index + " failed and is opened anew", failure);
    closeLane();
    if (failure instanceof BackendException e && e.deviceLost()) {
      return;
    }
    try {
      lane = backend.openLane(index);
    } catch (Throwable t) { // the lane stays out of use; the engine fails with its last lane
      LOG.log(System.Logger.Level.ERROR, "lane " + index + " cannot be opened anew", t);
    }
  }

  void closeLane() {
    Lane old = lane;
    lane = null;
    if (old != null) {
      try {
        old.close();
      } catch (RuntimeException e) {
        LOG.log(System.Logger.Level.WARNING, "closing lane " + index + " failed", e);
      }
    }
  }

  /** Has the lane's own thread run this batch; the lane is the caller's to give. */
  void hand(Batch batch) {
    mailbox = batch;
    wakeThread();
  }

  /** Has the lane's own thread call the dispatcher at {@code atNs}, or earlier. */
  synchronized void arm(long atNs) {
    if (armed && dueNs - atNs <= 0) {
      return;
    }
    dueNs = atNs;
    armed = true;
    wakeThread();
  }

  private void wakeThread() {
    Thread t = thread;
    if (t == null) {
      synchronized (this) {
        if (thread == null && !stop) {
          thread = dispatcher.options().threads().newThread(this::loop);
          thread.setName("sluice-lane-" + index);
          thread.setDaemon(true);
          thread.start();
        }
        t = thread;
      }
    }
    LockSupport.unpark(t);
  }

  private void loop() {
    while (!stop) {
      Batch batch = mailbox;
      if (batch != null) {
        mailbox = null;
        dispatcher.runOnLaneThread(this, batch);
      } else if (armed) {
        long leftNs = dueNs - dispatcher.options().clock().nanoTime();
        if (leftNs > 0) {
          LockSupport.parkNanos(this, leftNs);
        } else {
          armed = false;
          dispatcher.pump(null);
        }
      } else {
        LockSupport.park(this);
      }
    }
  }

  /** Ends the thread, and waits for it unless it is the caller. */
  void stopThread() {
    Thread t;
    synchronized (this) {
      stop = true;
      t = thread;
    }
    if (t != null && t != Thread.currentThread()) {
      LockSupport.unpark(t);
      boolean interrupted = false;
      while (t.isAlive()) {
        try {
          t.join();
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }
}
