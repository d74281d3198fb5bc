package dev.sluice.converter.precision;

import dev.sluice.bindings.ElementType;
import dev.sluice.converter.graph.Graph;
import dev.sluice.converter.graph.GraphEdit;
import dev.sluice.converter.graph.NewWeights;
import dev.sluice.converter.graph.Reals;
import dev.sluice.converter.onnx.proto.Onnx.AttributeProto;
import dev.sluice.converter.onnx.proto.Onnx.GraphProto;
import dev.sluice.converter.onnx.proto.Onnx.NodeProto;
import dev.sluice.converter.onnx.proto.Onnx.TensorProto;
import dev.sluice.converter.onnx.proto.Onnx.ValueInfoProto;
import java.io.IOException;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/**
 * The values of a graph in the element types that their takers want. A value is made in one type,
 * its home; each further type that is needed is one Cast, which all takers share. A constant is
 * converted here and now instead, rounded to nearest, and what is past the type's range becomes the
 * type's largest number.
 *
 * <p>Used in this order: {@link #home} for each value whose home is not what the graph says, {@link
 * #need} and {@link #output} for all that is taken, {@link #settle}, then {@link #name}, and {@link
 * #put} for each node.
 *
 * <p>Thread safety: used by one thread.
 */
final class Retyping {
  private final Graph graph;
  private final GraphEdit edit;
  private final NewWeights weights;
  private final Map<String, ElementType> homes = new HashMap<>();
  private final Map<String, EnumSet<ElementType>> needs = new LinkedHashMap<>();
  private final Map<String, ElementType> outputs = new HashMap<>();
  private final Map<String, Map<ElementType, String>> names = new HashMap<>();
  private final Map<Integer, List<NodeProto>> casts = new HashMap<>();
  private final Set<String> dropped = new HashSet<>();
  private final List<TensorProto> made = new ArrayList<>();

  Retyping(Graph graph, GraphEdit edit, NewWeights weights) {
    this.graph = graph;
    this.edit = edit;
    this.weights = weights;
  }

  /** The type in which a value is made. */
  void home(String value, ElementType type) {
    homes.put(value, type);
  }

  /** The type in which a value is made. */
  ElementType home(String value) {
    ElementType type = homes.get(value);
    return type == null ? graph.type(value).type() : type;
  }

  /** Somebody takes a value in a type. */
  void need(String value, ElementType type) {
    needs.computeIfAbsent(value, _ -> EnumSet.noneOf(ElementType.class)).add(type);
  }

  /** The graph gives a value in a type, under the value's own name. */
  void output(String value, ElementType type) {
    need(value, type);
    outputs.put(value, type);
  }

  /** Nobody takes a constant any more but those who say that they need it. */
  void drop(String constant) {
    if (!needs.containsKey(constant)) {
      dropped.add(constant);
    }
  }

  /** Names all versions of all values, makes the Casts and converts the constants. */
  void settle() throws IOException {
    for (Map.Entry<String, EnumSet<ElementType>> entry : needs.entrySet()) {
      String value = entry.getKey();
      Map<ElementType, String> versions = new EnumMap<>(ElementType.class);
      names.put(value, versions);
      TensorProto constant = graph.constant(value);
      ElementType home = home(value);
      EnumSet<ElementType> types = EnumSet.copyOf(entry.getValue());
      if (constant == null) {
        types.add(home);
      }
      ElementType first = types.contains(home) ? home : types.iterator().next();
      ElementType owner = outputs.getOrDefault(value, first);
      for (ElementType type : types) {
        versions.put(type, type == owner ? value : edit.freshName(value + "_" + suffix(type)));
      }
      for (ElementType type : types) {
        if (constant != null) {
          constant(value, constant, type);
        } else if (type != home) {
          cast(value, home, type);
        }
      }
      if (constant != null && !value.equals(versions.get(home))) {
        dropped.add(value);
      }
    }
    edit.keepInitializers(name -> !dropped.contains(name));
    made.forEach(edit::addInitializer);
  }

  static String suffix(ElementType type) {
    return type.name().toLowerCase(Locale.ROOT);
  }

  private void cast(String value, ElementType home, ElementType type) {
    Map<ElementType, String> versions = names.get(value);
    String back = versions.get(type).equals(value) ? null : source(value, type);
    if (back != null) {
      versions.put(type, back);
      return;
    }
    casts
        .computeIfAbsent(graph.producer(value), _ -> new ArrayList<>())
        .add(cast(versions.get(home), versions.get(type), type));
  }

