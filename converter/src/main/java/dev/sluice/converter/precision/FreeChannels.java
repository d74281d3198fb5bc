package dev.sluice.converter.precision;

import dev.sluice.bindings.ElementType;
import dev.sluice.converter.graph.Attributes;
import dev.sluice.converter.graph.Graph;
import dev.sluice.converter.onnx.OnnxModel;
import dev.sluice.converter.onnx.proto.Onnx.NodeProto;
import dev.sluice.converter.onnx.proto.Onnx.TensorProto;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Finds the channels of a graph's tensors that may be scaled by any positive number without a
 * change of the graph's results: whoever makes them divides by it in its constants, and all who
 * take them multiply.
 *
 * <p>Glossary: a <i>free channel</i> is a number that stands for such a scale. A tensor has one for
 * each of its channels, and tensors that are joined by an Add, a Concat or a Relu have the same
 * ones. A <i>factor</i> is an axis of a constant that must be multiplied by the scales of some
 * channels, or divided.
 *
 * <p>Layout: the channels of a convolution's input and result are axis 1, those of a product and of
 * a normalization the last axis.
 *
 * <p>Steps: forwards over the nodes. What makes new channels (a convolution, a product with
 * constant weights, a LayerNormalization, a Mul with a constant) gives its result fresh ones; what
 * keeps channels apart and is linear for positive factors (Relu, a pooling, a Concat, an Add) hands
 * them on. Whoever else takes a tensor, callers included, binds its channels: their scale is 1.
 *
 * <p>Thread safety: used by one thread.
 */
final class FreeChannels {
  private static final Set<String> KEEPS =
      Set.of("Relu", "LeakyRelu", "MaxPool", "AveragePool", "GlobalAveragePool", "Identity");

  /**
   * An axis of a constant of a node.
   *
   * @param node its index
   * @param input the constant's
   * @param layout of the constant: {@code outer x groups x channels x inner}
   * @param channels a free channel for each group and channel
   * @param divides whether its elements are divided by the scales, else multiplied
   */
  @SuppressWarnings("ArrayRecordComponent") // nobody compares or changes it
  record Factor(int node, int input, Layout layout, int[] channels, boolean divides) {}

  /** How the elements of a constant lie around the axis of channels. */
  record Layout(long outer, int groups, long between, int channels, long inner) {
    /** The index of an element's channel. */
    int channel(long element) {
      long group = element / (inner * channels * between) % groups;
      return (int) (group * channels + element / inner % channels);
    }
  }

  private final Graph graph;
  private final Map<String, int[]> byTensor = new HashMap<>();

  /** Which tensors have their channels last. */
  private final Set<String> channelsLast = new HashSet<>();

  private final List<Factor> factors = new ArrayList<>();

  /** A channel that this one is the same as; itself where it is none. */
  private final List<Integer> same = new ArrayList<>();

  private final Set<Integer> bound = new HashSet<>();

  FreeChannels(Graph graph) {
    this.graph = graph;
    for (int i = 0; i < graph.nodes().size(); i++) {
      visit(i, graph.nodes().get(i));
    }
    graph.outputs().forEach(this::bind);
  }

  /** How many free channels were numbered. */
  int count() {
    return same.size();
  }

  /** The channels of a tensor, one number for each; null where it has none. */
  int[] of(String tensor) {
    int[] channels = byTensor.get(tensor);
    if (channels == null) {
      return null;
    }
    int[] found = new int[channels.length];
    for (int i = 0; i < found.length; i++) {
      found[i] = find(channels[i]);
    }
    return found;
  }

  /** Whether the scale of a channel must be 1. */
  boolean isBound(int channel) {
    return bound.contains(find(channel));
  }

  boolean isLast(String tensor) {
    return channelsLast.contains(tensor);
  }

  /** What must be scaled. */
  List<Factor> factors() {
    return factors;
  }

  int find(int channel) {
    int root = channel;
    while (same.get(root) != root) {
      root = same.get(root);
    }
    for (int at = channel; same.get(at) != root; ) {
      int next = same.get(at);
      same.set(at, root);
      at = next;
    }
    return root;
  }

  private void join(int one, int other) {
    int first = find(one);
    int second = find(other);
    if (first != second) {
      same.set(second, first);
      if (bound.remove(second)) {
        bound.add(first);
      }
    }
  }

