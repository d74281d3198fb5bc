package dev.sluice.kernels;

import dev.sluice.bindings.ElementType;
import java.lang.foreign.MemorySegment;

/**
 * {@code cast}: FLOAT, FLOAT16 and BFLOAT16 into one another, to nearest with ties to even. What is
 * too large becomes infinite, a NaN the canonical one of its type. The kernel and the reference
 * agree bit for bit.
 *
 * <p>Thread safety: stateless.
 */
public final class Cast {
  private static final ElementType[] TYPES = {
    ElementType.FLOAT, ElementType.FLOAT16, ElementType.BFLOAT16
  };
  private static final Kernel[] KERNELS = {
    null,
    Kernel.CAST_F32_F16,
    Kernel.CAST_F32_BF16,
    Kernel.CAST_F16_F32,
    null,
    Kernel.CAST_F16_BF16,
    Kernel.CAST_BF16_F32,
    Kernel.CAST_BF16_F16,
    null
  };

  private Cast() {}

  /**
   * The kernel for two types.
   *
   * @throws IllegalArgumentException where they are the same, or none of the three
   */
  public static Kernel kernel(ElementType from, ElementType to) {
    Kernel kernel = KERNELS[3 * place(from) + place(to)];
    if (kernel == null) {
      throw new IllegalArgumentException("there is no cast of " + from + " to itself: copy it");
    }
    return kernel;
  }

  private static int place(ElementType type) {
    for (int i = 0; i < TYPES.length; i++) {
      if (TYPES[i] == type) {
        return i;
      }
    }
    throw Elements.unsupported(type);
  }

  /**
   * Prepares a launch.
   *
   * @param source address of n elements
   * @param target address of n elements; it must not overlap the source
   */
  public static void prepare(
      KernelCall call, ElementType from, ElementType to, long source, long target, long n) {
    Elements.requireCount(n, "n");
    Elements.requireAligned(source, from, "source");
    Elements.requireAligned(target, to, "target");
    call.start(kernel(from, to)).add(source).add(target).add(n);
    call.threads(n / Math.min(16 / Elements.bytes(from), 16 / Elements.bytes(to)) / 4 + 1);
  }

  /** The same in Java. */
  public static void reference(
      ElementType from, ElementType to, MemorySegment source, MemorySegment target, long n) {
    kernel(from, to);
    for (long i = 0; i < n; i++) {
      Elements.set(to, target, i, Elements.get(from, source, i));
    }
  }
}
