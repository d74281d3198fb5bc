package dev.sluice.bench.models;

import dev.sluice.bench.onnx.OnnxGraph;
import dev.sluice.bindings.ElementType;
import java.util.List;

/**
 * Fully connected layers with rectifiers between them. Input {@code features}, {@code f32[N,
 * inputs]}; output {@code scores}, {@code f32[N, outputs]}.
 *
 * <p>Thread safety: immutable.
 *
 * @param name of the model
 * @param widths values of the input, of each layer and of the output
 */
public record Perceptron(String name, List<Integer> widths) implements Network {
  /** Copies the list. */
  public Perceptron {
    widths = List.copyOf(widths);
    if (widths.size() < 2) {
      throw new IllegalArgumentException(name + ": widths has at least two, but is " + widths);
    }
  }

  /** Layers of 10, 50 and 10 values: 1,060 parameters. */
  public static Perceptron tiny() {
    return new Perceptron("mlp-tiny", List.of(10, 50, 10));
  }

  /** Layers of 512, 1024, 1024 and 256 values: 1,837,312 parameters. */
  public static Perceptron wide() {
    return new Perceptron("mlp", List.of(512, 1024, 1024, 256));
  }

  @Override
  public GeneratedModel model(long batch) {
    NetworkBuilder network = new NetworkBuilder(name, batch);
    OnnxGraph graph = network.graph();
    String value =
        network.input("features", ElementType.FLOAT, NetworkBuilder.UNIT_BOUND, widths.getFirst());
    int last = widths.size() - 2;
    for (int i = 0; i <= last; i++) {
      String layer = "fc" + (i + 1);
      double gain = i == last ? NetworkBuilder.LINEAR : NetworkBuilder.RECTIFIED;
      String weight = network.filters(layer + ".weight", gain, widths.get(i + 1), widths.get(i));
      List<String> inputs =
          List.of(value, weight, network.bias(layer + ".bias", widths.get(i + 1)));
      if (i == last) {
        graph.nodeTo("scores", "Gemm", layer, inputs, OnnxGraph.integer("transB", 1));
      } else {
        value = graph.node("Gemm", layer, inputs, OnnxGraph.integer("transB", 1));
        value = graph.node("Relu", layer + ".relu", List.of(value));
      }
    }
    graph.output("scores", ElementType.FLOAT, widths.getLast());
    return network.build("A perceptron of " + widths + " with random weights, for timing.");
  }
}
