package dev.sluice.engine.batch;

import dev.sluice.engine.backend.Backend;
import dev.sluice.engine.backend.BackendException;
import dev.sluice.engine.backend.BatchMemory;
import dev.sluice.engine.backend.Lane;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.concurrent.locks.LockSupport;

/**
 * A lane, what is measured on it, and the thread that runs its batches when no caller can lead.
 * That thread is started at its first use; it is also a timer for {@code maxDelay}, and looks for
 * batches when it is told to. One that belongs to a buffer for one caller alone has no use for it.
 *
 * <p>Thread safety: {@link #run} by whoever holds the lane; {@link #hand}, {@link #nudge} and
 * {@link #arm} by any thread.
 */
final class LaneRunner {
  private static final System.Logger LOG = System.getLogger(LaneRunner.class.getName());

  /** How often a lane that can't be opened anew is tried again, in 1.3 s, before it is given up. */
  static final int MAX_REOPENINGS = 7;

  /** The wait before the first of these, which doubles with each. */
  private static final long FIRST_REOPENING_NS = 10_000_000;

  private static final VarHandle RUNS_ALONE;

  static {
    try {
      RUNS_ALONE = MethodHandles.lookup().findVarHandle(LaneRunner.class, "runsAlone", long.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private final int index;
  private final Dispatcher dispatcher;
  private final Backend backend;
  private final LaneStats stats;
  private final boolean staged;
  private Lane lane;
  private long runsAlone;
  private volatile Batch mailbox;
  private int reopenings;
  private volatile long reopenNs;
  private volatile boolean reopening;
  private volatile long dueNs;
  private volatile boolean armed;
  private volatile boolean nudged;
  private volatile boolean stop;
  private volatile Thread thread;

  LaneRunner(int index, Dispatcher dispatcher, Backend backend, LaneStats stats)
      throws BackendException {
    this.index = index;
    this.dispatcher = dispatcher;
    this.backend = backend;
    this.stats = stats;
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
   * @param timed whether the parts of the run are recorded, as the run itself is
   * @return what the run failed with, or null
   */
  Throwable run(BatchMemory memory, int rows, boolean timed) {
    try {
      lane.run(memory, rows);
      if (timed) {
        recordParts();
      }
      return null;
    } catch (Throwable t) { // whatever a backend throws belongs to this batch's requests
      rebuild(t, memory);
      return t;
    }
  }

  private void recordParts() {
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
  }

  /** Counts a run of one row without a lane; for whoever had this to itself. */
  void ranAlone() {
    RUNS_ALONE.setOpaque(this, runsAlone + 1);
  }

  long runsAlone() {
    return (long) RUNS_ALONE.getOpaque(this);
  }

  /** Makes the lane ready for a shape, before it serves. */
  void prepare(BatchMemory memory) throws BackendException {
    lane.prepare(memory);
  }

  /** Whether the lane can run another batch. */
  boolean usable() {
    return lane != null;
  }

  private void rebuild(Throwable failure, BatchMemory memory) {
    LOG.log(System.Logger.Level.WARNING, "lane " + index + " failed and is opened anew", failure);
    closeLane();
    reopenings = isLost(failure) ? MAX_REOPENINGS : 0;
    if (reopenings == 0 && open() && !prepared(memory)) {
      closeLane();
      open();
    }
  }

  private boolean open() {
    try {
      lane = backend.openLane(index);
      return true;
    } catch (Throwable t) { // whatever a backend throws; the lane is out of use meanwhile
      LOG.log(System.Logger.Level.ERROR, "lane " + index + " cannot be opened anew", t);
      reopenings = isLost(t) ? MAX_REOPENINGS : reopenings;
      return false;
    }
  }

  /** Makes a lane that was opened anew ready; one that can't be serves all the same. */
  private boolean prepared(BatchMemory memory) {
    try {
      lane.prepare(memory);
      return true;
    } catch (Throwable t) { // whatever a backend throws
      LOG.log(System.Logger.Level.WARNING, "lane " + index + " was opened, not prepared", t);
      return false;
    }
  }

  static boolean isLost(Throwable failure) {
    return failure instanceof BackendException e && e.deviceLost();
  }

  /** Whether a lane that is out of use may come back; asked by who holds it. */
  boolean mayReopen() {
    return reopenings < MAX_REOPENINGS;
  }

  /**
   * Has the lane's own thread open the lane anew, later with each time. That thread holds the lane
   * from now on.
   */
  synchronized void reopenLater() {
    long delayNs = FIRST_REOPENING_NS << reopenings++;
    reopenNs = dispatcher.options().clock().nanoTime() + delayNs;
    reopening = true;
    wakeThread();
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

  /** Has the lane's own thread look for a batch, with this lane if it is idle by then. */
  void nudge() {
    if (!nudged) {
      nudged = true;
      wakeThread();
    }
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
          t = dispatcher.options().threads().newThread(this::loop);
          t.setName("sluice-lane-" + index);
          t.setDaemon(true);
          t.start();
          thread = t;
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
        if (nudged || armed) {
          nudged = false;
          armed = false;
          dispatcher.pump(null);
        }
        dispatcher.runOnLaneThread(this, batch);
        continue;
      }
      long nowNs = dispatcher.options().clock().nanoTime();
      long reopenLeftNs = reopening ? reopenNs - nowNs : Long.MAX_VALUE;
      long dueLeftNs = armed ? dueNs - nowNs : Long.MAX_VALUE;
      long leftNs = Math.min(reopenLeftNs, dueLeftNs);
      if (nudged || dueLeftNs <= 0) {
        if (dueLeftNs <= 0) {
          armed = false;
        }
        nudged = false;
        dispatcher.serve(this);
      } else if (reopenLeftNs <= 0) {
        reopening = false;
        dispatcher.reopened(this, open());
      } else if (leftNs < Long.MAX_VALUE) {
        LockSupport.parkNanos(this, leftNs);
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
