package dev.sluice.bindings.sim;

import dev.sluice.bindings.cuda.CudaStatus;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * A module: the names in its image. An image is UTF-8 text that ends with a 0: {@link #MAGIC}, then
 * the name of a function on each line.
 *
 * <p>Thread safety: guarded by the simulated driver's lock.
 */
final class SimModule {
  /** The first line of an image. */
  static final String MAGIC = "sluice-sim-module";

  private static final int LIMIT_BYTES = 1 << 20;

  final SimContext context;
  final List<String> names;
  final Map<String, SimFunction> functions = new HashMap<>();
  long handle;

  SimModule(SimContext context, MemorySegment image) {
    this.context = context;
    byte[] magic = (MAGIC + "\n").getBytes(StandardCharsets.UTF_8);
    MemorySegment text = image.reinterpret(LIMIT_BYTES);
    for (int i = 0; i < magic.length; i++) {
      if (text.get(ValueLayout.JAVA_BYTE, i) != magic[i]) {
        throw new Refused(CudaStatus.INVALID_IMAGE, "the image does not start with " + MAGIC);
      }
    }
    names = text.getString(0).lines().skip(1).filter(line -> !line.isBlank()).toList();
  }
}