  private void bind(String tensor) {
    int[] channels = byTensor.get(tensor);
    for (int i = 0; channels != null && i < channels.length; i++) {
      bound.add(find(channels[i]));
    }
  }

  private int[] fresh(String tensor, long count, boolean last) {
    int[] channels = new int[Math.toIntExact(count)];
    for (int i = 0; i < channels.length; i++) {
      channels[i] = same.size();
      same.add(same.size());
    }
    give(tensor, channels, last);
    return channels;
  }

  private void give(String tensor, int[] channels, boolean last) {
    byTensor.put(tensor, channels);
    if (last) {
      channelsLast.add(tensor);
    }
  }

  private void visit(int index, NodeProto node) {
    boolean done =
        Graph.isStandard(node)
            && node.getOutputCount() >= 1
            && isFloat(node.getOutput(0))
            && switch (node.getOpType()) {
              case "Conv" -> convolution(index, node);
              case "Gemm", "MatMul" -> product(index, node);
              case "LayerNormalization" -> normalization(index, node);
              case "Mul" -> multiplication(index, node);
              case "Add" -> addition(index, node);
              case "Concat" -> concat(node);
              default -> KEEPS.contains(node.getOpType()) && keep(node);
            };
    if (!done) {
      Graph.taken(node).forEach(this::bind);
    }
  }

  private boolean isFloat(String tensor) {
    OnnxModel.Value type = graph.type(tensor);
    return type != null && type.type() == ElementType.FLOAT;
  }

  private static String input(NodeProto node, int index) {
    return index < node.getInputCount() ? node.getInput(index) : "";
  }

  /** The extents of a constant of type FLOAT; null where it is none. */
  private long[] constant(String name) {
    TensorProto tensor = graph.initializers().get(name);
    return tensor == null || tensor.getDataType() != ElementType.FLOAT.code()
        ? null
        : tensor.getDimsList().stream().mapToLong(Long::longValue).toArray();
  }

  /** The extent of a constant that has one number for each channel; -1 where it is none. */
  private long vector(String name) {
    long[] dims = constant(name);
    return dims != null && dims.length == 1 ? dims[0] : -1;
  }

  private static long product(long[] dims, int from, int to) {
    long product = 1;
    for (int i = from; i < to; i++) {
      product *= dims[i];
    }
    return product;
  }

  private void vectorFactor(int node, int input, int[] channels, boolean divides) {
    factors.add(
        new Factor(node, input, new Layout(1, 1, 1, channels.length, 1), channels, divides));
  }

  private boolean convolution(int index, NodeProto node) {
    long[] dims = constant(node.getInput(1));
    String bias = input(node, 2);
    if (dims == null || dims.length < 3 || (!bias.isEmpty() && vector(bias) != dims[0])) {
      return false;
    }
    int groups = (int) Attributes.integer(node, "group", 1);
    int[] in = byTensor.get(node.getInput(0));
    if (in != null && in.length == dims[1] * groups && !isLast(node.getInput(0))) {
      Layout layout =
          new Layout(1, groups, dims[0] / groups, (int) dims[1], product(dims, 2, dims.length));
      factors.add(new Factor(index, 1, layout, in, false));
    } else {
      bind(node.getInput(0));
    }
    int[] out = fresh(node.getOutput(0), dims[0], false);
    Layout layout = new Layout(1, 1, 1, (int) dims[0], product(dims, 1, dims.length));
    factors.add(new Factor(index, 1, layout, out, true));
    if (!bias.isEmpty()) {
      vectorFactor(index, 2, out, true);
    }
    return true;
  }

  private boolean product(int index, NodeProto node) {
    long[] dims = constant(node.getInput(1));
    String bias = input(node, 2);
    if (dims == null
        || dims.length != 2
        || Attributes.integer(node, "transA", 0) != 0
        || Attributes.decimal(node, "alpha", 1) != 1
        || Attributes.decimal(node, "beta", 1) != 1) {
      return false;
    }
    boolean transposed = Attributes.integer(node, "transB", 0) != 0;
    int inner = transposed ? 1 : 0;
    int columns = (int) dims[1 - inner];
    if (!bias.isEmpty() && vector(bias) != columns) {
      return false;
    }
    Layout rows = new Layout(1, 1, 1, (int) dims[0], dims[1]);
    Layout cols = new Layout(dims[0], 1, 1, (int) dims[1], 1);
    int[] in = byTensor.get(node.getInput(0));
    if (in != null && in.length == dims[inner] && isLast(node.getInput(0))) {
      factors.add(new Factor(index, 1, transposed ? cols : rows, in, false));
    } else {
      bind(node.getInput(0));
    }
    int[] out = fresh(node.getOutput(0), columns, true);
    factors.add(new Factor(index, 1, transposed ? rows : cols, out, true));
    if (!bias.isEmpty()) {
      vectorFactor(index, 2, out, true);
    }
    return true;
  }

