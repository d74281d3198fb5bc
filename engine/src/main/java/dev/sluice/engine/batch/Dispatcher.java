package dev.sluice.engine.batch;

import dev.sluice.bindings.ElementType;
import dev.sluice.engine.Admission;
import dev.sluice.engine.TensorSpec;
import dev.sluice.engine.backend.Backend;
import dev.sluice.engine.backend.BackendException;
import dev.sluice.engine.backend.BatchMemory;
import dev.sluice.engine.backend.ShapeKey;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import org.HdrHistogram.Histogram;

/**
 * Brings batches and lanes together: the orchestration around the atomic steps of {@link Batch}.
 * {@code docs/claim-protocol.md} is its specification; the sections "Lanes and the dispatcher" and
 * "Who waits, who wakes" are this class.
 *
 * <p>It is longer than most: the parts share the same few fields, and a reader who checks the
 * protocol wants them on one page. Claims, waiting and closing are in {@link Claims}.
 *
 * <p>Thread safety: any thread.
 */
final class Dispatcher {
  /**
   * A virtual thread may lead runs shorter than this: a run pins its carrier, while handing over to
   * a platform thread costs two wake-ups. An assumed bound: others wait as long for a carrier as
   * the system's scheduler lets threads wait for a core.
   */
  static final long VIRTUAL_LEAD_LIMIT_NS = 1_000_000;

  /** The scheduler has a carrier for each core by default. */
  private static final int MOST_PINNED = Runtime.getRuntime().availableProcessors() / 2;

  /** Who gathers company may have lost its core; past this age of the batch others may run it. */
  private static final long GATHER_NS = 50_000;

  private static final System.Logger LOG = System.getLogger(Dispatcher.class.getName());

  private final Backend backend;
  private final BatchOptions options;
  private final BatchPolicy policy;
  private final NanoClock clock;
  private final LaneRunner[] runners;

  /** Each shared by some lanes: so few that all can be kept, so many that they seldom meet. */
  private final LaneStats[] stats;

  private final TypicalRun typicalRun = new TypicalRun();
  private final Courtesy beforeRuns = new Courtesy();
  private final Courtesy afterRuns = new Courtesy();
  private final IndexSet idleLanes;
  private final IndexSet ready;
  private final AtomicInteger usableLanes;

  /** Those that are usable, or may be again. */
  private final AtomicInteger lanesLeft;

  private final AtomicReference<Throwable> failure = new AtomicReference<>();

  /** Virtual threads that may lead runs which are not short. */
  private final AtomicInteger pinned = new AtomicInteger();

  private final AtomicInteger quarantined = new AtomicInteger();
  private volatile long sweptNs;
  private Runnable afterRecycle = () -> {};
  private volatile Batch[] batches = new Batch[0];
  private volatile BatchQueue[] queues = new BatchQueue[0];

  Dispatcher(Backend backend, BatchOptions options) throws BackendException {
    this.backend = backend;
    this.options = options;
    this.policy = new BatchPolicy(options.maxRows(), options.maxDelayNs());
    this.clock = options.clock();
    this.sweptNs = clock.nanoTime();
    this.runners = new LaneRunner[options.lanes()];
    this.idleLanes = new IndexSet(runners.length);
    this.ready =
        new IndexSet(options.maxQueues() * (options.buffersPerQueue() + options.soloBuffers()));
    this.stats = new LaneStats[Runtime.getRuntime().availableProcessors()];
    Arrays.setAll(stats, _ -> new LaneStats(options.maxRows()));
    this.usableLanes = new AtomicInteger(runners.length);
    this.lanesLeft = new AtomicInteger(runners.length);
    for (int i = 0; i < runners.length; i++) {
      try {
        runners[i] = newRunner(i);
      } catch (BackendException | RuntimeException e) {
        closeLanes();
        throw e;
      }
      idleLanes.add(i);
    }
  }

  private LaneRunner newRunner(int index) throws BackendException {
    return new LaneRunner(index, this, backend, stats[index % stats.length]);
  }

  /**
   * The time by which a batch is judged: where a look at the clock would count, {@link #sweptNs}.
   */
  long nowNs(Batch batch) {
    return batch.isCoarse() ? sweptNs : clock.nanoTime();
  }

