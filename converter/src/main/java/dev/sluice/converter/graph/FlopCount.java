package dev.sluice.converter.graph;

import dev.sluice.bindings.ElementType;
import dev.sluice.converter.onnx.OnnxModel;
import dev.sluice.converter.onnx.proto.Onnx.GraphProto;
import dev.sluice.converter.onnx.proto.Onnx.ModelProto;
import dev.sluice.converter.onnx.proto.Onnx.NodeProto;
import dev.sluice.converter.onnx.proto.Onnx.TensorProto;
import dev.sluice.converter.onnx.proto.Onnx.TensorShapeProto;
import dev.sluice.converter.onnx.proto.Onnx.ValueInfoProto;
import dev.sluice.engine.Shape;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;

/**
 * How many operations on numbers a model takes, per node, for inputs of given shapes. Shapes of
 * everything in between are ONNX Runtime's own inference. {@link NodeFlops} says what counts: a
 * multiplication and the addition that follows it are two.
 *
 * <p>Thread safety: immutable.
 *
 * @param layers every node that was counted, the heaviest first
 * @param notCounted nodes whose operations are not known, as messages name them, with the reason
 */
public record FlopCount(List<Layer> layers, List<String> notCounted) {
  /**
   * A node.
   *
   * @param name its name, or that of its first output
   * @param operator its operator, with the domain where that is not the standard's
   * @param output the shape of the first output that it has
   * @param flops operations
   * @param parameters elements of the constants that it takes
   */
  public record Layer(String name, String operator, Shape output, long flops, long parameters) {}

  /** Copies the lists. */
  public FlopCount {
    layers = List.copyOf(layers);
    notCounted = List.copyOf(notCounted);
  }

  /**
   * Counts.
   *
   * @param model stays as it is; its weights are not read
   * @param shapes of all inputs, static
   * @throws dev.sluice.bindings.NativeException when ONNX Runtime refuses the model
   * @throws UnsupportedOperationException when a value has an element type that has no name here
   */
  public static FlopCount of(OnnxModel model, Map<String, Shape> shapes) {
    Graph graph = Graph.of(withInputs(model.proto(), shapes));
    List<Layer> layers = new ArrayList<>();
    List<String> notCounted = new ArrayList<>();
    for (NodeProto node : graph.nodes()) {
      String operator =
          Graph.isStandard(node) ? node.getOpType() : node.getDomain() + "::" + node.getOpType();
      OptionalLong flops;
      try {
        flops = NodeFlops.of(graph, node);
      } catch (ArithmeticException e) {
        flops = OptionalLong.empty(); // more than a long holds
      }
      String first = node.getOutputList().stream().filter(o -> !o.isEmpty()).findFirst().orElse("");
      long[] output = graph.staticDims(first);
      if (flops.isEmpty() || (output == null && flops.getAsLong() > 0)) {
        notCounted.add(OnnxModel.describe(node));
        continue;
      }
      layers.add(
          new Layer(
              node.getName().isEmpty() ? first : node.getName(),
              operator,
              output == null ? Shape.of() : Shape.of(output),
              flops.getAsLong(),
              parameters(graph, node)));
    }
    layers.sort(Comparator.comparingLong(Layer::flops).reversed());
    return new FlopCount(layers, notCounted);
  }

  /** All operations together. */
  public long total() {
    return layers.stream().mapToLong(Layer::flops).sum();
  }

  /** By operator, the heaviest first; without those that take none. */
  public Map<String, Long> perOperator() {
    Map<String, Long> sums = new LinkedHashMap<>();
    layers.forEach(layer -> sums.merge(layer.operator(), layer.flops(), Long::sum));
    Map<String, Long> sorted = new LinkedHashMap<>();
    sums.entrySet().stream()
        .filter(entry -> entry.getValue() > 0)
        .sorted(Map.Entry.<String, Long>comparingByValue().reversed())
        .forEach(entry -> sorted.put(entry.getKey(), entry.getValue()));
    return sorted;
  }

  /** The nodes that take the most, at most {@code count}, without those that take none. */
  public List<Layer> heaviest(int count) {
    return layers.stream().filter(layer -> layer.flops() > 0).limit(count).toList();
  }

  /** Bytes of a model's constants, those in other files included; subgraphs' are not. */
  public static long weightBytes(OnnxModel model) {
    long sizeBytes = 0;
    for (TensorProto tensor : model.proto().getGraph().getInitializerList()) {
      ElementType type = TypeInference.type(tensor);
      if (type != null && type != ElementType.STRING) {
        sizeBytes +=
            type.byteSize(
                Shape.of(tensor.getDimsList().stream().mapToLong(Long::longValue).toArray())
                    .elementCount());
      }
    }
    return sizeBytes;
  }

  private static long parameters(Graph graph, NodeProto node) {
    long parameters = 0;
    for (String input : node.getInputList()) {
      TensorProto tensor = graph.initializers().get(input);
      if (tensor != null) {
        parameters += tensor.getDimsList().stream().reduce(1L, Math::multiplyExact);
      }
    }
    return parameters;
  }

  private static ModelProto withInputs(ModelProto model, Map<String, Shape> shapes) {
    GraphProto.Builder graph = model.getGraph().toBuilder();
    for (ValueInfoProto.Builder input : graph.getInputBuilderList()) {
      Shape shape = shapes.get(input.getName());
      if (shape != null) {
        TensorShapeProto.Builder dims = TensorShapeProto.newBuilder();
        for (long dim : shape.dims()) {
          dims.addDimBuilder().setDimValue(dim);
        }
        input.getTypeBuilder().getTensorTypeBuilder().setShape(dims);
      }
    }
    return model.toBuilder().setGraph(graph).build();
  }
}
