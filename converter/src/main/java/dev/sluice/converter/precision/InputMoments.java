package dev.sluice.converter.precision;

import dev.sluice.converter.calibrate.Progress;
import dev.sluice.converter.graph.Attributes;
import dev.sluice.converter.graph.Graph;
import dev.sluice.converter.onnx.proto.Onnx.NodeProto;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;

/**
 * The second moments of what a layer multiplies its weights by: how large its inputs are, and how
 * they go together. Only inputs whose weights are near each other are paired, {@value #BLOCK} at
 * most, so that the cost grows with the weights and not with their square.
 *
 * <p>Layout: an input vector has one element for each weight of a channel of the result, in the
 * order of those weights: {@code input channel x kernel} of a convolution, for each group anew. A
 * block is a square, row by row, over a part of it; blocks do not cross groups.
 *
 * <p>Thread safety: used by one thread.
 */
final class InputMoments {
  private static final int BLOCK = 256;

  /** Of a model whose layers have more inputs together the blocks are smaller. */
  private static final long MAX_BYTES = 256L << 20;

  /** And where the heap is small: this part of it at most, since two graphs may be tried. */
  private static final long HEAP_PART = 16;

  /** Places of a convolution's result, or rows of a product, that a sample counts with. */
  private static final int PLACES = 128;

  private static final ValueLayout.OfFloat F32 =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final boolean convolves;
  private final int groups;
  private final int perGroup;
  private final int maxBlock;
  private final long[] kernel;
  private final long[] strides;
  private final long[] dilations;
  private final long[] pads;

  /** Whether the pads follow from the input's extents, and the odd one is ahead. */
  private final boolean same;

  private final boolean sameLower;
  private final List<double[]> blocks = new ArrayList<>();
  private final float[] vector;
  private final SplittableRandom random = new SplittableRandom(7);
  private long count;

  private InputMoments(NodeProto node, long[] dims, boolean convolves, int rows, int maxBlock) {
    this.convolves = convolves;
    int spatial = convolves ? dims.length - 2 : 0;
    this.groups = convolves ? (int) Attributes.integer(node, "group", 1) : 1;
    this.kernel = convolves ? Arrays.copyOfRange(dims, 2, dims.length) : new long[0];
    this.strides = orElse(Attributes.integers(node, "strides"), spatial, 1);
    this.dilations = orElse(Attributes.integers(node, "dilations"), spatial, 1);
    this.pads = orElse(Attributes.integers(node, "pads"), 2 * spatial, 0);
    String padding = Attributes.text(node, "auto_pad", "NOTSET");
    this.same = padding.startsWith("SAME");
    this.sameLower = padding.equals("SAME_LOWER");
    this.perGroup = rows;
    this.maxBlock = maxBlock;
    for (int group = 0; group < groups; group++) {
      for (int from = 0; from < perGroup; from += maxBlock) {
        int size = Math.min(maxBlock, perGroup - from);
        blocks.add(new double[size * size]);
      }
    }
    this.vector = new float[perGroup * groups];
  }

  private static long[] orElse(long[] given, int count, long value) {
    if (given != null) {
      return given;
    }
    long[] all = new long[count];
    Arrays.fill(all, value);
    return all;
  }

  /**
   * Room for the moments of a layer.
   *
   * @param dims of its weights
   * @param maxBlock inputs that are paired
   * @return null for a ConvTranspose, whose weights meet no fixed part of the input
   */
  static InputMoments of(Layer layer, long[] dims, int maxBlock) {
    if (layer.operator().equals("Conv")) {
      return new InputMoments(layer.node(), dims, true, (int) inputs(layer, dims), maxBlock);
    }
    return layer.isConvolution()
        ? null
        : new InputMoments(layer.node(), dims, false, (int) inputs(layer, dims), maxBlock);
  }

  /** The weights of one channel of the result. */
  private static long inputs(Layer layer, long[] dims) {
    return Arrays.stream(dims).reduce(1, (a, b) -> a * b) / dims[layer.channelAxis()];
  }

  private static long[] dims(Graph graph, Layer layer) {
    List<Long> dims = graph.initializers().get(layer.weights()).getDimsList();
    return dims.stream().mapToLong(Long::longValue).toArray();
  }

  private static int maxBlock(Graph graph, List<Layer> layers) {
    long all = 1;
    for (Layer layer : layers) {
      int groups = (int) Attributes.integer(layer.node(), "group", 1);
      all += groups * inputs(layer, dims(graph, layer));
    }
    long room = Math.min(MAX_BYTES, Runtime.getRuntime().maxMemory() / HEAP_PART);
    return Math.clamp(room / Double.BYTES / all, 1, BLOCK);
  }

