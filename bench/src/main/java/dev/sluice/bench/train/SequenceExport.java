package dev.sluice.bench.train;

import dev.sluice.bench.onnx.OnnxGraph;
import dev.sluice.bindings.ElementType;
import dev.sluice.converter.onnx.proto.Onnx.ModelProto;
import java.util.List;

/**
 * Writes a network of sequences as an ONNX model: input {@link Gestures#INPUT}, {@code f32[N,
 * steps, features]}, output {@link WeightedGraph#OUTPUT}, {@code f32[N, classes]}.
 *
 * <p>ONNX's operator has the steps in front of the rows, so rows lie in axis 1 in between.
 *
 * <p>Stateless, hence thread-safe.
 */
final class SequenceExport {
  private SequenceExport() {}

  /** See {@link Blueprint#export}. */
  static ModelProto model(Memory sizes, Weights weights, String name, String description) {
    WeightedGraph layers = new WeightedGraph(weights, name);
    OnnxGraph graph = layers.graph();
    graph.input(Gestures.INPUT, ElementType.FLOAT, sizes.steps(), sizes.features());
    String steps =
        graph.node(
            "Transpose",
            "steps_first",
            List.of(Gestures.INPUT),
            OnnxGraph.integers("perm", 1, 0, 2));
    String lstm = Memory.LAYER;
    int gates = Recurrent.GATES * sizes.hidden();
    String input = layers.matrix(lstm + ".input.weight", 1, gates, sizes.features());
    String state = layers.matrix(lstm + ".state.weight", 1, gates, sizes.hidden());
    // The operator wants a bias for the features and one for the state; their sum is what counts.
    String bias = lstm + ".bias";
    layers.constant(bias, new float[][] {weights.get(bias)[0], new float[gates]}, 1, 2L * gates);
    String last = lstm + ".last";
    graph.nodeTo(
        List.of("", last),
        "LSTM",
        lstm,
        List.of(steps, input, state, bias),
        OnnxGraph.integer("hidden_size", sizes.hidden()));
    String axes = layers.integers("direction", 0);
    layers.classifier(graph.node("Squeeze", "squeeze", List.of(last, axes)));
    return graph.model(description);
  }
}