  /**
   * A clock that moves with each sweep of the watchdog, by what has passed but at most by an
   * interval, and is never ahead of the real one: what it says is never further from a later
   * reading than the interval more than the time between them, however long the sweeps were held
   * up.
   */
  long sweptNs() {
    return sweptNs;
  }

  /** The watchdog, which alone calls this, begins a sweep. */
  void sweeps(long byNs) {
    long nowNs = sweptNs + byNs;
    sweptNs = nowNs;
  }

  BatchOptions options() {
    return options;
  }

  Batch[] batches() {
    return batches;
  }

  BatchQueue[] queues() {
    return queues;
  }

  AtomicInteger quarantined() {
    return quarantined;
  }

  /** What the engine failed with for good; null while it serves. */
  Throwable failure() {
    return failure.get();
  }

  /** Allocates the batches of another shape key. Under the caller's lock. */
  BatchQueue addQueue(ShapeKey key) throws BackendException {
    List<BatchMemory> memories = new ArrayList<>();
    List<BatchQueue.SoloBuffer> solo = new ArrayList<>();
    try {
      memories.add(backend.allocate(key, options.maxRows()));
      int buffers = buffers(memories.getFirst());
      while (memories.size() < buffers) {
        memories.add(backend.allocate(key, options.maxRows()));
      }
      long rowBytes = rowBytes(memories.getFirst());
      while (solo.size() < options.soloBuffers()
          && (solo.size() + 1) * rowBytes <= BatchOptions.QUEUE_BYTES) {
        solo.add(newSoloBuffer(key, runners.length + solo.size()));
      }
    } catch (BackendException | RuntimeException | OutOfMemoryError e) {
      memories.forEach(BatchMemory::close);
      solo.forEach(one -> {
        one.runner().closeLane();
        one.memory().close();
      });
      throw e;
    }
    BatchQueue queue =
        new BatchQueue(this, key, batches.length, memories, options.maxRows(), solo, typicalRun);
    int count = queue.batches().length;
    Batch[] more = Arrays.copyOf(batches, batches.length + count);
    System.arraycopy(queue.batches(), 0, more, batches.length, count);
    batches = more;
    BatchQueue[] moreQueues = Arrays.copyOf(queues, queues.length + 1);
    moreQueues[queues.length] = queue;
    queues = moreQueues;
    return queue;
  }

  private BatchQueue.SoloBuffer newSoloBuffer(ShapeKey key, int index) throws BackendException {
    BatchMemory memory = backend.allocate(key, 1);
    try {
      return new BatchQueue.SoloBuffer(memory, newRunner(index));
    } catch (BackendException | RuntimeException e) {
      memory.close();
      throw e;
    }
  }

  /** How many such buffers a queue has. */
  private int buffers(BatchMemory memory) {
    if (!memory.fixedOutputs()) {
      return options.leastBuffersPerQueue();
    }
    long fit = BatchOptions.QUEUE_BYTES / Math.max(1, rowBytes(memory) * memory.maxRows());
    return (int) Math.clamp(fit, options.leastBuffersPerQueue(), (long) options.buffersPerQueue());
  }

  /** Inputs and outputs of a row; outputs that only a run can tell, and strings, left out. */
  private long rowBytes(BatchMemory memory) {
    List<TensorSpec> inputs = backend.signature().inputs();
    List<TensorSpec> outputs = backend.signature().outputs();
    long rowBytes = 0;
    for (int i = 0; i < inputs.size(); i++) {
      rowBytes += inputs.get(i).type() == ElementType.STRING ? 0 : memory.inputRowBytes(i);
    }
    for (int i = 0; i < outputs.size() && memory.fixedOutputs(); i++) {
      rowBytes += outputs.get(i).type() == ElementType.STRING ? 0 : memory.outputRowBytes(i);
    }
    return rowBytes;
  }

  /** Makes all that runs ready for a shape, before it serves. */
  void prepare(BatchQueue queue) throws BackendException {
    for (LaneRunner runner : runners) {
      runner.prepare(queue.anyMemory());
    }
    for (Batch batch : queue.batches()) {
      if (batch.soloRunner() != null) {
        batch.soloRunner().prepare(batch.memory());
      }
    }
  }

  /** The caller owns the ready event of this batch: puts it where lanes look, and looks for one. */
  void ready(Batch batch) {
    ready.add(batch.index());
    pump(null);
  }

