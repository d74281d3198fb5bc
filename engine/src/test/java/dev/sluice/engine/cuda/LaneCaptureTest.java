package dev.sluice.engine.cuda;

import static dev.sluice.engine.cuda.CudaBackendContract.SEED;
import static dev.sluice.engine.cuda.CudaBackendContract.columns;
import static dev.sluice.engine.cuda.CudaBackendContract.runAndCheck;
import static dev.sluice.engine.cuda.CudaBackendContract.stats;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.engine.backend.BatchMemory;
import dev.sluice.engine.backend.Lane;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A lane that captures, and another that looks for memory meanwhile. */
@Timeout(60)
class LaneCaptureTest {
  private static final int MOST_ROWS = 20;

  /**
   * A lane that grew leaves blocks that another may borrow once the first one's stream is done with
   * them: to ask a stream that captures would spoil the capture.
   */
  @Test
  void aCaptureDoesNotBeginWhileAnotherLaneAsksForItsBlocks() throws Exception {
    CountDownLatch asked = new CountDownLatch(1);
    CountDownLatch begun = new CountDownLatch(1);
    Thread capturing = Thread.currentThread();
    WatchedCuda.Watcher watcher =
        (function, _) -> {
          boolean mine = Thread.currentThread() == capturing;
          if (mine && asked.getCount() == 0 && function.equals("cuStreamBeginCapture_v2")) {
            begun.countDown();
          } else if (!mine && function.equals("cuStreamIsCapturing")) {
            asked.countDown();
            await(begun, 500);
          }
        };
    try (SimulatedGpu gpu = new SimulatedGpu()) {
      Random random = new Random(SEED);
      try (CudaBackend backend =
              GpuModel.columns(MOST_ROWS)
                  .open(WatchedCuda.libraries(gpu, watcher), CudaOptions.defaults(), true);
          BatchMemory small = backend.allocate(columns(2), 2);
          BatchMemory wide = backend.allocate(columns(GpuModel.MOST_COLUMNS), MOST_ROWS);
          Lane lane = backend.openLane(0);
          Lane other = backend.openLane(1);
          BatchMemory theirs = backend.allocate(columns(2), 2)) {
        runAndCheck(lane, small, 2, random);
        runAndCheck(lane, wide, MOST_ROWS, random);
        CompletableFuture<Void> done =
            CompletableFuture.runAsync(
                () -> {
                  try {
                    runAndCheck(other, theirs, 2, new Random(SEED));
                  } catch (Exception e) {
                    throw new IllegalStateException(e);
                  }
                },
                task -> Thread.ofPlatform().start(task));
        assertThat(asked.await(30, TimeUnit.SECONDS)).as("looks for blocks").isTrue();
        runAndCheck(lane, wide, MOST_ROWS, random);
        done.get(30, TimeUnit.SECONDS);
        assertThat(stats(backend).notCaptured()).isEmpty();
        assertThat(stats(backend).captures()).isEqualTo(1);
      }
      gpu.assertClean();
    }
  }

  private static void await(CountDownLatch latch, long timeoutMs) {
    try {
      boolean _ = latch.await(timeoutMs, TimeUnit.MILLISECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
