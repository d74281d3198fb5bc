package dev.sluice.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.bindings.ElementType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.function.BiConsumer;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * Each kernel against its reference, over awkward sizes, every alignment, extremes and seeded
 * random numbers, with guards before and behind every buffer.
 */
abstract class KernelContract {
  private static final int GUARD_BYTES = 64;
  private static final byte GUARD = 0x5C;
  private static final ElementType[] REALS = {
    ElementType.FLOAT, ElementType.FLOAT16, ElementType.BFLOAT16
  };
  private static final long[] COUNTS = {
    0, 1, 2, 3, 7, 8, 15, 16, 17, 31, 32, 33, 63, 65, 255, 256, 257, 1000, 4099
  };

  protected KernelMachine machine;
  private final long seed = Long.getLong("sluice.seed", 20_261_124);
  private final Random random = new Random(seed);
  private final List<Buffer> buffers = new ArrayList<>();
  private Arena arena;
  private KernelCall call;

  /** What the kernels run on. */
  protected abstract KernelMachine machine() throws Exception;

  /** How large grids are: few, so that threads and blocks take several turns. */
  protected int multiprocessors() {
    return 2;
  }

  /** A buffer on the machine, between guards, and what it should hold in the end. */
  private final class Buffer {
    final MemorySegment whole;
    final MemorySegment expected;
    final long address;

    Buffer(long sizeBytes, int offset, byte[] content) {
      whole = arena.allocate(sizeBytes + 2 * GUARD_BYTES, 16).fill(GUARD);
      MemorySegment.copy(content, 0, whole, ValueLayout.JAVA_BYTE, GUARD_BYTES, content.length);
      expected = whole.asSlice(GUARD_BYTES, sizeBytes);
      address = machine.place(whole, offset, GUARD_BYTES) + GUARD_BYTES;
    }

    void check(String what) {
      MemorySegment found = arena.allocate(whole.byteSize(), 16);
      machine.fetch(address - GUARD_BYTES, found);
      long mismatch = found.mismatch(whole);
      assertThat(mismatch - GUARD_BYTES)
          .as("%s, seed %d: first differing byte of %d", what, seed, expected.byteSize())
          .isEqualTo(-1L - GUARD_BYTES);
    }
  }

  @BeforeEach
  @SuppressWarnings("MustBeClosedChecker") // closed by close
  void open() throws Exception {
    arena = Arena.ofShared();
    machine = machine();
    call = new KernelCall(multiprocessors());
  }

  @AfterEach
  void close() {
    call.close();
    machine.close();
    arena.close();
  }

  private Buffer buffer(byte[] content, int offset) {
    Buffer buffer = new Buffer(content.length, offset, content);
    buffers.add(buffer);
    return buffer;
  }

  private Buffer buffer(long sizeBytes, int offset) {
    byte[] content = new byte[(int) sizeBytes];
    random.nextBytes(content);
    return buffer(content, offset);
  }

  private void finish(String what) {
    machine.run(call);
    buffers.forEach(buffer -> buffer.check(what + ", " + call));
    next();
  }

  /** Forgets what a test that failed left. */
  final void clearBuffers() {
    next();
  }

  private void next() {
    buffers.clear();
    machine.clear();
  }

  /** Numbers with all kinds of extremes among them. */
  private byte[] reals(ElementType type, long n) {
    float[] extremes = {
      0f,
      -0f,
      Float.NaN,
      Float.POSITIVE_INFINITY,
      Float.NEGATIVE_INFINITY,
      Float.MIN_VALUE,
      -Float.MIN_NORMAL,
      Float.MAX_VALUE,
      65_504f,
      65_519.996f,
      65_520f,
      5.9604645e-8f,
      2.9802322e-8f,
      2.9802326e-8f,
      6.1e-5f,
      0.5f,
      1.5f,
      2.5f,
      -2.5f,
      127.5f,
      -128.5f,
      3e38f
    };
    byte[] bytes = new byte[(int) (n * Elements.bytes(type))];
    MemorySegment memory = MemorySegment.ofArray(bytes);
    for (long i = 0; i < n; i++) {
      int kind = random.nextInt(8);
      if (kind == 0) {
        Elements.set(type, memory, i, extremes[random.nextInt(extremes.length)]);
      } else if (kind == 1) {
        // Any bits at all; signalling and other NaN among them.
        for (int b = 0; b < Elements.bytes(type); b++) {
          bytes[(int) i * Elements.bytes(type) + b] = (byte) random.nextInt();
        }
      } else {
        Elements.set(type, memory, i, (float) random.nextGaussian() * (1 << random.nextInt(9)));
      }
    }
    return bytes;
  }