  /** Whether a virtual thread that blocks may lead the next run. */
  boolean runsAreShort() {
    long typical = typicalRun.ns();
    return typical > 0 && typical < VIRTUAL_LEAD_LIMIT_NS;
  }

  /**
   * Whether a virtual thread may lead a run that is not short: where half of the carriers are left
   * to others meanwhile. Who may says so when it does no more.
   */
  boolean mayPinCarrier() {
    if (pinned.incrementAndGet() <= MOST_PINNED) {
      return true;
    }
    pinned.decrementAndGet();
    return false;
  }

  void pinsNoMore() {
    pinned.decrementAndGet();
  }

  /**
   * Submits a claimed slot whose callback and deadline are set, and looks for a lane.
   *
   * @param mayLead the slot's batch where the calling thread may lead it, else null
   * @param gathers whether to let others claim in the batch first
   * @return the lane on which the caller must {@link #lead} the batch now, or -1
   */
  int submitted(Slot slot, Batch mayLead, boolean gathers) {
    Batch batch = slot.batch;
    if (gathers) {
      batch.gathering = true;
    }
    if (batch.writerDone()) {
      ready.add(batch.index());
    } else if (gathers) {
      gather(batch);
      if (slot.state() == Slot.OK) {
        return -1;
      }
    }
    return pump(mayLead);
  }

  /**
   * Lets others go first for as long as that brings rows. Then the batch is due, unless it has so
   * few that waiting pays.
   */
  private void gather(Batch batch) {
    long word = batch.word();
    int before;
    boolean yielded;
    do {
      before = Batch.rows(word);
      yielded = beforeRuns.yields(clock);
      word = batch.word();
    } while (yielded && Batch.phase(word) == Batch.OPEN && Batch.rows(word) > before);
    batch.due = BatchPolicy.suffices(Batch.rows(word), batch.queue().expectedRows());
    batch.gathering = false;
  }

  /**
   * Gives idle lanes to batches that are due.
   *
   * @param mine a batch that the calling thread may lead, or null
   * @return the lane on which the caller must lead {@code mine} now, or -1
   */
  int pump(Batch mine) {
    while (true) {
      if (failure.get() != null) {
        failAll();
        return -1;
      }
      int lane = idleLanes.take();
      if (lane < 0) {
        return -1;
      }
      Batch first = mostUrgent();
      if (mine == null && first != null && Batch.phase(first.word()) == Batch.OPEN) {
        leaveOpen(first, lane);
        return -1;
      }
      Batch batch = selectRunnable(first);
      if (batch == null) {
        idleLanes.add(lane);
        if (!somethingDue(lane)) {
          return -1;
        }
      } else if (batch == mine) {
        return lane;
      } else {
        runners[lane].hand(batch);
      }
    }
  }

  /**
   * Where an open batch is due that the caller can't lead, the lane's own thread is told, but the
   * lane stays idle and the batch open: who claims in it meanwhile has a core already, and runs it.
   */
  private void leaveOpen(Batch batch, int lane) {
    batch.due = true;
    idleLanes.add(lane);
    runners[lane].nudge();
  }

  /**
   * A batch in phase RUNNING with a row that wants its answer, which is the caller's; or null.
   *
   * @param first the {@link #mostUrgent}
   */
  private Batch selectRunnable(Batch first) {
    for (Batch batch = first; batch != null; batch = mostUrgent()) {
      if (starts(batch)) {
        if (!batch.irregular || expireAndCount(batch) > 0) {
          return batch;
        }
        wakeAndFinish(batch);
      }
    }
    return null;
  }

  /** B6, B4 with B7, or B7; false where somebody else was faster, or still writes. */
  private boolean starts(Batch batch) {
    boolean open = Batch.phase(batch.word()) == Batch.OPEN;
    if (open && batch.tryStart()) {
      return true;
    }
    if (open ? batch.seal() : ready.remove(batch.index())) {
      batch.start();
      return true;
    }
    return false;
  }

  /** Of what is due, without a change of it; null where nothing is. */
  private Batch mostUrgent() {
    Batch sealed = bestReady();
    Batch open = bestOpen();
    return open != null && before(open, sealed) ? open : sealed;
  }

  private Batch bestReady() {
    Batch best = null;
    for (int i = ready.next(0); i >= 0; i = ready.next(i + 1)) {
      // Read after the index: a queue that is added meanwhile brings batches of higher ones.
      Batch batch = batches[i];
      best = before(batch, best) ? batch : best;
    }
    return best;
  }

