package dev.sluice.converter.precision;

import com.google.protobuf.ByteString;
import dev.sluice.bindings.ElementType;
import dev.sluice.converter.calibrate.Bounds;
import dev.sluice.converter.graph.Graph;
import dev.sluice.converter.onnx.TensorData;
import dev.sluice.converter.onnx.proto.Onnx.StringStringEntryProto;
import dev.sluice.converter.onnx.proto.Onnx.TensorProto;
import dev.sluice.converter.report.Histogram;
import dev.sluice.converter.report.PrecisionReport;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The weights of layers in 8 bits: symmetric INT8, a scale for each channel of the result. They are
 * in a mapped file, so that no heap holds them and sessions can map them, too. Both graphs of a
 * package use the same ones.
 *
 * <p>Thread safety: used by one thread.
 */
final class LayerWeights {
  private static final ValueLayout.OfFloat F32 =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private static final long ALIGNMENT = 64;
  private static final int REPORT_BINS = 256;

  /**
   * A bias is a whole number of steps of {@code input scale * weight scale} on the CPU; beyond this
   * many it would not fit 32 bits.
   */
  private static final double MAX_BIAS_STEPS = 1 << 30;

  private final Graph graph;
  private final TensorData data;
  private final String location;
  private final Map<String, InputMoments> moments;
  private final Map<String, Quantized> byLayer = new LinkedHashMap<>();

  /**
   * Weights of one layer.
   *
   * @param tensor the codes, a reference into the file
   * @param scales one for each channel
   * @param codes the codes' bytes
   */
  @SuppressWarnings("ArrayRecordComponent") // nobody compares or changes it
  record Quantized(TensorProto tensor, float[] scales, MemorySegment codes) {
    /** The scales as a constant of one dimension. */
    TensorProto scaleTensor(String name) {
      ByteBuffer bytes =
          ByteBuffer.allocate(scales.length * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
      for (float scale : scales) {
        bytes.putFloat(scale);
      }
      return TensorProto.newBuilder()
          .setName(name)
          .setDataType(ElementType.FLOAT.code())
          .addDims(scales.length)
          .setRawData(ByteString.copyFrom(bytes.flip()))
          .build();
    }
  }

  /** How the elements of a layer's weights lie: {@code outer x channels x inner}. */
  private record Extents(long outer, int channels, long inner) {
    static Extents of(TensorProto tensor, int axis) {
      long outer = 1;
      long inner = 1;
      for (int i = 0; i < tensor.getDimsCount(); i++) {
        outer *= i < axis ? tensor.getDims(i) : 1;
        inner *= i > axis ? tensor.getDims(i) : 1;
      }
      return new Extents(outer, Math.toIntExact(tensor.getDims(axis)), inner);
    }

    /** The index of weight {@code i} of a channel. */
    long element(int channel, long i) {
      return (i / inner * channels + channel) * inner + i % inner;
    }

    long elements() {
      return outer * channels * inner;
    }
  }

  private LayerWeights(
      Graph graph, TensorData data, String location, Map<String, InputMoments> moments) {
    this.graph = graph;
    this.data = data;
    this.location = location;
    this.moments = moments;
  }

  /**
   * Quantizes the weights of layers.
   *
   * @param bounds of the layers' activations
   * @param moments of the layers' inputs, by the layer's key; a layer without is rounded to nearest
   * @param file empty; its folder is that of the model's weights
   * @param arena how long the file stays mapped
   */
  static LayerWeights write(
      Graph graph,
      List<Layer> layers,
      Map<String, Bounds> bounds,
      Map<String, InputMoments> moments,
      TensorData data,
      Path file,
      Arena arena)
      throws IOException {
    LayerWeights weights = new LayerWeights(graph, data, file.getFileName().toString(), moments);
    long sizeBytes = 0;
    for (Layer layer : layers) {
      sizeBytes += aligned(weights.extents(layer).elements());
    }
    try (FileChannel channel =
        FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
      MemorySegment whole =
          channel.map(FileChannel.MapMode.READ_WRITE, 0, Math.max(1, sizeBytes), arena);
      long at = 0;
      for (Layer layer : layers) {
        weights.quantize(layer, bounds.get(layer.activation()), whole, at);
        at += aligned(weights.extents(layer).elements());
      }
    }
    return weights;
  }

  private static long aligned(long sizeBytes) {
    return Math.ceilDiv(sizeBytes, ALIGNMENT) * ALIGNMENT;
  }

  private Extents extents(Layer layer) {
    return Extents.of(graph.initializers().get(layer.weights()), layer.channelAxis());
  }

  private void quantize(Layer layer, Bounds activation, MemorySegment whole, long at)
      throws IOException {
    TensorProto source = graph.initializers().get(layer.weights());
    Extents extents = extents(layer);
    MemorySegment from = data.bytes(source);
    MemorySegment to = whole.asSlice(at, extents.elements());
    float[] scales = scales(extents, from);
    floor(layer, activation, scales);
    InputMoments counted = moments.get(layer.key());
    if (counted == null || counted.vectors() == 0) {
      nearest(extents, from, scales, to);
    } else {
      fedBack(extents, from, scales, counted, to);
    }
    TensorProto tensor =
        TensorProto.newBuilder()
            .setName(layer.weights() + "_int8")
            .setDataType(ElementType.INT8.code())
            .addAllDims(source.getDimsList())
            .setDataLocation(TensorProto.DataLocation.EXTERNAL)
            .addExternalData(field("location", location))
            .addExternalData(field("offset", Long.toString(at)))
            .addExternalData(field("length", Long.toString(extents.elements())))
            .build();
    byLayer.put(layer.key(), new Quantized(tensor, scales, to));
  }