  private int offset(ElementType type) {
    return random.nextInt(16 / Elements.bytes(type)) * Elements.bytes(type);
  }

  @Test
  void casts() {
    for (ElementType from : REALS) {
      for (ElementType to : REALS) {
        if (from == to) {
          continue;
        }
        for (long n : COUNTS) {
          for (int round = 0; round < 4; round++) {
            Buffer source = buffer(reals(from, n), offset(from));
            Buffer target = buffer(to.byteSize(n), offset(to));
            Cast.prepare(call, from, to, source.address, target.address, n);
            Cast.reference(from, to, source.expected, target.expected, n);
            finish(from + " to " + to + ", " + n);
          }
        }
      }
    }
  }

  @Test
  void castsEveryHalf() {
    byte[] all = new byte[1 << 17];
    MemorySegment memory = MemorySegment.ofArray(all);
    for (int bits = 0; bits < 1 << 16; bits++) {
      memory.set(ValueLayout.JAVA_SHORT_UNALIGNED, 2L * bits, (short) bits);
    }
    for (ElementType from : new ElementType[] {ElementType.FLOAT16, ElementType.BFLOAT16}) {
      Buffer source = buffer(all, 0);
      Buffer target = buffer(1 << 18, 0);
      Cast.prepare(call, from, ElementType.FLOAT, source.address, target.address, 1 << 16);
      Cast.reference(from, ElementType.FLOAT, source.expected, target.expected, 1 << 16);
      finish("every " + from);
    }
  }

  @Test
  void quantizesAndDequantizes() {
    ElementType[] small = {ElementType.INT8, ElementType.UINT8};
    long[][] shapes = {{1, 0}, {1, 1}, {1, 4099}, {3, 17}, {5, 256}, {7, 33}, {70, 5}};
    for (ElementType q : small) {
      for (ElementType real : new ElementType[] {ElementType.FLOAT, ElementType.FLOAT16}) {
        for (long[] shape : shapes) {
          for (int channels : new int[] {1, (int) shape[0]}) {
            long n = shape[0] * shape[1];
            Buffer scales = buffer(scales(channels), 0);
            Buffer zeros = random.nextBoolean() ? buffer(zeros(q, channels), 4) : null;
            long zerosAddress = zeros == null ? 0 : zeros.address;
            MemorySegment zerosMemory = zeros == null ? null : zeros.expected;
            Buffer source = buffer(reals(real, n), offset(real));
            Buffer target = buffer(n, random.nextInt(16));
            Quantize.prepare(
                call,
                real,
                q,
                source.address,
                target.address,
                scales.address,
                zerosAddress,
                shape[0],
                shape[1],
                channels);
            Quantize.reference(
                real,
                q,
                source.expected,
                target.expected,
                scales.expected,
                zerosMemory,
                shape[0],
                shape[1],
                channels);
            machine.run(call);
            buffers.forEach(buffer -> buffer.check("quantize " + call));
            Buffer back = buffer(real.byteSize(n), offset(real));
            Dequantize.prepare(
                call,
                q,
                real,
                target.address,
                back.address,
                scales.address,
                zerosAddress,
                shape[0],
                shape[1],
                channels);
            Dequantize.reference(
                q,
                real,
                target.expected,
                back.expected,
                scales.expected,
                zerosMemory,
                shape[0],
                shape[1],
                channels);
            finish("dequantize");
          }
        }
      }
    }
  }

