package dev.sluice.converter.graph;

import java.io.IOException;
import java.util.List;

/**
 * A named step that makes a graph out of a graph and says what it did. The new graph gives what the
 * old one gives; the caller proves that on samples before it uses it.
 *
 * <p>Thread safety: used by one thread.
 */
public interface Rewrite {
  /** The name, in words. */
  String name();

  /**
   * Makes the graph.
   *
   * @param weights finds the bytes of constants, and keeps new ones
   * @throws dev.sluice.converter.onnx.ModelException when a constant can't be read
   */
  Result apply(Graph graph, NewWeights weights) throws IOException;

  /**
   * What came of it.
   *
   * @param graph the new graph, or the same where nothing was done
   * @param changes what was done, to which nodes; empty where nothing was
   */
  record Result(Graph graph, List<String> changes) {
    /** Copies the list. */
    public Result {
      changes = List.copyOf(changes);
    }
  }

  /**
   * A step in words.
   *
   * @param name of the rewrite
   * @param changes what it did, or why it did nothing
   */
  record Report(String name, List<String> changes) {
    /** Copies the list. */
    public Report {
      changes = List.copyOf(changes);
    }
  }
}
