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

  /** What it was made of, whatever it was updated with: its nodes name the actions. */
  final SimGraph source;

  final List<Action> actions;
  long handle;

  /** The end of the latest launch; null before the first. */
  EventRecord last;

  SimGraphExec(SimGraph source) {
    this.context = source.context;
    this.source = source;
    this.actions = new ArrayList<>(source.nodes.stream().map(node -> node.action).toList());
  }
}
