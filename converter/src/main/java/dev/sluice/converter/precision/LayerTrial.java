package dev.sluice.converter.precision;

import dev.sluice.bindings.ElementType;
import dev.sluice.bindings.onnxruntime.OrtEnvironment;
import dev.sluice.bindings.onnxruntime.OrtSession;
import dev.sluice.bindings.onnxruntime.OrtValue;
import dev.sluice.converter.calibrate.CalibrationSource;
import dev.sluice.converter.calibrate.Progress;
import dev.sluice.converter.calibrate.SampleFeed;
import dev.sluice.converter.graph.Graph;
import dev.sluice.converter.onnx.proto.Onnx.GraphProto;
import dev.sluice.converter.onnx.proto.Onnx.ModelProto;
import dev.sluice.converter.onnx.proto.Onnx.NodeProto;
import dev.sluice.converter.onnx.proto.Onnx.TensorProto;
import dev.sluice.converter.onnx.proto.Onnx.TensorShapeProto;
import dev.sluice.converter.onnx.proto.Onnx.TypeProto;
import dev.sluice.converter.onnx.proto.Onnx.ValueInfoProto;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Times each layer of the CPU's graph by itself, in INT8 and in FP32, on one thread: some are
 * slower in 8 bits, such as a convolution of three channels, for which ONNX Runtime has a better
 * kernel in FP32.
 *
 * <p>Both forms take and give what the layer's neighbours do. Where these are on codes, FP32 pays
 * for dequantizing its input and quantizing its result; where the input comes from elsewhere, INT8
 * pays for quantizing it. So the difference is what giving the layer back would gain. Layers of the
 * same shape are timed once.
 *
 * <p>Thread safety: used by one thread.
 */
final class LayerTrial {
  /** For both forms of a layer. */
  private static final long BUDGET_NS = 60_000_000;

  private final SourceModel source;
  private final Graph graph;
  private final Recipe recipe;
  private final CpuPlacement placement;
  private final Set<Integer> onCodes = new LinkedHashSet<>();
  private final Set<String> codes = new LinkedHashSet<>();
  private final Map<List<Object>, SpeedTrial.Times> known = new HashMap<>();

  private LayerTrial(SourceModel source, Recipe recipe) {
    this.source = source;
    this.graph = recipe.graph();
    this.recipe = recipe;
    this.placement = new CpuPlacement(graph, recipe.layers());
    onCodes.addAll(placement.layers().keySet());
    onCodes.addAll(placement.followers().keySet());
    for (int index : onCodes) {
      if (placement.quantized().contains(placement.result(index))) {
        codes.add(placement.result(index));
      }
    }
  }

  /**
   * Times the layers of a recipe.
   *
   * @return INT8 against FP32 by the layer's key, of those that the CPU's graph has in 8 bits
   */
  static Map<String, SpeedTrial.Times> run(
      SourceModel source, Recipe recipe, CalibrationSource samples, Progress progress)
      throws IOException {
    LayerTrial trial = new LayerTrial(source, recipe);
    Map<String, long[]> shapes = trial.shapes(samples);
    Map<String, SpeedTrial.Times> times = new LinkedHashMap<>();
    for (Layer layer : trial.placement.layers().values()) {
      progress.at("timing layers", times.size(), trial.placement.layers().size());
      times.put(layer.key(), trial.times(layer, shapes.get(layer.activation())));
    }
    return times;
  }

  /** The shapes of the layers' activations in the first sample. */
  private Map<String, long[]> shapes(CalibrationSource samples) throws IOException {
    Map<String, long[]> shapes = new HashMap<>();
    Set<String> made = new LinkedHashSet<>();
    placement.layers().values().forEach(layer -> made.add(layer.activation()));
    for (String input : graph.inputs()) {
      if (made.remove(input)) {
        shapes.put(input, samples.sample(0).get(input).shape().dims());
      }
    }
    if (!made.isEmpty()) {
      List<String> names = List.copyOf(made);
      try (OrtSession session =
          source.session(SourceModel.observing(graph, names), "the observed model")) {
        new SampleFeed(samples, new int[] {0}, source.isBatched())
            .run(
                session,
                (outputs, _) -> {
                  for (int i = 0; i < names.size(); i++) {
                    List<Long> dims = outputs.get(i).info().dims();
                    shapes.put(names.get(i), dims.stream().mapToLong(Long::longValue).toArray());
                  }
                });
      }
    }
    return shapes;
  }

  private SpeedTrial.Times times(Layer layer, long[] shape) throws IOException {
    int absorbed = placement.absorbed(layer.index());
    List<NodeProto> nodes = new ArrayList<>(List.of(layer.node()));
    if (absorbed >= 0) {
      nodes.add(graph.nodes().get(absorbed));
    }
    String result = placement.result(layer.index());
    boolean codesIn = codes.contains(layer.activation());
    // A product has a result in FP32 of its own.
    boolean codesOut =
        layer.isConvolution() && graph.consumers(result).stream().anyMatch(onCodes::contains);
    List<Object> kind = kind(layer, nodes, shape, codesIn, codesOut);
    SpeedTrial.Times times = known.get(kind);
    if (times == null) {
      Graph alone = alone(layer, nodes, shape);
      ModelProto int8 = int8(alone, layer, result, codesIn, codesOut);
      ModelProto fp32 = fp32(alone, layer, result, codesIn, codesOut);
      times = timed(layer, int8, fp32, codesIn, shape);
      known.put(kind, times);
    }
    return times;
  }

