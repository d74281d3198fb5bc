package dev.sluice.bindings.sim;

import java.util.ArrayList;
import java.util.List;

/**
 * A graph; nodes stand in an order in which each comes after those that it depends on.
 *
 * <p>Thread safety: guarded by the simulated driver's lock.
 */
final class SimGraph {
  final SimContext context;
  final List<SimNode> nodes = new ArrayList<>();
  long handle;

  SimGraph(SimContext context) {
    this.context = context;
  }

  /** Whether another has the same nodes but for what {@link Action#updatable} lets change. */
  boolean sameTopology(SimGraph other) {
    boolean same = nodes.size() == other.nodes.size();
    for (int i = 0; same && i < nodes.size(); i++) {
      same = places(nodes.get(i)).equals(other.places(other.nodes.get(i)));
    }
    return same;
  }

  private List<Integer> places(SimNode node) {
    return node.dependencies.stream().map(nodes::indexOf).sorted().toList();
  }
}