  /** What was cast to make a value, where it is of a type: casting back gives just that. */
  private String source(String value, ElementType type) {
    int producer = graph.producer(value);
    if (producer < 0 || !graph.nodes().get(producer).getOpType().equals("Cast")) {
      return null;
    }
    String source = graph.nodes().get(producer).getInput(0);
    return homes.containsKey(source)
            || graph.type(source) == null
            || graph.type(source).type() != type
        ? null
        : source;
  }

  /** A Cast node, named after what it makes. */
  NodeProto cast(String from, String to, ElementType type) {
    return NodeProto.newBuilder()
        .setOpType("Cast")
        .setName(edit.freshNodeName(to))
        .addInput(from)
        .addOutput(to)
        .addAttribute(
            AttributeProto.newBuilder()
                .setName("to")
                .setType(AttributeProto.AttributeType.INT)
                .setI(type.code()))
        .build();
  }

  private void constant(String value, TensorProto constant, ElementType type) throws IOException {
    String name = names.get(value).get(type);
    ElementType from = ElementType.ofCode(constant.getDataType());
    if (type != from) {
      made.add(converted(constant, name, type, weights));
    } else if (!name.equals(value)) {
      made.add(constant.toBuilder().setName(name).build());
    }
  }

  /** A constant in another real type. */
  static TensorProto converted(
      TensorProto constant, String name, ElementType type, NewWeights weights) throws IOException {
    ElementType old = ElementType.ofCode(constant.getDataType());
    HalfFormat format = HalfFormat.isHalf(type) ? HalfFormat.of(type) : null;
    return weights.converted(
        constant,
        name,
        type,
        (from, to) -> {
          for (long i = 0, count = to.byteSize() * Byte.SIZE / type.bits(); i < count; i++) {
            double number = Reals.get(old, from, i);
            boolean past = format != null && format.overflows(number);
            Reals.set(type, to, i, past ? Math.copySign(format.max(), number) : number);
          }
        });
  }

  /** How a value is called in a type that was needed, or that is its home. */
  String name(String value, ElementType type) {
    Map<ElementType, String> versions = names.get(value);
    return versions == null ? value : versions.get(type);
  }

  /** Puts nodes in the place of one, and behind it the Casts of what it makes. */
  void put(int index, List<NodeProto> nodes) {
    List<NodeProto> all = new ArrayList<>();
    if (index == 0) {
      all.addAll(casts.getOrDefault(-1, List.of()));
    }
    NodeProto node = graph.nodes().get(index);
    boolean gone =
        node.getOpType().equals("Constant")
            && node.getOutputCount() == 1
            && dropped.contains(node.getOutput(0));
    if (!gone) {
      all.addAll(nodes);
    }
    all.addAll(casts.getOrDefault(index, List.of()));
    edit.replaceNode(index, all);
  }

  /** A node that takes its inputs, those of its subgraphs included, by other names. */
  static NodeProto renamed(NodeProto node, Map<String, String> names) {
    NodeProto.Builder renamed = node.toBuilder();
    for (int i = 0; i < node.getInputCount(); i++) {
      renamed.setInput(i, names.getOrDefault(node.getInput(i), node.getInput(i)));
    }
    for (AttributeProto.Builder attribute : renamed.getAttributeBuilderList()) {
      if (attribute.hasG()) {
        attribute.setG(renamed(attribute.getG(), names));
      }
      for (int i = 0; i < attribute.getGraphsCount(); i++) {
        attribute.setGraphs(i, renamed(attribute.getGraphs(i), names));
      }
    }
    return renamed.build();
  }

  private static GraphProto renamed(GraphProto graph, Map<String, String> names) {
    Map<String, String> outer = new HashMap<>(names);
    graph.getInputList().forEach(input -> outer.remove(input.getName()));
    graph.getInitializerList().forEach(tensor -> outer.remove(tensor.getName()));
    graph.getNodeList().forEach(node -> node.getOutputList().forEach(outer::remove));
    GraphProto.Builder renamed = graph.toBuilder();
    for (int i = 0; i < graph.getNodeCount(); i++) {
      renamed.setNode(i, renamed(graph.getNode(i), outer));
    }
    for (ValueInfoProto.Builder output : renamed.getOutputBuilderList()) {
      output.setName(outer.getOrDefault(output.getName(), output.getName()));
    }
    return renamed.build();
  }
}
