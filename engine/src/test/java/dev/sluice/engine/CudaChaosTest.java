package dev.sluice.engine;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.bindings.cuda.CudaException;
import dev.sluice.bindings.cuda.CudaStatus;
import dev.sluice.bindings.cuda.DeviceContext;
import dev.sluice.bindings.cuda.CudaStream;
import dev.sluice.bindings.cuda.DeviceMemory;
import dev.sluice.bindings.cuda.PrimaryContext;
import dev.sluice.bindings.sim.FaultPlan;
import dev.sluice.bindings.sim.TensorRtFaults;
import dev.sluice.bindings.sim.TensorRtFaults.Call;
import dev.sluice.engine.backend.BackendException;
import dev.sluice.engine.cuda.CudaOptions;
import dev.sluice.engine.cuda.GpuModel;
import dev.sluice.engine.cuda.SimulatedGpu;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.logging.Level;
import java.util.logging.Logger;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Engines on a simulated GPU whose copies, launches, allocations and contexts fail at random, under
 * callers, platform and virtual, blocking and not, of several shapes, with rows in memory of the
 * host's and of the device's, who withdraw, stall, cancel, interrupt and run out of time. Every
 * request ends once, with its own rows' answer or with the right exception; device memory of a
 * request without an answer is as it was; callers' threads have the context that they had; lanes
 * are opened anew; and in the end all is given back, and nothing ran out of order.
 *
 * <p>The last engine closes under load; the one before it loses its device.
 */
class CudaChaosTest {
  private static final int CALLERS = 24;
  private static final int MOST_ROWS = 3;
  private static final int[] COLUMNS = {1, 5, GpuModel.MOST_COLUMNS};
  private static final long CLAIM_TIMEOUT_MS = 40;
  private static final float UNTOUCHED = -0.125f;
  private static final List<CudaStream.Wait> WAITS =
      List.of(CudaStream.Wait.SPIN, CudaStream.Wait.YIELD, CudaStream.Wait.BLOCK);

  private static final int ENGINES = 6;
  private static final int LOSING = ENGINES - 2;
  private static final int CLOSING = ENGINES - 1;

  /** Tell of every lane that fails and every late caller. */
  private static final List<Logger> LOGS =
      List.of(Logger.getLogger("dev.sluice.engine"), Logger.getLogger("dev.sluice.tensorrt"));

  private final long seed = Long.getLong("sluice.seed", 20261127L);
  private final long requests =
      (long) (2_000 * Double.parseDouble(System.getProperty("sluice.effort", "1")));

  /** How requests ended; the sum is the number of requests. */
  private enum End {
    ANSWERED,
    ANSWERED_ON_DEVICE,
    FAILED,
    EXPIRED,
    CANCELLED,
    ABANDONED,
    CLOSED,
    REFUSED,
    WITHDRAWN,
    INTERRUPTED
  }

  private final Map<End, AtomicLong> ends = new EnumMap<>(End.class);
  private final ConcurrentLinkedQueue<Throwable> errors = new ConcurrentLinkedQueue<>();
  private final AtomicLong refusedShapes = new AtomicLong();

  CudaChaosTest() {
    for (End end : End.values()) {
      ends.put(end, new AtomicLong());
    }
  }

  @BeforeAll
  static void silence() {
    LOGS.forEach(log -> log.setLevel(Level.OFF));
  }

  @AfterAll
  static void restore() {
    LOGS.forEach(log -> log.setLevel(null));
  }

  @Test
  @Timeout(value = 20, unit = TimeUnit.MINUTES)
  void everyRequestEndsOnceWithItsOwnAnswerAndNothingIsLeft() throws Exception {
    long expected = 0;
    for (int i = 0; i < ENGINES; i++) {
      expected += oneEngine(i);
      if (!errors.isEmpty()) {
        throw new AssertionError(
            errors.size() + " errors with sluice.seed=" + seed + ", engine " + i, errors.peek());
      }
    }
    System.out.println("chaos on a GPU, seed " + seed + ": " + ends);
    assertThat(ends.values().stream().mapToLong(AtomicLong::get).sum())
        .as("sluice.seed=%s", seed)
        .isEqualTo(expected);
    for (End end : EnumSet.complementOf(EnumSet.of(End.CLOSED))) {
      assertThat(ends.get(end).get()).as("%s, sluice.seed=%s", end, seed).isPositive();
    }
    assertThat(ends.get(End.ANSWERED).get()).isGreaterThan(expected / 4);
  }