  private Batch bestOpen() {
    Batch best = null;
    for (BatchQueue queue : queues) {
      Batch batch = queue.openBatch();
      if (batch != null && delayNs(queue, batch) == 0 && before(batch, best)) {
        best = batch;
      }
    }
    return best;
  }

  private static boolean before(Batch a, Batch b) {
    if (b == null || a.high != b.high) {
      return b == null || a.high;
    }
    return a.firstClaimNs - b.firstClaimNs < 0;
  }

  /** How long an idle lane leaves this open batch alone; 0: it is due. */
  private long delayNs(BatchQueue queue, Batch batch) {
    long word = batch.word();
    if (Batch.phase(word) != Batch.OPEN || Batch.slots(word) == Batch.pending(word)) {
      return BatchPolicy.NEVER;
    }
    if (batch.gathering && clock.nanoTime() - batch.firstClaimNs < GATHER_NS) {
      return BatchPolicy.NEVER;
    }
    if (batch.due) {
      return 0;
    }
    // Who stands in the line comes as soon as it can.
    int expected = queue.admissions().isEmpty() ? queue.expectedRows() : batch.maxRows();
    int rows = Batch.rows(word);
    return policy.waitsForNobody(rows, expected)
        ? 0
        : policy.decide(rows, expected, batch.firstClaimNs, true, clock.nanoTime());
  }

  /**
   * The look after a lane was given back; arms that lane's timer where a batch will be due later.
   */
  private boolean somethingDue(int idleLane) {
    if (!ready.isEmpty()) {
      return true;
    }
    long soonest = BatchPolicy.NEVER;
    for (BatchQueue queue : queues) {
      Batch batch = queue.openBatch();
      if (batch != null) {
        soonest = Math.min(soonest, delayNs(queue, batch));
      }
    }
    if (soonest != 0 && soonest != BatchPolicy.NEVER) {
      runners[idleLane].arm(clock.nanoTime() + soonest);
    }
    return soonest == 0;
  }

  /**
   * S5 for the expired; the number of rows' owners that still wait. Of the others the run must
   * touch no device memory: it may be gone.
   */
  private int expireAndCount(Batch batch) {
    long nowNs = clock.nanoTime();
    int waiting = 0;
    int slots = Batch.slots(batch.word());
    for (int i = 0; i < slots; i++) {
      Slot slot = batch.slot(i);
      if (slot.state() != Slot.SUBMITTED) {
        forgetDeviceRows(slot);
      } else if (slot.deadlineNs != Long.MAX_VALUE
          && slot.deadlineNs - nowNs <= 0
          && slot.moveState(Slot.SUBMITTED, Slot.EXPIRED)) {
        forgetDeviceRows(slot);
        Object waiter = slot.notifyWaiter(Slot.Mark.NOTIFIED);
        if (waiter == Slot.Mark.ASYNC) {
          callBack(slot);
        } else if (waiter instanceof Thread thread) {
          LockSupport.unpark(thread);
        }
      } else {
        waiting++;
      }
    }
    return waiting;
  }

  /** A slot that was abandoned before it was claimed does not know its rows, and lends none. */
  private static void forgetDeviceRows(Slot slot) {
    if (slot.onDevice) {
      slot.batch.memory().forgetDeviceRows(slot.startRow, slot.rows);
    }
  }

  /** Runs a batch on the calling thread, gives the lane on, and wakes the others. */
  void lead(int lane, Batch batch) {
    runAndComplete(runners[lane], batch);
    if (giveBack(runners[lane])) {
      pump(null);
    }
    wakeAndFinish(batch);
  }

  /** The lane's own thread looks for work. */
  void serve(LaneRunner runner) {
    if (failure.get() == null && idleLanes.remove(runner.index())) {
      Batch batch = selectRunnable(mostUrgent());
      if (batch != null) {
        // Others that are due have other lanes, and nobody else may know.
        pump(null);
        runOnLaneThread(runner, batch);
        return;
      }
      idleLanes.add(runner.index());
    }
    pump(null);
  }

