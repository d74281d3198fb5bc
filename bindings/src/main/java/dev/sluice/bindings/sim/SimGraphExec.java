package dev.sluice.bindings.sim;

import java.util.ArrayList;
import java.util.List;

/**
 * A graph that is ready to launch: actions that may be exchanged one by one.
 *
 * <p>Thread safety: guarded by the simulated driver's lock.
 */
final class SimGraphExec {
  final SimContext context;
  SimGraph source;
  final List<Action> actions;
  long handle;

  SimGraphExec(SimGraph source) {
    this.context = source.context;
    this.source = source;
    this.actions = new ArrayList<>(source.nodes.stream().map(node -> node.action).toList());
  }
}
