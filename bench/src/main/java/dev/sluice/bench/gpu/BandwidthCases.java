package dev.sluice.bench.gpu;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.sluice.bindings.ElementType;
import dev.sluice.bindings.cuda.CudaException;
import dev.sluice.bindings.cuda.CudaStatus;
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
 * The cases of {@link KernelBandwidth}: prepares a launch, compares its result, or both ends of a
 * long one, with the reference, and times it.
 *
 * <p>Thread safety: for one thread.
 */
final class BandwidthCases {
  /** How many elements of a long result are compared at each end. */
  private static final int COMPARED = 4096;

  private static final int SIDE = 224;
  private static final int ODD_SIDE = 225;
  private static final int IMAGE_BYTES = SIDE * SIDE * 3;
  private static final int SHORT_ROW_BYTES = 40;
  private static final int COLUMNS = 1000;
  private static final int BINS = 2048;
  private static final double BAR = KernelBandwidth.BAR;
  private static final ElementType[] REALS = {
    ElementType.FLOAT, ElementType.FLOAT16, ElementType.BFLOAT16
  };

  private final KernelBandwidth on;
  private final Consumer<KernelBandwidth.Row> rows;
  private final Consumer<RuntimeException> failures;
  private boolean lost;

  private BandwidthCases(
      KernelBandwidth on, Consumer<KernelBandwidth.Row> rows, Consumer<RuntimeException> failures) {
    this.on = on;
    this.rows = rows;
    this.failures = failures;
  }

  /** Goes on after a case that fails, as long as there is a device. */
  private void attempt(Runnable one) {
    if (lost) {
      return;
    }
    try {
      one.run();
    } catch (IllegalStateException e) {
      failures.accept(e);
    } catch (CudaException e) {
      lost = e.sort() == CudaStatus.Sort.DEVICE_LOST;
      failures.accept(e);
    }
  }

