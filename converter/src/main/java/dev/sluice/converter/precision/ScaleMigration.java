package dev.sluice.converter.precision;

import dev.sluice.bindings.ElementType;
import dev.sluice.converter.calibrate.Progress;
import dev.sluice.converter.graph.Graph;
import dev.sluice.converter.graph.GraphEdit;
import dev.sluice.converter.graph.NewWeights;
import dev.sluice.converter.onnx.proto.Onnx.NodeProto;
import dev.sluice.converter.onnx.proto.Onnx.TensorProto;
import dev.sluice.engine.Shape;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Evens out the channels of tensors that are quantized with one scale: a channel that is larger
 * than the others, for which these get few of the codes, is divided by a number where it is made,
 * and the weights that it meets are multiplied by it. The function stays the same but for the
 * rounding of those constants.
 *
 * <p>The number is {@code sqrt(x / w)} of channel j: x tells how large the channel is on samples, w
 * how large its weights are beside the largest of their result's channel. Xiao et al., SmoothQuant,
 * arXiv 2211.10438, with alpha = 0.5; Nagel et al., arXiv 1906.04721, do the same between
 * convolutions. Here x is the eighth root of the mean eighth power and not the maximum, which one
 * element would decide. Measured by the scores of photographs that were not learnt from: with alpha
 * = 0.65 or 0.8 TensorRT's graph of SqueezeNet was within half a decibel, and the CPU's up to 1.3
 * dB worse. Scales by the maximum, rounded to powers of two, would keep every bit of FP32, and lost
 * all of the 1.2 dB that those not rounded gained.
 *
 * <p>Thread safety: used by one thread.
 */
final class ScaleMigration {
  private static final ValueLayout.OfFloat F32 =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private static final double POWER = 8;

  /** Channels and weights below this part of the largest count as that: scales stay near 1. */
  private static final double LEAST = 1.0 / 64;

  private final SourceModel source;
  private final Graph graph;
  private final List<Layer> layers;
  private final FreeChannels free;

  private ScaleMigration(SourceModel source, List<Layer> layers) {
    this.source = source;
    this.graph = source.graph();
    this.layers = layers;
    this.free = new FreeChannels(graph);
  }

  /**
   * Moves scales between the layers of a model.
   *
   * @param layers that are to be quantized
   * @return the model's graph itself where no channel is free
   */
  static Graph of(SourceModel source, List<Layer> layers, SplitSamples samples, Progress progress)
      throws IOException {
    ScaleMigration migration = new ScaleMigration(source, layers);
    Set<String> tensors = migration.freeActivations();
    if (tensors.isEmpty()) {
      return source.graph();
    }
    double[] sizes = migration.sizes(tensors, samples, progress);
    return migration.rewritten(migration.scales(tensors, sizes, migration.weights()));
  }

  private Set<String> freeActivations() {
    Set<String> tensors = new LinkedHashSet<>();
    for (Layer layer : layers) {
      int[] channels = free.of(layer.activation());
      if (channels != null && Arrays.stream(channels).anyMatch(c -> !free.isBound(c))) {
        tensors.add(layer.activation());
      }
    }
    return tensors;
  }

  /** How large each channel is on samples. */
  private double[] sizes(Set<String> tensors, SplitSamples samples, Progress progress)
      throws IOException {
    double[] sums = new double[free.count()];
    long[] counts = new long[free.count()];
    samples.someLearnt(
        graph,
        tensors,
        (tensor, data, dims) -> {
          int[] channels = free.of(tensor);
          long inner = 1;
          for (int axis = 2; !free.isLast(tensor) && axis < dims.size(); axis++) {
            inner *= dims.get(axis);
          }
          long runs = data.byteSize() / Float.BYTES / inner;
          for (long run = 0; run < runs; run++) {
            double sum = 0;
            for (long i = run * inner; i < (run + 1) * inner; i++) {
              double value = data.get(F32, i * Float.BYTES);
              double fourth = value * value * value * value;
              sum += fourth * fourth;
            }
            int channel = channels[(int) (run % channels.length)];
            sums[channel] += sum;
            counts[channel] += inner;
          }
        },
        done -> progress.at("observing channels", done, samples.someCount()));
    for (int i = 0; i < sums.length; i++) {
      sums[i] = counts[i] == 0 ? 0 : Math.pow(sums[i] / counts[i], 1 / POWER);
    }
    return sums;
  }

