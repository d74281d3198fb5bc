package dev.sluice.engine;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.sluice.bindings.cuda.DeviceMemory;
import dev.sluice.bindings.cuda.PrimaryContext;
import dev.sluice.engine.InferenceException.Reason;
import dev.sluice.engine.cuda.CudaOptions;
import dev.sluice.engine.cuda.GpuModel;
import dev.sluice.engine.cuda.SimulatedGpu;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * A request that ends before its batch runs may free its device memory at once, and one whose
 * memory a run may use does not end before: on the simulated GPU, where the lender shares a batch
 * with a caller that still writes.
 */
@Timeout(60)
class DeviceRowsTest {
  private static final int COLUMNS = 3;
  private static final float UNTOUCHED = -77;
  private static final Duration LONG = Duration.ofSeconds(30);

  private SimulatedGpu gpu;
  private PrimaryContext context;
  private DeviceMemory x;
  private DeviceMemory y;
  private Engine engine;
  private Request lender;
  private Request writer;

  @BeforeEach
  void start() {
    gpu = new SimulatedGpu();
    context = PrimaryContext.enter(gpu.cuda, 0);
    x = device(2);
    y = device(UNTOUCHED);
  }

  @AfterEach
  void stop() {
    x.close();
    y.close();
    context.close();
    gpu.assertClean();
    gpu.close();
  }

  private DeviceMemory device(float value) {
    DeviceMemory memory = DeviceMemory.allocate(gpu.cuda, "row", (long) COLUMNS * Float.BYTES);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment host = arena.allocateFrom(JAVA_FLOAT, value, value, value);
      assertThat(gpu.cuda.cuMemcpyHtoD_v2(memory.raw(), host, host.byteSize())).isZero();
    }
    return memory;
  }

  private float[] read(DeviceMemory memory) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment host = arena.allocate(JAVA_FLOAT, COLUMNS);
      assertThat(gpu.cuda.cuMemcpyDtoH_v2(host, memory.raw(), host.byteSize())).isZero();
      return host.toArray(JAVA_FLOAT);
    }
  }

  private static MemorySegment segment(DeviceMemory memory) {
    return MemorySegment.ofAddress(memory.raw()).reinterpret(memory.sizeBytes());
  }

  /** A batch of two claims: the lender's row lies on the device, the writer is not ready yet. */
  private Engine open(Duration claimTimeout) throws Exception {
    engine =
        Engine.over(
            GpuModel.columns(4).open(gpu.libraries, CudaOptions.defaults(), true),
            true,
            EngineOptions.builder().maxBatch(4).lanes(1).claimTimeout(claimTimeout).build());
    Map<String, Shape> shape = Map.of("x", Shape.of(1, COLUMNS));
    lender = engine.newRequest(shape);
    writer = engine.newRequest(shape);
    return engine;
  }

  private void lend() throws InterruptedException {
    assertThat(lender.claim(1, LONG).admitted()).isTrue();
    lender.deviceInput(0, segment(x));
    lender.deviceOutput(0, segment(y));
    claimByWriter();
  }

  private void claimByWriter() throws InterruptedException {
    assertThat(writer.claim(1, LONG).admitted()).isTrue();
  }

  /** Ends the batch, and the memory that was lent before it ran. */
  private void runAfterFreeing() throws InterruptedException {
    assertThat(read(y)).containsOnly(UNTOUCHED);
    x.close();
    y.close();
    runWriter();
  }

  private void runWriter() throws InterruptedException {
    MemorySegment.copy(new float[] {1, 2, 3}, 0, writer.input(0), JAVA_FLOAT, 0, COLUMNS);
    assertThat(writer.run().output(0).toArray(JAVA_FLOAT)).containsExactly(2, 6, 12);
    writer.close();
  }

  private void assertAnswered() {
    assertThat(read(y)).containsOnly(6);
  }

  @Test
  void aWithdrawnRequest() throws Exception {
    try (Engine _ = open(LONG)) {
      lend();
      lender.close();
      runAfterFreeing();
    }
  }

  @Test
  void anExpiredRequest() throws Exception {
    try (Engine _ = open(LONG)) {
      lender.deadlineIn(Duration.ofMillis(500));
      lend();
      CompletionStage<Request> stage = lender.submit();
      Thread.sleep(600);
      runWriter();
      assertThat(
              catchThrowableOfType(
                      ExecutionException.class, () -> stage.toCompletableFuture().get())
                  .getCause())
          .isInstanceOfSatisfying(
              InferenceException.class, e -> assertThat(e.reason()).isEqualTo(Reason.EXPIRED));
      assertThat(read(y)).containsOnly(UNTOUCHED);
    }
  }

  @Test
  void anAbandonedRequest() throws Exception {
    try (Engine _ = open(Duration.ofSeconds(1))) {
      assertThat(lender.claim(1, LONG).admitted()).isTrue();
      lender.deviceInput(0, segment(x));
      lender.deviceOutput(0, segment(y));
      Thread.sleep(700);
      claimByWriter();
      while (engine.stats().quarantined() == 0) {
        Thread.sleep(1);
      }
      runAfterFreeing();
      assertThatThrownBy(() -> lender.deviceInput(0, MemorySegment.NULL))
          .isInstanceOf(InferenceException.class)
          .hasMessageContaining("claimTimeout");
      lender.close();
    }
  }

  @Test
  void aRequestThatAwaitsItsRunIsNotCancelled() throws Exception {
    try (Engine _ = open(LONG)) {
      lend();
      CompletableFuture<InferenceException> failure = new CompletableFuture<>();
      lender.submit((request, thrown) -> {
        request.close();
        failure.complete(thrown);
      });
      assertThat(lender.cancel()).isFalse();
      assertThat(failure).isNotDone();
      runWriter();
      assertThat(failure.get(30, TimeUnit.SECONDS)).isNull();
      assertAnswered();
    }
  }

  @Test
  void anInterruptedCallerHasItsAnswerFirst() throws Exception {
    try (Engine _ = open(LONG)) {
      lend();
      CompletableFuture<Boolean> interrupted = new CompletableFuture<>();
      Thread caller =
          Thread.ofPlatform()
              .start(() -> {
                try {
                  lender.run();
                  interrupted.complete(Thread.interrupted());
                } catch (Throwable t) {
                  interrupted.completeExceptionally(t);
                } finally {
                  lender.close();
                }
              });
      caller.interrupt();
      Thread.sleep(50);
      assertThat(interrupted).isNotDone();
      runWriter();
      assertThat(interrupted.get(30, TimeUnit.SECONDS)).isTrue();
      assertAnswered();
    }
  }
}