  private boolean normalization(int index, NodeProto node) {
    long channels = vector(node.getInput(1));
    String bias = input(node, 2);
    // Other results, mean and deviation, do not depend on the scale.
    if (channels < 0
        || (!bias.isEmpty() && vector(bias) != channels)
        || !isLastAxis(node.getInput(0), Attributes.integer(node, "axis", -1))) {
      return false;
    }
    bind(node.getInput(0));
    int[] out = fresh(node.getOutput(0), channels, true);
    vectorFactor(index, 1, out, true);
    if (!bias.isEmpty()) {
      vectorFactor(index, 2, out, true);
    }
    return true;
  }

  private boolean isLastAxis(String tensor, long axis) {
    OnnxModel.Value type = graph.type(tensor);
    return axis == -1 || (type != null && type.isRanked() && axis == type.dims().size() - 1);
  }

  /** Which input is a vector of as many constants as a tensor, the other one, has channels last. */
  private int vectorInput(NodeProto node) {
    for (int i = 0; i < 2; i++) {
      OnnxModel.Value other = graph.type(node.getInput(1 - i));
      long extent = vector(node.getInput(i));
      if (extent > 1
          && other != null
          && other.isRanked()
          && constant(node.getInput(1 - i)) == null
          && !other.dims().isEmpty()
          && other.dims().getLast().extent() == extent) {
        return i;
      }
    }
    return -1;
  }

  private boolean multiplication(int index, NodeProto node) {
    int constant = vectorInput(node);
    if (constant < 0) {
      return false;
    }
    String value = node.getInput(1 - constant);
    int[] in = byTensor.get(value);
    if (in != null && isLast(value)) {
      vectorFactor(index, constant, in, false);
    } else {
      bind(value);
    }
    int[] out = fresh(node.getOutput(0), vector(node.getInput(constant)), true);
    vectorFactor(index, constant, out, true);
    return true;
  }

  private boolean addition(int index, NodeProto node) {
    int constant = vectorInput(node);
    int[] first = byTensor.get(node.getInput(constant < 0 ? 0 : 1 - constant));
    if (constant >= 0) {
      String value = node.getInput(1 - constant);
      if (first == null || !isLast(value)) {
        return false;
      }
      vectorFactor(index, constant, first, true);
      give(node.getOutput(0), first, true);
      return true;
    }
    int[] second = byTensor.get(node.getInput(1));
    boolean last = isLast(node.getInput(0));
    if (first == null
        || second == null
        || first.length != second.length
        || last != isLast(node.getInput(1))
        || rank(node.getInput(0)) != rank(node.getInput(1))) {
      return false;
    }
    for (int i = 0; i < first.length; i++) {
      join(first[i], second[i]);
    }
    give(node.getOutput(0), first, last);
    return true;
  }

  private int rank(String tensor) {
    OnnxModel.Value type = graph.type(tensor);
    return type != null && type.isRanked() ? type.dims().size() : -1;
  }

  private boolean concat(NodeProto node) {
    int rank = rank(node.getOutput(0));
    long axis = Attributes.integer(node, "axis", 0);
    axis = axis < 0 ? axis + rank : axis;
    boolean last = isLast(node.getInput(0));
    List<Integer> all = new ArrayList<>();
    for (String name : node.getInputList()) {
      int[] channels = byTensor.get(name);
      if (channels == null || isLast(name) != last || rank < 2 || axis != (last ? rank - 1 : 1)) {
        return false;
      }
      for (int channel : channels) {
        all.add(channel);
      }
    }
    give(node.getOutput(0), all.stream().mapToInt(Integer::intValue).toArray(), last);
    return true;
  }

  private boolean keep(NodeProto node) {
    int[] channels = byTensor.get(node.getInput(0));
    boolean pools = node.getOpType().endsWith("Pool");
    if (channels == null || (pools && isLast(node.getInput(0))) || node.getOutputCount() != 1) {
      return false;
    }
    give(node.getOutput(0), channels, isLast(node.getInput(0)));
    return true;
  }
}
