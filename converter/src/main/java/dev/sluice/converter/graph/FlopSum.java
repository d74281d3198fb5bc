package dev.sluice.converter.graph;

import dev.sluice.converter.onnx.proto.Onnx.NodeProto;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * The operations of a graph while they are added up.
 *
 * <p>Thread safety: used by one thread.
 */
final class FlopSum {
  /**
   * Something to say of a node.
   *
   * @param name of the node, those that it is inside of ahead of it
   * @param operator its operator
   */
  private record Note(String name, String operator, String text) {
    Note inside(String outer) {
      return new Note(outer + "/" + name, operator, text);
    }

    @Override
    public String toString() {
      return "'" + name + "' (" + operator + "): " + text;
    }
  }

  private final List<FlopCount.Layer> layers = new ArrayList<>();
  private final List<Note> notCounted = new ArrayList<>();
  private final List<Note> remarks = new ArrayList<>();
  private long total;

  /** The name of a node, or that of its first output where it has none. */
  static String name(NodeProto node) {
    return node.getName().isEmpty()
        ? node.getOutputList().stream().filter(o -> !o.isEmpty()).findFirst().orElse("")
        : node.getName();
  }

  /** All operations so far. */
  long total() {
    return total;
  }

  /** Adds a node. */
  void add(FlopCount.Layer layer) {
    try {
      total = Math.addExact(total, layer.flops());
      layers.add(layer);
    } catch (ArithmeticException e) {
      notCounted.add(new Note(layer.name(), layer.operator(), NotCountedException.TOO_MANY));
    }
  }

  /** Adds a node of which nothing is known but why. */
  void addNotCounted(NodeProto node, String reason) {
    notCounted.add(new Note(name(node), node.getOpType(), reason));
  }

  /** Says how a node was counted. */
  void remark(NodeProto node, String text) {
    remarks.add(new Note(name(node), node.getOpType(), text));
  }

  /**
   * Adds what is inside of a node.
   *
   * @param runs how often it runs
   */
  void addInside(NodeProto node, FlopSum inside, long runs) {
    String outer = name(node);
    for (FlopCount.Layer layer : inside.layers) {
      String name = outer + "/" + layer.name();
      try {
        add(
            new FlopCount.Layer(
                name,
                layer.operator(),
                layer.output(),
                Math.multiplyExact(runs, layer.runs()),
                Math.multiplyExact(runs, layer.flops()),
                layer.parameters()));
      } catch (ArithmeticException e) {
        notCounted.add(new Note(name, layer.operator(), NotCountedException.TOO_MANY));
      }
    }
    addNotes(node, inside);
  }

  /** Adds what could not be counted inside of a node, and how the rest was. */
  void addNotes(NodeProto node, FlopSum inside) {
    String outer = name(node);
    inside.notCounted.forEach(note -> notCounted.add(note.inside(outer)));
    inside.remarks.forEach(note -> remarks.add(note.inside(outer)));
  }

  /** The whole. */
  FlopCount result() {
    layers.sort(Comparator.comparingLong(FlopCount.Layer::flops).reversed());
    return new FlopCount(
        layers,
        notCounted.stream().map(Note::toString).toList(),
        remarks.stream().map(Note::toString).toList());
  }
}