  /** What makes two layers take the same time. */
  private List<Object> kind(
      Layer layer, List<NodeProto> nodes, long[] shape, boolean codesIn, boolean codesOut) {
    List<Object> kind = new ArrayList<>(List.of(codesIn, codesOut, layer.bias() != null));
    for (long dim : shape) {
      kind.add(dim);
    }
    kind.addAll(graph.initializers().get(layer.weights()).getDimsList());
    nodes.forEach(node -> kind.add(List.of(node.getOpType(), node.getAttributeList())));
    return kind;
  }

  /** A graph of the layer and the activation that its quantizer does. */
  private Graph alone(Layer layer, List<NodeProto> nodes, long[] shape) {
    GraphProto.Builder alone =
        GraphProto.newBuilder()
            .setName("layer")
            .addAllNode(nodes)
            .addInput(input(layer.activation(), ElementType.FLOAT, shape))
            .addOutput(ValueInfoProto.newBuilder().setName(nodes.getLast().getOutput(0)));
    Set<String> constants = new LinkedHashSet<>();
    nodes.forEach(node -> constants.addAll(node.getInputList()));
    for (String name : constants) {
      TensorProto constant = graph.initializers().get(name);
      if (constant != null) {
        alone.addInitializer(constant);
      }
    }
    return Graph.of(graph.model().toBuilder().setGraph(alone).build());
  }

  private static ValueInfoProto input(String name, ElementType type, long[] shape) {
    TensorShapeProto.Builder dims = TensorShapeProto.newBuilder();
    for (long dim : shape) {
      dims.addDim(TensorShapeProto.Dimension.newBuilder().setDimValue(dim));
    }
    return ValueInfoProto.newBuilder()
        .setName(name)
        .setType(
            TypeProto.newBuilder()
                .setTensorType(
                    TypeProto.Tensor.newBuilder().setElemType(type.code()).setShape(dims)))
        .build();
  }

  private ModelProto int8(
      Graph alone, Layer layer, String result, boolean codesIn, boolean codesOut)
      throws IOException {
    Recipe one =
        new Recipe(
            alone,
            List.of(new Layer(0, layer.node(), layer.channelAxis())),
            recipe.bounds(),
            recipe.weights(),
            recipe.corrections(),
            recipe.data());
    return cut(CpuGraph.of(alone, one), layer.activation(), codesIn, result, codesOut);
  }

  private ModelProto fp32(
      Graph alone, Layer layer, String result, boolean codesIn, boolean codesOut) {
    QdqEdit edit = new QdqEdit(alone);
    if (codesIn) {
      String activation = edit.freshName(layer.activation());
      edit.quantize(layer.activation(), activation, grid(layer.activation()), -1);
      edit.reroute(0, layer.activation(), activation);
    }
    if (codesOut) {
      int last = alone.nodes().size() - 1;
      String raw = edit.freshName(result);
      edit.replace(last, edit.node(last).toBuilder().setOutput(0, raw).build());
      edit.quantize(raw, result, grid(result), last);
    }
    return cut(edit.build(), layer.activation(), codesIn, result, codesOut);
  }

  private Grid grid(String tensor) {
    return Grid.unsigned(recipe.bounds().get(tensor));
  }

  /** Leaves out the quantizer behind the input, and the dequantizer ahead of the result. */
  private static ModelProto cut(
      Graph graph, String input, boolean codesIn, String result, boolean codesOut) {
    GraphProto.Builder cut = graph.model().getGraph().toBuilder().clearNode();
    for (NodeProto node : graph.nodes()) {
      if (codesIn && Layer.is(node, "QuantizeLinear") && node.getInput(0).equals(input)) {
        ValueInfoProto.Builder codes = cut.getInput(0).toBuilder().setName(node.getOutput(0));
        codes.getTypeBuilder().getTensorTypeBuilder().setElemType(ElementType.UINT8.code());
        cut.setInput(0, codes);
      } else if (codesOut
          && Layer.is(node, "DequantizeLinear")
          && node.getOutput(0).equals(result)) {
        cut.setOutput(0, ValueInfoProto.newBuilder().setName(node.getInput(0)));
      } else {
        cut.addNode(node);
      }
    }
    return graph.model().toBuilder().setGraph(cut).build();
  }

  private SpeedTrial.Times timed(
      Layer layer, ModelProto int8, ModelProto fp32, boolean codesIn, long[] shape)
      throws IOException {
    ElementType type = codesIn ? ElementType.UINT8 : ElementType.FLOAT;
    long elements = 1;
    for (long dim : shape) {
      elements *= dim;
    }
    String label = "the layer '" + layer.name() + "' alone";
    try (Arena arena = Arena.ofConfined();
        OrtSession low = source.session(int8, 1, SpeedTrial.ALL, label);
        OrtSession exact = source.session(fp32, 1, SpeedTrial.ALL, label)) {
      MemorySegment data = arena.allocate(Math.max(1, type.byteSize(elements)), 64);
      for (long i = 0; i < elements; i++) {
        // Any values do, but no subnormal ones.
        if (codesIn) {
          data.set(ValueLayout.JAVA_BYTE, i, (byte) (i * 37));
        } else {
          data.setAtIndex(ValueLayout.JAVA_FLOAT, i, i * 37 % 256 / 128f - 1);
        }
      }
      try (OrtValue value = OrtValue.tensor(OrtEnvironment.shared(), data, type, shape)) {
        List<OrtValue> inputs = List.of(value);
        long[] leastNs =
            SpeedTrial.leastNs(
                List.of(new SpeedTrial.Subject(low, inputs), new SpeedTrial.Subject(exact, inputs)),
                BUDGET_NS);
        return new SpeedTrial.Times(leastNs[0], leastNs[1]);
      }
    }
  }
}