  private static void nearest(
      Extents extents, MemorySegment from, float[] scales, MemorySegment to) {
    for (long outer = 0; outer < extents.outer(); outer++) {
      for (int channel = 0; channel < extents.channels(); channel++) {
        long first = (outer * extents.channels() + channel) * extents.inner();
        float scale = scales[channel];
        for (long i = first; i < first + extents.inner(); i++) {
          double code = Math.rint(from.get(F32, i * Float.BYTES) / (double) scale);
          // -128 is left out: it would make the range lopsided.
          to.set(
              ValueLayout.JAVA_BYTE, i, (byte) Math.clamp(code, -Grid.MAX_SIGNED, Grid.MAX_SIGNED));
        }
      }
    }
  }

  /** Rounds so that errors of one channel of the result cancel each other on samples. */
  private static void fedBack(
      Extents extents, MemorySegment from, float[] scales, InputMoments moments, MemorySegment to) {
    int size = (int) (extents.outer() * extents.inner());
    double[] row = new double[size];
    byte[] codes = new byte[size];
    int perGroup = extents.channels() / moments.groups();
    ErrorFeedback feedback = null;
    for (int channel = 0; channel < extents.channels(); channel++) {
      if (channel % perGroup == 0) {
        feedback = new ErrorFeedback(moments.blocks(channel / perGroup));
      }
      for (int i = 0; i < size; i++) {
        row[i] = from.get(F32, extents.element(channel, i) * Float.BYTES);
      }
      feedback.round(row, scales[channel], codes);
      for (int i = 0; i < size; i++) {
        to.set(ValueLayout.JAVA_BYTE, extents.element(channel, i), codes[i]);
      }
    }
  }

  private static StringStringEntryProto.Builder field(String key, String value) {
    return StringStringEntryProto.newBuilder().setKey(key).setValue(value);
  }

  private static float[] scales(Extents extents, MemorySegment from) {
    float[] largest = new float[extents.channels()];
    for (long outer = 0; outer < extents.outer(); outer++) {
      for (int channel = 0; channel < largest.length; channel++) {
        long first = (outer * largest.length + channel) * extents.inner();
        float most = largest[channel];
        for (long i = first; i < first + extents.inner(); i++) {
          most = Math.max(most, Math.abs(from.get(F32, i * Float.BYTES)));
        }
        largest[channel] = most;
      }
    }
    for (int channel = 0; channel < largest.length; channel++) {
      float scale = largest[channel] / Grid.MAX_SIGNED;
      largest[channel] = scale >= Float.MIN_NORMAL ? scale : 1;
    }
    return largest;
  }

  /** Raises scales under which the bias would be more than 32 bits of steps. */
  private void floor(Layer layer, Bounds activation, float[] scales) throws IOException {
    TensorProto bias = layer.bias() == null ? null : graph.initializers().get(layer.bias());
    if (bias == null || activation == null) {
      return;
    }
    MemorySegment values = data.bytes(bias);
    double input = Grid.unsigned(activation).scale();
    boolean one = values.byteSize() == Float.BYTES;
    for (int channel = 0; channel < scales.length; channel++) {
      double value = Math.abs(values.get(F32, one ? 0 : (long) channel * Float.BYTES));
      scales[channel] = (float) Math.max(scales[channel], value / input / MAX_BIAS_STEPS);
    }
  }

  /** Counts the weights of a layer before and after. */
  PrecisionReport.Weight report(Layer layer) throws IOException {
    TensorProto source = graph.initializers().get(layer.weights());
    Extents extents = extents(layer);
    MemorySegment from = data.bytes(source);
    Quantized quantized = of(layer);
    double largest = 0;
    for (long i = 0; i < extents.elements(); i++) {
      largest = Math.max(largest, Math.abs(from.get(F32, i * Float.BYTES)));
    }
    double width = largest == 0 ? 1 : 2 * largest / REPORT_BINS;
    long[] before = new long[REPORT_BINS];
    long[] after = new long[REPORT_BINS];
    double signal = 0;
    double noise = 0;
    for (long i = 0; i < extents.elements(); i++) {
      float scale = quantized.scales()[(int) (i / extents.inner() % extents.channels())];
      double old = from.get(F32, i * Float.BYTES);
      double now = quantized.codes().get(ValueLayout.JAVA_BYTE, i) * (double) scale;
      before[bin(old, width)]++;
      after[bin(now, width)]++;
      signal += old * old;
      noise += (old - now) * (old - now);
    }
    double low = -width * REPORT_BINS / 2;
    return new PrecisionReport.Weight(
        layer.name(),
        Histogram.of(low, width, before),
        Histogram.of(low, width, after),
        noise == 0 ? null : 10 * Math.log10(signal / noise),
        extents.channels());
  }

  private static int bin(double value, double width) {
    return (int) Math.clamp(Math.floor(value / width) + REPORT_BINS / 2.0, 0, REPORT_BINS - 1);
  }

  /** The weights of a layer. */
  Quantized of(Layer layer) {
    return byLayer.get(layer.key());
  }
}
