package dev.sluice.kernels;

import dev.sluice.bindings.ElementType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * Numbers of 4 and 2 bytes at any address, little-endian as on the device.
 *
 * <p>Thread safety: stateless.
 */
final class Elements {
  static final ValueLayout.OfFloat F32 =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  static final ValueLayout.OfInt I32 =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  static final ValueLayout.OfLong I64 =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort I16 =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private static final short NAN_F16 = 0x7e00;
  private static final short NAN_BF16 = 0x7fc0;

  private Elements() {}

  static int bytes(ElementType type) {
    return type.bits() / 8;
  }

  /** Element i as a float. */
  static float get(ElementType type, MemorySegment memory, long i) {
    return switch (type) {
      case FLOAT -> memory.get(F32, 4 * i);
      case FLOAT16 -> Float.float16ToFloat(memory.get(I16, 2 * i));
      case BFLOAT16 -> Float.intBitsToFloat(memory.get(I16, 2 * i) << 16);
      case INT8 -> memory.get(ValueLayout.JAVA_BYTE, i);
      case UINT8 -> memory.get(ValueLayout.JAVA_BYTE, i) & 0xff;
      default -> throw unsupported(type);
    };
  }

  /** Rounds to nearest, ties to even; a NaN becomes the type's canonical one. */
  static void set(ElementType type, MemorySegment memory, long i, float value) {
    switch (type) {
      case FLOAT -> memory.set(F32, 4 * i, Float.isNaN(value) ? Float.NaN : value);
      case FLOAT16 ->
          memory.set(I16, 2 * i, Float.isNaN(value) ? NAN_F16 : Float.floatToFloat16(value));
      case BFLOAT16 -> memory.set(I16, 2 * i, bfloat16(value));
      case INT8 -> memory.set(ValueLayout.JAVA_BYTE, i, saturated(value, -128, 127));
      default -> throw unsupported(type);
    }
  }

  private static short bfloat16(float value) {
    if (Float.isNaN(value)) {
      return NAN_BF16;
    }
    int bits = Float.floatToRawIntBits(value);
    return (short) ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16);
  }

  /** Rounds, ties to even, and clamps; a NaN becomes 0. */
  static byte saturated(float value, int low, int high) {
    float rounded = (float) Math.rint(value);
    return (byte) (Float.isNaN(rounded) ? 0 : Math.clamp(rounded, (float) low, (float) high));
  }

  static IllegalArgumentException unsupported(ElementType type) {
    return new IllegalArgumentException(type + " is not a type of this kernel");
  }

  /** The type's letters in the names of kernels. */
  static String suffix(ElementType type) {
    return switch (type) {
      case FLOAT -> "F32";
      case FLOAT16 -> "F16";
      case BFLOAT16 -> "BF16";
      case INT8 -> "I8";
      case UINT8 -> "U8";
      default -> throw unsupported(type);
    };
  }

  static void requireCount(long n, String what) {
    if (n < 0) {
      throw new IllegalArgumentException(what + " is " + n + "; it must not be negative");
    }
  }

  static void requireAligned(long address, ElementType type, String what) {
    if (address % bytes(type) != 0) {
      throw new IllegalArgumentException(
          what
              + " at 0x"
              + Long.toHexString(address)
              + " is not aligned to an element of "
              + type
              + ": give it a multiple of "
              + bytes(type));
    }
  }
}
