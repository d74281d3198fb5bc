package dev.sluice.converter.calibrate;

import dev.sluice.engine.npy.NpyArray;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Samples of a source that are asked for again and again: as many of them as fit in {@value
 * #MAX_BYTES} bytes are kept, the others are read anew.
 *
 * <p>Thread safety: used by one thread.
 */
public final class HeldSamples implements CalibrationSource {
  private static final long MAX_BYTES = 128L << 20;

  private final CalibrationSource source;
  private final Arena arena;
  private final Map<Integer, Map<String, NpyArray>> held = new HashMap<>();
  private long heldBytes;

  /**
   * Holds samples of a source.
   *
   * @param arena how long they are kept
   */
  public HeldSamples(CalibrationSource source, Arena arena) {
    this.source = source;
    this.arena = arena;
  }

  @Override
  public int count() {
    return source.count();
  }

  @Override
  public String name(int index) {
    return source.name(index);
  }

  @Override
  public Map<String, NpyArray> sample(int index) throws IOException {
    Map<String, NpyArray> sample = held.get(index);
    if (sample == null) {
      sample = source.sample(index);
      long sizeBytes = sample.values().stream().mapToLong(a -> a.data().byteSize()).sum();
      if (heldBytes + sizeBytes <= MAX_BYTES) {
        heldBytes += sizeBytes;
        sample = copy(sample);
        held.put(index, sample);
      }
    }
    return sample;
  }

  /** What a source gives may be overwritten by the next sample. */
  private Map<String, NpyArray> copy(Map<String, NpyArray> sample) {
    Map<String, NpyArray> copies = new LinkedHashMap<>();
    sample.forEach((name, array) -> {
      long sizeBytes = array.data().byteSize();
      MemorySegment copy = arena.allocate(Math.max(1, sizeBytes), 64).asSlice(0, sizeBytes);
      copy.copyFrom(array.data());
      copies.put(name, new NpyArray(array.type(), array.shape(), copy));
    });
    return copies;
  }
}
