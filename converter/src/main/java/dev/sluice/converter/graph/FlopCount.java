package dev.sluice.converter.graph;

import dev.sluice.bindings.ElementType;
import dev.sluice.converter.onnx.OnnxModel;
import dev.sluice.converter.onnx.proto.Onnx.GraphProto;
import dev.sluice.converter.onnx.proto.Onnx.ModelProto;
import dev.sluice.converter.onnx.proto.Onnx.TensorProto;
import dev.sluice.converter.onnx.proto.Onnx.TensorShapeProto;
import dev.sluice.converter.onnx.proto.Onnx.ValueInfoProto;
import dev.sluice.engine.Shape;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * How many operations on numbers a model takes, per node, for inputs of given shapes. Shapes of
 * everything in between are ONNX Runtime's own inference. {@link NodeFlops} says what counts: a
 * multiplication and the addition that follows it are two.
 *
 * <p>Nodes that call a function of the model, or run a subgraph, are counted by what is inside:
 * each call at the shapes that it is made with, of an If the heavier branch, of a Loop and a Scan
 * the body as often as it runs, where that is known without a run.
 *
 * <p>Thread safety: immutable.
 *
 * @param layers every node that was counted, the heaviest first
 * @param notCounted nodes whose operations are not known, as messages name them, with the reason
 * @param remarks nodes that run subgraphs, as messages name them, with how these were counted
 */
public record FlopCount(List<Layer> layers, List<String> notCounted, List<String> remarks) {
  /**
   * A node.
   *
   * @param name its name, or that of its first output; inside of another node that one's name and a
   *     slash come first
   * @param operator its operator, with the domain where that is not the standard's
   * @param output the shape of the first output that it has
   * @param runs how often it runs
   * @param flops operations of all its runs
   * @param parameters elements of the constants that it takes
   */
  public record Layer(
      String name, String operator, Shape output, long runs, long flops, long parameters) {}

  /** Copies the lists. */
  public FlopCount {
    layers = List.copyOf(layers);
    notCounted = List.copyOf(notCounted);
    remarks = List.copyOf(remarks);
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
    return FlopCounter.count(Graph.of(withInputs(model.proto(), shapes)));
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
