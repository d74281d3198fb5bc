package dev.sluice.engine.plan;

import java.util.List;

/**
 * TensorRT's parser does not take the graph. The message names every node that it said something
 * about.
 *
 * <p>Thread safety: as any exception.
 */
public final class UnsupportedNodesException extends PlanException {
  private static final long serialVersionUID = 1L;

  /** The nodes; transient, since nobody sends it anywhere. */
  private final transient List<Node> nodes;

  /**
   * A node that is not supported.
   *
   * @param name may be empty
   * @param operator may be empty
   * @param reason TensorRT's words, after the name of its error code
   */
  public record Node(String name, String operator, String reason) {
    @Override
    public String toString() {
      return "'" + name + "' (" + operator + "): " + reason;
    }
  }

  UnsupportedNodesException(String model, List<Node> nodes) {
    super(
        model
            + ": TensorRT's parser does not take "
            + nodes.size()
            + (nodes.size() == 1 ? " node" : " nodes")
            + " of the graph; replace them in the model, or serve it on the CPU:"
            + String.join("", nodes.stream().map(node -> "\n  " + node).toList()));
    this.nodes = List.copyOf(nodes);
  }

  /** All of them, in the graph's order as far as TensorRT told it. */
  public List<Node> nodes() {
    return nodes;
  }
}
