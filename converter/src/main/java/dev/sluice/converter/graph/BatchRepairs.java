package dev.sluice.converter.graph;

import dev.sluice.bindings.ElementType;
import dev.sluice.converter.graph.BatchTrace.Place;
import dev.sluice.converter.graph.OneNode.Edge;
import dev.sluice.converter.onnx.proto.Onnx.AttributeProto;
import dev.sluice.converter.onnx.proto.Onnx.NodeProto;
import dev.sluice.converter.onnx.proto.Onnx.TensorProto;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;

/**
 * The nodes that fix a batch, and how each is mended. All of them have the number of rows written
 * into a constant or an attribute, so that it can be replaced by what says "as many as there are".
 *
 * <p>Thread safety: used by one thread.
 */
final class BatchRepairs {
  private final BatchTrace trace;
  private final GraphEdit edit;
  private final long opset;
  private final long rows;
  private final boolean literal;
  private final BatchChoices choices;

  BatchRepairs(
      BatchTrace trace,
      GraphEdit edit,
      long opset,
      long rows,
      boolean literal,
      BatchChoices choices) {
    this.trace = trace;
    this.edit = edit;
    this.opset = opset;
    this.rows = rows;
    this.literal = literal;
    this.choices = choices;
  }

  /**
   * A repair.
   *
   * @param nodes what stands in the place of the node; the node itself where it is right as it is
   * @param place of the batch in the first result, where that is known; else null
   * @param what was done, in words
   */
  record Repair(List<NodeProto> nodes, Place place, String what) {}

  /**
   * Looks whether a node needs a repair.
   *
   * @param results of the node at the exported number of rows
   * @return null where it needs none that is known here
   * @throws BatchFixedException where it can't be mended
   */
  Repair repair(NodeProto node, List<Edge> results) throws BatchFixedException {
    if (!Graph.isStandard(node) || results.isEmpty() || results.getFirst() == null) {
      return null;
    }
    long[] out = results.getFirst().dims();
    return switch (node.getOpType()) {
      case "LSTM", "GRU", "RNN" -> recurrent(node);
      case "Concat" -> concat(node);
      case "Reshape", "Expand", "Resize", "Slice", "Squeeze", "Flatten" -> {
        Place place = node.getInputCount() == 0 ? null : trace.place(node.getInput(0));
        if (place == null || out == null) {
          yield null;
        }
        yield switch (node.getOpType()) {
          case "Reshape" -> reshape(node, place, out);
          case "Expand" -> expand(node, place, out);
          case "Resize" -> resize(node, place, out);
          case "Slice" -> slice(node, place);
          case "Squeeze" -> squeeze(node, place);
          default -> flatten(node, place);
        };
      }
      default -> null;
    };
  }

  private Repair reshape(NodeProto node, Place place, long[] out) throws BatchFixedException {
    long[] in = trace.before(node.getInput(0)).dims();
    Place target = target(in, place, out);
    if (target == null) {
      throw new BatchFixedException(
          node,
          "from "
              + Arrays.toString(in)
              + ", where the batch is axis "
              + place.axis()
              + ", to "
              + Arrays.toString(out)
              + " no axis keeps the rows together");
    }
    if (Arrays.equals(trace.shapeAfter(node), trace.grown(out, target.axis()))) {
      return new Repair(List.of(node), target, "");
    }
    boolean copies =
        place.isPure()
            && target.isPure()
            && place.axis() == target.axis()
            && attribute(node, "allowzero", 0) == 0;
    long entry = copies ? 0 : -1;
    String what = "entry " + target.axis() + " of the shape became " + entry;
    if (node.getInputCount() < 2) {
      long[] shape = integers(node, "shape");
      mend(node, shape, place, target, out, entry);
      return new Repair(List.of(withIntegers(node, "shape", shape)), target, what);
    }
    String name = node.getInput(1);
    if (trace.isSame(name) && trace.before(name).data() != null) {
      long[] shape = Numbers.read(trace.before(name).data());
      mend(node, shape, place, target, out, entry);
      return new Repair(List.of(withInput(node, 1, vector(node, "shape", shape))), target, what);
    }
    List<NodeProto> nodes = new ArrayList<>();
    String mended = withEntry(node, name, out.length, target.axis(), entry, nodes);
    nodes.add(withInput(node, 1, mended));
    return new Repair(nodes, target, what);
  }

  /** Writes an entry into the shape of a Reshape; a second "whatever is left" becomes a number. */
  private void mend(NodeProto node, long[] shape, Place place, Place target, long[] out, long entry)
      throws BatchFixedException {
    shape[target.axis()] = entry;
    for (int axis = 0; axis < shape.length; axis++) {
      boolean second = axis != target.axis() && shape[axis] == -1 && entry == -1;
      boolean copiesBatch = axis != target.axis() && shape[axis] == 0 && axis == place.axis();
      if (second || copiesBatch) {
        if (!literal) {
          throw new BatchFixedException(
              node, "its shape leaves axis " + axis + " open, and has the batch in another");
        }
        shape[axis] = out[axis];
      }
    }
  }

