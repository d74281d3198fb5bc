package dev.sluice.converter.precision;

import dev.sluice.bindings.onnxruntime.OrtSession;
import dev.sluice.bindings.onnxruntime.OrtValue;
import dev.sluice.converter.calibrate.Progress;
import dev.sluice.converter.graph.Graph;
import dev.sluice.converter.onnx.proto.Onnx.ModelProto;
import dev.sluice.converter.onnx.proto.Onnx.NodeProto;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Takes the mean error of each channel out of a layer's result, by its bias. Rounding weights
 * shifts a channel by the rounding errors times the mean input, which is not zero behind a
 * rectifier. Nagel et al., Data-Free Quantization Through Weight Equalization and Bias Correction,
 * arXiv 1906.04721; here the means are those of samples.
 *
 * <p>One graph has each layer twice: as it is, and beside it in 8 bits with the same input, which
 * nothing reads. So a layer's error is its own, and one pass over the samples is enough.
 *
 * <p>Thread safety: used by one thread.
 */
final class BiasCorrection {
  private static final ValueLayout.OfFloat F32 =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final SourceModel source;
  private final Recipe recipe;
  private final List<Layer> layers;

  private BiasCorrection(SourceModel source, Recipe recipe) {
    this.source = source;
    this.recipe = recipe;
    this.layers =
        recipe.layers().stream().filter(layer -> !layer.operator().equals("MatMul")).toList();
  }

  /**
   * Measures the corrections.
   *
   * @return a number for each channel to be added to the bias, by the layer's key; products without
   *     a bias have none
   */
  static Map<String, float[]> of(
      SourceModel source, Recipe recipe, SplitSamples samples, Progress progress)
      throws IOException {
    BiasCorrection correction = new BiasCorrection(source, recipe);
    if (correction.layers.isEmpty()) {
      return Map.of();
    }
    return correction.run(samples, progress);
  }

  private Map<String, float[]> run(SplitSamples samples, Progress progress) throws IOException {
    ModelProto model = doubled();
    List<double[]> sums = new ArrayList<>();
    for (Layer layer : layers) {
      sums.add(new double[recipe.weights().of(layer).scales().length]);
    }
    long[] counts = new long[layers.size()];
    try (OrtSession session = source.session(model, "the layers beside their 8 bits")) {
      samples.someLearnt(
          session,
          (outputs, done) -> {
            for (int i = 0; i < layers.size(); i++) {
              counts[i] +=
                  add(layers.get(i), outputs.get(2 * i), outputs.get(2 * i + 1), sums.get(i));
            }
            progress.at("correcting biases", done, samples.someCount());
          });
    }
    Map<String, float[]> corrections = new LinkedHashMap<>();
    for (int i = 0; i < layers.size(); i++) {
      double[] sum = sums.get(i);
      float[] mean = new float[sum.length];
      for (int channel = 0; channel < sum.length; channel++) {
        mean[channel] = (float) (sum[channel] / Math.max(1, counts[i]));
      }
      corrections.put(layers.get(i).key(), mean);
    }
    return corrections;
  }

  /** The model with every layer's result, and that of its twin, as outputs. */
  private ModelProto doubled() {
    Graph graph = recipe.graph();
    QdqEdit edit = new QdqEdit(graph);
    Map<String, String> pairs = new HashMap<>();
    List<String> observed = new ArrayList<>();
    for (Layer layer : layers) {
      String pair =
          pairs.computeIfAbsent(
              layer.activation(),
              tensor -> {
                String name = edit.freshName(tensor + "_dequantized");
                Grid grid = Grid.symmetric(recipe.bounds().get(tensor));
                edit.quantize(tensor, name, grid, graph.producer(tensor));
                return name;
              });
      String twin = edit.freshName(layer.key() + "_twin");
      NodeProto.Builder node =
          layer.node().toBuilder()
              .setName(edit.freshName(layer.name() + "_twin"))
              .setInput(0, pair)
              .setInput(1, edit.weights(layer, recipe.weights().of(layer)))
              .clearOutput()
              .addOutput(twin);
      edit.beside(layer.index(), node.build());
      observed.add(layer.key());
      observed.add(twin);
    }
    return SourceModel.observing(edit.buildAll(), observed);
  }

  /** Adds what a channel's results are short of; how many results each has. */
  private static long add(Layer layer, OrtValue exact, OrtValue rounded, double[] sums) {
    MemorySegment wanted = exact.data();
    MemorySegment actual = rounded.data();
    List<Long> dims = exact.info().dims();
    long inner = 1;
    // The channels of a convolution follow the batch; those of a product are last.
    for (int axis = 2; layer.isConvolution() && axis < dims.size(); axis++) {
      inner *= dims.get(axis);
    }
    long elements = wanted.byteSize() / Float.BYTES;
    long outer = elements / inner / sums.length;
    for (long i = 0; i < outer; i++) {
      for (int channel = 0; channel < sums.length; channel++) {
        long first = (i * sums.length + channel) * inner;
        double sum = 0;
        for (long at = first; at < first + inner; at++) {
          sum += wanted.get(F32, at * Float.BYTES) - actual.get(F32, at * Float.BYTES);
        }
        sums[channel] += sum;
      }
    }
    return outer * inner;
  }
}