  /** Every half that a byte could come from and more, and the numbers beside each. */
  @Test
  void roundsHalvesToEven() {
    int halves = 1200;
    for (ElementType real : new ElementType[] {ElementType.FLOAT, ElementType.FLOAT16}) {
      byte[] content = new byte[(int) real.byteSize(3L * halves)];
      for (int i = 0; i < halves; i++) {
        float half = (i - halves / 2) / 2f;
        Elements.set(real, MemorySegment.ofArray(content), 3L * i, Math.nextDown(half));
        Elements.set(real, MemorySegment.ofArray(content), 3L * i + 1, half);
        Elements.set(real, MemorySegment.ofArray(content), 3L * i + 2, Math.nextUp(half));
      }
      for (int zero : new int[] {-128, -1, 0, 1, 127, 128, 255}) {
        ElementType q = zero < 0 || zero == 1 ? ElementType.INT8 : ElementType.UINT8;
        byte[] one = new byte[4];
        byte[] point = new byte[4];
        MemorySegment.ofArray(one).set(Elements.F32, 0, 1);
        MemorySegment.ofArray(point).set(Elements.I32, 0, zero);
        Buffer source = buffer(content, 0);
        Buffer scale = buffer(one, 0);
        Buffer zeros = buffer(point, 0);
        Buffer target = buffer(3L * halves, 0);
        Quantize.prepare(
            call,
            real,
            q,
            source.address,
            target.address,
            scale.address,
            zeros.address,
            1,
            3L * halves,
            1);
        Quantize.reference(
            real,
            q,
            source.expected,
            target.expected,
            scale.expected,
            zeros.expected,
            1,
            3L * halves,
            1);
        finish(real + " to " + q + " around " + zero);
      }
    }
  }

  @Test
  void roundsHalvesOfImagesToEven() {
    byte[] bytes = new byte[256];
    for (int v = 0; v < 256; v++) {
      bytes[v] = (byte) v;
    }
    for (float a : new float[] {0.5f, 1, 1.5f}) {
      NormalizeImage normalize =
          new NormalizeImage(
              ElementType.INT8,
              16,
              16,
              1,
              NormalizeImage.Resize.NONE,
              false,
              0,
              new float[] {a},
              new float[] {-128.5f});
      Buffer source = buffer(bytes, 0);
      Buffer target = buffer(256, 0);
      normalize.prepare(call, source.address, 0, target.address, 1, 256, 16, 16);
      normalize.reference(source.expected, null, target.expected, 1, 256, 16, 16);
      finish("bytes times " + a);
    }
  }

  private byte[] scales(int channels) {
    byte[] bytes = new byte[4 * channels];
    for (int c = 0; c < channels; c++) {
      MemorySegment.ofArray(bytes).set(Elements.F32, 4L * c, 0.01f + random.nextFloat());
    }
    return bytes;
  }

  private byte[] zeros(ElementType type, int channels) {
    byte[] bytes = new byte[4 * channels];
    for (int c = 0; c < channels; c++) {
      int zero = type == ElementType.INT8 ? random.nextInt(256) - 128 : random.nextInt(256);
      MemorySegment.ofArray(bytes).set(Elements.I32, 4L * c, zero);
    }
    return bytes;
  }

  @Test
  void gathersRowsFromAnywhere() {
    for (long rowBytes : new long[] {0, 1, 15, 16, 17, 31, 33, 40, 100, 1025, 4000, 20_001}) {
      for (int sourceOffset = 0; sourceOffset < 16; sourceOffset++) {
        int count = 1 + random.nextInt(rowBytes > 64 ? 5 : 40);
        byte[] table = new byte[8 * count];
        List<Buffer> rows = new ArrayList<>();
        for (int r = 0; r < count; r++) {
          rows.add(buffer(rowBytes, (sourceOffset + r) % 16));
          MemorySegment.ofArray(table).set(Elements.I64, 8L * r, rows.get(r).address);
        }
        Buffer addresses = buffer(table, 0);
        Buffer target = buffer(count * rowBytes, random.nextInt(16));
        GatherRows.prepare(call, addresses.address, target.address, count, rowBytes);
        for (int r = 0; r < count; r++) {
          GatherRows.reference(rows.get(r).expected, target.expected, r, rowBytes);
        }
        finish(count + " rows of " + rowBytes);
      }
    }
  }

