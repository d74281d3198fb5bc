package dev.sluice.converter.graph;

import dev.sluice.bindings.ElementType;
import dev.sluice.converter.graph.ShapedGraph.Given;
import dev.sluice.converter.graph.ShapedGraph.Inside;
import dev.sluice.converter.onnx.proto.Onnx.AttributeProto;
import dev.sluice.converter.onnx.proto.Onnx.FunctionProto;
import dev.sluice.converter.onnx.proto.Onnx.GraphProto;
import dev.sluice.converter.onnx.proto.Onnx.NodeProto;
import dev.sluice.converter.onnx.proto.Onnx.TensorProto;
import dev.sluice.converter.onnx.proto.Onnx.ValueInfoProto;
import dev.sluice.engine.Shape;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Counts the operations of a graph, of the graphs inside of its nodes, and of the functions that it
 * calls. What is inside of a node is counted at the shapes around it, once for equal ones.
 *
 * <p>Thread safety: used by one thread.
 */
final class FlopCounter {
  private static final String THEN = "then_branch";
  private static final String ELSE = "else_branch";

  private final Map<String, FunctionProto> functions = new HashMap<>();
  private final Map<Inside, FlopSum> counted = new HashMap<>();

  private FlopCounter() {}

  /** Counts a main graph. */
  static FlopCount count(Graph main) {
    FlopCounter counter = new FlopCounter();
    for (FunctionProto each : main.model().getFunctionsList()) {
      counter.functions.put(key(each.getDomain(), each.getName(), each.getOverload()), each);
    }
    return counter.sum(ShapedGraph.of(main)).result();
  }

  private static String key(String domain, String name, String overload) {
    return domain + "::" + name + "::" + overload;
  }

  private FlopSum sum(ShapedGraph shaped) {
    FlopSum sum = new FlopSum();
    for (NodeProto node : shaped.graph().nodes()) {
      try {
        add(shaped, node, sum);
      } catch (NotCountedException e) {
        sum.addNotCounted(node, e.getMessage());
      }
    }
    return sum;
  }

  private FlopSum sum(Inside inside) throws NotCountedException {
    FlopSum sum = counted.get(inside);
    return sum == null ? sum(new Body(inside, inside.infer())) : sum;
  }

  private FlopSum sum(Body body) {
    FlopSum sum = counted.get(body.inside());
    if (sum == null) {
      sum = sum(body.shaped());
      counted.put(body.inside(), sum);
    }
    return sum;
  }

  /** A graph inside of a node, before and after its shapes were inferred. */
  private record Body(Inside inside, ShapedGraph shaped) {}

  private void add(ShapedGraph shaped, NodeProto node, FlopSum sum) throws NotCountedException {
    FunctionProto function =
        functions.get(key(node.getDomain(), node.getOpType(), node.getOverload()));
    if (function != null) {
      sum.addInside(node, sum(FunctionBody.of(shaped, function, node)), 1);
    } else if (!Graph.hasSubgraphs(node)) {
      sum.add(layer(shaped, node));
    } else {
      switch (Graph.isStandard(node) ? node.getOpType() : "") {
        case "If" -> addBranch(shaped, node, sum);
        case "Loop" -> addLoop(shaped, node, sum);
        case "Scan" -> addScan(shaped, node, sum);
        default ->
            throw new NotCountedException("how often it runs the graph inside is not known here");
      }
    }
  }

  private static FlopCount.Layer layer(ShapedGraph shaped, NodeProto node)
      throws NotCountedException {
    long flops = NodeFlops.of(shaped.graph(), node);
    String first = node.getOutputList().stream().filter(o -> !o.isEmpty()).findFirst().orElse("");
    long[] output = shaped.graph().staticDims(first);
    if (output == null && flops > 0) {
      throw NotCountedException.unknownShape(first);
    }
    String operator =
        Graph.isStandard(node) ? node.getOpType() : node.getDomain() + "::" + node.getOpType();
    return new FlopCount.Layer(
        FlopSum.name(node),
        operator,
        output == null ? Shape.of() : Shape.of(output),
        1,
        flops,
        shaped.parameters(node));
  }