  /**
   * The axis of a reshaped value that the rows go to: in the order of the elements it splits them
   * at the same places.
   */
  private Place target(long[] in, Place place, long[] out) {
    long ahead = place.outer();
    for (int axis = 0; axis < place.axis(); axis++) {
      ahead *= in[axis];
    }
    List<Place> found = new ArrayList<>();
    long prefix = 1;
    for (int axis = 0; axis < out.length && prefix > 0 && ahead % prefix == 0; axis++) {
      long through = prefix * out[axis];
      if (through > 0 && through % (ahead * rows) == 0) {
        found.add(new Place(axis, ahead / prefix, through / (ahead * rows)));
      }
      prefix = through;
    }
    if (found.isEmpty()) {
      return null;
    }
    found.sort(Comparator.comparingInt(candidate -> rank(candidate, out, place, in)));
    return found.get(choices.pick(found.size()));
  }

  /**
   * The smaller the likelier: with axes of extent 1 several places would do. The batch for itself
   * is best; then merged into the axis ahead where all behind it stays as it is, as the rows of a
   * product; then merged with what is behind it, as the heads of an attention.
   */
  private static int rank(Place place, long[] out, Place before, long[] in) {
    boolean sameBehind =
        Arrays.equals(in, before.axis() + 1, in.length, out, place.axis() + 1, out.length);
    return (place.isPure() ? 0 : sameBehind ? 2 : place.outer() == 1 ? 4 : 6)
        + (place.axis() == before.axis() ? 0 : 1);
  }

  private Repair expand(NodeProto node, Place place, long[] out) throws BatchFixedException {
    int axis = place.axis() + out.length - trace.before(node.getInput(0)).dims().length;
    if (Arrays.equals(trace.shapeAfter(node), trace.grown(out, axis))) {
      return null;
    }
    Edge shape = trace.before(node.getInput(1));
    if (shape.dims() == null || shape.dims().length != 1) {
      return null;
    }
    int length = Math.toIntExact(shape.dims()[0]);
    List<NodeProto> nodes = new ArrayList<>();
    String mended = withEntry(node, node.getInput(1), length, axis - out.length + length, 1, nodes);
    nodes.add(withInput(node, 1, mended));
    return new Repair(nodes, null, "the batch's entry of the shape became 1");
  }

  private Repair resize(NodeProto node, Place place, long[] out) {
    if (node.getInputCount() < 4
        || node.getInput(3).isEmpty()
        || Arrays.equals(trace.shapeAfter(node), trace.grown(out, place.axis()))) {
      return null;
    }
    Edge sizes = trace.before(node.getInput(3));
    if (sizes.data() == null || !trace.isSame(node.getInput(3)) || !place.isPure()) {
      return null;
    }
    long[] numbers = Numbers.read(sizes.data());
    if (numbers.length != out.length) {
      return null;
    }
    List<NodeProto> nodes = new ArrayList<>();
    String mended = shape(node, numbers, place.axis(), node.getInput(0), place.axis(), nodes);
    nodes.add(withInput(node, 3, mended));
    return new Repair(nodes, null, "the batch's entry of the sizes is the input's");
  }

  private Repair slice(NodeProto node, Place place) throws BatchFixedException {
    boolean attributes = opset < 10;
    long[] starts = attributes ? integers(node, "starts") : input(node, 1);
    long[] ends = attributes ? integers(node, "ends") : input(node, 2);
    if (starts == null || ends == null) {
      return null;
    }
    long[] dims = trace.before(node.getInput(0)).dims();
    long[] axes = attributes ? integers(node, "axes") : input(node, 3);
    long[] steps = attributes ? null : input(node, 4);
    for (int i = 0; i < ends.length; i++) {
      long axis = axes == null ? i : axes[i] < 0 ? axes[i] + dims.length : axes[i];
      if (axis != place.axis() || ends[i] >= Integer.MAX_VALUE) {
        continue;
      }
      if (starts[i] != 0 || ends[i] < dims[place.axis()] || (steps != null && steps[i] != 1)) {
        throw new BatchFixedException(
            node, "it takes the rows " + starts[i] + " to " + ends[i] + " of the batch only");
      }
      ends[i] = Integer.MAX_VALUE;
      NodeProto mended =
          attributes
              ? withIntegers(node, "ends", ends)
              : withInput(node, 2, sameType(node, 2, ends));
      return new Repair(List.of(mended), null, "the end in the batch's axis is open");
    }
    return null;
  }

