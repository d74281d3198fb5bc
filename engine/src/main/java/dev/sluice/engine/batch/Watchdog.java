package dev.sluice.engine.batch;

import java.util.concurrent.locks.LockSupport;

/**
 * Finds callers that claim and do not submit, or do not close what they read: S3 and OK -> OVERDUE
 * of the protocol. One sweep looks at every batch, so no request pays for a timer.
 *
 * <p>Thread safety: {@link #sweep} by one thread at a time.
 */
final class Watchdog {
  private static final System.Logger LOG = System.getLogger(Watchdog.class.getName());

  /** Bounds of the time between two sweeps. */
  private static final long SHORTEST_NS = 1_000_000;

  private static final long LONGEST_NS = 250_000_000;

  private final Dispatcher dispatcher;
  private final BatchOptions options;
  private final long intervalNs;
  private long sweptAtNs;
  private volatile boolean stop;
  private Thread thread;

  Watchdog(Dispatcher dispatcher) {
    this.dispatcher = dispatcher;
    this.options = dispatcher.options();
    this.intervalNs =
        Math.clamp(
            Math.min(options.claimTimeoutNs(), options.readTimeoutNs()) / 4,
            SHORTEST_NS,
            LONGEST_NS);
    this.sweptAtNs = options.clock().nanoTime();
  }

  void start() {
    thread = options.threads().newThread(this::loop);
    thread.setName("sluice-watchdog");
    thread.setDaemon(true);
    thread.start();
  }

  private void loop() {
    while (!stop) {
      LockSupport.parkNanos(this, intervalNs);
      sweep(options.clock().nanoTime());
    }
  }

  void stop() {
    stop = true;
    LockSupport.unpark(thread);
    boolean interrupted = false;
    while (thread.isAlive() && thread != Thread.currentThread()) {
      try {
        thread.join();
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  /** Looks at every batch once. */
  synchronized void sweep(long nowNs) {
    dispatcher.sweeps(Math.clamp(nowNs - sweptAtNs, 0, intervalNs));
    sweptAtNs = nowNs;
    for (Batch batch : dispatcher.batches()) {
      long round = batch.generation();
      long word = batch.word();
      switch (Batch.phase(word)) {
        case Batch.OPEN, Batch.SEALED -> {
          if (Batch.pending(word) > 0) {
            abandonStalled(batch, round, Batch.slots(word), nowNs, options.claimTimeoutNs());
          }
        }
        case Batch.DONE -> findOverdue(batch, round, Batch.slots(word), nowNs);
        default -> {}
      }
    }
  }

  /** Abandons every claim that is not submitted, whatever its age: the engine closes. */
  synchronized void abandonAll() {
    for (Batch batch : dispatcher.batches()) {
      long round = batch.generation();
      int slots = Batch.slots(batch.word());
      abandonStalled(batch, round, slots, options.clock().nanoTime(), Long.MIN_VALUE);
    }
  }

  /**
   * Abandons old claims of one round.
   *
   * @param round read before {@code slots}: a slot that still is in that round was claimed if it is
   *     below {@code slots}, while in a later round IDLE may mean that it is nobody's
   */
  private void abandonStalled(Batch batch, long round, int slots, long nowNs, long timeoutNs) {
    for (int i = 0; i < slots; i++) {
      Slot slot = batch.slot(i);
      long observed = slot.stateWord();
      boolean claimed = observed == Slot.word(round, Slot.CLAIMED);
      if (!claimed && observed != Slot.word(round, Slot.IDLE)) {
        continue;
      }
      long sinceNs = claimed ? slot.claimNs : batch.firstClaimNs;
      if (sinceNs != 0 && ageNs(batch, sinceNs, nowNs) > timeoutNs) {
        abandon(batch, slot, observed);
      }
    }
  }

  /** The least time that has passed. */
  private long ageNs(Batch batch, long sinceNs, long nowNs) {
    return batch.isCoarse() ? dispatcher.sweptNs() - sinceNs - intervalNs : nowNs - sinceNs;
  }

  private void abandon(Batch batch, Slot slot, long observed) {
    raise(batch);
    Thread owner = slot.owner;
    Throwable site = slot.claimSite;
    if (!slot.moveStateFrom(observed, Slot.ABANDONED)) {
      lower(batch);
      return;
    }
    batch.irregular = true;
    if (batch.writerDone()) {
      dispatcher.ready(batch);
    } else {
      dispatcher.pump(null);
    }
    LOG.log(
        System.Logger.Level.WARNING,
        () ->
            "abandoned a request that was claimed and not submitted within claimTimeout, by "
                + owner
                + (site == null ? "; -Dsluice.checked=true shows where" : ""),
        site);
  }

  private void findOverdue(Batch batch, long round, int slots, long nowNs) {
    for (int i = 0; i < slots; i++) {
      Slot slot = batch.slot(i);
      // The time only after the state: else it may be that of the round before.
      if (slot.stateWord() != Slot.word(round, Slot.OK)
          || ageNs(batch, batch.doneNs, nowNs) <= options.readTimeoutNs()) {
        continue;
      }
      raise(batch);
      Thread owner = slot.owner;
      Throwable site = slot.claimSite;
      if (slot.moveStateFrom(Slot.word(round, Slot.OK), Slot.OVERDUE)) {
        LOG.log(
            System.Logger.Level.WARNING,
            () ->
                "a request's outputs are held for longer than readTimeout, by "
                    + owner
                    + (site == null ? "; -Dsluice.checked=true shows where it was claimed" : ""),
            site);
      } else {
        lower(batch);
      }
    }
  }

  private void raise(Batch batch) {
    if (batch.addLateHolder()) {
      dispatcher.quarantined().incrementAndGet();
    }
  }

  private void lower(Batch batch) {
    if (batch.removeLateHolder()) {
      dispatcher.quarantined().decrementAndGet();
      dispatcher.wakeClaims();
    }
  }
}
