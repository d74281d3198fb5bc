package dev.sluice.engine.batch;

import java.util.concurrent.Executor;
import java.util.concurrent.ThreadFactory;

/**
 * What the claim protocol can be told. {@code EngineOptions} documents each for users.
 *
 * <p>Thread safety: immutable.
 *
 * @param maxRows rows of a full batch; 1 for a model that is not batched
 * @param lanes executors of batches
 * @param leastBuffersPerQueue batch buffers of one shape key, however large they are
 * @param buffersPerQueue the same, where the outputs' shapes are known before a run and all of them
 *     take at most {@link #QUEUE_BYTES}
 * @param soloBuffers buffers of one row of a shape key that a caller takes for itself and runs
 *     without a lane, {@link #QUEUE_BYTES} of them at most
 * @param maxQueues most shape keys at once
 * @param maxDelayNs see {@link BatchPolicy}
 * @param exactRows whether every run has {@code maxRows} rows, whatever is claimed
 * @param maxPendingRows most rows claimed and not closed
 * @param maxQuarantined most batches held by late callers
 * @param claimTimeoutNs longest time from claim to submit
 * @param readTimeoutNs longest time from completion to close
 * @param drainTimeoutNs longest time that close waits for requests in flight
 * @param recordClaimSites whether a claim records its stack, for messages
 * @param callbacks runs callbacks
 * @param threads makes the lanes' threads and the watchdog
 * @param clock the time
 */
public record BatchOptions(
    int maxRows,
    int lanes,
    int leastBuffersPerQueue,
    int buffersPerQueue,
    int soloBuffers,
    int maxQueues,
    long maxDelayNs,
    boolean exactRows,
    int maxPendingRows,
    int maxQuarantined,
    long claimTimeoutNs,
    long readTimeoutNs,
    long drainTimeoutNs,
    boolean recordClaimSites,
    Executor callbacks,
    ThreadFactory threads,
    NanoClock clock) {
  /** Most memory of a queue that has more than the least number of buffers. */
  static final long QUEUE_BYTES = 64L << 20;

  /** Checks the numbers. */
  public BatchOptions {
    atLeast(1, maxRows, "maxRows");
    atLeast(1, lanes, "lanes");
    atLeast(1, leastBuffersPerQueue, "leastBuffersPerQueue");
    atLeast(leastBuffersPerQueue, buffersPerQueue, "buffersPerQueue");
    atLeast(0, soloBuffers, "soloBuffers");
    atLeast(1, maxQueues, "maxQueues");
    atLeast(0, maxDelayNs, "maxDelayNs");
    atLeast(1, maxPendingRows, "maxPendingRows");
    atLeast(1, maxQuarantined, "maxQuarantined");
    atLeast(1, claimTimeoutNs, "claimTimeoutNs");
    atLeast(1, readTimeoutNs, "readTimeoutNs");
    atLeast(0, drainTimeoutNs, "drainTimeoutNs");
    if (maxRows > Batch.MAX_ROWS) {
      throw new IllegalArgumentException(
          "maxRows is at most " + Batch.MAX_ROWS + ", but is " + maxRows);
    }
  }

  private static void atLeast(long least, long value, String name) {
    if (value < least) {
      throw new IllegalArgumentException(name + " is at least " + least + ", but is " + value);
    }
  }
}
