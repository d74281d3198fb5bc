package dev.sluice.converter.onnx;

import dev.sluice.converter.onnx.proto.Onnx.FunctionProto;
import dev.sluice.converter.onnx.proto.Onnx.ModelProto;
import dev.sluice.converter.onnx.proto.Onnx.NodeProto;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/**
 * Functions of a model are put in the place of the nodes that call them. A short file can call
 * functions that call functions until no memory holds the result, or the native stack is used up;
 * so what it would unfold to is counted first.
 *
 * <p>Thread safety: used by one thread.
 */
final class FunctionRules {
  /** Several times the nodes of the largest models there are. */
  static final long MAX_NODES = 1_000_000;

  /**
   * Ten times the calls of models whose every operator is a function. ONNX Runtime 1.29.0 takes
   * time by their square to put the functions in their places: for these, half a minute.
   */
  static final long MAX_CALLS = 50_000;

  /** Modules inside of modules, as exporters make functions of them, are some ten deep. */
  static final int MAX_DEPTH = 64;

  private final Path file;
  private final Map<String, FunctionProto> functions = new HashMap<>();
  private final Map<String, Unfolded> unfolded = new HashMap<>();

  private FunctionRules(Path file) {
    this.file = file;
  }

  /**
   * What becomes of nodes or of a function.
   *
   * @param nodes how many there are with all functions in place, at most just over the limit
   * @param calls how many functions were put in their places, at most just over the limit
   * @param depth how many functions are inside of each other
   */
  private record Unfolded(long nodes, long calls, int depth) {}

  /** Checks the functions of a model, and its size. */
  static void check(Path file, ModelProto model) throws ModelException {
    FunctionRules rules = new FunctionRules(file);
    for (FunctionProto function : model.getFunctionsList()) {
      String key = key(function.getDomain(), function.getName(), function.getOverload());
      if (rules.functions.put(key, function) != null) {
        throw rules.refuse("there are two functions '" + function.getName() + "'");
      }
    }
    Counter counter = rules.new Counter(0);
    OnnxModel.forEachGraph(model.getGraph(), graph -> graph.getNodeList().forEach(counter));
    counter.result("the graph");
  }

  private static String key(String domain, String name, String overload) {
    return domain + "::" + name + "::" + overload;
  }

  /** Adds up nodes; the first failure is kept, since a visitor can't throw it. */
  private final class Counter implements Consumer<NodeProto> {
    private final int level;
    private long nodes;
    private long calls;
    private int depth;
    private ModelException failure;

    Counter(int level) {
      this.level = level;
    }

    @Override
    public void accept(NodeProto node) {
      if (failure != null) {
        return;
      }
      String key = key(node.getDomain(), node.getOpType(), node.getOverload());
      try {
        Unfolded inside = functions.containsKey(key) ? unfold(key, level) : new Unfolded(1, 0, 0);
        nodes = Math.min(MAX_NODES + 1, nodes + inside.nodes());
        calls = Math.min(MAX_CALLS + 1, calls + inside.calls());
        depth = Math.max(depth, inside.depth());
      } catch (ModelException e) {
        failure = e;
      }
    }

    Unfolded result(String who) throws ModelException {
      if (failure != null) {
        throw failure;
      }
      if (nodes > MAX_NODES) {
        throw refuse(who + " has more than " + MAX_NODES + " nodes with its functions in place");
      }
      if (calls > MAX_CALLS) {
        throw refuse(
            who + " calls functions more than " + MAX_CALLS + " times, nested calls included");
      }
      return new Unfolded(nodes, calls, depth);
    }
  }

  /**
   * What a function becomes.
   *
   * @param level how many functions it is inside of
   */
  private Unfolded unfold(String key, int level) throws ModelException {
    FunctionProto function = functions.get(key);
    String who = "the function '" + function.getName() + "'";
    if (unfolded.containsKey(key)) {
      Unfolded known = unfolded.get(key);
      if (known == null) {
        throw refuse(who + " calls itself");
      }
      if (level + known.depth() > MAX_DEPTH) {
        throw tooDeep(who);
      }
      return known;
    }
    if (level >= MAX_DEPTH) {
      throw tooDeep(who);
    }
    unfolded.put(key, null);
    Counter counter = new Counter(level + 1);
    forEachNode(function.getNodeList(), counter);
    Unfolded inside = counter.result(who);
    Unfolded result =
        new Unfolded(Math.max(1, inside.nodes()), inside.calls() + 1, inside.depth() + 1);
    unfolded.put(key, result);
    return result;
  }

  private static void forEachNode(List<NodeProto> nodes, Consumer<NodeProto> visitor) {
    for (NodeProto node : nodes) {
      visitor.accept(node);
      OnnxModel.forEachSubgraph(node, graph -> graph.getNodeList().forEach(visitor));
    }
  }

  private ModelException tooDeep(String who) {
    return refuse(who + " is inside of more than " + MAX_DEPTH + " others");
  }

  private ModelException refuse(String problem) {
    return new ModelException(file, problem + "; export the model without functions");
  }
}