  private SimulatedGpu gpu(int number) {
    long mine = seed * 31 + number;
    FaultPlan faults =
        FaultPlan.none()
            .failAtRandom(
                mine,
                0.02,
                CudaStatus.OUT_OF_MEMORY,
                "cuMemAlloc_v2",
                "cuMemHostAlloc",
                "cuGraphInstantiateWithFlags")
            .failAtRandom(
                mine + 1,
                0.002,
                CudaStatus.OUT_OF_MEMORY,
                "cuMemcpyHtoDAsync_v2",
                "cuMemcpyDtoHAsync_v2",
                "cuMemcpyDtoDAsync_v2",
                "cuMemsetD8Async",
                "cuGraphLaunch");
    if (number == LOSING) {
      faults.failLaunchLate(300, CudaStatus.ILLEGAL_ADDRESS);
    }
    TensorRtFaults tensorRt =
        TensorRtFaults.none()
            .failAtRandom(Call.ENQUEUE, mine, 0.01)
            .failAtRandom(Call.CREATE_CONTEXT, mine, 0.02);
    return new SimulatedGpu(faults, tensorRt, options -> options);
  }

  private static CudaOptions options(int number) {
    return CudaOptions.defaults()
        .withMaxGraphs(new int[] {36, 3, 0}[number % 3])
        .withWaiting(WAITS.get(number % 3))
        .withTimed(number % 2 == 1);
  }

  private long oneEngine(int number) throws Exception {
    try (SimulatedGpu gpu = gpu(number);
        ExecutorService callbacks = Executors.newFixedThreadPool(2)) {
      int lanes = 1 + number % 3;
      Engine engine =
          Engine.over(
              GpuModel.columns(8).open(gpu.libraries, options(number), true),
              true,
              EngineOptions.builder()
                  .maxBatch(new int[] {8, 5, 3}[number % 3])
                  .lanes(lanes)
                  .maxQuarantined(8)
                  .claimTimeout(Duration.ofMillis(CLAIM_TIMEOUT_MS))
                  .readTimeout(Duration.ofMillis(CLAIM_TIMEOUT_MS))
                  .drainTimeout(Duration.ofSeconds(number == CLOSING ? 0 : 10))
                  .callbacks(callbacks)
                  .build());
      AtomicLong tickets = new AtomicLong();
      AtomicLong started = new AtomicLong();
      List<Thread> threads = new ArrayList<>();
      for (int i = 0; i < CALLERS; i++) {
        Caller caller = new Caller(number, gpu, engine, tickets, started, seed + number * 100L + i);
        threads.add(
            i % 3 == 2
                ? Thread.ofVirtual().unstarted(caller)
                : Thread.ofPlatform().unstarted(caller));
      }
      threads.forEach(Thread::start);
      if (number == CLOSING) {
        while (tickets.get() < requests && errors.isEmpty()) {
          LockSupport.parkNanos(1_000_000);
        }
        engine.close();
      }
      for (Thread thread : threads) {
        if (!thread.join(Duration.ofMinutes(3))) {
          throw new AssertionError(
              "engine " + number + " hangs, sluice.seed=" + seed + ": " + engine.claims());
        }
      }
      checkLanes(number, engine, lanes);
      engine.close();
      checkNothingIsLeft(number, gpu);
      return started.get();
    }
  }

  private void checkLanes(int number, Engine engine, int lanes) {
    if (number == LOSING) {
      assertThat(engine.failure()).isInstanceOf(BackendException.class);
    } else {
      assertThat(engine.failure()).as("engine %s, sluice.seed=%s", number, seed).isNull();
      assertThat(engine.stats().usableLanes()).as("lanes, sluice.seed=%s", seed).isEqualTo(lanes);
    }
  }

  private void checkNothingIsLeft(int number, SimulatedGpu gpu) {
    // The last run may end on a lane's own thread, which then frees the engine.
    for (int i = 0; i < 10_000 && !gpu.tensorRt.leaks().isEmpty(); i++) {
      LockSupport.parkNanos(1_000_000);
    }
    if (number != LOSING && errors.isEmpty()) {
      gpu.assertClean();
    }
  }

  /** One thread of callers. */
  private final class Caller implements Runnable {
    private final int number;
    private final SimulatedGpu gpu;
    private final Engine engine;
    private final AtomicLong tickets;
    private final AtomicLong started;
    private final SplittableRandom random;
    private final Request[] handles = new Request[COLUMNS.length];
    private DeviceMemory lentIn;
    private DeviceMemory lentOut;

    /** Whose end is that of the caller's memory: the engine may let go of it sooner. */
    private DeviceContext held;

    Caller(
        int number,
        SimulatedGpu gpu,
        Engine engine,
        AtomicLong tickets,
        AtomicLong started,
        long callerSeed) {
      this.number = number;
      this.gpu = gpu;
      this.engine = engine;
      this.tickets = tickets;
      this.started = started;
      this.random = new SplittableRandom(callerSeed);
    }

