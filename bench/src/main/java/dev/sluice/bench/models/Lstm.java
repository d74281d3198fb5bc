package dev.sluice.bench.models;

import dev.sluice.bench.onnx.OnnxGraph;
import dev.sluice.bindings.ElementType;
import java.util.List;

/**
 * Bidirectional layers of long short-term memory (Hochreiter and Schmidhuber; Graves and
 * Schmidhuber, "Framewise Phoneme Classification with Bidirectional LSTM"), and scores for each
 * step. Input {@code features}, {@code f32[N, sequence, features]}; output {@code scores}, {@code
 * f32[N, sequence, classes]}.
 *
 * <p>ONNX's operator has the steps in front of the rows, so rows lie in axis 1 from the first
 * transpose to the last. The sequence is fixed.
 *
 * <p>Thread safety: immutable.
 *
 * @param name of the model
 * @param features of a step
 * @param hidden values of each direction's state
 * @param layers how many
 * @param classes how many scores a step has
 * @param sequence steps of a row
 */
public record Lstm(String name, int features, int hidden, int layers, int classes, int sequence)
    implements Network {
  private static final int DIRECTIONS = 2;

  /** Input, output, forget and cell. */
  private static final int GATES = 4;

  /** An acoustic model as Graves' are: 5 layers of 320 values, 40 features of 100 frames. */
  public static Lstm acoustic() {
    return new Lstm("lstm", 40, 320, 5, 62, 100);
  }

  @Override
  public GeneratedModel model(long batch) {
    NetworkBuilder network = new NetworkBuilder(name, batch);
    OnnxGraph graph = network.graph();
    int width = DIRECTIONS * hidden;
    network.constant("joined", new long[] {sequence, network.reshapedBatch(), width}, 3);
    String value =
        network.input("features", ElementType.FLOAT, NetworkBuilder.UNIT_BOUND, sequence, features);
    value = transposed(graph, "steps_first", value, 1, 0, 2);
    for (int i = 0; i < layers; i++) {
      value = layer(network, "lstm." + i, value, i == 0 ? features : width);
    }
    value = transposed(graph, "rows_first", value, 1, 0, 2);
    String weight =
        network.weight(
            "scores.weight",
            0,
            NetworkBuilder.bound(NetworkBuilder.CLASSIFIER, width),
            width,
            classes);
    String bias = network.bias("scores.bias", classes);
    String product = graph.node("MatMul", "scores.matmul", List.of(value, weight));
    graph.nodeTo("scores", "Add", "scores", List.of(product, bias));
    graph.output("scores", ElementType.FLOAT, sequence, classes);
    return network.build(
        "Bidirectional LSTM of " + layers + " layers with random weights, for timing.");
  }

  /** {@code [sequence, N, inputs]} to {@code [sequence, N, 2 * hidden]}. */
  private String layer(NetworkBuilder network, String layer, String in, int inputs) {
    OnnxGraph graph = network.graph();
    int gates = GATES * hidden;
    double recurrent = NetworkBuilder.bound(NetworkBuilder.LINEAR, hidden);
    String weight =
        network.weight(
            layer + ".w",
            0,
            NetworkBuilder.bound(NetworkBuilder.RECTIFIED, inputs),
            DIRECTIONS,
            gates,
            inputs);
    String state = network.weight(layer + ".r", 0, recurrent, DIRECTIONS, gates, hidden);
    String bias = network.weight(layer + ".b", 0, recurrent, DIRECTIONS, 2 * gates);
    String both =
        graph.node(
            "LSTM",
            layer,
            List.of(in, weight, state, bias),
            OnnxGraph.text("direction", "bidirectional"),
            OnnxGraph.integer("hidden_size", hidden));
    String rows = transposed(graph, layer + ".transpose", both, 0, 2, 1, 3);
    return graph.node("Reshape", layer + ".joined", List.of(rows, "joined"));
  }

  private static String transposed(OnnxGraph graph, String node, String in, long... order) {
    return graph.node("Transpose", node, List.of(in), OnnxGraph.integers("perm", order));
  }
}
