package dev.sluice.converter.build;

import dev.sluice.bindings.ElementType;
import dev.sluice.converter.onnx.TensorData;
import dev.sluice.converter.onnx.proto.Onnx.TensorProto;
import dev.sluice.engine.Shape;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.LongStream;

/**
 * A tensor of a test.
 *
 * <p>Thread safety: immutable, but for the memory.
 *
 * @param type its element type
 * @param shape static
 * @param data the elements in C order, little endian; null for STRING
 * @param strings the elements of a STRING tensor, else null
 */
record PlainTensor(ElementType type, Shape shape, MemorySegment data, List<String> strings) {
  private static final ValueLayout.OfShort I16 = ValueLayout.JAVA_SHORT_UNALIGNED;
  private static final ValueLayout.OfFloat F32 = ValueLayout.JAVA_FLOAT_UNALIGNED;
  private static final ValueLayout.OfDouble F64 = ValueLayout.JAVA_DOUBLE_UNALIGNED;

  /** What a file of the standard's tests holds. */
  static PlainTensor of(TensorProto tensor, TensorData files) throws IOException {
    ElementType type = files.type(tensor);
    Shape shape = files.shape(tensor);
    if (type == ElementType.STRING) {
      return ofStrings(
          shape, tensor.getStringDataList().stream().map(text -> text.toStringUtf8()).toList());
    }
    return new PlainTensor(type, shape, files.bytes(tensor), null);
  }

  /** Seeded normal numbers. */
  static PlainTensor normal(long seed, long... dims) {
    Random random = new Random(seed);
    float[] values = new float[Math.toIntExact(Shape.of(dims).elementCount())];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return of(ElementType.FLOAT, Shape.of(dims), MemorySegment.ofArray(values));
  }

  /** Seeded whole numbers from 0 on. */
  static PlainTensor numbers(long seed, int bound, long... dims) {
    Random random = new Random(seed);
    long[] values = new long[Math.toIntExact(Shape.of(dims).elementCount())];
    for (int i = 0; i < values.length; i++) {
      values[i] = random.nextInt(bound);
    }
    return of(ElementType.INT64, Shape.of(dims), MemorySegment.ofArray(values));
  }

  static PlainTensor ofStrings(Shape shape, List<String> strings) {
    return new PlainTensor(ElementType.STRING, shape, null, List.copyOf(strings));
  }

  static PlainTensor of(ElementType type, Shape shape, MemorySegment data) {
    byte[] bytes = data.toArray(ValueLayout.JAVA_BYTE);
    return new PlainTensor(type, shape, MemorySegment.ofArray(bytes), null);
  }

  /**
   * What is wrong with this tensor, as NumPy's {@code assert_allclose} and, for strings, {@code
   * assert_array_equal} see it; null where nothing is.
   *
   * @param expected what it should be
   * @param rel most that it may be off by, as a part of the expected element
   * @param abs and beside that
   */
  String difference(PlainTensor expected, double rel, double abs) {
    if (type != expected.type || !shape.equals(expected.shape)) {
      return "is " + type + shape + ", not " + expected.type + expected.shape;
    }
    if (type == ElementType.STRING) {
      return strings.equals(expected.strings)
          ? null
          : "is " + strings + ", not " + expected.strings;
    }
    int width = width(type);
    if (width == 0) {
      return Arrays.equals(bytes(), expected.bytes()) ? null : "is " + this + ", not " + expected;
    }
    for (long i = 0; i < data.byteSize() / width; i++) {
      double a = real(i);
      double e = expected.real(i);
      boolean close =
          (Double.isFinite(a) && Double.isFinite(e))
              ? Math.abs(a - e) <= abs + rel * Math.abs(e)
              : Double.isNaN(a) ? Double.isNaN(e) : a == e;
      if (!close) {
        return "has " + a + " at " + i + ", not " + e;
      }
    }
    return null;
  }

  /** The elements; the half of the last byte that holds none, which may be anything, is zero. */
  private byte[] bytes() {
    byte[] bytes = data.toArray(ValueLayout.JAVA_BYTE);
    if (shape.elementCount() * type.bits() % 8 != 0) {
      bytes[bytes.length - 1] &= 0x0f;
    }
    return bytes;
  }

  /** Bytes of a number that is compared with a tolerance; 0 for types that are compared as bits. */
  private static int width(ElementType type) {
    return switch (type) {
      case FLOAT16, BFLOAT16 -> 2;
      case FLOAT, COMPLEX64 -> 4;
      case DOUBLE, COMPLEX128 -> 8;
      default -> 0;
    };
  }

  private double real(long index) {
    return switch (type) {
      case FLOAT16 -> Float.float16ToFloat(data.get(I16, index * 2));
      case BFLOAT16 -> Float.intBitsToFloat(data.get(I16, index * 2) << 16);
      case FLOAT, COMPLEX64 -> data.get(F32, index * 4);
      default -> data.get(F64, index * 8);
    };
  }

  @Override
  public String toString() {
    if (strings != null) {
      return "" + type + shape + strings;
    }
    int width = width(type);
    return width == 0
        ? "" + type + shape + Arrays.toString(bytes())
        : ""
            + type
            + shape
            + LongStream.range(0, data.byteSize() / width).mapToObj(this::real).toList();
  }
}
