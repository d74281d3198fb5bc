package dev.sluice.converter.graph;

import dev.sluice.bindings.NativeException;
import dev.sluice.converter.graph.OneNode.Edge;
import dev.sluice.converter.onnx.OnnxModel;
import dev.sluice.converter.onnx.proto.Onnx.NodeProto;
import dev.sluice.converter.onnx.proto.Onnx.TensorProto;
import dev.sluice.engine.Shape;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Follows the batch through a graph, node by node, and repairs nodes that fix it.
 *
 * <p>Words: <i>rows</i> is the number of rows that the model was exported for; <i>more</i> is
 * another number of rows. Every value is known <i>before</i>, at {@code rows}, and <i>after</i>, at
 * {@code more}. The <i>place</i> of the batch in a value is the axis whose extent grows with it.
 * That extent is {@code outer * rows * inner}: other axes may have been merged into it, before or
 * behind the batch.
 *
 * <p>For each node ONNX Runtime infers the results from the inputs at both numbers. Where a result
 * grows in one axis in step with the batch, the batch has a place in it. Where it does not, or ONNX
 * Runtime refuses the larger inputs, the node fixes the batch. {@link BatchRepairs} knows nodes
 * that can be mended; what is mended is followed in the same way. Values of shape arithmetic are
 * computed at both numbers, so that shapes which a model takes from its values need no repair.
 *
 * <p>Thread safety: used by one thread.
 */
final class BatchTrace {
  private final Graph graph;
  private final GraphEdit edit;
  private final OneNode inference;
  private final long rows;
  private final long more;
  private final Map<String, Edge> before = new HashMap<>();
  private final Map<String, Edge> after = new HashMap<>();
  private final Map<String, Place> places = new HashMap<>();
  private final BatchRepairs repairs;
  private final List<String> changes = new ArrayList<>();

  /**
   * Where the batch is in a value.
   *
   * @param axis the axis that grows with the batch
   * @param outer the part of its extent that other axes have, those before the batch
   * @param inner the same, those behind it
   */
  record Place(int axis, long outer, long inner) {
    /** Whether the extent is the number of rows. */
    boolean isPure() {
      return outer == 1 && inner == 1;
    }
  }

  /**
   * A trace.
   *
   * @param edit takes the repairs
   * @param inputs shape of each input at {@code rows}
   * @param literal whether extents besides the batch's may be written into constants; false where
   *     the model leaves some open
   * @param choices where the batch may be in one of several axes
   */
  BatchTrace(
      Graph graph,
      GraphEdit edit,
      OneNode inference,
      List<Shape> inputs,
      long rows,
      boolean literal,
      BatchChoices choices) {
    this.graph = graph;
    this.edit = edit;
    this.inference = inference;
    this.rows = rows;
    // No extent of a real model is this multiple of another by chance.
    this.more = Math.multiplyExact(rows, 11L);
    this.repairs = new BatchRepairs(this, edit, graph.opset(), rows, literal, choices);
    graph.initializers().values().forEach(this::constant);
    for (int i = 0; i < inputs.size(); i++) {
      String name = graph.inputs().get(i);
      OnnxModel.Value type = graph.type(name);
      Shape shape = inputs.get(i);
      before.put(name, new Edge(type.type().code(), shape.dims(), null));
      after.put(name, new Edge(type.type().code(), shape.withDim(0, more).dims(), null));
      places.put(name, new Place(0, 1, 1));
    }
  }

  /** Follows all nodes; returns what was repaired. */
  List<String> run() throws BatchFixedException {
    for (int i = 0; i < graph.nodes().size(); i++) {
      follow(i);
    }
    for (String name : graph.outputs()) {
      Place place = places.get(name);
      if (place == null || place.axis() != 0 || !place.isPure()) {
        String problem =
            "the output '"
                + name
                + "' "
                + (place == null
                    ? "does not grow with the batch"
                    : place.axis() != 0
                        ? "has the batch in axis " + place.axis()
                        : "has the batch merged with other axes");
        int producer = graph.producer(name);
        throw producer < 0
            ? new BatchFixedException(problem)
            : new BatchFixedException(graph.nodes().get(producer), problem);
      }
    }
    return List.copyOf(changes);
  }

  /** Adds a constant that the repairs made, or the model has. */
  void constant(TensorProto tensor) {
    before.put(tensor.getName(), Edge.of(tensor));
    after.put(tensor.getName(), Edge.of(tensor));
  }

  /** What a value is at the exported number of rows; null where nothing is known. */
  Edge before(String name) {
    return before.get(name);
  }

