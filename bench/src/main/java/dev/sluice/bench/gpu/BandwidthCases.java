package dev.sluice.bench.gpu;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.sluice.bindings.ElementType;
import dev.sluice.kernels.Cast;
import dev.sluice.kernels.Dequantize;
import dev.sluice.kernels.GatherRows;
import dev.sluice.kernels.NormalizeImage;
import dev.sluice.kernels.Observe;
import dev.sluice.kernels.Quantize;
import dev.sluice.kernels.TopK;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Random;
import java.util.function.Consumer;

/**
 * The cases of {@link KernelBandwidth}: prepares a launch, compares a part of its result with the
 * reference, and times it.
 *
 * <p>Thread safety: for one thread.
 */
final class BandwidthCases {
  /** How many elements of a result are compared at each end. */
  private static final int COMPARED = 4096;

  private static final int SIDE = 224;
  private static final int IMAGE_BYTES = SIDE * SIDE * 3;
  private static final int COLUMNS = 1000;
  private static final int BINS = 2048;

  private final KernelBandwidth on;
  private final Consumer<KernelBandwidth.Row> rows;

  private BandwidthCases(KernelBandwidth on, Consumer<KernelBandwidth.Row> rows) {
    this.on = on;
    this.rows = rows;
  }

  /** Random floats, which are random bytes and halves, too. */
  static void fill(KernelBandwidth on) {
    Random random = new Random(5);
    int part = (int) Math.min(on.sizeBytes, 1 << 24);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment floats = arena.allocate(part, 16);
      for (long i = 0; i < part / 4; i++) {
        floats.setAtIndex(JAVA_FLOAT, i, (float) random.nextGaussian() * 10);
      }
      for (long at = 0; at < on.sizeBytes; at += part) {
        long bytes = Math.min(part, on.sizeBytes - at);
        on.upload(on.source + at, floats.asSlice(0, bytes));
      }
    }
  }

  static void all(KernelBandwidth on, Consumer<KernelBandwidth.Row> rows) {
    BandwidthCases cases = new BandwidthCases(on, rows);
    for (ElementType to : new ElementType[] {ElementType.FLOAT16, ElementType.BFLOAT16}) {
      cases.cast(ElementType.FLOAT, to);
      cases.cast(to, ElementType.FLOAT);
    }
    cases.quantize();
    cases.dequantize();
    cases.gatherRows();
    for (ElementType type :
        new ElementType[] {ElementType.FLOAT, ElementType.FLOAT16, ElementType.INT8}) {
      cases.normalize(type, NormalizeImage.Resize.NONE, SIDE);
    }
    cases.normalize(ElementType.FLOAT, NormalizeImage.Resize.LETTERBOX, 96);
    cases.topK();
    cases.observe();
  }

  private void compare(String name, MemorySegment expected, MemorySegment found) {
    long mismatch = expected.mismatch(found);
    if (mismatch >= 0) {
      throw new IllegalStateException(
          name + ": the kernel and the reference differ at byte " + mismatch);
    }
  }

  /** Compares an elementwise kernel at both ends. */
  private void compareEnds(
      String name, long n, ElementType from, ElementType to, Consumer<MemorySegment[]> reference) {
    on.launch();
    int count = (int) Math.min(n, COMPARED);
    for (long first : new long[] {0, n - count}) {
      MemorySegment source = on.download(on.source + from.byteSize(first), from.byteSize(count));
      MemorySegment found = on.download(on.target + to.byteSize(first), to.byteSize(count));
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment expected = arena.allocate(to.byteSize(count), 16);
        reference.accept(new MemorySegment[] {source, expected});
        compare(name, expected, found);
      }
    }
  }

  private void cast(ElementType from, ElementType to) {
    String name = "cast " + from + " to " + to;
    long n = on.sizeBytes / (from.bits() / 8);
    int count = (int) Math.min(n, COMPARED);
    Cast.prepare(on.call(), from, to, on.source, on.target, n);
    compareEnds(name, n, from, to, m -> Cast.reference(from, to, m[0], m[1], count));
    rows.accept(on.time(name, from.byteSize(n) + to.byteSize(n), KernelBandwidth.BAR, ""));
  }

  private MemorySegment scale(Arena arena) {
    MemorySegment scale = arena.allocateFrom(JAVA_FLOAT, 0.1f);
    on.upload(on.extra, scale);
    return scale;
  }

  private void quantize() {
    long n = on.sizeBytes / 4;
    int count = (int) Math.min(n, COMPARED);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment scale = scale(arena);
      Quantize.prepare(
          on.call(),
          ElementType.FLOAT,
          ElementType.INT8,
          on.source,
          on.target,
          on.extra,
          0,
          1,
          n,
          1);
      compareEnds(
          "quantize",
          n,
          ElementType.FLOAT,
          ElementType.INT8,
          m ->
              Quantize.reference(
                  ElementType.FLOAT, ElementType.INT8, m[0], m[1], scale, null, 1, count, 1));
    }
    rows.accept(on.time("quantize FLOAT to INT8", 5 * n, KernelBandwidth.BAR, ""));
  }

  private void dequantize() {
    long n = on.sizeBytes;
    int count = (int) Math.min(n, COMPARED);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment scale = scale(arena);
      Dequantize.prepare(
          on.call(),
          ElementType.INT8,
          ElementType.FLOAT,
          on.source,
          on.target,
          on.extra,
          0,
          1,
          n,
          1);
      compareEnds(
          "dequantize",
          n,
          ElementType.INT8,
          ElementType.FLOAT,
          m ->
              Dequantize.reference(
                  ElementType.INT8, ElementType.FLOAT, m[0], m[1], scale, null, 1, count, 1));
    }
    rows.accept(on.time("dequantize INT8 to FLOAT", 5 * n, 0, "writes four bytes for one read"));
  }

  private void gatherRows() {
    long count = Math.max(1, Math.min(on.sizeBytes / IMAGE_BYTES, (1 << 20) / Long.BYTES));
    long rowBytes = Math.min(IMAGE_BYTES, on.sizeBytes);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment table = arena.allocate(JAVA_LONG, count);
      for (long row = 0; row < count; row++) {
        // From the last to the first, so that nothing is where it was.
        table.setAtIndex(JAVA_LONG, row, on.source + (count - 1 - row) * rowBytes);
      }
      on.upload(on.extra, table);
      GatherRows.prepare(on.call(), on.extra, on.target, count, rowBytes);
      on.launch();
      for (long row : new long[] {0, count - 1}) {
        compare(
            "gather_rows",
            on.download(on.source + (count - 1 - row) * rowBytes, rowBytes),
            on.download(on.target + row * rowBytes, rowBytes));
      }
      rows.accept(
          on.time(
              "gather_rows of " + rowBytes + " bytes",
              2 * count * rowBytes,
              KernelBandwidth.BAR,
              ""));
    }
  }

  private void normalize(ElementType type, NormalizeImage.Resize resize, int side) {
    NormalizeImage normalize =
        new NormalizeImage(
            type,
            side,
            side,
            3,
            resize,
            true,
            114,
            new float[] {0.017f, 0.0175f, 0.0174f},
            new float[] {-2.1f, -2f, -1.8f});
    long rowBytes = (long) side * side * 3;
    if (resize != NormalizeImage.Resize.NONE) {
      rowBytes = IMAGE_BYTES;
    }
    int h = resize == NormalizeImage.Resize.NONE ? side : SIDE;
    long count = Math.max(1, on.sizeBytes / rowBytes);
    long elements = 3L * side * side;
    normalize.prepare(on.call(), on.source, 0, on.target, count, rowBytes, h, h);
    on.launch();
    for (long row : new long[] {0, count - 1}) {
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment expected = arena.allocate(type.byteSize(elements), 16);
        MemorySegment image = on.download(on.source + row * rowBytes, rowBytes);
        normalize.reference(image, null, expected, 1, rowBytes, h, h);
        compare(
            "normalize_image",
            expected,
            on.download(on.target + type.byteSize(row * elements), type.byteSize(elements)));
      }
    }
    boolean plain = resize == NormalizeImage.Resize.NONE;
    rows.accept(
        on.time(
            "normalize_image to " + type + (plain ? "" : ", letterboxed"),
            count * (rowBytes + type.byteSize(elements)),
            plain ? KernelBandwidth.BAR : 0,
            "four scattered reads and 20 operations an output"));
  }

  private void topK() {
    long count = Math.max(1, on.sizeBytes / (4L * COLUMNS));
    int k = 5;
    long values = on.target;
    long indices = on.target + 4L * count * k;
    TopK.prepare(on.call(), ElementType.FLOAT, on.source, values, indices, count, COLUMNS, k, true);
    on.launch();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment expected = arena.allocate(4L * k, 4);
      MemorySegment places = arena.allocate(4L * k, 4);
      MemorySegment scores = on.download(on.source + 4L * COLUMNS * (count - 1), 4L * COLUMNS);
      TopK.reference(ElementType.FLOAT, scores, expected, places, 1, COLUMNS, k, true);
      compare("softmax_topk", places, on.download(indices + 4L * k * (count - 1), 4L * k));
    }
    rows.accept(
        on.time(
            "softmax_topk 5 of 1000", 4L * count * (COLUMNS + 2 * k), 0, "six passes over a row"));
  }

  private void observe() {
    long n = on.sizeBytes / 4;
    int count = (int) Math.min(n, COMPARED);
    MemorySegment source = on.download(on.source, 4L * count);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment zeros = arena.allocate(8L * BINS, 8);
      MemorySegment expected = arena.allocate(8L * BINS, 8);
      on.upload(on.extra, zeros);
      Observe.prepareAbsMax(on.call(), ElementType.FLOAT, on.source, on.extra, count);
      on.launch();
      Observe.absMax(ElementType.FLOAT, source, expected, count);
      compare("absmax", expected.asSlice(0, 4), on.download(on.extra, 4));
      Observe.prepareAbsMax(on.call(), ElementType.FLOAT, on.source, on.extra, n);
      rows.accept(on.time("absmax", 4 * n, 0, "reads only"));

      on.upload(on.extra, zeros);
      expected.fill((byte) 0);
      Observe.prepareHistogram(
          on.call(), ElementType.FLOAT, on.source, on.extra, count, BINS / 50f, BINS);
      on.launch();
      Observe.histogram(ElementType.FLOAT, source, expected, count, BINS / 50f, BINS);
      compare("histogram", expected, on.download(on.extra, 8L * BINS));
      Observe.prepareHistogram(
          on.call(), ElementType.FLOAT, on.source, on.extra, n, BINS / 50f, BINS);
      rows.accept(on.time("histogram of 2048 bins", 4 * n, 0, "atomics in shared memory"));

      on.upload(on.extra, zeros);
      expected.fill((byte) 0);
      Observe.prepareSaturationCount(on.call(), ElementType.FLOAT, on.source, on.extra, count, 12);
      on.launch();
      Observe.saturationCount(ElementType.FLOAT, source, expected, count, 12);
      compare("saturation_count", expected.asSlice(0, 8), on.download(on.extra, 8));
      Observe.prepareSaturationCount(on.call(), ElementType.FLOAT, on.source, on.extra, n, 12);
      rows.accept(on.time("saturation_count", 4 * n, 0, "reads only"));
    }
    if (source.get(JAVA_INT, 0) == 0 && count > 1 && source.get(JAVA_INT, 4) == 0) {
      throw new IllegalStateException("the source was not filled");
    }
  }
}
