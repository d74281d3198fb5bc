package dev.sluice.bindings.sim;

import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/**
 * A node of a graph, or the place at which a stream came into a capture.
 *
 * <p>Thread safety: guarded by the simulated driver's lock.
 */
final class SimNode {
  /** Null where it is no node of the graph. */
  final Action action;

  /** What the capture has put before it. */
  final List<SimNode> after;

  /** The nodes of the graph that it comes after. */
  final List<SimNode> dependencies;

  long handle;

  SimNode(Action action, Collection<SimNode> after) {
    this.action = action;
    this.after = List.copyOf(after);
    Set<SimNode> nodes = new LinkedHashSet<>();
    for (SimNode node : after) {
      nodes.addAll(node.action == null ? node.dependencies : List.of(node));
    }
    this.dependencies = List.copyOf(nodes);
  }
}
