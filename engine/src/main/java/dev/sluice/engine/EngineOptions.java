package dev.sluice.engine;

import dev.sluice.engine.batch.BatchOptions;
import dev.sluice.engine.batch.NanoClock;
import dev.sluice.engine.cuda.CudaOptions;
import dev.sluice.engine.cuda.GpuLibraries;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.Executor;
import java.util.concurrent.ForkJoinPool;
import java.util.concurrent.ThreadFactory;

/**
 * How an engine serves. Every setting has a default that suits a service; what is left at 0 where 0
 * means "measured" is picked when the package is opened.
 *
 * <p>Thread safety: immutable; a {@link Builder} belongs to one thread.
 */
public final class EngineOptions {
  /**
   * A caller that finds no rows waits twice, for admission and for its answer, and a buffer is
   * taken until the slowest of its callers has read: 64 callers that share 6 buffers of 16 rows
   * have two thirds of the throughput that they have with 12, 256 half of that with 32 ({@code
   * bench/results/buffers.txt}).
   */
  static final int ROWS_IN_FLIGHT = 512;

  static final int MOST_BUFFERS = 64;

  private final Builder from;

  private EngineOptions(Builder from) {
    this.from = from;
  }

  /** The defaults. */
  public static EngineOptions defaults() {
    return builder().build();
  }

  /** A builder that starts at the defaults. */
  public static Builder builder() {
    return new Builder();
  }

  /** The device: {@code auto}, {@code cpu}, {@code cuda} or {@code cuda:N}. */
  public String device() {
    return from.device;
  }

  /** What a GPU is driven by; null for what this machine has. */
  public GpuLibraries gpu() {
    return from.gpu;
  }

  /** How a GPU serves. */
  public CudaOptions cuda() {
    return from.cuda;
  }

  /** Libraries with operators of their own, for the CPU. */
  public List<Path> customOps() {
    return from.customOps;
  }

  /** Whether the CPU gets a copy of the weights in the order that it likes best. */
  public boolean prepacking() {
    return from.prepacking;
  }

  /** Most rows of a batch; 0: measured. */
  public int maxBatch() {
    return from.maxBatch;
  }

  /** Batches that run at once; 0: measured. */
  public int lanes() {
    return from.lanes;
  }

  /** Threads of the backend per run; 0: measured. */
  public int threadsPerLane() {
    return from.threadsPerLane;
  }

  /** Whether to measure what is left at 0; see {@link Builder#tune}. */
  public boolean tune() {
    return from.tune;
  }

  /** Whether to run the package's golden samples at every opening; empty for once. */
  public Optional<Boolean> selfTest() {
    return Optional.ofNullable(from.selfTest);
  }

  /** How long a scoped call waits for admission. */
  public Duration claimWait() {
    return from.claimWait;
  }

  /**
   * Buffers that callers take for themselves: what was asked for, else the measured number where
   * lanes and batches were left to the measurement, too.
   */
  int soloBuffers(int measured) {
    if (from.exactBatch) {
      return 0;
    }
    if (from.soloBuffers >= 0) {
      return from.soloBuffers;
    }
    return from.lanes > 0 || from.maxBatch > 0 || from.buffersPerShape > 0 ? 0 : measured;
  }

  /** The wait for company that was asked for, else the measured one. */
  long maxDelayNs(long measuredNs) {
    return from.maxDelay == null ? measuredNs : Engine.toNanos(from.maxDelay);
  }

  /** The protocol's options, once batch, lanes and the rest are settled. */
  BatchOptions batchOptions(int maxRows, int lanes, Tuning tuning) {
    int soloBuffers = soloBuffers(tuning == null ? 0 : tuning.soloBuffers());
    long maxDelayNs = maxDelayNs(tuning == null ? 0 : tuning.maxDelayNs());
    boolean longRuns = tuning != null && tuning.runsAreLong();
    int buffers = from.buffersPerShape;
    // Where callers have buffers of their own, lanes are many so that nobody waits for one.
    int fewest = Math.max(maxRows == 1 ? 16 : 4, soloBuffers > 0 ? 0 : 2 * lanes + 2);
    // There they belong to virtual threads, which hold them until they get a carrier again.
    int rows = soloBuffers > 0 ? 2 * ROWS_IN_FLIGHT : ROWS_IN_FLIGHT;
    int enough = longRuns ? 0 : Math.ceilDiv(rows, maxRows);
    int most = Math.max(fewest, Math.min(MOST_BUFFERS, enough));
    return new BatchOptions(
        maxRows,
        lanes,
        buffers > 0 ? buffers : fewest,
        buffers > 0 ? buffers : most,
        soloBuffers,
        from.maxShapes,
        maxDelayNs,
        from.exactBatch,
        from.maxPending,
        from.maxQuarantined,
        Engine.toNanos(from.claimTimeout),
        Engine.toNanos(from.readTimeout),
        Engine.toNanos(from.drainTimeout),
        Engine.CHECKED,
        from.callbacks,
        from.threads,
        from.clock);
  }

