package dev.sluice.bindings.sim;

import dev.sluice.bindings.tensorrt.TensorRtApi;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Bytes that the simulated TensorRT gave.
 *
 * <p>Thread safety: any thread reads; closed when nobody does.
 */
final class TrtBytes extends TrtObject implements TensorRtApi.HostMemory {
  private final Arena arena;
  private final MemorySegment data;

  /** A copy of bytes; it outlives what made it. */
  @SuppressWarnings("MustBeClosedChecker") // closed by release
  TrtBytes(TrtObject maker, byte[] bytes) {
    super(maker.owner, maker.log, "IHostMemory", null);
    arena = Arena.ofShared();
    data = arena.allocate(bytes.length, 8).copyFrom(MemorySegment.ofArray(bytes)).asReadOnly();
  }

  @Override
  public MemorySegment data() {
    use();
    return data;
  }

  @Override
  void release() {
    arena.close();
  }
}
