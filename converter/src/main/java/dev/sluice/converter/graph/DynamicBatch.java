package dev.sluice.converter.graph;

import dev.sluice.converter.onnx.ModelException;
import dev.sluice.converter.onnx.OnnxModel;
import dev.sluice.converter.onnx.proto.Onnx.GraphProto;
import dev.sluice.converter.onnx.proto.Onnx.TensorShapeProto;
import dev.sluice.converter.onnx.proto.Onnx.ValueInfoProto;
import dev.sluice.engine.Shape;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * Makes the fixed first dimension of all inputs a dynamic one, and repairs the nodes that fix it,
 * see {@link BatchTrace}. That rows do not depend on each other afterwards is for the caller to
 * prove.
 *
 * <p>Thread safety: immutable.
 */
public final class DynamicBatch implements Rewrite {
  /** Combinations of places of the batch that are tried. */
  private static final int MAX_CHOICES = 24;

  private final Path file;
  private final List<List<Shape>> shapes;

  /**
   * The rewrite for a model.
   *
   * @param file the model, for messages
   * @param shapes of the inputs, static, at the exported number of rows; several where dynamic
   *     extents can only be guessed: the first ones that the graph takes are used
   */
  public DynamicBatch(Path file, List<List<Shape>> shapes) {
    this.file = file;
    this.shapes = List.copyOf(shapes);
  }

  /**
   * The number of rows that a model was exported for; 0 where it has no fixed batch in axis 0 of
   * its inputs: all are dynamic there, one is a scalar or of unknown rank, or they differ.
   */
  public static long rows(List<OnnxModel.Value> inputs) {
    Set<Long> fixed = new HashSet<>();
    for (OnnxModel.Value input : inputs) {
      if (!input.isRanked() || input.dims().isEmpty()) {
        return 0;
      }
      fixed.add(input.dims().getFirst().extent());
    }
    fixed.remove(Shape.DYNAMIC);
    return fixed.size() == 1 ? Math.max(0, fixed.iterator().next()) : 0;
  }

  @Override
  public String name() {
    return "dynamic batch";
  }

  @Override
  public Result apply(Graph graph, NewWeights weights) throws ModelException {
    List<OnnxModel.Value> inputs = graph.inputs().stream().map(graph::type).toList();
    long rows = rows(inputs);
    if (rows == 0) {
      return new Result(graph, List.of());
    }
    boolean literal =
        inputs.stream()
            .allMatch(input -> input.dims().stream().skip(1).allMatch(dim -> dim.extent() >= 0));
    OneNode inference = new OneNode(graph);
    BatchFixedException first = null;
    for (List<Shape> sample : shapes) {
      List<Shape> whole = sample.stream().map(shape -> shape.withDim(0, rows)).toList();
      BatchChoices choices = new BatchChoices();
      for (int i = 0; i == 0 || (i < MAX_CHOICES && choices.advance()); i++) {
        GraphEdit edit = graph.edit();
        try {
          List<String> repairs =
              new BatchTrace(graph, edit, inference, whole, rows, literal, choices).run();
          List<String> changes = new ArrayList<>();
          changes.add(
              "made axis 0 of " + graph.inputs() + " dynamic, which had the extent " + rows);
          changes.addAll(repairs);
          return new Result(declared(graph, edit), changes);
        } catch (BatchFixedException e) {
          first = first == null ? e : first;
        }
      }
    }
    throw new ModelException(
        file,
        "the batch can't be made dynamic: "
            + first.getMessage()
            + "; export the model with a dynamic batch, or build without --batch to serve it as it"
            + " is",
        first);
  }

  private static Graph declared(Graph graph, GraphEdit edit) {
    String symbol = symbol(graph.model().getGraph());
    edit.mapInputs(
        input -> graph.inputs().contains(input.getName()) ? dynamic(input, symbol) : input);
    edit.mapOutputs(output -> dynamic(output, symbol));
    return edit.build();
  }

  private static ValueInfoProto dynamic(ValueInfoProto value, String symbol) {
    if (value.getType().getTensorType().getShape().getDimCount() == 0) {
      return value;
    }
    ValueInfoProto.Builder builder = value.toBuilder();
    builder
        .getTypeBuilder()
        .getTensorTypeBuilder()
        .getShapeBuilder()
        .setDim(0, TensorShapeProto.Dimension.newBuilder().setDimParam(symbol));
    return builder.build();
  }

  /** A symbol that no dimension has: equal symbols mean equal extents. */
  private static String symbol(GraphProto graph) {
    Set<String> symbols = new HashSet<>();
    List<ValueInfoProto> values = new ArrayList<>(graph.getInputList());
    values.addAll(graph.getOutputList());
    for (ValueInfoProto value : values) {
      value
          .getType()
          .getTensorType()
          .getShape()
          .getDimList()
          .forEach(dim -> symbols.add(dim.getDimParam()));
    }
    String symbol = "batch";
    while (symbols.contains(symbol)) {
      symbol += "_";
    }
    return symbol;
  }
}
