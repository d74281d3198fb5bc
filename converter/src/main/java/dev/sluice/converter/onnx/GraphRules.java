package dev.sluice.converter.onnx;

import com.google.protobuf.ByteString;
import dev.sluice.converter.onnx.proto.Onnx.AttributeProto;
import dev.sluice.converter.onnx.proto.Onnx.FunctionProto;
import dev.sluice.converter.onnx.proto.Onnx.GraphProto;
import dev.sluice.converter.onnx.proto.Onnx.ModelProto;
import dev.sluice.converter.onnx.proto.Onnx.NodeProto;
import dev.sluice.converter.onnx.proto.Onnx.OperatorSetIdProto;
import dev.sluice.converter.onnx.proto.Onnx.SparseTensorProto;
import dev.sluice.converter.onnx.proto.Onnx.TensorProto;
import dev.sluice.converter.onnx.proto.Onnx.ValueInfoProto;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * What must hold in a model before anything walks through its graph or hands it to native code:
 * names are text, domains have one version, each value is made once, what is taken is made, nothing
 * goes in circles, and functions do not unfold without end. Operators, types and shapes are ONNX
 * Runtime's to judge.
 *
 * <p>Thread safety: used by one thread.
 */
final class GraphRules {
  private final Path file;

  private GraphRules(Path file) {
    this.file = file;
  }

  /**
   * Checks a model.
   *
   * @param file for messages
   * @throws ModelException naming the node or the value that breaks a rule
   */
  static void check(Path file, ModelProto model) throws ModelException {
    GraphRules rules = new GraphRules(file);
    rules.operatorSets(model.getOpsetImportList());
    for (FunctionProto function : model.getFunctionsList()) {
      rules.function(function);
    }
    Map<String, String> open = rules.graph(model.getGraph(), "the graph");
    rules.closed(open);
    FunctionRules.check(file, model);
  }

  /** Each domain has one version; that of the standard has two names. */
  private void operatorSets(List<OperatorSetIdProto> sets) throws ModelException {
    Map<String, Long> versions = new HashMap<>();
    for (OperatorSetIdProto set : sets) {
      text(set.getDomainBytes(), "the domain of an operator set");
      String domain = set.getDomain().equals("ai.onnx") ? "" : set.getDomain();
      Long before = versions.put(domain, set.getVersion());
      if (before != null && before != set.getVersion()) {
        throw refuse(
            (domain.isEmpty() ? "the standard's operator set" : "the operator set '" + domain + "'")
                + " is imported in the versions "
                + before
                + " and "
                + set.getVersion());
      }
    }
  }

  private void function(FunctionProto function) throws ModelException {
    text(function.getNameBytes(), "the name of a function");
    String who = "the function '" + function.getName() + "'";
    text(function.getDomainBytes(), "the domain of " + who);
    operatorSets(function.getOpsetImportList());
    Set<String> made = new HashSet<>();
    for (int i = 0; i < function.getInputCount(); i++) {
      text(function.getInputBytes(i), "an input of " + who);
      once(made, function.getInput(i), "inputs of " + who);
    }
    Map<String, String> open = nodes(function.getNodeList(), made, who);
    for (int i = 0; i < function.getOutputCount(); i++) {
      text(function.getOutputBytes(i), "an output of " + who);
      if (!made.contains(function.getOutput(i))) {
        open.putIfAbsent(function.getOutput(i), who + " gives");
      }
    }
    closed(open);
  }

  /** Equal symbols mean equal extents, so they must be told apart. */
  private void dimensions(ValueInfoProto value) throws ModelException {
    for (var dim : value.getType().getTensorType().getShape().getDimList()) {
      text(dim.getDimParamBytes(), "a dimension of '" + value.getName() + "'");
    }
  }

  private void closed(Map<String, String> open) throws ModelException {
    for (Map.Entry<String, String> first : open.entrySet()) {
      throw refuse(
          first.getValue() + " '" + first.getKey() + "', which no node, input or constant makes");
    }
  }

  /**
   * Checks a graph.
   *
   * @return what it takes from the graphs around it, and who does
   */
  private Map<String, String> graph(GraphProto graph, String who) throws ModelException {
    Set<String> made = new HashSet<>();
    Set<String> inputs = new HashSet<>();
    for (ValueInfoProto input : graph.getInputList()) {
      text(input.getNameBytes(), "an input of " + who);
      if (input.getName().isEmpty()) {
        throw refuse("an input of " + who + " has no name");
      }
      dimensions(input);
      once(inputs, input.getName(), "inputs of " + who);
    }
    for (TensorProto tensor : graph.getInitializerList()) {
      text(tensor.getNameBytes(), "an initializer of " + who);
      once(made, tensor.getName(), "initializers of " + who);
    }
    for (SparseTensorProto tensor : graph.getSparseInitializerList()) {
      text(tensor.getValues().getNameBytes(), "an initializer of " + who);
      once(made, tensor.getValues().getName(), "initializers of " + who);
    }
    made.addAll(inputs);
    Map<String, String> open = nodes(graph.getNodeList(), made, who);
    Set<String> outputs = new HashSet<>();
    for (ValueInfoProto output : graph.getOutputList()) {
      text(output.getNameBytes(), "an output of " + who);
      dimensions(output);
      once(outputs, output.getName(), "outputs of " + who);
      if (!made.contains(output.getName())) {
        open.putIfAbsent(output.getName(), who + " gives");
      }
    }
    return open;
  }