  private void addBranch(ShapedGraph shaped, NodeProto node, FlopSum sum)
      throws NotCountedException {
    Boolean condition = shaped.truth(input(node, 0));
    if (condition != null) {
      String branch = condition ? THEN : ELSE;
      sum.addInside(node, sum(shaped.subgraph(subgraph(node, branch), Map.of())), 1);
      sum.remark(node, "its condition is always " + condition + ", counted is the " + branch);
      return;
    }
    FlopSum then = sum(shaped.subgraph(subgraph(node, THEN), Map.of()));
    FlopSum otherwise = sum(shaped.subgraph(subgraph(node, ELSE), Map.of()));
    boolean first = then.total() >= otherwise.total();
    sum.addInside(node, first ? then : otherwise, 1);
    // What is not known of the lighter one may make it the heavier one.
    sum.addNotes(node, first ? otherwise : then);
    sum.remark(
        node,
        then.total() == otherwise.total()
            ? "both branches take as much, counted is one"
            : "counted is the heavier branch, " + (first ? THEN : ELSE));
  }

  /**
   * Takes how often at most, whether to start, and what is carried on; all but the last may lack.
   */
  private void addLoop(ShapedGraph shaped, NodeProto node, FlopSum sum) throws NotCountedException {
    GraphProto body = subgraph(node, "body");
    String most = input(node, 0);
    String start = input(node, 1);
    Boolean starts = start.isEmpty() ? Boolean.TRUE : shaped.truth(start);
    if (Boolean.FALSE.equals(starts)) {
      sum.remark(node, "its condition is false from the start: it does not run");
      return;
    }
    Long runs = most.isEmpty() ? null : shaped.number(most);
    if (runs == null) {
      throw new NotCountedException(
          most.isEmpty()
              ? "nothing but a condition ends it"
              : "how often it runs depends on what '" + most + "' holds");
    }
    if (body.getInputCount() < 2 || body.getOutputCount() < body.getInputCount() - 1) {
      throw new NotCountedException("its body does not take and give what a Loop's does");
    }
    Map<String, Given> inputs = new LinkedHashMap<>();
    inputs.put(body.getInput(0).getName(), scalar(body.getInput(0), ElementType.INT64));
    inputs.put(body.getInput(1).getName(), condition(body.getInput(1), starts));
    List<String> carried = new ArrayList<>();
    for (int i = 2; i < body.getInputCount(); i++) {
      carried.add(body.getInput(i).getName());
      inputs.put(body.getInput(i).getName(), carried(shaped, input(node, i)));
    }
    Body steady = steady(shaped, body, inputs, carried, 1);
    String goesOn = body.getOutput(0).getName();
    if (starts == null || !Boolean.TRUE.equals(steady.shaped().truth(goesOn))) {
      throw new NotCountedException("a condition that is computed may end it");
    }
    long times = Math.max(0, runs);
    sum.addInside(node, sum(steady), times);
    sum.remark(node, "its body runs " + times + (times == 1 ? " time" : " times"));
  }

  /** Takes what is carried on, then what is gone through, slice by slice, along an axis of each. */
  private void addScan(ShapedGraph shaped, NodeProto node, FlopSum sum) throws NotCountedException {
    if (shaped.graph().opset() < 9) {
      throw new NotCountedException("of Scan before operator set 9 nothing is known here");
    }
    GraphProto body = subgraph(node, "body");
    int count = body.getInputCount();
    long scanned = attribute(node, "num_scan_inputs").getI();
    if (scanned < 1
        || scanned > count
        || node.getInputCount() != count
        || body.getOutputCount() < count - scanned) {
      throw new NotCountedException("its body does not take what a Scan's does");
    }
    int states = (int) (count - scanned);
    List<Long> axes = attribute(node, "scan_input_axes").getIntsList();
    Map<String, Given> inputs = new LinkedHashMap<>();
    List<String> carried = new ArrayList<>();
    long extent = -1;
    for (int i = 0; i < count; i++) {
      String name = body.getInput(i).getName();
      if (i < states) {
        carried.add(name);
        inputs.put(name, carried(shaped, node.getInput(i)));
        continue;
      }
      String value = node.getInput(i);
      long[] dims = shaped.graph().staticDims(value);
      if (dims == null || dims.length == 0) {
        throw NotCountedException.unknownShape(value);
      }
      long axis = i - states < axes.size() ? axes.get(i - states) : 0;
      int at =
          Math.toIntExact(Math.clamp(axis < 0 ? axis + dims.length : axis, 0, dims.length - 1));
      extent = dims[at];
      inputs.put(name, Given.of(shaped.graph().type(value).type().code(), without(dims, at)));
    }
    sum.addInside(node, sum(steady(shaped, body, inputs, carried, 0)), extent);
    sum.remark(node, "its body runs " + extent + (extent == 1 ? " time" : " times"));
  }

