package dev.sluice.converter.build;

import dev.sluice.bindings.ElementType;
import dev.sluice.converter.graph.Reals;
import dev.sluice.converter.onnx.OnnxModel;
import dev.sluice.engine.Shape;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/**
 * Makes inputs for trial runs, the same for the same seed. Integers may be indices into a table or
 * lengths, so they are 0 or 1, or only one of these where the model takes nothing else.
 *
 * <p>Thread safety: immutable.
 *
 * @param inputs what the model takes
 * @param integers which integers it takes
 * @param seed of all samples
 */
record SampleData(List<OnnxModel.Value> inputs, Integers integers, long seed) {
  private static final ValueLayout.OfShort I16 =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfInt I32 =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfLong I64 =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** The integers of a sample, in the order in which they are tried. */
  enum Integers {
    ZERO_AND_ONE,
    ZERO,
    ONE
  }

  /** What a row looks like. */
  enum Kind {
    /** Normally distributed. */
    NORMAL("normally distributed numbers"),
    /** Between 0 and 1, as pixels and probabilities are. */
    UNIT("numbers between 0 and 1"),
    /** All zeros: where a shape depends on the data, it shows. */
    ZEROS("zeros"),
    /** All ones. */
    ONES("ones"),
    /** A thousandth of {@link #NORMAL}: the first to suffer from a neighbour's range. */
    SMALL("small numbers"),
    /**
     * A thousand times {@link #NORMAL}: spoils every range that is taken over the whole batch. A
     * neighbour only: its own result may be chaotic.
     */
    EXTREME("large numbers");

    private final String words;

    Kind(String words) {
      this.words = words;
    }

    /** What it is, in words. */
    @Override
    public String toString() {
      return words;
    }
  }

  /**
   * One input of each kind of value.
   *
   * @param shapes static, one per input
   * @param kind of all elements
   * @param index samples of different indices differ
   */
  List<SampleTensor> sample(List<Shape> shapes, Kind kind, int index) {
    List<SampleTensor> tensors = new ArrayList<>();
    for (int i = 0; i < inputs.size(); i++) {
      SplittableRandom random = new SplittableRandom(seed * 1_000_003 + index * 1009L + i);
      tensors.add(tensor(inputs.get(i).type(), shapes.get(i), kind, random));
    }
    return tensors;
  }

  private SampleTensor tensor(ElementType type, Shape shape, Kind kind, SplittableRandom random) {
    if (type == ElementType.STRING) {
      return new SampleTensor(type, shape, null);
    }
    long elements = shape.elementCount();
    byte[] bytes = new byte[Math.toIntExact(type.byteSize(elements))];
    MemorySegment data = MemorySegment.ofArray(bytes);
    for (long i = 0; i < elements; i++) {
      switch (type) {
        case FLOAT, DOUBLE, FLOAT16, BFLOAT16 -> Reals.set(type, data, i, real(kind, random));
        case INT64, UINT64 -> data.set(I64, i * 8, integer(kind, random));
        case INT32, UINT32 -> data.set(I32, i * 4, integer(kind, random));
        case INT16, UINT16 -> data.set(I16, i * 2, (short) integer(kind, random));
        case INT8, UINT8, BOOL -> bytes[(int) i] = (byte) integer(kind, random);
        case COMPLEX64 -> Reals.set(ElementType.FLOAT, data, i * 2, real(kind, random));
        case COMPLEX128 -> Reals.set(ElementType.DOUBLE, data, i * 2, real(kind, random));
        default -> {
          // The 8-bit floats and 4-bit integers: zeros are a value of each.
        }
      }
    }
    return new SampleTensor(type, shape, data);
  }

  private static double real(Kind kind, SplittableRandom random) {
    return switch (kind) {
      case NORMAL -> random.nextGaussian();
      case UNIT -> random.nextDouble();
      case ZEROS -> 0;
      case ONES -> 1;
      case SMALL -> random.nextGaussian() * 1e-3;
      case EXTREME -> random.nextGaussian() * 1e3;
    };
  }

  private int integer(Kind kind, SplittableRandom random) {
    if (integers != Integers.ZERO_AND_ONE) {
      return integers == Integers.ONE ? 1 : 0;
    }
    return switch (kind) {
      case ZEROS -> 0;
      case ONES -> 1;
      default -> random.nextInt(2);
    };
  }
}