  /** The largest weight that each channel meets, as a part of the largest of its result. */
  private double[] weights() throws IOException {
    Set<Integer> quantized = new HashSet<>();
    layers.forEach(layer -> quantized.add(layer.index()));
    Map<Integer, FreeChannels.Factor> results = new HashMap<>();
    for (FreeChannels.Factor factor : free.factors()) {
      if (factor.divides() && factor.input() == 1) {
        results.put(factor.node(), factor);
      }
    }
    double[] largest = new double[free.count()];
    for (FreeChannels.Factor factor : free.factors()) {
      if (!factor.divides() && quantized.contains(factor.node())) {
        TensorProto constant = graph.initializers().get(input(factor));
        weights(factor, results.get(factor.node()), source.data().bytes(constant), largest);
      }
    }
    return largest;
  }

  private String input(FreeChannels.Factor factor) {
    return graph.nodes().get(factor.node()).getInput(factor.input());
  }

  private void weights(
      FreeChannels.Factor in, FreeChannels.Factor out, MemorySegment bytes, double[] largest) {
    double[] ofResult = new double[out.channels().length];
    long elements = bytes.byteSize() / Float.BYTES;
    for (long i = 0; i < elements; i++) {
      int result = out.layout().channel(i);
      ofResult[result] = Math.max(ofResult[result], Math.abs(bytes.get(F32, i * Float.BYTES)));
    }
    for (long i = 0; i < elements; i++) {
      double most = ofResult[out.layout().channel(i)];
      int channel = free.find(in.channels()[in.layout().channel(i)]);
      if (most > 0) {
        double weight = Math.abs(bytes.get(F32, i * Float.BYTES)) / most;
        largest[channel] = Math.max(largest[channel], weight);
      }
    }
  }

  private double[] scales(Set<String> tensors, double[] sizes, double[] weights) {
    // Each channel is held against the largest of any tensor that it is in.
    double[] size = new double[sizes.length];
    double[] weight = new double[sizes.length];
    for (String tensor : tensors) {
      int[] channels = free.of(tensor);
      double mostSize = Arrays.stream(channels).mapToDouble(c -> sizes[c]).max().orElse(0);
      double mostWeight = Arrays.stream(channels).mapToDouble(c -> weights[c]).max().orElse(0);
      for (int channel : channels) {
        size[channel] = Math.max(size[channel], mostSize);
        weight[channel] = Math.max(weight[channel], mostWeight);
      }
    }
    double[] scales = new double[sizes.length];
    for (int c = 0; c < scales.length; c++) {
      boolean known = size[c] > 0 && Double.isFinite(size[c]) && weight[c] > 0;
      scales[c] =
          known && !free.isBound(c)
              ? Math.sqrt(
                  Math.max(sizes[c] / size[c], LEAST) / Math.max(weights[c] / weight[c], LEAST))
              : 1;
    }
    return scales;
  }

  private Graph rewritten(double[] scales) throws IOException {
    Map<List<Integer>, List<FreeChannels.Factor>> byConstant = new LinkedHashMap<>();
    for (FreeChannels.Factor factor : free.factors()) {
      if (Arrays.stream(factor.channels()).anyMatch(c -> scales[free.find(c)] != 1)) {
        byConstant
            .computeIfAbsent(List.of(factor.node(), factor.input()), _ -> new ArrayList<>())
            .add(factor);
      }
    }
    GraphEdit edit = graph.edit();
    Map<Integer, NodeProto.Builder> changed = new LinkedHashMap<>();
    for (List<FreeChannels.Factor> factors : byConstant.values()) {
      FreeChannels.Factor first = factors.getFirst();
      TensorProto scaled = scaled(input(first), factors, scales, edit);
      edit.addInitializer(scaled);
      changed
          .computeIfAbsent(first.node(), node -> graph.nodes().get(node).toBuilder())
          .setInput(first.input(), scaled.getName());
    }
    changed.forEach((index, node) -> edit.replaceNode(index, List.of(node.build())));
    return edit.build();
  }

  private TensorProto scaled(
      String name, List<FreeChannels.Factor> factors, double[] scales, GraphEdit edit)
      throws IOException {
    TensorProto constant = graph.initializers().get(name);
    MemorySegment from = source.data().bytes(constant);
    Shape shape = Shape.of(constant.getDimsList().stream().mapToLong(Long::longValue).toArray());
    NewWeights.Room room =
        source.newWeights().room(edit.freshName(name + "_migrated"), ElementType.FLOAT, shape);
    for (long i = 0; i < shape.elementCount(); i++) {
      double value = from.get(F32, i * Float.BYTES);
      for (FreeChannels.Factor factor : factors) {
        double scale = scales[free.find(factor.channels()[factor.layout().channel(i)])];
        value = factor.divides() ? value / scale : value * scale;
      }
      room.bytes().set(F32, i * Float.BYTES, (float) value);
    }
    return room.tensor();
  }
}
