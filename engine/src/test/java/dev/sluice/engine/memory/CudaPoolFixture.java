package dev.sluice.engine.memory;

import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.bindings.cuda.CudaApi;
import dev.sluice.bindings.cuda.CudaConstants;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** A device's primary context, current, with a stream and a budget. */
final class CudaPoolFixture implements AutoCloseable {
  private final Arena arena = Arena.ofShared();
  private final MemorySegment out = arena.allocate(64, 8);
  private final MemoryBudget budget = MemoryBudget.root("device", MemoryBudget.UNLIMITED);
  private final long context;
  private final long stream;

  CudaPoolFixture(CudaApi api) {
    assertThat(api.cuInit(0)).isZero();
    assertThat(api.cuDevicePrimaryCtxRetain(out, 0)).isZero();
    context = out.get(JAVA_LONG, 0);
    assertThat(api.cuCtxSetCurrent(context)).isZero();
    assertThat(api.cuStreamCreateWithPriority(out, CudaConstants.CU_STREAM_NON_BLOCKING, 0))
        .isZero();
    stream = out.get(JAVA_LONG, 0);
  }

  MemorySegment out() {
    return out;
  }

  long context() {
    return context;
  }

  long stream() {
    return stream;
  }

  MemoryBudget budget() {
    return budget;
  }

  @Override
  public void close() {
    budget.close();
    arena.close();
  }
}