  /**
   * Collects settings.
   *
   * <p>Thread safety: one thread.
   */
  public static final class Builder {
    private String device = "auto";
    private GpuLibraries gpu;
    private CudaOptions cuda = CudaOptions.defaults();
    private List<Path> customOps = List.of();
    private boolean prepacking = true;
    private int maxBatch;
    private int lanes;
    private int threadsPerLane;
    private boolean tune = true;
    private Boolean selfTest;
    private boolean exactBatch;
    private int buffersPerShape;
    private int soloBuffers = -1;
    private int maxShapes = 16;
    private int maxPending = Integer.MAX_VALUE;
    private int maxQuarantined = 2;
    private Duration maxDelay;
    private Duration claimTimeout = Duration.ofSeconds(1);
    private Duration readTimeout = Duration.ofSeconds(10);
    private Duration drainTimeout = Duration.ofSeconds(10);
    private Duration claimWait = Duration.ofSeconds(10);
    private Executor callbacks = ForkJoinPool.commonPool();
    private ThreadFactory threads = Thread.ofPlatform().daemon(true).factory();
    private NanoClock clock = NanoClock.SYSTEM;

    private Builder() {}

    /**
     * The device: {@code auto} (the default), {@code cpu}, {@code cuda} or {@code cuda:N}. {@code
     * auto} takes the first GPU where there is one with TensorRT, and the CPU where there is none
     * or the package does not open there, which the log says.
     */
    public Builder device(String value) {
      device = Objects.requireNonNull(value);
      return this;
    }

    /**
     * Drives a GPU by these, a simulated one for instance; null, the default, by this machine's.
     */
    public Builder gpu(GpuLibraries value) {
      gpu = value;
      return this;
    }

    /** How a GPU serves. */
    public Builder cuda(CudaOptions value) {
      cuda = Objects.requireNonNull(value);
      return this;
    }

    /**
     * Shared libraries with operators that the CPU lacks, each with the entry point {@code
     * RegisterCustomOps} of ONNX Runtime's custom operators. They are native code that runs in this
     * process and stays loaded until it ends, so a package never names them: the caller does. A
     * GPU's TensorRT has no use for them. None by default.
     */
    public Builder customOps(List<Path> libraries) {
      customOps = List.copyOf(libraries);
      return this;
    }

    /**
     * Whether the CPU copies weights into the order that its kernels like best, true by default:
     * runs of several rows become faster, opening takes longer, and the copies take as much memory
     * as the weights, which could else stay shared pages of the package's file.
     */
    public Builder prepacking(boolean value) {
      prepacking = value;
      return this;
    }

    /** Most rows of a batch, at most the package's profile; 0, the default, measures. */
    public Builder maxBatch(int rows) {
      maxBatch = rows;
      return this;
    }

    /** Batches that run at once; 0, the default, measures. */
    public Builder lanes(int count) {
      lanes = count;
      return this;
    }

    /** Threads of the backend per run on the CPU; 0, the default, measures. A GPU has none. */
    public Builder threadsPerLane(int count) {
      threadsPerLane = count;
      return this;
    }

    /**
     * Whether to measure what is left at 0, at most 2 s, and remembered; true by default. On the
     * CPU that is lanes, threads of a lane, and the largest batch; on a GPU the largest batch, and
     * with it how many lanes there are, while {@link #threadsPerLane} means nothing there. Nothing
     * is measured where all of them are given, nor while another engine serves. What is given
     * always holds, also where the rest is measured. False takes for the rest, on the CPU, a lane
     * for each core with one thread and, on a GPU, two lanes, or four where batches have one row;
     * in both cases the largest batch of the package's profile.
     */
    public Builder tune(boolean value) {
      tune = value;
      return this;
    }

    /**
     * Whether to run the package's golden samples when it is opened: true for always, false for
     * never. By default always, too, since that also warms up what they pass through; but where
     * runs take 10 ms or more on the CPU once: that a package passed with this processor, version
     * of ONNX Runtime and these options is remembered in the user's cache.
     */
    public Builder selfTest(boolean value) {
      selfTest = value;
      return this;
    }

