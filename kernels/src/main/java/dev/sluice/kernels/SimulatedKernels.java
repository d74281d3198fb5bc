package dev.sluice.kernels;

import dev.sluice.bindings.ElementType;
import dev.sluice.bindings.sim.KernelLaunch;
import dev.sluice.bindings.sim.SimulatedKernel;
import java.lang.foreign.MemorySegment;
import java.util.EnumMap;
import java.util.Map;
import java.util.function.Consumer;
import java.util.stream.Collectors;

/**
 * The kernels for {@link dev.sluice.bindings.sim.SimulatedCuda}: each launch runs the reference.
 *
 * <p>Thread safety: stateless.
 */
public final class SimulatedKernels {
  private SimulatedKernels() {}

  /** Every function of the CUDA sources, by its name. */
  public static Map<String, SimulatedKernel> all() {
    Map<Kernel, Consumer<KernelLaunch>> runs = new EnumMap<>(Kernel.class);
    for (ElementType type :
        new ElementType[] {ElementType.FLOAT, ElementType.FLOAT16, ElementType.BFLOAT16}) {
      for (ElementType to :
          new ElementType[] {ElementType.FLOAT, ElementType.FLOAT16, ElementType.BFLOAT16}) {
        if (type != to) {
          runs.put(Cast.kernel(type, to), launch -> cast(launch, type, to));
        }
      }
      runs.put(TopK.kernel(type), launch -> topK(launch, type));
      observe(runs, type);
    }
    for (ElementType q : new ElementType[] {ElementType.INT8, ElementType.UINT8}) {
      for (ElementType real : new ElementType[] {ElementType.FLOAT, ElementType.FLOAT16}) {
        runs.put(Quantize.kernel(real, q), launch -> quantize(launch, real, q));
        runs.put(Dequantize.kernel(q, real), launch -> dequantize(launch, q, real));
      }
    }
    runs.put(Kernel.GATHER_ROWS, SimulatedKernels::gatherRows);
    runs.put(Kernel.NORMALIZE_IMAGE_F32, launch -> normalize(launch, ElementType.FLOAT));
    runs.put(Kernel.NORMALIZE_IMAGE_F16, launch -> normalize(launch, ElementType.FLOAT16));
    runs.put(Kernel.NORMALIZE_IMAGE_I8, launch -> normalize(launch, ElementType.INT8));
    return runs.entrySet().stream()
        .collect(
            Collectors.toMap(
                entry -> entry.getKey().function(),
                entry -> simulated(entry.getKey(), entry.getValue())));
  }

  private static SimulatedKernel simulated(Kernel kernel, Consumer<KernelLaunch> run) {
    return new SimulatedKernel() {
      @Override
      public int[] parameterBytes() {
        return kernel.parameterBytes();
      }

      @Override
      public void run(KernelLaunch launch) {
        run.accept(launch);
      }
    };
  }

  private static MemorySegment in(KernelLaunch launch, int index, long elements, ElementType type) {
    return launch.deviceInput(launch.longArgument(index), type.byteSize(elements));
  }

  private static MemorySegment out(
      KernelLaunch launch, int index, long elements, ElementType type) {
    return launch.device(launch.longArgument(index), type.byteSize(elements));
  }

  private static MemorySegment optional(
      KernelLaunch launch, int index, long elements, ElementType type) {
    return launch.longArgument(index) == 0 ? null : in(launch, index, elements, type);
  }

  private static void cast(KernelLaunch launch, ElementType from, ElementType to) {
    long n = launch.longArgument(2);
    Cast.reference(from, to, in(launch, 0, n, from), out(launch, 1, n, to), n);
  }

  private static void quantize(KernelLaunch launch, ElementType from, ElementType to) {
    long rows = launch.longArgument(4);
    long inner = launch.longArgument(5);
    int channels = launch.intArgument(6);
    Quantize.reference(
        from,
        to,
        in(launch, 0, rows * inner, from),
        out(launch, 1, rows * inner, to),
        in(launch, 2, channels, ElementType.FLOAT),
        optional(launch, 3, channels, ElementType.INT32),
        rows,
        inner,
        channels);
  }