    @Override
    public void run() {
      long mine = 0;
      try {
        held = DeviceContext.retain(gpu.cuda, 0);
        lentIn = device();
        lentOut = device();
        // An engine that closed or failed refuses at once: a few refusals each are enough.
        int refused = 0;
        while (refused < 20 && errors.isEmpty()) {
          long ticket = tickets.getAndIncrement();
          if (ticket >= requests && number != CLOSING) {
            break;
          }
          mine++;
          End end = one(ticket);
          ends.get(end).incrementAndGet();
          boolean over = engine.claims().closed() || engine.claims().failure() != null;
          refused = end == End.REFUSED && over ? refused + 1 : 0;
          if (number != LOSING) {
            checkContext();
          }
        }
      } catch (Throwable t) {
        error(t);
      } finally {
        started.addAndGet(mine);
        for (Request handle : handles) {
          if (handle != null) {
            handle.close();
          }
        }
        closeLent();
      }
    }

    /** Memory of the caller's own; this, too, fails at random. */
    private DeviceMemory device() {
      try (PrimaryContext _ = PrimaryContext.enter(gpu.cuda, 0)) {
        long bytes = (long) MOST_ROWS * GpuModel.MOST_COLUMNS * Float.BYTES;
        while (true) {
          try {
            return DeviceMemory.allocate(gpu.cuda, "a caller's", bytes);
          } catch (CudaException e) {
            if (e.statusCode() != CudaStatus.OUT_OF_MEMORY.code()) {
              throw e;
            }
          }
        }
      }
    }

    private void closeLent() {
      if (lentIn != null) {
        lentIn.close();
      }
      if (lentOut != null) {
        lentOut.close();
      }
      if (held != null) {
        held.close();
      }
    }

    private void checkContext() {
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment out = arena.allocate(JAVA_LONG);
        assertThat(gpu.cuda.cuCtxGetCurrent(out)).isZero();
        assertThat(out.get(JAVA_LONG, 0)).as("the caller's context").isZero();
      }
    }

    private End one(long ticket) throws InterruptedException {
      int shape = random.nextInt(COLUMNS.length);
      Request request = handle(shape);
      if (request == null) {
        return End.REFUSED;
      }
      int rows = 1 + random.nextInt(MOST_ROWS);
      request.deadlineAt(
          random.nextInt(20) == 0 ? System.nanoTime() + random.nextInt(3_000_000) : Long.MAX_VALUE);
      if (!request.claim(rows, Duration.ofSeconds(20)).admitted()) {
        return End.REFUSED;
      }
      Rows own = new Rows(ticket, rows, COLUMNS[shape], lends(), lends());
      try {
        own.write(request);
      } catch (InferenceException abandoned) {
        // This thread was not scheduled for longer than claimTimeout, or the engine closed.
        request.close();
        return own.unanswered(abandoned, false);
      }
      try {
        End end = end(request, own);
        return own.outOnDevice && end == End.ANSWERED ? End.ANSWERED_ON_DEVICE : end;
      } catch (InferenceException abandoned) {
        request.close();
        return own.unanswered(abandoned);
      }
    }

    /** Whether a tensor's rows lie on the device; not on one that gets lost with them. */
    private boolean lends() {
      return number != LOSING && random.nextInt(4) == 0;
    }

    private Request handle(int shape) {
      try {
        if (handles[shape] == null) {
          handles[shape] = engine.newRequest(Map.of("x", Shape.of(1, COLUMNS[shape])));
        }
        return handles[shape];
      } catch (BackendException | InferenceException e) {
        refusedShapes.incrementAndGet();
        return null;
      }
    }