  @Test
  void normalizesImagesAsLargeAsTheResult() {
    ElementType[] types = {ElementType.FLOAT, ElementType.FLOAT16, ElementType.INT8};
    int[][] sizes = {{1, 1}, {1, 16}, {3, 5}, {8, 8}, {7, 33}, {40, 48}, {101, 103}};
    for (ElementType type : types) {
      for (int[] size : sizes) {
        for (int channels : new int[] {1, 3, 4}) {
          for (int padding : new int[] {0, 1, 16}) {
            int rows = 1 + random.nextInt(3);
            long rowBytes = (long) size[0] * size[1] * channels + padding;
            NormalizeImage normalize =
                normalize(type, size[0], size[1], channels, NormalizeImage.Resize.NONE);
            Buffer source = buffer(rows * rowBytes, random.nextBoolean() ? 0 : random.nextInt(16));
            long elements = (long) rows * channels * size[0] * size[1];
            Buffer target =
                buffer(type.byteSize(elements), random.nextBoolean() ? 0 : offset(type));
            normalize.prepare(
                call, source.address, 0, target.address, rows, rowBytes, size[0], size[1]);
            normalize.reference(
                source.expected, null, target.expected, rows, rowBytes, size[0], size[1]);
            finish(normalize + " of " + rows);
          }
        }
      }
    }
  }

  private NormalizeImage normalize(
      ElementType type, int height, int width, int channels, NormalizeImage.Resize resize) {
    float[] a = new float[channels];
    float[] b = new float[channels];
    for (int c = 0; c < channels; c++) {
      a[c] = 0.001f + random.nextFloat();
      b[c] = (float) random.nextGaussian();
    }
    return new NormalizeImage(
        type, height, width, channels, resize, random.nextBoolean(), random.nextInt(256), a, b);
  }

  @Test
  void resizesImagesEachOfItsOwnSize() {
    ElementType[] types = {ElementType.FLOAT, ElementType.FLOAT16, ElementType.INT8};
    for (int round = 0; round < 60; round++) {
      ElementType type = types[round % 3];
      NormalizeImage.Resize resize =
          round % 2 == 0 ? NormalizeImage.Resize.STRETCH : NormalizeImage.Resize.LETTERBOX;
      int channels = new int[] {1, 3, 4}[random.nextInt(3)];
      int height = 1 + random.nextInt(20);
      int width = 1 + random.nextInt(20);
      int rows = 1 + random.nextInt(4);
      long rowBytes = 1L + random.nextInt(1500);
      NormalizeImage normalize = normalize(type, height, width, channels, resize);
      byte[] table = new byte[8 * rows];
      for (int r = 0; r < rows; r++) {
        // Some of these do not fit their row, are empty, or are no sizes at all.
        int h = random.nextInt(10) == 0 ? random.nextInt() : random.nextInt(30);
        int w = random.nextInt(10) == 0 ? random.nextInt() : 1 + random.nextInt(30);
        MemorySegment.ofArray(table).set(Elements.I32, 8L * r, h);
        MemorySegment.ofArray(table).set(Elements.I32, 8L * r + 4, w);
      }
      Buffer sizes = buffer(table, 4);
      Buffer source = buffer(rows * rowBytes, random.nextInt(16));
      Buffer target = buffer(type.byteSize((long) rows * channels * height * width), offset(type));
      normalize.prepare(call, source.address, sizes.address, target.address, rows, rowBytes, 0, 0);
      normalize.reference(source.expected, sizes.expected, target.expected, rows, rowBytes, 0, 0);
      finish(normalize + ", round " + round);
    }
  }

  @Test
  void findsTheLargest() {
    int[] columns = {1, 2, 5, 31, 32, 33, 255, 256, 257, 1000};
    for (ElementType type : REALS) {
      for (int width : columns) {
        for (int k : IntStream.of(1, 5, 32).filter(k -> k <= width).toArray()) {
          int rows = 1 + random.nextInt(3);
          Buffer scores = buffer(reals(type, (long) rows * width), offset(type));
          Buffer values = buffer(4L * rows * k, 4);
          Buffer indices = buffer(4L * rows * k, 8);
          TopK.prepare(
              call, type, scores.address, values.address, indices.address, rows, width, k, false);
          TopK.reference(
              type, scores.expected, values.expected, indices.expected, rows, width, k, false);
          finish(k + " of " + width);
        }
      }
    }
  }