  /** Where the batch is; null where the value does not grow with it. */
  Place place(String name) {
    return places.get(name);
  }

  /** Whether a value, its elements counted, is the same for every number of rows. */
  boolean isSame(String name) {
    Edge edge = before.get(name);
    return edge == null || edge.isLike(after.get(name));
  }

  /** The shape at {@code more} rows of a value that has this shape now and the batch there. */
  long[] grown(long[] dims, int axis) {
    long[] grown = dims.clone();
    grown[axis] = dims[axis] / rows * more;
    return grown;
  }

  /** The shape of a node's first result at {@code more} rows, or null. */
  long[] shapeAfter(NodeProto node) {
    try {
      Edge edge = inference.infer(node, after).getFirst();
      return edge == null ? null : edge.dims();
    } catch (NativeException e) {
      return null;
    }
  }

  private void follow(int index) throws BatchFixedException {
    NodeProto node = graph.nodes().get(index);
    List<Edge> now;
    try {
      now = inference.infer(node, before);
    } catch (NativeException e) {
      throw new BatchFixedException(node, "ONNX Runtime tells no shapes of it: " + e.getMessage());
    }
    if (Graph.taken(node).stream().allMatch(this::isSame)) {
      put(node, now, now);
      return;
    }
    BatchRepairs.Repair repair = repairs.repair(node, now);
    List<NodeProto> nodes = repair == null ? List.of(node) : repair.nodes();
    for (NodeProto each : nodes) {
      try {
        put(each, inference.infer(each, before), inference.infer(each, after));
      } catch (NativeException e) {
        throw new BatchFixedException(
            node, "ONNX Runtime refuses it for " + more + " rows: " + e.getMessage());
      }
      locate(each, node, repair);
    }
    if (repair != null && !repair.nodes().equals(List.of(node))) {
      edit.replaceNode(index, nodes);
      changes.add(OnnxModel.describe(node) + ": " + repair.what());
    }
  }

  private void put(NodeProto node, List<Edge> now, List<Edge> then) {
    for (int i = 0; i < node.getOutputCount(); i++) {
      if (now.get(i) != null && then.get(i) != null) {
        before.put(node.getOutput(i), now.get(i));
        after.put(node.getOutput(i), then.get(i));
      }
    }
  }

  private void locate(NodeProto node, NodeProto original, BatchRepairs.Repair repair)
      throws BatchFixedException {
    boolean carries = Graph.taken(node).stream().anyMatch(places::containsKey);
    for (String output : node.getOutputList()) {
      Edge now = before.get(output);
      Edge then = after.get(output);
      boolean original0 = original.getOutputCount() > 0 && output.equals(original.getOutput(0));
      if (output.isEmpty() || isUnused(original, output)) {
        continue;
      }
      if (now == null || now.dims() == null || then.dims() == null) {
        if (carries) {
          throw new BatchFixedException(
              original, "the shape of its result '" + output + "' depends on the data");
        }
      } else if (Arrays.equals(now.dims(), then.dims())) {
        if (carries && now.data() == null) {
          throw new BatchFixedException(
              original,
              "its result '"
                  + output
                  + "' has the shape "
                  + Arrays.toString(now.dims())
                  + " whatever the batch is");
        }
      } else if (repair != null && repair.place() != null && original0) {
        places.put(output, repair.place());
      } else {
        places.put(output, place(node, original, now.dims(), then.dims()));
      }
    }
  }

  /** Whether nobody takes a result of a node of the model. */
  private boolean isUnused(NodeProto original, String output) {
    return original.getOutputList().contains(output)
        && graph.consumers(output).isEmpty()
        && !graph.outputs().contains(output);
  }

  private Place place(NodeProto node, NodeProto original, long[] now, long[] then)
      throws BatchFixedException {
    int axis = now.length == then.length ? Arrays.mismatch(now, then) : -1;
    if (axis < 0 || now[axis] % rows != 0 || !Arrays.equals(grown(now, axis), then)) {
      throw new BatchFixedException(
          original,
          "the shape of a result is "
              + Arrays.toString(now)
              + " for "
              + rows
              + " rows and "
              + Arrays.toString(then)
              + " for "
              + more
              + ", which does not grow in step with the batch in one axis");
    }
    long scale = now[axis] / rows;
    for (String input : Graph.taken(node)) {
      Place place = places.get(input);
      if (place != null && place.outer() * place.inner() == scale) {
        return new Place(axis, place.outer(), place.inner());
      }
    }
    return new Place(axis, 1, scale);
  }
}