    private End end(Request request, Rows own) throws InterruptedException {
      int what = random.nextInt(1_000);
      if (what < 30) {
        request.close();
        own.checkUntouched("a withdrawal");
        return End.WITHDRAWN;
      } else if (what < 36) {
        LockSupport.parkNanos(
            TimeUnit.MILLISECONDS.toNanos(
                CLAIM_TIMEOUT_MS + random.nextInt((int) CLAIM_TIMEOUT_MS)));
      } else if (what < 60) {
        Thread.currentThread().interrupt();
      } else if (what < 360) {
        return async(request, own, what < 120);
      }
      try {
        Outputs out = request.run();
        if (what > 993) {
          LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(CLAIM_TIMEOUT_MS * 2));
        }
        own.check(out);
        return End.ANSWERED;
      } catch (InferenceException e) {
        return own.unanswered(e);
      } catch (InterruptedException e) {
        assertThat(own.lent()).as("interrupted, though its memory may be in use").isFalse();
        return End.INTERRUPTED;
      } finally {
        Thread.interrupted();
        request.close();
      }
    }

    private End async(Request request, Rows own, boolean cancel) {
      Semaphore told = new Semaphore(0);
      End[] end = new End[1];
      request.submit((r, failure) -> {
        try {
          if (failure == null) {
            own.check(r);
          }
          end[0] = failure == null ? End.ANSWERED : own.unanswered(failure);
        } catch (Throwable t) {
          error(t);
        } finally {
          try {
            r.close();
          } finally {
            told.release();
          }
        }
      });
      boolean cancelled = cancel && request.cancel();
      told.acquireUninterruptibly();
      if (told.tryAcquire()) {
        throw new AssertionError("told twice");
      }
      if (cancelled && (own.lent() || end[0] != End.CANCELLED)) {
        throw new AssertionError("cancelled, but ended as " + end[0] + ", lent " + own.lent());
      }
      return end[0];
    }

    /** The rows of one request. */
    private final class Rows {
      private final float[] x;
      private final int columns;
      private final boolean inOnDevice;
      final boolean outOnDevice;

      Rows(long ticket, int rows, int columns, boolean inOnDevice, boolean outOnDevice) {
        SplittableRandom values = new SplittableRandom(ticket);
        this.x = new float[rows * columns];
        this.columns = columns;
        this.inOnDevice = inOnDevice;
        this.outOnDevice = outOnDevice;
        for (int i = 0; i < x.length; i++) {
          // Squares and their sums have no rounding.
          x[i] = values.nextInt(-512, 512) / 4f;
        }
      }

      boolean lent() {
        return inOnDevice || outOnDevice;
      }

      void write(Request request) {
        if (outOnDevice) {
          float[] marks = new float[x.length];
          Arrays.fill(marks, UNTOUCHED);
          copy(lentOut, marks, true);
        }
        if (inOnDevice) {
          copy(lentIn, x, true);
          request.deviceInput(0, segment(lentIn));
        } else {
          MemorySegment.copy(x, 0, request.input(0), JAVA_FLOAT, 0, x.length);
        }
        if (outOnDevice) {
          request.deviceOutput(0, segment(lentOut));
        }
      }

      private MemorySegment segment(DeviceMemory memory) {
        return MemorySegment.ofAddress(memory.raw()).reinterpret((long) x.length * Float.BYTES);
      }

      private void copy(DeviceMemory device, float[] values, boolean in) {
        try (PrimaryContext _ = PrimaryContext.enter(gpu.cuda, 0);
            Arena arena = Arena.ofConfined()) {
          MemorySegment host = arena.allocateFrom(JAVA_FLOAT, values);
          int status =
              in
                  ? gpu.cuda.cuMemcpyHtoD_v2(device.raw(), host, host.byteSize())
                  : gpu.cuda.cuMemcpyDtoH_v2(host, device.raw(), host.byteSize());
          assertThat(status).isZero();
          MemorySegment.copy(host, JAVA_FLOAT, 0, values, 0, values.length);
        }
      }

      void check(Outputs out) {
        float[] y = new float[x.length];
        if (outOnDevice) {
          copy(lentOut, y, false);
        } else {
          MemorySegment.copy(out.output(0), JAVA_FLOAT, 0, y, 0, y.length);
        }
        for (int row = 0; row < x.length / columns; row++) {
          float sum = 0;
          for (int i = row * columns; i < (row + 1) * columns; i++) {
            float expected = x[i] * x[i] + x[i];
            sum += expected;
            require(y[i] == expected, "y[" + i + "] is " + y[i] + ", not " + expected);
          }
          float z = out.output(1).getAtIndex(JAVA_FLOAT, row);
          require(Math.abs(z - sum) <= 1e-5f * Math.abs(sum) + 1e-3f, "z is " + z + ", not " + sum);
        }
      }

      private void require(boolean holds, String message) {
        if (!holds) {
          throw new AssertionError(
              message + "; " + x.length / columns + " rows of " + columns + ", lent " + lent());
        }
      }

      /** What a request ended with that has no answer; its device memory is as it was. */
      End unanswered(InferenceException e) {
        return unanswered(e, true);
      }

      /** The same; a request that was abandoned while it lent may have been taken along. */
      End unanswered(InferenceException e, boolean lent) {
        End end =
            switch (e.reason()) {
              case BACKEND_FAILED -> End.FAILED;
              case EXPIRED -> End.EXPIRED;
              case CANCELLED -> End.CANCELLED;
              case ABANDONED -> End.ABANDONED;
              case CLOSED -> End.CLOSED;
              case REFUSED -> End.REFUSED;
              case BAD_INPUT -> throw new AssertionError("nothing here checks its inputs", e);
            };
        if (lent && end != End.FAILED) {
          checkUntouched(e.toString());
        }
        return end;
      }

      void checkUntouched(String end) {
        if (outOnDevice) {
          float[] y = new float[x.length];
          copy(lentOut, y, false);
          assertThat(y).as("after %s", end).containsOnly(UNTOUCHED);
        }
      }
    }
  }

  /** Prints at once: what is broken may keep the test from ending. */
  private void error(Throwable t) {
    if (errors.isEmpty()) {
      t.printStackTrace();
    }
    errors.add(t);
  }
}
