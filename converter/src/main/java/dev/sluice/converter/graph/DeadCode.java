package dev.sluice.converter.graph;

import dev.sluice.converter.onnx.OnnxModel;
import dev.sluice.converter.onnx.proto.Onnx.FunctionProto;
import dev.sluice.converter.onnx.proto.Onnx.NodeProto;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Drops nodes, constants and functions that no output needs. Inputs stay, needed or not: callers
 * give them.
 *
 * <p>Thread safety: stateless.
 */
public final class DeadCode implements Rewrite {
  /** The rewrite. */
  public DeadCode() {}

  @Override
  public String name() {
    return "dead code";
  }

  @Override
  public Result apply(Graph graph, NewWeights weights) {
    Set<String> needed = new HashSet<>(graph.outputs());
    Set<Integer> live = new HashSet<>();
    // Backwards: who needs a value comes after who makes it.
    for (int i = graph.nodes().size() - 1; i >= 0; i--) {
      NodeProto node = graph.nodes().get(i);
      if (node.getOutputList().stream().anyMatch(needed::contains)) {
        live.add(i);
        needed.addAll(Graph.taken(node));
      }
    }
    List<String> changes = new ArrayList<>();
    GraphEdit edit = graph.edit();
    for (int i = 0; i < graph.nodes().size(); i++) {
      if (!live.contains(i)) {
        edit.replaceNode(i, List.of());
        changes.add(
            "dropped " + OnnxModel.describe(graph.nodes().get(i)) + ", which no output needs");
      }
    }
    int constants = 0;
    for (String name : graph.initializers().keySet()) {
      constants += needed.contains(name) ? 0 : 1;
    }
    if (constants > 0) {
      edit.keepInitializers(needed::contains);
      changes.add("dropped " + constants + " constants that no node takes");
    }
    Set<FunctionProto> called = called(graph, live);
    int functions = graph.model().getFunctionsCount() - called.size();
    if (functions > 0) {
      edit.keepFunctions(called::contains);
      changes.add("dropped " + functions + " functions that no node calls");
    }
    return new Result(changes.isEmpty() ? graph : edit.build(), changes);
  }

  private static Set<FunctionProto> called(Graph graph, Set<Integer> live) {
    Map<String, List<FunctionProto>> functions = new HashMap<>();
    for (FunctionProto function : graph.model().getFunctionsList()) {
      String key = function.getDomain() + ":" + function.getName();
      functions.computeIfAbsent(key, _ -> new ArrayList<>()).add(function);
    }
    Set<FunctionProto> called = new HashSet<>();
    Deque<NodeProto> waiting = new ArrayDeque<>();
    live.forEach(i -> waiting.add(graph.nodes().get(i)));
    while (!waiting.isEmpty()) {
      NodeProto root = waiting.remove();
      List<NodeProto> inside = new ArrayList<>(List.of(root));
      OnnxModel.forEachSubgraph(root, subgraph -> inside.addAll(subgraph.getNodeList()));
      for (NodeProto node : inside) {
        String key = node.getDomain() + ":" + node.getOpType();
        for (FunctionProto function : functions.getOrDefault(key, List.of())) {
          if (called.add(function)) {
            waiting.addAll(function.getNodeList());
          }
        }
      }
    }
    return called;
  }
}