  /** What a body takes from one run to the next: its shape, but not what it holds. */
  private static Given carried(ShapedGraph shaped, String value) throws NotCountedException {
    Given given = shaped.given(value);
    return new Given(given.type(), null, null);
  }

  /**
   * The body of a loop at shapes that hold for all its runs. A value that comes out of the first
   * run in another shape than it went in, or in one that is not known, is handed in without one.
   *
   * @param carried inputs that one run takes from the one before
   * @param first index of the body's output that becomes the first of them
   */
  private static Body steady(
      ShapedGraph shaped,
      GraphProto body,
      Map<String, Given> inputs,
      List<String> carried,
      int first)
      throws NotCountedException {
    Map<String, Given> steady = new LinkedHashMap<>(inputs);
    while (true) {
      Inside inside = shaped.subgraph(body, steady);
      ShapedGraph inferred = inside.infer();
      Graph graph = inferred.graph();
      boolean changed = false;
      for (int i = 0; i < carried.size(); i++) {
        String name = carried.get(i);
        long[] before = graph.staticDims(name);
        boolean open = !steady.get(name).type().getType().getTensorType().hasShape();
        long[] after = graph.staticDims(body.getOutput(first + i).getName());
        if (!open && (before == null || !Arrays.equals(before, after))) {
          int type = steady.get(name).type().getType().getTensorType().getElemType();
          steady.put(name, Given.of(type, null));
          changed = true;
        }
      }
      if (!changed) {
        return new Body(inside, inferred);
      }
    }
  }

  /** A number, of one element of the rank that a body declares. */
  private static Given scalar(ValueInfoProto declared, ElementType type) {
    return Given.of(type.code(), ones(declared));
  }

  /** Where a loop starts for certain, and nothing but its condition stops it, that stays true. */
  private static Given condition(ValueInfoProto declared, Boolean starts) {
    if (!Boolean.TRUE.equals(starts)) {
      return scalar(declared, ElementType.BOOL);
    }
    TensorProto.Builder truth =
        TensorProto.newBuilder().setDataType(ElementType.BOOL.code()).addInt32Data(1);
    for (long dim : ones(declared)) {
      truth.addDims(dim);
    }
    return Given.of(truth.build());
  }

  private static long[] ones(ValueInfoProto declared) {
    long[] ones = new long[declared.getType().getTensorType().getShape().getDimCount()];
    Arrays.fill(ones, 1);
    return ones;
  }

  private static long[] without(long[] dims, int axis) {
    long[] fewer = new long[dims.length - 1];
    System.arraycopy(dims, 0, fewer, 0, axis);
    System.arraycopy(dims, axis + 1, fewer, axis, fewer.length - axis);
    return fewer;
  }

  private static String input(NodeProto node, int index) {
    return index < node.getInputCount() ? node.getInput(index) : "";
  }

  private static GraphProto subgraph(NodeProto node, String name) throws NotCountedException {
    AttributeProto attribute = attribute(node, name);
    if (!attribute.hasG()) {
      throw new NotCountedException("it has no " + name);
    }
    return attribute.getG();
  }

  private static AttributeProto attribute(NodeProto node, String name) {
    return node.getAttributeList().stream()
        .filter(attribute -> attribute.getName().equals(name))
        .findFirst()
        .orElse(AttributeProto.getDefaultInstance());
  }
}