    /**
     * Whether every run has {@code maxBatch} rows, so that an answer does not depend, to the last
     * bit, on how full its batch was; costs the time of a full batch each run. False by default.
     */
    public Builder exactBatch(boolean value) {
      exactBatch = value;
      return this;
    }

    /**
     * Buffers of one row per shape that a platform thread takes for itself, and runs at once on its
     * own thread, without a lane and whatever else runs: the fastest way for runs that are shorter
     * than the time it takes to wait for one. Who finds none shares a batch. By default, -1,
     * measured on the CPU; 0 where {@link #lanes}, {@link #maxBatch} or {@link #buffersPerShape} is
     * given, and with {@link #exactBatch}.
     */
    public Builder soloBuffers(int count) {
      soloBuffers = count;
      return this;
    }

    /**
     * Batch buffers per shape, the bound of what is in flight. By default, 0, two for each lane and
     * two more, at least 4, or at least 16 where a batch has one row; and as many more as {@value
     * #ROWS_IN_FLIGHT} rows need, up to {@value #MOST_BUFFERS}, while all of a shape take at most
     * 64 MiB, the shapes of the outputs are known before a run, and a run is not known to take 10
     * ms or more, beside which a wait for a buffer is nothing.
     */
    public Builder buffersPerShape(int count) {
      buffersPerShape = count;
      return this;
    }

    /** Most different input shapes at once; 16 by default. */
    public Builder maxShapes(int count) {
      maxShapes = count;
      return this;
    }

    /** Most rows claimed and not closed; unlimited by default (the buffers bound it). */
    public Builder maxPending(int rows) {
      maxPending = rows;
      return this;
    }

    /** Most batch buffers that late callers may hold before claims are refused; 2 by default. */
    public Builder maxQuarantined(int buffers) {
      maxQuarantined = buffers;
      return this;
    }

    /**
     * Longest time that an idle lane waits for as many rows as recent batches had. A lone caller
     * never waits; a blocking caller whose row is a batch's first lets the threads go first that
     * wait for its core, and after that waits only where the batch has less than a quarter of those
     * rows. Left alone it is measured: as long as a run of one row takes, or as waking the callers
     * of a full batch does (50 us to 1 ms); zero switches it off.
     */
    public Builder maxDelay(Duration value) {
      maxDelay = value;
      return this;
    }

    /** Longest time from claim to submit before a request is abandoned; 1 s by default. */
    public Builder claimTimeout(Duration value) {
      claimTimeout = value;
      return this;
    }

    /** Longest time from completion to close before a holder counts as late; 10 s by default. */
    public Builder readTimeout(Duration value) {
      readTimeout = value;
      return this;
    }

    /** Longest time that close waits for requests in flight; 10 s by default. */
    public Builder drainTimeout(Duration value) {
      drainTimeout = value;
      return this;
    }

    /** How long a scoped call waits for admission before it throws; 10 s by default. */
    public Builder claimWait(Duration value) {
      claimWait = value;
      return this;
    }

    /** Runs callbacks of asynchronous requests; the common pool by default. */
    public Builder callbacks(Executor value) {
      callbacks = Objects.requireNonNull(value);
      return this;
    }

    /** Makes the lanes' threads (used where no caller can lead) and the watchdog's. */
    public Builder threads(ThreadFactory value) {
      threads = Objects.requireNonNull(value);
      return this;
    }

    /** The clock, for tests. */
    Builder clock(NanoClock value) {
      clock = value;
      return this;
    }

    /** The options. */
    public EngineOptions build() {
      Builder copy = new Builder();
      copy.device = device;
      copy.gpu = gpu;
      copy.cuda = cuda;
      copy.customOps = customOps;
      copy.prepacking = prepacking;
      copy.maxBatch = maxBatch;
      copy.lanes = lanes;
      copy.threadsPerLane = threadsPerLane;
      copy.tune = tune;
      copy.selfTest = selfTest;
      copy.exactBatch = exactBatch;
      copy.buffersPerShape = buffersPerShape;
      copy.soloBuffers = soloBuffers;
      copy.maxShapes = maxShapes;
      copy.maxPending = maxPending;
      copy.maxQuarantined = maxQuarantined;
      copy.maxDelay = maxDelay;
      copy.claimTimeout = claimTimeout;
      copy.readTimeout = readTimeout;
      copy.drainTimeout = drainTimeout;
      copy.claimWait = claimWait;
      copy.callbacks = callbacks;
      copy.threads = threads;
      copy.clock = clock;
      return new EngineOptions(copy);
    }
  }
}