  private Repair squeeze(NodeProto node, Place place) throws BatchFixedException {
    boolean named =
        opset >= 13
            ? node.getInputCount() > 1 && !node.getInput(1).isEmpty()
            : integers(node, "axes") != null;
    long[] dims = trace.before(node.getInput(0)).dims();
    if (named) {
      return null;
    }
    if (dims[place.axis()] == 1) {
      throw new BatchFixedException(
          node, "it drops every axis of extent 1, the batch's among them");
    }
    long[] axes = new long[dims.length];
    int count = 0;
    for (int axis = 0; axis < dims.length; axis++) {
      if (dims[axis] == 1) {
        axes[count++] = axis;
      }
    }
    axes = Arrays.copyOf(axes, count);
    NodeProto mended =
        opset >= 13
            ? node.toBuilder()
                .clearInput()
                .addInput(node.getInput(0))
                .addInput(vector(node, "axes", axes))
                .build()
            : withIntegers(node, "axes", axes);
    return new Repair(List.of(mended), null, "drops axes " + Arrays.toString(axes) + " by name");
  }

  private Repair flatten(NodeProto node, Place place) {
    if (attribute(node, "axis", 1) != 0 || place.axis() != 0 || rows != 1 || !place.isPure()) {
      return null;
    }
    NodeProto.Builder mended = node.toBuilder();
    for (AttributeProto.Builder attribute : mended.getAttributeBuilderList()) {
      if (attribute.getName().equals("axis")) {
        attribute.setI(1);
      }
    }
    return new Repair(List.of(mended.build()), new Place(0, 1, 1), "flattens from axis 1 on");
  }

  private Repair concat(NodeProto node) throws BatchFixedException {
    String carrier = null;
    for (String input : node.getInputList()) {
      carrier = carrier == null && trace.place(input) != null ? input : carrier;
    }
    if (carrier == null) {
      return null;
    }
    Place place = trace.place(carrier);
    int rank = trace.before(carrier).dims().length;
    long axis = attribute(node, "axis", 1);
    if ((axis < 0 ? axis + rank : axis) == place.axis()) {
      return null;
    }
    return expanded(node, node.getInputList(), carrier, place, place.axis());
  }

  private Repair recurrent(NodeProto node) throws BatchFixedException {
    Place place = trace.place(node.getInput(0));
    boolean first = attribute(node, "layout", 0) == 1;
    if (place == null || place.axis() != (first ? 0 : 1)) {
      return null;
    }
    List<NodeProto> nodes = new ArrayList<>();
    NodeProto mended = node;
    List<String> states =
        node.getInputList()
            .subList(Math.min(4, node.getInputCount()), Math.min(7, node.getInputCount()));
    for (int i = 0; i < states.size(); i++) {
      if (needsRows(states.get(i))) {
        mended =
            withInput(
                mended,
                4 + i,
                expanded(
                    node, states.get(i), node.getInput(0), place, first || i == 0 ? 0 : 1, nodes));
      }
    }
    nodes.add(mended);
    return nodes.size() == 1 ? null : new Repair(nodes, null, "its first state has a row for each");
  }

  private boolean needsRows(String name) {
    return !name.isEmpty() && trace.place(name) == null && trace.before(name) != null;
  }

  private Repair expanded(
      NodeProto node, List<String> inputs, String carrier, Place place, int axis)
      throws BatchFixedException {
    List<NodeProto> nodes = new ArrayList<>();
    NodeProto mended = node;
    for (int i = 0; i < inputs.size(); i++) {
      if (needsRows(inputs.get(i))) {
        mended = withInput(mended, i, expanded(node, inputs.get(i), carrier, place, axis, nodes));
      }
    }
    nodes.add(mended);
    return nodes.size() == 1
        ? null
        : new Repair(nodes, null, "what is the same for all rows is repeated for each");
  }

  /** A value of one row, repeated for each row that another value has. */
  private String expanded(
      NodeProto node, String value, String carrier, Place place, int axis, List<NodeProto> nodes)
      throws BatchFixedException {
    long[] dims = trace.before(value).dims();
    if (dims == null || axis >= dims.length || dims[axis] != 1 || rows != 1 || !place.isPure()) {
      throw new BatchFixedException(
          node,
          "'"
              + value
              + "' of the shape "
              + Arrays.toString(dims)
              + " is not of the batch, but has its extent");
    }
    long[] ones = new long[dims.length];
    Arrays.fill(ones, 1);
    String shape = shape(node, ones, axis, carrier, place.axis(), nodes);
    return add(node, "Expand", List.of(value, shape), "expanded", nodes);
  }

