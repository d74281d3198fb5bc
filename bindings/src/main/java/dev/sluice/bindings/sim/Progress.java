package dev.sluice.bindings.sim;

import dev.sluice.bindings.cuda.CudaStatus;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;

/**
 * Runs what the streams hold: on threads, or step by step. An operation runs when it is its
 * stream's first, what it waits for has passed, and the implicit order with the legacy stream
 * allows it. It runs without the lock, so that kernels and host functions may take their time.
 *
 * <p>After a failure that loses the device, what is left is dropped, but events pass, so that
 * nobody waits for ever.
 *
 * <p>Thread safety: methods are called with the lock held, unless they say otherwise.
 */
final class Progress {
  private final ReentrantLock lock;
  private final Condition changed;
  private final Memory memory;
  private final SimulatedDevices options;
  private final List<SimStream> streams = new ArrayList<>();
  private final Deque<SimStream> gone = new ArrayDeque<>();
  private final List<String> failures = new ArrayList<>();
  private final Set<Thread> runners = new HashSet<>();
  private final Random order;
  private final ExecutorService workers;
  private final Clock observed = new Clock();
  private long sequence;
  private int streamIds;
  private int lost;

  Progress(ReentrantLock lock, Memory memory, SimulatedDevices options) {
    this.lock = lock;
    this.changed = lock.newCondition();
    this.memory = memory;
    this.options = options;
    this.order = new Random(options.stepSeed);
    this.workers =
        options.stepped
            ? null
            : Executors.newCachedThreadPool(
                Thread.ofPlatform().daemon().name("simulated-stream-", 0).factory());
  }

  /** A stream that takes the place of one that is gone in all clocks, so that they stay short. */
  SimStream add(SimContext context, int flags, int priority, boolean legacy) {
    SimStream former = gone.poll();
    int id = former == null ? streamIds++ : former.id;
    SimStream stream = new SimStream(context, id, flags, priority, legacy);
    if (former != null) {
      stream.clock.resume(id, former.clock);
    }
    streams.add(stream);
    return stream;
  }

  /** The status that every call returns once the device is lost; 0 before. */
  int lost() {
    return lost;
  }

  void lose(int code, String reason) {
    failures.add(reason);
    if (lost == 0) {
      lost = code;
    }
    changed.signalAll();
    if (workers != null) {
      streams.forEach(this::schedule);
    }
  }

  /** Whether the calling thread runs an operation: a host function or a kernel is calling. */
  boolean isRunning() {
    return runners.contains(Thread.currentThread());
  }

  /** Notes a mistake that loses nothing. */
  void note(String failure) {
    failures.add(failure);
  }

  List<String> failures() {
    return List.copyOf(failures);
  }

  /**
   * Whether the stream would run a new operation at once: nothing is queued that it comes after.
   */
  boolean isFree(SimStream stream) {
    if (!stream.isIdle()) {
      return false;
    }
    for (int i = 0; i < streams.size(); i++) {
      SimStream other = streams.get(i);
      if (!other.isIdle() && ordered(stream, other)) {
        return false;
      }
    }
    return true;
  }

  /** Whether the implicit order of the legacy stream stands between two streams. */
  private static boolean ordered(SimStream a, SimStream b) {
    return a.context == b.context && ((a.legacy && b.isBlocking()) || (b.legacy && a.isBlocking()));
  }

  /** Brings the stream's clock up to what a call of now comes after. Allocates nothing. */
  long order(SimStream stream) {
    stream.clock.join(observed);
    for (int i = 0; i < streams.size(); i++) {
      SimStream other = streams.get(i);
      if (ordered(stream, other)) {
        stream.clock.join(other.clock);
      }
    }
    return stream.clock.advance(stream.id);
  }

  void enqueue(SimStream stream, Action action) {
    long tick = order(stream);
    stream.queue.add(new Operation(action, stream, ++sequence, stream.clock.copy(), tick));
    if (!options.stepped) {
      schedule(stream);
    }
  }

  /** What the caller has seen done is before all that is called from now on. */
  void observe(Clock clock) {
    observed.join(clock);
  }

  /** What the host has seen done. */
  Clock observed() {
    return observed;
  }

  private void schedule(SimStream stream) {
    if (!stream.active && isRunnable(stream)) {
      stream.active = true;
      workers.execute(() -> drain(stream));
    }
  }

  private boolean isRunnable(SimStream stream) {
    Operation head = stream.queue.peek();
    if (head == null) {
      return false;
    }
    if (lost != 0) {
      return true;
    }
    for (SimStream other : streams) {
      Operation first = other.queue.peek();
      if (first != null && first.sequence() < head.sequence() && ordered(stream, other)) {
        return false;
      }
    }
    return head.action().ready();
  }