  @Test
  void findsTheMostProbable() {
    for (int width : new int[] {1, 2, 33, 257, 1000, 5000}) {
      for (ElementType type : REALS) {
        int rows = 2;
        int k = Math.min(5, width);
        byte[] content = new byte[(int) type.byteSize((long) rows * width)];
        for (long i = 0; i < (long) rows * width; i++) {
          Elements.set(type, MemorySegment.ofArray(content), i, (float) random.nextGaussian() * 6);
        }
        Buffer scores = buffer(content, offset(type));
        Buffer values = buffer(4L * rows * k, 0);
        Buffer indices = buffer(4L * rows * k, 0);
        TopK.prepare(
            call, type, scores.address, values.address, indices.address, rows, width, k, true);
        TopK.reference(
            type, scores.expected, values.expected, indices.expected, rows, width, k, true);
        machine.run(call);
        scores.check("scores");
        indices.check(type + ", " + width);
        MemorySegment found = arena.allocate(4L * rows * k, 4);
        machine.fetch(values.address, found);
        for (int i = 0; i < rows * k; i++) {
          double expected = values.expected.get(Elements.F32, 4L * i);
          assertThat(Math.abs(found.get(Elements.F32, 4L * i) - expected))
              .as("%s, %d columns, place %d, seed %d", type, width, i, seed)
              .isLessThanOrEqualTo(TopK.tolerance(width) * expected + Float.MIN_NORMAL);
        }
        next();
      }
    }
  }

  /** Each type, and each number of elements. */
  private void eachTensor(BiConsumer<ElementType, Long> observe) {
    for (ElementType type : REALS) {
      LongStream.concat(LongStream.of(COUNTS), LongStream.of(20_000))
          .forEach(n -> observe.accept(type, n));
    }
  }

  @Test
  void findsTheLargestMagnitude() {
    eachTensor((type, n) -> {
      Buffer source = buffer(reals(type, n), offset(type));
      Buffer most = buffer(new byte[4], 4);
      Observe.prepareAbsMax(call, type, source.address, most.address, n);
      Observe.absMax(type, source.expected, most.expected, n);
      finish("absmax of " + n);
    });
  }

  @Test
  void countsMagnitudes() {
    eachTensor((type, n) -> {
      Buffer source = buffer(reals(type, n), offset(type));
      int bins = 1 + random.nextInt(300);
      float binsPerUnit = bins / (1 + random.nextInt(400) / 3f);
      Buffer counts = buffer(new byte[8 * bins], 8);
      Observe.prepareHistogram(call, type, source.address, counts.address, n, binsPerUnit, bins);
      Observe.histogram(type, source.expected, counts.expected, n, binsPerUnit, bins);
      finish("histogram of " + n);
    });
  }

  @Test
  void countsWhatIsOutOfRange() {
    eachTensor((type, n) -> {
      Buffer source = buffer(reals(type, n), offset(type));
      Buffer count = buffer(new byte[8], 8);
      Observe.prepareSaturationCount(call, type, source.address, count.address, n, 2.5f);
      Observe.saturationCount(type, source.expected, count.expected, n, 2.5f);
      finish("saturation of " + n);
    });
  }

  @Test
  void refusesWhatIsNotAligned() {
    ElementType f32 = ElementType.FLOAT;
    ElementType i8 = ElementType.INT8;
    List<ThrowingCallable> bad =
        List.of(
            () -> GatherRows.prepare(call, 4, 0, 1, 1),
            () -> Quantize.prepare(call, f32, i8, 0, 0, 2, 0, 1, 1, 1),
            () -> Quantize.prepare(call, f32, i8, 0, 0, 0, 1, 1, 1, 1),
            () -> Dequantize.prepare(call, i8, f32, 0, 0, 2, 0, 1, 1, 1),
            () -> Dequantize.prepare(call, i8, f32, 0, 0, 0, 1, 1, 1, 1));
    for (ThrowingCallable prepare : bad) {
      assertThatThrownBy(prepare)
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("is not aligned");
    }
  }
}
