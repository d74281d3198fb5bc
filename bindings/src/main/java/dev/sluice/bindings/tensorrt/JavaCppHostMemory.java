package dev.sluice.bindings.tensorrt;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.bytedeco.tensorrt.nvinfer.IHostMemory;

/**
 * {@code nvinfer1::IHostMemory}; its segment can't be used after close.
 *
 * <p>Thread safety: any thread; a read and the close do not overlap, one of them throws.
 */
final class JavaCppHostMemory extends JavaCppObject<IHostMemory> implements TensorRtApi.HostMemory {
  private final Arena arena = Arena.ofShared();
  private final MemorySegment data;

  JavaCppHostMemory(IHostMemory memory) {
    super(memory, () -> {});
    data = MemorySegment.ofAddress(memory.data().address()).reinterpret(memory.size(), arena, null);
  }

  @Override
  public MemorySegment data() {
    use();
    return data;
  }

  @Override
  public synchronized void close() {
    if (arena.scope().isAlive()) {
      arena.close();
    }
    super.close();
  }
}