  /**
   * Runs a batch on the lane's own thread, which keeps the lane while there is work. In between it
   * lets others go first: those that have their answers make the next batch. (Where callers could
   * take the lane meanwhile, the 99th percentile of 64 was half as much again.)
   */
  void runOnLaneThread(LaneRunner runner, Batch first) {
    Batch batch = first;
    while (batch != null) {
      runAndComplete(runner, batch);
      wakeAndFinish(batch);
      afterRuns.yields(clock);
      batch = runner.usable() && failure.get() == null ? selectRunnable(mostUrgent()) : null;
    }
    if (giveBack(runner)) {
      pump(null);
    }
  }

  private boolean giveBack(LaneRunner runner) {
    if (runner.usable()) {
      idleLanes.add(runner.index());
      return true;
    }
    if (failure.get() == null && runner.mayReopen()) {
      runner.reopenLater();
    }
    return failure.get() != null;
  }

  /** On the lane's own thread: a lane that was out of use was tried again. */
  void reopened(LaneRunner runner, boolean usable) {
    if (usable) {
      usableLanes.incrementAndGet();
    } else if (!runner.mayReopen()) {
      laneGone(new BackendException("lane " + runner.index() + " can't be opened anew", null));
    }
    if (giveBack(runner)) {
      pump(null);
    }
  }

  /**
   * Runs a batch that the calling thread has to itself, without a lane.
   *
   * @return whether it ended so; false where that can't be, and it is as before
   */
  boolean leadSolo(Batch batch) {
    LaneRunner runner = batch.soloRunner();
    if (runner == null || !runner.usable() || failure.get() != null) {
      return false;
    }
    batch.writerDone();
    batch.start();
    if (!batch.irregular || expireAndCount(batch) > 0) {
      runAndComplete(runner, batch);
    }
    if (batch.finish()) {
      recycle(batch);
    }
    return true;
  }

  /** Runs; then S4 for every slot. */
  private void runAndComplete(LaneRunner runner, Batch batch) {
    int rows = Batch.rows(batch.word());
    if (batch.timed) {
      batch.startNs = clock.nanoTime();
    }
    int runRows = options.exactRows() ? batch.maxRows() : rows;
    Throwable thrown = runner.run(batch.memory(), runRows, batch.timed);
    batch.doneNs = nowNs(batch);
    if (thrown != null && !runner.usable()) {
      broke(runner, thrown);
    }
    if (runner == batch.soloRunner()) {
      runner.ranAlone();
    } else {
      runner.stats().ran(rows);
      batch.queue().expect(rows);
    }
    if (batch.timed) {
      measure(batch, runner);
    }
    complete(batch, thrown);
  }

  /** A lane that its runner could not open anew; what runs without a lane has others to go to. */
  private void broke(LaneRunner runner, Throwable thrown) {
    if (runner.index() >= runners.length) {
      if (LaneRunner.isLost(thrown)) {
        failure.compareAndSet(null, thrown);
      }
      return;
    }
    usableLanes.decrementAndGet();
    if (!runner.mayReopen()) {
      laneGone(thrown);
    }
  }

  private void measure(Batch batch, LaneRunner runner) {
    batch.ranOn = runner.stats();
    batch.ranOn.record(Stage.RUN, batch.doneNs - batch.startNs);
    typicalRun.took(batch.doneNs - batch.startNs);
    Slot first = batch.slot(0);
    if (first.submitNs != 0) {
      batch.ranOn.record(Stage.WRITE, first.submitNs - first.claimNs);
      batch.ranOn.record(Stage.WAIT, batch.startNs - first.submitNs);
    }
  }

  private static void complete(Batch batch, Throwable thrown) {
    batch.failure = thrown;
    int slots = Batch.slots(batch.word());
    for (int i = 0; i < slots; i++) {
      batch.slot(i).moveState(Slot.SUBMITTED, thrown == null ? Slot.OK : Slot.FAILED);
    }
  }

  /** A lane does not come back; the engine fails with its last one, or a lost device. */
  private void laneGone(Throwable thrown) {
    if (lanesLeft.decrementAndGet() == 0 || LaneRunner.isLost(thrown)) {
      if (failure.compareAndSet(null, thrown)) {
        LOG.log(System.Logger.Level.ERROR, "the engine has failed and serves no more", thrown);
      }
    }
  }

  /** Fails the engine for good, unless it has failed before. */
  void fail(Throwable thrown) {
    failure.compareAndSet(null, thrown);
    failAll();
  }

