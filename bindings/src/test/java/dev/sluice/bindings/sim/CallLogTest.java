package dev.sluice.bindings.sim;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.bindings.cuda.CudaStatus;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;

/** The log of calls. */
class CallLogTest extends SimulatedCudaFixture {
  @Test
  void theLogHoldsTheCalls() {
    start(SimulatedCuda.builder().logged());
    cuda.clearCalls();
    long a = memory(64);
    is(CudaStatus.INVALID_VALUE, cuda.cuMemFree_v2(a + 1));
    assertThat(cuda.calls())
        .extracting(Call::function)
        .containsExactly("cuMemAlloc_v2", "cuMemFree_v2");
    assertThat(cuda.calls().getLast().status()).isEqualTo(1);
    assertThat(cuda.calls().getFirst().toString()).contains("bytesize 64");
    assertThat(cuda.calls().getFirst().result()).isEqualTo(a);
  }

  @Test
  void theLogHoldsAllArguments() {
    start(SimulatedCuda.builder().logged());
    long stream = stream();
    long a = memory(64);
    long host = pinned(64).address();
    ok(cuda.cuMemcpyHtoDAsync_v2(a, host, 48, stream));
    assertThat(cuda.calls().getLast().toString())
        .contains(Long.toHexString(a), Long.toHexString(host), "48", Long.toHexString(stream));
    ok(fill(a, 16, stream));
    assertThat(cuda.calls().getLast().toString())
        .contains(Long.toHexString(stream), "[1, 1, 1, 32, 1, 1, 0]");
  }

  @Test
  void theLogHoldsACallThatHasNotReturned() throws Exception {
    CountDownLatch gate = new CountDownLatch(1);
    start(SimulatedCuda.builder().logged());
    long stream = stream();
    ok(cuda.cuCtxGetCurrent(out));
    long context = result();
    ok(cuda.cuLaunchHostFunc(stream, hostFunction(gate::await), 0));
    Thread waiting =
        Thread.ofPlatform()
            .start(() -> {
              ok(cuda.cuCtxSetCurrent(context));
              ok(cuda.cuStreamSynchronize(stream));
            });
    try {
      while (!cuda.calls().getLast().function().equals("cuStreamSynchronize")) {
        Thread.onSpinWait();
      }
      memory(8);
      assertThat(cuda.calls())
          .element(cuda.calls().size() - 2)
          .satisfies(call -> {
            assertThat(call.function()).isEqualTo("cuStreamSynchronize");
            assertThat(call.status()).isEqualTo(Call.RUNNING);
          });
    } finally {
      gate.countDown();
    }
    waiting.join();
    assertThat(cuda.calls()).noneMatch(call -> call.status() == Call.RUNNING);
  }
}