  /** A worker's loop; called without the lock. */
  private void drain(SimStream stream) {
    lock.lock();
    try {
      while (isRunnable(stream)) {
        runHead(stream);
        streams.forEach(this::schedule);
      }
    } finally {
      stream.active = false;
      forget(stream);
      changed.signalAll();
      lock.unlock();
    }
  }

  /** Runs a stream's first operation, without the lock meanwhile. */
  private void runHead(SimStream stream) {
    Operation operation = stream.queue.peek();
    boolean skip = lost != 0 && !(operation.action() instanceof Action.RecordEvent);
    if (!skip) {
      runners.add(Thread.currentThread());
      lock.unlock();
      try {
        operation.action().run(new Running(operation));
      } catch (Refused e) {
        failedRun(e.code(), operation, e.getMessage());
      } catch (RuntimeException | Error e) {
        // Whatever a kernel throws is a kernel that failed.
        failedRun(CudaStatus.LAUNCH_FAILED.code(), operation, e.toString());
      } finally {
        lock.lock();
        runners.remove(Thread.currentThread());
      }
    }
    stream.queue.poll();
    changed.signalAll();
  }

  private void failedRun(int code, Operation operation, String reason) {
    lock.lock();
    try {
      lose(code, operation.stream() + ": " + reason);
    } finally {
      lock.unlock();
    }
  }

  /** Runs one operation of a stepped device; false where none can run. */
  boolean step() {
    List<SimStream> runnable = streams.stream().filter(s -> !s.active && isRunnable(s)).toList();
    if (runnable.isEmpty()) {
      return false;
    }
    step(runnable.get(order.nextInt(runnable.size())));
    return true;
  }

  boolean step(SimStream stream) {
    if (stream.active || !isRunnable(stream)) {
      return false;
    }
    stream.active = true;
    try {
      runHead(stream);
    } finally {
      stream.active = false;
      forget(stream);
      changed.signalAll();
    }
    return true;
  }

  /**
   * Blocks a caller until something holds. On a stepped device the caller makes the steps. The
   * oldest operation of all can always run, as it waits for older ones only: so this ends.
   */
  void await(BooleanSupplier done) {
    while (!done.getAsBoolean()) {
      if (!options.stepped || !step()) {
        changed.awaitUninterruptibly();
      }
    }
  }

  /** Blocks a caller until what a stream holds now is done, and notes that it has seen that. */
  void awaitStream(SimStream stream) {
    Operation last = stream.queue.peekLast();
    if (last == null) {
      observe(stream.clock);
      return;
    }
    Clock now = stream.clock.copy();
    await(() -> isDone(stream, last.sequence()));
    observe(now);
  }

  private static boolean isDone(SimStream stream, long last) {
    Operation head = stream.queue.peek();
    return head == null || head.sequence() > last;
  }

  /**
   * Blocks a caller until all that a context's streams hold now is done; what is enqueued meanwhile
   * does not count, so that others cannot keep the caller waiting for ever.
   */
  void awaitAll(SimContext context) {
    long last = sequence;
    await(() -> isDone(context, last));
  }

  private boolean isDone(SimContext context, long last) {
    for (SimStream stream : streams) {
      if (stream.context == context && !isDone(stream, last)) {
        return false;
      }
    }
    return true;
  }

  /** Forgets a stream that was destroyed, once it has run dry. */
  void forget(SimStream stream) {
    if (stream.destroyed && stream.isIdle() && streams.remove(stream)) {
      gone.add(stream);
    }
  }

  /** Forgets the streams of a context that was destroyed. */
  void forgetAll(SimContext context) {
    for (SimStream stream : List.copyOf(streams)) {
      if (stream.context == context) {
        stream.destroyed = true;
        forget(stream);
      }
    }
  }

  List<SimStream> streams() {
    return streams;
  }

  void close() {
    if (workers != null) {
      workers.shutdown();
    }
  }

  /** What an operation that runs may touch. */
  private final class Running implements Action.Run {
    private final Operation operation;

    Running(Operation operation) {
      this.operation = operation;
    }

    @Override
    public MemorySegment memory(long address, long sizeBytes, boolean write, String what) {
      if (sizeBytes == 0) {
        return MemorySegment.NULL;
      }
      lock.lock();
      try {
        return memory.access(address, sizeBytes, write, operation, what);
      } finally {
        lock.unlock();
      }
    }

    @Override
    public void pass(EventRecord record) {
      lock.lock();
      try {
        record.pass(options.nanoClock.getAsLong());
        changed.signalAll();
      } finally {
        lock.unlock();
      }
    }

    @Override
    public void sleep(long nanos) {
      if (options.stepped) {
        return;
      }
      try {
        Thread.sleep(nanos / 1_000_000, (int) (nanos % 1_000_000));
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }

    @Override
    public void free(Allocation allocation) {
      lock.lock();
      try {
        memory.release(allocation);
      } finally {
        lock.unlock();
      }
    }
  }
}