  /**
   * Checks nodes.
   *
   * @param made what there is without them; theirs is added
   * @return what they take that is not there, and who takes it
   */
  private Map<String, String> nodes(List<NodeProto> nodes, Set<String> made, String who)
      throws ModelException {
    Map<String, Integer> makers = new HashMap<>();
    List<Map<String, String>> taken = new ArrayList<>();
    for (int i = 0; i < nodes.size(); i++) {
      NodeProto node = nodes.get(i);
      names(node, i, who);
      for (String output : node.getOutputList()) {
        if (!output.isEmpty()) {
          if (!made.add(output)) {
            throw refuse(node(node) + " makes '" + output + "', which is made already");
          }
          makers.put(output, i);
        }
      }
      taken.add(taken(node));
    }
    acyclic(nodes, makers, taken);
    Map<String, String> open = new LinkedHashMap<>();
    for (Map<String, String> names : taken) {
      names.forEach((name, taker) -> {
        if (!made.contains(name)) {
          open.putIfAbsent(name, taker);
        }
      });
    }
    return open;
  }

  private void names(NodeProto node, int index, String who) throws ModelException {
    String what = "node " + index + " of " + who;
    text(node.getNameBytes(), "the name of " + what);
    text(node.getOpTypeBytes(), "the operator of " + what);
    text(node.getDomainBytes(), "the domain of " + what);
    for (int i = 0; i < node.getInputCount(); i++) {
      text(node.getInputBytes(i), "an input of " + what);
    }
    for (int i = 0; i < node.getOutputCount(); i++) {
      text(node.getOutputBytes(i), "an output of " + what);
    }
    if (node.getOpType().isEmpty()) {
      throw refuse(what + " has no operator");
    }
    Set<String> attributes = new HashSet<>();
    for (AttributeProto attribute : node.getAttributeList()) {
      text(attribute.getNameBytes(), "an attribute of " + what);
      once(attributes, attribute.getName(), "attributes of " + node(node));
    }
  }

  /** What a node takes, its subgraphs included, and which node it is that does. */
  private Map<String, String> taken(NodeProto node) throws ModelException {
    Map<String, String> taken = new LinkedHashMap<>();
    String takes = node(node) + " takes";
    for (String input : node.getInputList()) {
      if (!input.isEmpty()) {
        taken.put(input, takes);
      }
    }
    for (AttributeProto attribute : node.getAttributeList()) {
      String who = "the subgraph '" + attribute.getName() + "' of " + node(node);
      if (attribute.hasG()) {
        graph(attribute.getG(), who).forEach(taken::putIfAbsent);
      }
      for (GraphProto graph : attribute.getGraphsList()) {
        graph(graph, who).forEach(taken::putIfAbsent);
      }
    }
    return taken;
  }

  /** Nodes need not stand in an order in which they can run, but there must be one. */
  private void acyclic(
      List<NodeProto> nodes, Map<String, Integer> makers, List<Map<String, String>> taken)
      throws ModelException {
    List<List<Integer>> next = new ArrayList<>();
    nodes.forEach(_ -> next.add(new ArrayList<>()));
    int[] waits = new int[nodes.size()];
    ArrayDeque<Integer> ready = new ArrayDeque<>();
    for (int i = 0; i < waits.length; i++) {
      for (String name : taken.get(i).keySet()) {
        Integer maker = makers.get(name);
        if (maker != null) {
          next.get(maker).add(i);
          waits[i]++;
        }
      }
      if (waits[i] == 0) {
        ready.add(i);
      }
    }
    int done = 0;
    while (!ready.isEmpty()) {
      done++;
      for (int follower : next.get(ready.remove())) {
        if (--waits[follower] == 0) {
          ready.add(follower);
        }
      }
    }
    if (done < waits.length) {
      throw refuse(circle(nodes, makers, taken, waits));
    }
  }

  /** Goes back from a node that waits until it comes to one for the second time. */
  private static String circle(
      List<NodeProto> nodes,
      Map<String, Integer> makers,
      List<Map<String, String>> taken,
      int[] waits) {
    int at = 0;
    while (waits[at] == 0) {
      at++;
    }
    Set<Integer> seen = new HashSet<>();
    String value = "";
    while (seen.add(at)) {
      for (String name : taken.get(at).keySet()) {
        Integer maker = makers.get(name);
        if (maker != null && waits[maker] > 0) {
          value = name;
          at = maker;
          break;
        }
      }
    }
    return node(nodes.get(at)) + " waits for itself: '" + value + "' goes in a circle";
  }

  private void once(Collection<String> names, String name, String what) throws ModelException {
    if (!names.add(name)) {
      throw refuse("two " + what + " are named '" + name + "'");
    }
  }

  /** A name that is no text could not be told from others, nor said to anybody. */
  private void text(ByteString name, String what) throws ModelException {
    if (!name.isValidUtf8()) {
      throw refuse(what + ", '" + name.toStringUtf8() + "', is not UTF-8");
    }
    for (int i = 0; i < name.size(); i++) {
      if (name.byteAt(i) == 0) {
        throw refuse(what + ", '" + name.toStringUtf8() + "', has a byte of zero in it");
      }
    }
  }

  private static String node(NodeProto node) {
    return "the node " + OnnxModel.describe(node);
  }

  private ModelException refuse(String problem) {
    return new ModelException(file, problem + "; the model is damaged: export it again");
  }
}