  /** A shape whose entry at {@code index} is an extent of a value. */
  private String shape(
      NodeProto node, long[] entries, int index, String value, int axis, List<NodeProto> nodes) {
    String whole = add(node, "Shape", List.of(value), "shape", nodes);
    String extent =
        add(node, "Gather", List.of(whole, vector(node, "axis", axis)), "extent", nodes);
    List<String> parts = new ArrayList<>();
    if (index > 0) {
      parts.add(vector(node, "ahead", Arrays.copyOf(entries, index)));
    }
    parts.add(extent);
    if (index + 1 < entries.length) {
      parts.add(vector(node, "behind", Arrays.copyOfRange(entries, index + 1, entries.length)));
    }
    return add(node, "Concat", parts, "dims", nodes, integer("axis", 0));
  }

  /** A shape with another entry: a constant anew, a computed one by arithmetic. */
  private String withEntry(
      NodeProto node, String shape, int length, int index, long entry, List<NodeProto> nodes) {
    if (trace.isSame(shape) && trace.before(shape).data() != null) {
      long[] numbers = Numbers.read(trace.before(shape).data());
      numbers[index] = entry;
      return vector(node, "shape", numbers);
    }
    long[] mask = new long[length];
    Arrays.fill(mask, 1);
    mask[index] = 0;
    long[] addend = new long[length];
    addend[index] = entry;
    String masked = add(node, "Mul", List.of(shape, vector(node, "mask", mask)), "masked", nodes);
    return add(node, "Add", List.of(masked, vector(node, "entry", addend)), "mended", nodes);
  }

  private String add(
      NodeProto node,
      String op,
      List<String> inputs,
      String suffix,
      List<NodeProto> nodes,
      AttributeProto... attributes) {
    String output = edit.freshName(node.getOutput(0) + "_" + suffix);
    nodes.add(
        NodeProto.newBuilder()
            .setName(output)
            .setOpType(op)
            .addAllInput(inputs)
            .addOutput(output)
            .addAllAttribute(List.of(attributes))
            .build());
    return output;
  }

  private String vector(NodeProto node, String suffix, long... values) {
    return added(Numbers.vector(edit.freshName(node.getOutput(0) + "_" + suffix), values));
  }

  /** A vector of the type that an input has: int32 or int64. */
  private String sameType(NodeProto node, int index, long[] values) {
    if (trace.before(node.getInput(index)).type() == ElementType.INT64.code()) {
      return vector(node, "ends", values);
    }
    TensorProto.Builder tensor =
        TensorProto.newBuilder()
            .setName(edit.freshName(node.getOutput(0) + "_ends"))
            .setDataType(ElementType.INT32.code())
            .addDims(values.length);
    for (long value : values) {
      tensor.addInt32Data((int) value);
    }
    return added(tensor.build());
  }

  private String added(TensorProto tensor) {
    edit.addInitializer(tensor);
    trace.constant(tensor);
    return tensor.getName();
  }

  private long[] input(NodeProto node, int index) {
    if (node.getInputCount() <= index || node.getInput(index).isEmpty()) {
      return null;
    }
    Edge edge = trace.before(node.getInput(index));
    return edge == null || edge.data() == null || !trace.isSame(node.getInput(index))
        ? null
        : Numbers.read(edge.data());
  }

  private static NodeProto withInput(NodeProto node, int index, String name) {
    return node.toBuilder().setInput(index, name).build();
  }

  private static long attribute(NodeProto node, String name, long absent) {
    return node.getAttributeList().stream()
        .filter(attribute -> attribute.getName().equals(name))
        .mapToLong(AttributeProto::getI)
        .findFirst()
        .orElse(absent);
  }

  private static long[] integers(NodeProto node, String name) {
    return node.getAttributeList().stream()
        .filter(attribute -> attribute.getName().equals(name))
        .map(attribute -> attribute.getIntsList().stream().mapToLong(Long::longValue).toArray())
        .findFirst()
        .orElse(null);
  }

  private static NodeProto withIntegers(NodeProto node, String name, long[] values) {
    NodeProto.Builder builder = node.toBuilder();
    AttributeProto.Builder attribute =
        AttributeProto.newBuilder().setName(name).setType(AttributeProto.AttributeType.INTS);
    for (long value : values) {
      attribute.addInts(value);
    }
    for (int i = 0; i < node.getAttributeCount(); i++) {
      if (node.getAttribute(i).getName().equals(name)) {
        return builder.setAttribute(i, attribute).build();
      }
    }
    return builder.addAttribute(attribute).build();
  }

  private static AttributeProto integer(String name, long value) {
    return AttributeProto.newBuilder()
        .setName(name)
        .setType(AttributeProto.AttributeType.INT)
        .setI(value)
        .build();
  }
}
