package dev.sluice.bindings.cuda;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.bindings.HandleLedger;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The owners of streams, events, graphs and memory, on any driver. */
abstract class CudaObjectsContract {
  protected CudaApi api;
  protected PrimaryContext context;

  protected abstract CudaApi api();

  /** Called after each test, when all was given back. */
  protected void nothingIsLeft() {}

  @BeforeEach
  void enter() {
    api = api();
    CudaStatus.check(api, api.cuInit(0), "cuInit", "0");
    context = PrimaryContext.enter(api, 0);
  }

  @AfterEach
  void leave() {
    context.close();
    nothingIsLeft();
  }

  private byte[] read(DeviceMemory memory) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment host = arena.allocate(memory.sizeBytes());
      CudaStatus.check(
          api, api.cuMemcpyDtoH_v2(host, memory.raw(), memory.sizeBytes()), "cuMemcpyDtoH_v2", "");
      return host.toArray(JAVA_BYTE);
    }
  }

  private void fill(DeviceMemory memory, int value, CudaStream stream) {
    CudaStatus.check(
        api,
        api.cuMemsetD8Async(memory.raw(), (byte) value, memory.sizeBytes(), stream.raw()),
        "cuMemsetD8Async",
        "");
  }

  @Test
  void streamsWaitForEventsAndCallersForStreams() {
    try (CudaStream one = CudaStream.create(api, "one", 0);
        CudaStream two = CudaStream.create(api, "two", -1);
        CudaEvent begin = CudaEvent.create(api, "begin", true);
        CudaEvent end = CudaEvent.create(api, "end", true);
        DeviceMemory memory = DeviceMemory.allocate(api, "memory", 1 << 20)) {
      for (CudaStream.Wait how : new CudaStream.Wait[] {CudaStream.Wait.BLOCK}) {
        begin.record(one);
        fill(memory, 1, one);
        end.record(one);
        two.waitFor(end);
        fill(memory, 2, two);
        two.await(how);
        assertThat(two.isDone()).isTrue();
        end.await();
        assertThat(end.isDone()).isTrue();
        assertThat(end.msSince(begin)).isGreaterThanOrEqualTo(0);
        assertThat(read(memory)).containsOnly(2);
      }
    }
  }

  @Test
  void aBlockingEventIsAwaited() {
    try (CudaStream stream = CudaStream.create(api, "stream", 0);
        CudaEvent begin = CudaEvent.blocking(api, "begin", true);
        CudaEvent end = CudaEvent.blocking(api, "end", true);
        CudaEvent untimed = CudaEvent.blocking(api, "untimed", false);
        DeviceMemory memory = DeviceMemory.allocate(api, "memory", 1 << 20)) {
      begin.record(stream);
      fill(memory, 1, stream);
      end.record(stream);
      untimed.record(stream);
      untimed.await();
      end.await();
      assertThat(end.msSince(begin)).isGreaterThanOrEqualTo(0);
      assertThat(read(memory)).containsOnly(1);
      assertThatThrownBy(() -> untimed.msSince(begin)).isInstanceOf(CudaException.class);
    }
  }

  /** The graph itself is closed before it is launched. */
  private static CudaGraph.Ready instantiate(CudaStream stream, Runnable work) {
    try (CudaGraph graph = stream.capture(work)) {
      return graph.instantiate();
    }
  }

  @Test
  void graphsAreCapturedLaunchedAndUpdated() {
    try (CudaStream stream = CudaStream.create(api, "stream", 0);
        DeviceMemory memory = DeviceMemory.allocate(api, "memory", 64);
        CudaGraph.Ready ready = instantiate(stream, () -> fill(memory, 5, stream));
        CudaGraph other = stream.capture(() -> fill(memory, 6, stream));
        CudaGraph longer =
            stream.capture(() -> {
              fill(memory, 7, stream);
              fill(memory, 8, stream);
            })) {
      ready.launch(stream);
      stream.await(CudaStream.Wait.BLOCK);
      assertThat(read(memory)).containsOnly(5);
      assertThat(ready.update(other)).isTrue();
      assertThat(ready.update(longer)).isFalse();
      ready.launch(stream);
      stream.await(CudaStream.Wait.BLOCK);
      assertThat(read(memory)).containsOnly(6);
    }
  }

  @Test
  void workThatCannotBeCapturedLeavesTheStreamUsable() {
    try (CudaStream stream = CudaStream.create(api, "stream", 0);
        DeviceMemory memory = DeviceMemory.allocate(api, "memory", 64)) {
      assertThatThrownBy(
              () -> stream.capture(() -> DeviceMemory.allocate(api, "prohibited", 64).close()))
          .isInstanceOf(CudaException.class)
          .hasMessageContaining("prohibited")
          .hasMessageContaining("CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED");
      assertThatThrownBy(() ->
              stream.capture(() -> {
                throw new IllegalArgumentException("of the caller");
              }))
          .isInstanceOf(IllegalArgumentException.class);
      fill(memory, 3, stream);
      stream.await(CudaStream.Wait.BLOCK);
      assertThat(read(memory)).containsOnly(3);
    }
  }

  @Test
  void memoryOfOthersIsAskedFor() {
    try (DeviceMemory memory = DeviceMemory.allocate(api, "memory", 4096);
        Arena arena = Arena.ofConfined()) {
      try (DeviceMemory part = DeviceMemory.wrap(api, "part", memory.raw() + 4000, 96)) {
        assertThat(part.sizeBytes()).isEqualTo(96);
      }
      assertThat(memory.isOpen()).isTrue();
      MemorySegment host = arena.allocate(64);
      assertThatThrownBy(() -> DeviceMemory.wrap(api, "pageable", host.address(), 64))
          .isInstanceOf(CudaException.class)
          .hasMessageContaining("pageable");
      MemorySegment out = arena.allocate(JAVA_LONG);
      CudaStatus.check(api, api.cuMemHostAlloc(out, 64, 0), "cuMemHostAlloc", "");
      long pinned = out.get(JAVA_LONG, 0);
      assertThatThrownBy(() -> DeviceMemory.wrap(api, "pinned", pinned, 64))
          .isInstanceOf(CudaException.class)
          .hasMessageContaining("host memory");
      CudaStatus.check(api, api.cuMemFreeHost(pinned), "cuMemFreeHost", "");
      assertThatThrownBy(() -> DeviceMemory.allocate(api, "too much", 1L << 50))
          .isInstanceOf(CudaException.class)
          .hasMessageContaining("too much")
          .satisfies(e -> assertThat(((CudaException) e).sort()).isEqualTo(CudaStatus.Sort.RETRY));
    }
  }

  @Test
  void closedObjectsAreNamedAndNeverReachTheDriver() {
    CudaStream stream = CudaStream.create(api, "closed stream", 0);
    CudaEvent event = CudaEvent.create(api, "closed event", false);
    stream.close();
    stream.close();
    assertThatThrownBy(stream::isDone)
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("closed stream");
    assertThatThrownBy(() -> event.record(stream)).isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(() -> stream.waitFor(event)).isInstanceOf(IllegalStateException.class);
    event.close();
    assertThatThrownBy(event::await)
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("closed event");
  }

  /** Threads use what another closes under them: each use works, or names what was closed. */
  @Test
  void closingUnderOthersIsSafe() throws Exception {
    long current = current();
    try (ExecutorService workers = Executors.newFixedThreadPool(4)) {
      for (int round = 0; round < 50; round++) {
        CudaStream stream = CudaStream.create(api, "stream " + round, 0);
        CudaEvent event = CudaEvent.create(api, "event " + round, false);
        List<Future<?>> uses = new ArrayList<>();
        for (int t = 0; t < 4; t++) {
          uses.add(
              workers.submit(() -> {
                api.cuCtxSetCurrent(current);
                try {
                  for (int i = 0; i < 10_000; i++) {
                    event.record(stream);
                    stream.waitFor(event);
                    event.isDone();
                  }
                } catch (IllegalStateException e) {
                  assertThat(e).hasMessageContaining("after it was closed");
                }
              }));
        }
        stream.close();
        event.close();
        for (Future<?> use : uses) {
          use.get();
        }
      }
    }
  }

  /** Each nests what the other closes, in both orders, and spins: nothing waits for ever. */
  @Test
  void closingUnderACaptureIsSafe() throws Exception {
    long current = current();
    try (ExecutorService workers = Executors.newFixedThreadPool(4)) {
      for (int round = 0; round < 20; round++) {
        CudaStream stream = CudaStream.create(api, "stream " + round, 0);
        CudaStream other = CudaStream.create(api, "other " + round, 0);
        CudaEvent event = CudaEvent.create(api, "event " + round, false);
        CountDownLatch capturing = new CountDownLatch(1);
        List<Future<?>> uses = new ArrayList<>();
        uses.add(
            workers.submit(() ->
                untilClosed(
                    current,
                    () ->
                        stream
                            .capture(() -> {
                              for (int i = 0; i < 1000; i++) {
                                event.record(stream);
                                capturing.countDown();
                              }
                            })
                            .close())));
        for (int t = 0; t < 2; t++) {
          uses.add(workers.submit(() -> untilClosed(current, other::isDone)));
        }
        capturing.await();
        stream.close();
        event.close();
        other.close();
        for (Future<?> use : uses) {
          use.get(60, TimeUnit.SECONDS);
        }
      }
    }
  }

  private void untilClosed(long context, Runnable use) {
    api.cuCtxSetCurrent(context);
    try {
      while (true) {
        use.run();
      }
    } catch (IllegalStateException e) {
      assertThat(e).hasMessageContaining("after it was closed");
    }
  }

  private long current() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(JAVA_LONG);
      CudaStatus.check(api, api.cuCtxGetCurrent(out), "cuCtxGetCurrent", "");
      return out.get(JAVA_LONG, 0);
    }
  }

  @Test
  void aStreamIsNotClosedByTheWorkThatItCaptures() {
    try (CudaStream stream = CudaStream.create(api, "capturing", 0)) {
      assertThatThrownBy(() -> stream.capture(stream::close))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("capturing")
          .hasMessageContaining("when capture has returned");
      assertThat(stream.isDone()).isTrue();
    }
  }

  /** A thread without a context closes what others made, and so does one in a capture. */
  @Test
  void closingGivesBackWhateverTheThreadIsDoing() throws Exception {
    DeviceMemory first = DeviceMemory.allocate(api, "first", 1 << 20);
    DeviceMemory second = DeviceMemory.allocate(api, "second", 1 << 20);
    CudaStream stream = CudaStream.create(api, "stream", 0);
    CudaEvent event = CudaEvent.create(api, "event", false);
    stream
        .capture(() -> {
          first.close();
          event.close();
        })
        .close();
    assertThat(first.isOpen()).isFalse();
    try (ExecutorService worker = Executors.newSingleThreadExecutor()) {
      worker
          .submit(() -> {
            second.close();
            stream.close();
            assertThat(current()).isZero();
          })
          .get();
    }
    assertThat(second.isOpen()).isFalse();
    assertThat(stream.isOpen()).isFalse();
    assertThat(HandleLedger.snapshot().live()).doesNotContainKeys("device memory", "CUstream");
  }

  @Test
  void aPrimaryContextRestoresTheApplicationsOwn() throws Exception {
    try (Arena arena = Arena.ofConfined();
        DeviceMemory memory = DeviceMemory.allocate(api, "memory", 64)) {
      long primary = current();
      MemorySegment out = arena.allocate(JAVA_LONG);
      CudaStatus.check(api, api.cuCtxCreate_v4(out, 0, 0, 0), "cuCtxCreate_v4", "");
      long own = out.get(JAVA_LONG, 0);
      assertThat(current()).isEqualTo(own).isNotEqualTo(primary);
      try (PrimaryContext _ = PrimaryContext.enter(api, 0)) {
        assertThat(current()).isEqualTo(primary);
        try (PrimaryContext _ = PrimaryContext.enter(api, 0)) {
          assertThat(read(memory)).hasSize(64);
        }
        assertThat(current()).isEqualTo(primary);
      }
      assertThat(current()).isEqualTo(own);
      CudaStatus.check(api, api.cuCtxDestroy_v2(own), "cuCtxDestroy_v2", "");
      CudaStatus.check(api, api.cuCtxSetCurrent(primary), "cuCtxSetCurrent", "");
    }
  }

  @Test
  void aPrimaryContextIsClosedWhereItWasEntered() throws Exception {
    try (PrimaryContext entered = PrimaryContext.enter(api, 0);
        ExecutorService worker = Executors.newSingleThreadExecutor()) {
      worker
          .submit(() -> {
            assertThatThrownBy(entered::close)
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("on the thread that entered it");
            assertThat(current()).isZero();
          })
          .get();
    }
    assertThat(current()).isNotZero();
  }
}
