package dev.sluice.bindings.sim;

import java.util.List;

/**
 * A node of a graph.
 *
 * <p>Thread safety: guarded by the simulated driver's lock.
 */
final class SimNode {
  final Action action;
  final List<SimNode> dependencies;
  long handle;

  SimNode(Action action, List<SimNode> dependencies) {
    this.action = action;
    this.dependencies = List.copyOf(dependencies);
  }
}