  /** Room for what the kernels read and write beside source and target: the most is a row table. */
  static long extraBytes(long sizeBytes) {
    return Math.max(1 << 20, sizeBytes / SHORT_ROW_BYTES * Long.BYTES);
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

  /**
   * Every case.
   *
   * @param rows takes those that are right
   * @param failures takes what went wrong
   */
  static void all(
      KernelBandwidth on, Consumer<KernelBandwidth.Row> rows, Consumer<RuntimeException> failures) {
    BandwidthCases cases = new BandwidthCases(on, rows, failures);
    for (ElementType from : REALS) {
      for (ElementType to : REALS) {
        if (from != to) {
          cases.attempt(() -> cases.cast(from, to, 0));
        }
      }
    }
    cases.attempt(() -> cases.cast(ElementType.FLOAT, ElementType.FLOAT16, 1));
    cases.attempt(() -> cases.cast(ElementType.FLOAT16, ElementType.BFLOAT16, 1));
    for (ElementType q : new ElementType[] {ElementType.INT8, ElementType.UINT8}) {
      cases.attempt(() -> cases.quantize(ElementType.FLOAT, q, 0));
      cases.attempt(() -> cases.quantize(ElementType.FLOAT16, q, 0));
    }
    cases.attempt(() -> cases.quantize(ElementType.FLOAT, ElementType.INT8, 1));
    cases.attempt(() -> cases.dequantize(ElementType.FLOAT));
    cases.attempt(() -> cases.dequantize(ElementType.FLOAT16));
    cases.attempt(() -> cases.gatherRows(IMAGE_BYTES, 0, BAR));
    cases.attempt(() -> cases.gatherRows(IMAGE_BYTES, 1, BAR));
    cases.attempt(() -> cases.gatherRows(4000, 0, BAR));
    cases.attempt(() -> cases.gatherRows(SHORT_ROW_BYTES, 0, 0));
    for (int side : new int[] {SIDE, ODD_SIDE}) {
      cases.attempt(() -> cases.normalize(ElementType.FLOAT, NormalizeImage.Resize.NONE, side));
      cases.attempt(() -> cases.normalize(ElementType.FLOAT16, NormalizeImage.Resize.NONE, side));
      cases.attempt(() -> cases.normalize(ElementType.INT8, NormalizeImage.Resize.NONE, side));
    }
    cases.attempt(() -> cases.normalize(ElementType.FLOAT, NormalizeImage.Resize.LETTERBOX, 96));
    cases.attempt(() -> cases.topK(ElementType.FLOAT, 5, true));
    for (ElementType type : REALS) {
      cases.attempt(() -> cases.topK(type, 1, false));
      cases.attempt(() -> cases.observe(type));
    }
  }

  private void compare(String name, MemorySegment expected, long address) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment found = arena.allocate(Math.max(1, expected.byteSize()), 16);
      found = found.asSlice(0, expected.byteSize());
      on.download(found, address);
      long mismatch = expected.mismatch(found);
      if (mismatch >= 0) {
        throw new IllegalStateException(
            name + ": the kernel and the reference differ at byte " + mismatch);
      }
    }
  }

  private MemorySegment download(Arena arena, long address, long bytes) {
    MemorySegment host = arena.allocate(Math.max(1, bytes), 16).asSlice(0, bytes);
    on.download(host, address);
    return host;
  }

  /** What an elementwise kernel does to the first {@code count} elements. */
  @FunctionalInterface
  private interface Reference {
    void run(MemorySegment source, MemorySegment target, int count);
  }

  /** Compares an elementwise kernel at both ends. */
  private void compareEnds(
      String name, long n, ElementType from, ElementType to, long target, Reference reference) {
    on.launch();
    int count = (int) Math.min(n, COMPARED);
    for (long first : new long[] {0, n - count}) {
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment source =
            download(arena, on.source + from.byteSize(first), from.byteSize(count));
        MemorySegment expected = arena.allocate(to.byteSize(count), 16);
        reference.run(source, expected, count);
        compare(name, expected, target + to.byteSize(first));
      }
    }
  }

  private static String off(int elements) {
    return elements == 0 ? "" : ", target " + elements + " off";
  }

  /** Where the target is not aligned as the source is, no case has to reach the bar. */
  private KernelBandwidth.Row elementwise(
      String name, long n, ElementType from, ElementType to, int off) {
    return on.time(
        name,
        from.byteSize(n) + to.byteSize(n),
        off == 0 ? BAR : 0,
        "the target's elements are written one by one");
  }

  private void cast(ElementType from, ElementType to, int off) {
    String name = "cast " + from + " to " + to + off(off);
    long n = on.sizeBytes / (from.bits() / 8);
    long target = on.target + to.byteSize(off);
    Cast.prepare(on.call(), from, to, on.source, target, n);
    compareEnds(name, n, from, to, target, (s, t, count) -> Cast.reference(from, to, s, t, count));
    rows.accept(elementwise(name, n, from, to, off));
  }

  private MemorySegment scale(Arena arena) {
    MemorySegment scale = arena.allocateFrom(JAVA_FLOAT, 0.1f);
    on.upload(on.extra, scale);
    return scale;
  }

  private void quantize(ElementType from, ElementType to, int off) {
    String name = "quantize " + from + " to " + to + off(off);
    long n = on.sizeBytes / (from.bits() / 8);
    long target = on.target + off;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment scale = scale(arena);
      Quantize.prepare(on.call(), from, to, on.source, target, on.extra, 0, 1, n, 1);
      compareEnds(
          name,
          n,
          from,
          to,
          target,
          (s, t, count) -> Quantize.reference(from, to, s, t, scale, null, 1, count, 1));
    }
    rows.accept(elementwise(name, n, from, to, off));
  }

  private void dequantize(ElementType to) {
    ElementType from = ElementType.INT8;
    String name = "dequantize " + from + " to " + to;
    long n = on.sizeBytes;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment scale = scale(arena);
      Dequantize.prepare(on.call(), from, to, on.source, on.target, on.extra, 0, 1, n, 1);
      compareEnds(
          name,
          n,
          from,
          to,
          on.target,
          (s, t, count) -> Dequantize.reference(from, to, s, t, scale, null, 1, count, 1));
    }
    rows.accept(
        on.time(
            name, from.byteSize(n) + to.byteSize(n), 0, "writes two or four bytes for one read"));
  }

  /**
   * Rows from the last to the first, so that nothing is where it was.
   *
   * @param off bytes that the sources are away from where the target is aligned
   */
  private void gatherRows(int wantedBytes, int off, double bar) {
    long rowBytes = Math.min(wantedBytes, on.sizeBytes - off);
    long count = (on.sizeBytes - off) / rowBytes;
    String name =
        "gather_rows of " + rowBytes + " bytes" + (off == 0 ? "" : ", sources " + off + " off");
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment table = arena.allocate(JAVA_LONG, count);
      for (long row = 0; row < count; row++) {
        table.setAtIndex(JAVA_LONG, row, on.source + off + (count - 1 - row) * rowBytes);
      }
      on.upload(on.extra, table);
      GatherRows.prepare(on.call(), on.extra, on.target, count, rowBytes);
      on.launch();
      for (long row : new long[] {0, count / 2, count - 1}) {
        MemorySegment expected = download(arena, table.getAtIndex(JAVA_LONG, row), rowBytes);
        compare(name, expected, on.target + row * rowBytes);
      }
      rows.accept(
          on.time(
              name,
              count * (2 * rowBytes + Long.BYTES),
              bar,
              "what is beside a row's whole words goes byte by byte"));
    }
  }

  private void normalize(ElementType type, NormalizeImage.Resize resize, int side) {
    boolean plain = resize == NormalizeImage.Resize.NONE;
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
    String name = "normalize_image " + side + "x" + side + " to " + type;
    int imageSide = plain ? side : SIDE;
    long rowBytes = 3L * imageSide * imageSide;
    long count = Math.max(1, on.sizeBytes / rowBytes);
    long elements = 3L * side * side;
    normalize.prepare(on.call(), on.source, 0, on.target, count, rowBytes, imageSide, imageSide);
    on.launch();
    for (long row : new long[] {0, count - 1}) {
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment expected = arena.allocate(type.byteSize(elements), 16);
        MemorySegment image = download(arena, on.source + row * rowBytes, rowBytes);
        normalize.reference(image, null, expected, 1, rowBytes, imageSide, imageSide);
        compare(name, expected, on.target + type.byteSize(row * elements));
      }
    }
    rows.accept(
        on.time(
            name + (plain ? "" : ", letterboxed"),
            count * (rowBytes + type.byteSize(elements)),
            plain ? BAR : 0,
            "four scattered reads and 20 operations an output"));
  }

  private void topK(ElementType type, int k, boolean softmax) {
    String name = (softmax ? "softmax_topk " : "topk ") + k + " of " + COLUMNS + " " + type;
    long rowBytes = type.byteSize(COLUMNS);
    long count = Math.max(1, on.sizeBytes / rowBytes);
    long values = on.target;
    long indices = on.target + 4L * count * k;
    TopK.prepare(on.call(), type, on.source, values, indices, count, COLUMNS, k, softmax);
    on.launch();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment expected = arena.allocate(4L * k, 4);
      MemorySegment places = arena.allocate(4L * k, 4);
      for (long row : new long[] {0, count - 1}) {
        MemorySegment scores = download(arena, on.source + rowBytes * row, rowBytes);
        TopK.reference(type, scores, expected, places, 1, COLUMNS, k, softmax);
        compare(name, places, indices + 4L * k * row);
        if (softmax) {
          compareProbabilities(name, expected, download(arena, values + 4L * k * row, 4L * k));
        } else {
          compare(name, expected, values + 4L * k * row);
        }
      }
    }
    rows.accept(
        on.time(
            name,
            count * (rowBytes + 8L * k),
            0,
            "a row is read for each of the " + k + (softmax ? ", and for the sum" : "")));
  }

  private static void compareProbabilities(
      String name, MemorySegment expected, MemorySegment found) {
    for (long i = 0; i < expected.byteSize() / 4; i++) {
      double wanted = expected.getAtIndex(JAVA_FLOAT, i);
      double difference = Math.abs(found.getAtIndex(JAVA_FLOAT, i) - wanted);
      if (!(difference <= TopK.tolerance(COLUMNS) * wanted + Float.MIN_NORMAL)) {
        throw new IllegalStateException(
            name + ": a probability is " + difference + " away from the reference's " + wanted);
      }
    }
  }

  /** The whole result of the very launch that is timed afterwards. */
  private void compareObserved(String name, MemorySegment expected) {
    try (Arena arena = Arena.ofConfined()) {
      on.upload(on.extra, arena.allocate(8L * BINS, 8));
    }
    on.launch();
    compare(name, expected, on.extra);
  }

  private void observe(ElementType type) {
    long n = on.sizeBytes / (type.bits() / 8);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment source = download(arena, on.source, type.byteSize(n));
      if (source.mismatch(arena.allocate(16)) < 0) {
        throw new IllegalStateException("the source was not filled");
      }
      MemorySegment most = arena.allocate(4, 8);
      String name = "absmax " + type;
      Observe.absMax(type, source, most, n);
      Observe.prepareAbsMax(on.call(), type, on.source, on.extra, n);
      compareObserved(name, most);
      rows.accept(on.time(name, type.byteSize(n), 0, "reads only"));

      MemorySegment counts = arena.allocate(8L * BINS, 8);
      name = "histogram of " + BINS + " bins " + type;
      Observe.histogram(type, source, counts, n, BINS / 50f, BINS);
      Observe.prepareHistogram(on.call(), type, on.source, on.extra, n, BINS / 50f, BINS);
      compareObserved(name, counts);
      rows.accept(on.time(name, type.byteSize(n), 0, "atomics in shared memory"));

      MemorySegment count = arena.allocate(8, 8);
      name = "saturation_count " + type;
      Observe.saturationCount(type, source, count, n, 12);
      Observe.prepareSaturationCount(on.call(), type, on.source, on.extra, n, 12);
      compareObserved(name, count);
      rows.accept(on.time(name, type.byteSize(n), 0, "reads only"));
    }
  }
}
