package dev.sluice.bindings.sim;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/**
 * The recording of a graph, from one stream and those that were joined to it by events.
 *
 * <p>Thread safety: guarded by the simulated driver's lock.
 */
final class Capture {
  final SimStream origin;
  final int mode;
  final Thread owner;
  final SimGraph graph;
  final Set<SimStream> streams = new LinkedHashSet<>();
  boolean invalid;
  boolean ended;

  Capture(SimStream origin, int mode, Thread owner) {
    this.origin = origin;
    this.mode = mode;
    this.owner = owner;
    this.graph = new SimGraph(origin.context);
    join(origin, List.of());
  }

  /** Takes a stream into the recording, after the given nodes. */
  void join(SimStream stream, List<SimNode> after) {
    boolean forked = streams.add(stream) && stream != origin;
    stream.capture = this;
    Set<SimNode> tails = new LinkedHashSet<>(stream.tails);
    tails.addAll(after);
    // A fork must be joined again even where nothing was put into it.
    stream.tails = forked ? List.of(new SimNode(null, tails)) : List.copyOf(tails);
  }

  void add(SimStream stream, Action action) {
    SimNode node = new SimNode(action, stream.tails);
    graph.nodes.add(node);
    stream.tails = List.of(node);
  }

  /** Whether all that was recorded comes before the origin's end. */
  boolean isJoined() {
    Set<SimNode> before = new HashSet<>();
    Deque<SimNode> open = new ArrayDeque<>(origin.tails);
    while (!open.isEmpty()) {
      SimNode node = open.pop();
      if (before.add(node)) {
        open.addAll(node.after);
      }
    }
    return streams.stream().allMatch(stream -> before.containsAll(stream.tails));
  }

  /** Lets the streams go. */
  void end() {
    ended = true;
    for (SimStream stream : streams) {
      stream.capture = null;
      stream.tails = List.of();
    }
  }
}