  /** Counts what layers take, on samples. */
  static Map<String, InputMoments> observe(
      Graph graph, List<Layer> layers, SplitSamples samples, Progress progress) throws IOException {
    int maxBlock = maxBlock(graph, layers);
    Map<String, InputMoments> moments = new LinkedHashMap<>();
    Map<String, List<InputMoments>> byTensor = new LinkedHashMap<>();
    for (Layer layer : layers) {
      InputMoments own = of(layer, dims(graph, layer), maxBlock);
      if (own != null) {
        moments.put(layer.key(), own);
        byTensor.computeIfAbsent(layer.activation(), _ -> new ArrayList<>()).add(own);
      }
    }
    samples.someLearnt(
        graph,
        byTensor.keySet(),
        (tensor, data, extents) -> byTensor.get(tensor).forEach(own -> own.add(data, extents)),
        done -> progress.at("pairing inputs", done, samples.someCount()));
    return moments;
  }

  /** Adds a sample of the layer's activation. */
  void add(MemorySegment data, List<Long> extents) {
    if (convolves) {
      convolution(data, extents);
    } else {
      long rows = data.byteSize() / Float.BYTES / perGroup;
      for (long i = 0; i < Math.min(rows, PLACES); i++) {
        long row = rows <= PLACES ? i : random.nextLong(rows);
        MemorySegment.copy(data, F32, row * perGroup * Float.BYTES, vector, 0, perGroup);
        count();
      }
    }
  }

  private void convolution(MemorySegment data, List<Long> extents) {
    int spatial = kernel.length;
    long[] places = new long[spatial];
    long[] ahead = new long[spatial];
    long all = extents.get(0);
    for (int i = 0; i < spatial; i++) {
      long covered = dilations[i] * (kernel[i] - 1) + 1;
      long extent = extents.get(2 + i);
      if (same) {
        places[i] = Math.ceilDiv(extent, strides[i]);
        long missing = Math.max(0, (places[i] - 1) * strides[i] + covered - extent);
        ahead[i] = sameLower ? missing - missing / 2 : missing / 2;
      } else {
        long free = extent + pads[i] + pads[spatial + i] - covered;
        places[i] = free < 0 ? 0 : free / strides[i] + 1;
        ahead[i] = pads[i];
      }
      all *= places[i];
    }
    long[] corner = new long[spatial];
    for (long i = 0; i < Math.min(all, PLACES); i++) {
      long place = all <= PLACES ? i : random.nextLong(all);
      for (int axis = spatial - 1; axis >= 0; axis--) {
        corner[axis] = place % places[axis] * strides[axis] - ahead[axis];
        place /= places[axis];
      }
      gather(data, extents, place, corner);
      count();
    }
  }

  /** Reads what the kernel covers at a place; what is outside of the input is zero. */
  private void gather(MemorySegment data, List<Long> extents, long row, long[] corner) {
    long taps = 1;
    for (long extent : kernel) {
      taps *= extent;
    }
    long channels = extents.get(1);
    long size = 1;
    for (int axis = 0; axis < kernel.length; axis++) {
      size *= extents.get(2 + axis);
    }
    for (long tap = 0; tap < taps; tap++) {
      long left = tap;
      long offset = 0;
      long step = 1;
      boolean inside = true;
      for (int axis = kernel.length - 1; axis >= 0; axis--) {
        long at = corner[axis] + left % kernel[axis] * dilations[axis];
        left /= kernel[axis];
        inside &= at >= 0 && at < extents.get(2 + axis);
        offset += at * step;
        step *= extents.get(2 + axis);
      }
      for (long c = 0; c < channels; c++) {
        long element = (row * channels + c) * size + offset;
        vector[(int) (c * taps + tap)] = inside ? data.get(F32, element * Float.BYTES) : 0;
      }
    }
  }

  private void count() {
    count++;
    int block = 0;
    for (int group = 0; group < groups; group++) {
      for (int from = 0; from < perGroup; from += maxBlock) {
        int size = Math.min(maxBlock, perGroup - from);
        int first = group * perGroup + from;
        double[] sums = blocks.get(block++);
        for (int i = 0; i < size; i++) {
          double value = vector[first + i];
          for (int j = 0; value != 0 && j <= i; j++) {
            sums[i * size + j] += value * vector[first + j];
          }
        }
      }
    }
  }

  /** How many input vectors were counted. */
  long vectors() {
    return count;
  }

  /** The number of groups that results are in. */
  int groups() {
    return groups;
  }

  /** The lower triangles of the blocks of a group; sums over all vectors. */
  List<double[]> blocks(int group) {
    int each = blocks.size() / groups;
    return blocks.subList(group * each, (group + 1) * each);
  }
}
