package dev.sluice.bench.train;

import dev.sluice.bench.onnx.OnnxGraph;
import dev.sluice.bindings.ElementType;
import dev.sluice.converter.onnx.proto.Onnx.ModelProto;
import java.util.List;

/**
 * Writes an encoder as an ONNX model: input {@link Remarks#INPUT}, {@code i64[N, tokens]}, output
 * {@link WeightedGraph#OUTPUT}, {@code f32[N, classes]}. Attention and the GELU are taken apart, as
 * exporters of operator set 17 do it.
 *
 * <p>Not thread-safe: one instance builds one graph.
 */
final class EncoderExport {
  private final Encoder sizes;
  private final WeightedGraph layers;
  private final OnnxGraph graph;

  private EncoderExport(Encoder sizes, Weights weights, String name) {
    this.sizes = sizes;
    layers = new WeightedGraph(weights, name);
    graph = layers.graph();
  }

  /** See {@link Blueprint#export}. */
  static ModelProto model(Encoder sizes, Weights weights, String name, String description) {
    EncoderExport export = new EncoderExport(sizes, weights, name);
    export.add();
    return export.graph.model(description);
  }

  private void add() {
    graph.input(Remarks.INPUT, ElementType.INT64, sizes.tokens());
    int size = sizes.hidden() / sizes.heads();
    layers.integers("heads", 0, 0, sizes.heads(), size);
    layers.integers("joined", 0, 0, sizes.hidden());
    layers.scalar("scale", Math.sqrt(size));
    layers.scalar("root_two", Math.sqrt(2));
    layers.scalar("one", 1);
    layers.scalar("half", 0.5);
    String table = layers.matrix("embedding.token.weight", sizes.vocabulary(), sizes.hidden());
    String places = layers.matrix("embedding.place.weight", 1, sizes.tokens(), sizes.hidden());
    String words =
        graph.node(
            "Gather",
            "embedding.token",
            List.of(table, Remarks.INPUT),
            OnnxGraph.integer("axis", 0));
    String value = graph.node("Add", "embedding", List.of(words, places));
    for (int i = 0; i < sizes.layers(); i++) {
      value = layer(Encoder.layerName(i), value);
    }
    value = layers.layerNorm("norm", value);
    layers.classifier(
        graph.node(
            "ReduceMean",
            "mean",
            List.of(value),
            OnnxGraph.integers("axes", 1),
            OnnxGraph.integer("keepdims", 0)));
  }

  private String layer(String name, String in) {
    String branch = attention(name + ".attention", layers.layerNorm(name + ".attention.norm", in));
    String middle = graph.node("Add", name + ".attention.add", List.of(in, branch));
    String wide =
        layers.linear(name + ".inner.wide", layers.layerNorm(name + ".inner.norm", middle));
    String narrow = layers.linear(name + ".inner.narrow", gelu(name + ".inner.gelu", wide));
    return graph.node("Add", name + ".inner.add", List.of(middle, narrow));
  }

  private String attention(String name, String in) {
    String query = heads(name + ".query", in, 0, 2, 1, 3);
    String key = heads(name + ".key", in, 0, 2, 3, 1);
    String value = heads(name + ".value", in, 0, 2, 1, 3);
    String scores = graph.node("MatMul", name + ".scores", List.of(query, key));
    scores = graph.node("Div", name + ".scaled", List.of(scores, "scale"));
    String shares =
        graph.node("Softmax", name + ".softmax", List.of(scores), OnnxGraph.integer("axis", -1));
    String context = graph.node("MatMul", name + ".context", List.of(shares, value));
    context = transposed(name + ".context.transpose", context, 0, 2, 1, 3);
    context = graph.node("Reshape", name + ".context.reshape", List.of(context, "joined"));
    return layers.linear(name + ".output", context);
  }

  private String heads(String name, String in, long... order) {
    String split =
        graph.node("Reshape", name + ".reshape", List.of(layers.linear(name, in), "heads"));
    return transposed(name + ".transpose", split, order);
  }

  private String transposed(String name, String in, long... order) {
    return graph.node("Transpose", name, List.of(in), OnnxGraph.integers("perm", order));
  }

  /** x * (1 + erf(x / sqrt(2))) / 2. */
  private String gelu(String name, String in) {
    String erf = graph.node("Div", name + ".div", List.of(in, "root_two"));
    erf = graph.node("Erf", name + ".erf", List.of(erf));
    String share = graph.node("Add", name + ".add", List.of(erf, "one"));
    String product = graph.node("Mul", name + ".mul", List.of(in, share));
    return graph.node("Mul", name, List.of(product, "half"));
  }
}