  /**
   * After the engine failed: what nobody writes any more ends with that failure, without a lane.
   */
  private void failAll() {
    Throwable thrown = failure.get();
    for (BatchQueue queue : queues) {
      Batch open = queue.openBatch();
      if (open != null && open.seal()) {
        ready.add(open.index());
      }
    }
    for (Batch batch = bestReady(); batch != null; batch = bestReady()) {
      if (ready.remove(batch.index())) {
        batch.start();
        complete(batch, thrown);
        wakeAndFinish(batch);
      }
    }
    endClaims();
  }

  private void wakeAndFinish(Batch batch) {
    wakeTree(batch, 0);
    if (batch.finish()) {
      recycle(batch);
    }
  }

  /** Wakes the waiter of slot {@code i} as the root of its subtree; see the protocol page. */
  void wakeTree(Batch batch, int i) {
    if (i >= Batch.slots(batch.word())) {
      return;
    }
    Slot slot = batch.slot(i);
    Object waiter = slot.notifyWaiter(Slot.Mark.FANOUT);
    if (waiter instanceof Thread thread) {
      LockSupport.unpark(thread);
      return;
    }
    if (waiter == Slot.Mark.ASYNC) {
      int state = slot.state();
      // OVERDUE: the watchdog was faster than the caller that had this part of the tree to wake.
      if (state == Slot.OK || state == Slot.FAILED || state == Slot.OVERDUE) {
        callBack(slot);
      }
    }
    wakeTree(batch, 2 * i + 1);
    wakeTree(batch, 2 * i + 2);
  }

  private void callBack(Slot slot) {
    callBack(slot.callback);
  }

  void callBack(Runnable callback) {
    try {
      options.callbacks().execute(callback);
    } catch (RuntimeException | Error e) { // whatever the user's executor throws
      LOG.log(
          System.Logger.Level.WARNING,
          "the executor of callbacks refused one; it runs on a thread of its own",
          e);
      options.threads().newThread(callback).start();
    }
  }

  /** B9 of a submitted or late slot, and what follows. */
  void release(Batch batch) {
    if (batch.release()) {
      recycle(batch);
    } else if (batch.tryStartDead()) {
      wakeAndFinish(batch);
    }
  }

  /** B5 with B9 of a claim that was not submitted, and what follows. */
  void releaseUnsubmitted(Batch batch) {
    if (batch.writerGone()) {
      ready(batch);
    } else if (batch.tryStartDead()) {
      wakeAndFinish(batch);
    } else {
      pump(null);
    }
  }

  private void recycle(Batch batch) {
    if (batch.ranOn != null) {
      batch.ranOn.record(Stage.READ, clock.nanoTime() - batch.doneNs);
    }
    batch.queue().recycle(batch);
    afterRecycle.run();
  }

  /** What to call after a batch became free. */
  void afterRecycle(Runnable action) {
    afterRecycle = action;
  }

  /** Adds up what the lanes measured. */
  void addStats(Map<Stage, Histogram> sums, long[] runsByRows) {
    for (LaneStats some : stats) {
      some.addTo(sums, runsByRows);
    }
    for (Batch batch : batches) {
      if (batch.soloRunner() != null) {
        runsByRows[1] += batch.soloRunner().runsAlone();
      }
    }
  }

  /** Lanes that are neither running nor broken. */
  int idleLanes() {
    return idleLanes.size();
  }

  int usableLanes() {
    return usableLanes.get();
  }

  /** Ends the threads and closes the lanes; only when nothing runs any more. */
  void closeLanes() {
    for (LaneRunner runner : runners) {
      if (runner != null) {
        runner.stopThread();
        runner.closeLane();
      }
    }
    for (Batch batch : batches) {
      if (batch.soloRunner() != null) {
        batch.soloRunner().closeLane();
      }
    }
  }

  /** Has every waiting claim look again: the engine takes none any more. */
  void endClaims() {
    for (BatchQueue queue : queues) {
      queue.admissions().wake(Integer.MAX_VALUE);
    }
  }

  /** Lets waiting claims look again, whatever their shape, where there is room for them. */
  void wakeClaims() {
    for (BatchQueue queue : queues) {
      queue.admit(Admissions.FAN_OUT);
    }
  }

  /** The refusal of an engine with too many late callers, else null. */
  Admission refusal() {
    if (failure.get() != null) {
      return Admission.FAILED;
    }
    return quarantined.get() >= options.maxQuarantined() ? Admission.QUARANTINED : null;
  }
}