  private static void dequantize(KernelLaunch launch, ElementType from, ElementType to) {
    long rows = launch.longArgument(4);
    long inner = launch.longArgument(5);
    int channels = launch.intArgument(6);
    Dequantize.reference(
        from,
        to,
        in(launch, 0, rows * inner, from),
        out(launch, 1, rows * inner, to),
        in(launch, 2, channels, ElementType.FLOAT),
        optional(launch, 3, channels, ElementType.INT32),
        rows,
        inner,
        channels);
  }

  private static void gatherRows(KernelLaunch launch) {
    long count = launch.longArgument(2);
    long rowBytes = launch.longArgument(3);
    MemorySegment rows = in(launch, 0, count, ElementType.INT64);
    MemorySegment target = out(launch, 1, count * rowBytes, ElementType.UINT8);
    for (long row = 0; row < count; row++) {
      MemorySegment source = launch.deviceInput(rows.get(Elements.I64, 8 * row), rowBytes);
      GatherRows.reference(source, target, row, rowBytes);
    }
  }

  private static void normalize(KernelLaunch launch, ElementType type) {
    long rows = launch.longArgument(3);
    long rowBytes = launch.longArgument(4);
    int channels = launch.intArgument(9);
    float[] a = new float[channels];
    float[] b = new float[channels];
    for (int c = 0; c < channels; c++) {
      a[c] = launch.floatArgument(13 + c);
      b[c] = launch.floatArgument(17 + c);
    }
    NormalizeImage normalize =
        new NormalizeImage(
            type,
            launch.intArgument(7),
            launch.intArgument(8),
            channels,
            NormalizeImage.Resize.ofCode(launch.intArgument(10)),
            launch.intArgument(11) != 0,
            launch.floatArgument(12),
            a,
            b);
    long elements = (long) channels * normalize.height() * normalize.width();
    normalize.reference(
        in(launch, 0, rows * rowBytes, ElementType.UINT8),
        optional(launch, 1, 2 * rows, ElementType.INT32),
        out(launch, 2, rows * elements, type),
        rows,
        rowBytes,
        launch.intArgument(5),
        launch.intArgument(6));
  }

  private static void topK(KernelLaunch launch, ElementType type) {
    long rows = launch.longArgument(3);
    int columns = launch.intArgument(4);
    int k = launch.intArgument(5);
    TopK.reference(
        type,
        in(launch, 0, rows * columns, type),
        out(launch, 1, rows * k, ElementType.FLOAT),
        out(launch, 2, rows * k, ElementType.INT32),
        rows,
        columns,
        k,
        launch.intArgument(6) != 0);
  }

  private static void observe(Map<Kernel, Consumer<KernelLaunch>> runs, ElementType type) {
    String suffix = "_" + Elements.suffix(type);
    runs.put(
        Kernel.valueOf("ABSMAX" + suffix),
        launch -> {
          long n = launch.longArgument(2);
          Observe.absMax(type, in(launch, 0, n, type), out(launch, 1, 1, ElementType.FLOAT), n);
        });
    runs.put(
        Kernel.valueOf("HISTOGRAM" + suffix),
        launch -> {
          long n = launch.longArgument(2);
          int bins = launch.intArgument(4);
          Observe.histogram(
              type,
              in(launch, 0, n, type),
              out(launch, 1, bins, ElementType.INT64),
              n,
              launch.floatArgument(3),
              bins);
        });
    runs.put(
        Kernel.valueOf("SATURATION_COUNT" + suffix),
        launch -> {
          long n = launch.longArgument(2);
          Observe.saturationCount(
              type,
              in(launch, 0, n, type),
              out(launch, 1, 1, ElementType.INT64),
              n,
              launch.floatArgument(3));
        });
  }
}
