package dev.sluice.converter.cli;

import dev.sluice.bindings.NativeException;
import dev.sluice.bindings.onnxruntime.OrtUnavailableException;
import dev.sluice.converter.graph.FlopCount;
import dev.sluice.converter.onnx.OnnxModel;
import dev.sluice.engine.Shape;
import dev.sluice.engine.format.Manifest.Range;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * What a model computes: its operations by operator, and the layers that take the most.
 *
 * <p>Thread safety: immutable.
 *
 * @param count null where the operations are not known
 * @param unknown why they are not; null where they are
 * @param shapes of the inputs that they are for
 * @param weightBytes bytes of all constants
 */
record FlopReport(FlopCount count, String unknown, Map<String, Shape> shapes, long weightBytes) {
  private static final int HEAVIEST = 10;

  /** Nodes of which something is said. */
  private static final int LISTED = 10;

  /** Names longer than this are cut in the table. */
  private static final int NAME_COLUMNS = 48;

  /**
   * Counts for one row, or the extents that are given.
   *
   * @param given extents by input name; their optimum is taken. Symbols that they settle are
   *     settled everywhere
   * @param batched whether axis 0 is one row, whatever is given
   */
  static FlopReport of(OnnxModel model, Map<String, List<Range>> given, boolean batched) {
    Map<String, Long> symbols = new HashMap<>();
    for (OnnxModel.Value input : model.inputs()) {
      List<Range> ranges = given.get(input.name());
      for (int axis = 0; ranges != null && input.isRanked() && axis < input.dims().size(); axis++) {
        if (axis < ranges.size() && !(batched && axis == 0)) {
          symbols.putIfAbsent(input.dims().get(axis).symbol(), ranges.get(axis).opt());
        }
      }
    }
    symbols.remove("");
    Map<String, Shape> shapes = new LinkedHashMap<>();
    List<String> open = new ArrayList<>();
    for (OnnxModel.Value input : model.inputs()) {
      Shape shape = shape(input, given.get(input.name()), symbols, batched);
      if (shape == null || !shape.isStatic()) {
        open.add(input.name() + (shape == null ? " of no declared rank" : " " + shape));
      } else {
        shapes.put(input.name(), shape);
      }
    }
    long weightBytes = weightBytes(model);
    if (!open.isEmpty()) {
      String reason = "the extents of " + String.join(", ", open) + " are open; give --shape";
      return new FlopReport(null, reason, shapes, weightBytes);
    }
    try {
      return new FlopReport(FlopCount.of(model, shapes), null, shapes, weightBytes);
    } catch (NativeException
        | UnsupportedOperationException
        | UncheckedIOException
        | OrtUnavailableException e) {
      String reason = "ONNX Runtime tells no shapes: " + e.getMessage();
      return new FlopReport(null, reason, shapes, weightBytes);
    }
  }

  private static long weightBytes(OnnxModel model) {
    try {
      return FlopCount.weightBytes(model);
    } catch (ArithmeticException | IllegalArgumentException e) {
      return -1; // absurd shapes, which a build refuses
    }
  }

  private static Shape shape(
      OnnxModel.Value input, List<Range> ranges, Map<String, Long> symbols, boolean batched) {
    if (!input.isRanked()) {
      return ranges == null ? null : Shape.of(ranges.stream().mapToLong(Range::opt).toArray());
    }
    long[] dims = input.shape().dims();
    for (int axis = 0; axis < dims.length; axis++) {
      if (dims[axis] != Shape.DYNAMIC) {
        continue;
      }
      if (axis == 0 && (batched || ranges == null)) {
        dims[axis] = 1;
      } else if (ranges != null && axis < ranges.size()) {
        dims[axis] = ranges.get(axis).opt();
      } else {
        dims[axis] = symbols.getOrDefault(input.dims().get(axis).symbol(), Shape.DYNAMIC);
      }
    }
    return Shape.of(dims);
  }

  /** For {@code --json}. */
  Map<String, Object> json() {
    Map<String, Object> object = new LinkedHashMap<>();
    Map<String, Object> inputs = new LinkedHashMap<>();
    shapes.forEach((name, shape) -> inputs.put(name, shape.dims()));
    object.put("shapes", inputs);
    object.put("total", count == null ? null : count.total());
    object.put("unknown", unknown);
    object.put("perOperator", count == null ? Map.of() : count.perOperator());
    List<Map<String, Object>> heaviest = new ArrayList<>();
    for (FlopCount.Layer layer : heaviest()) {
      Map<String, Object> one = new LinkedHashMap<>();
      one.put("name", layer.name());
      one.put("op", layer.operator());
      one.put("shape", layer.output().dims());
      one.put("runs", layer.runs());
      one.put("flops", layer.flops());
      one.put("parameters", layer.parameters());
      heaviest.add(one);
    }
    object.put("heaviest", heaviest);
    object.put("notCounted", count == null ? List.of() : count.notCounted());
    object.put("remarks", count == null ? List.of() : count.remarks());
    return object;
  }

  private List<FlopCount.Layer> heaviest() {
    return count == null ? List.of() : count.heaviest(HEAVIEST);
  }

  /** The rows about the whole. */
  void rows(TextTable table) {
    if (weightBytes >= 0) {
      table.row("weights", InspectCommand.bytes(weightBytes));
    }
    if (count == null) {
      table.row("FLOPs", "not known: " + unknown);
      return;
    }
    List<String> inputs = new ArrayList<>();
    shapes.forEach((name, shape) -> inputs.add(name + " " + shape));
    table.row(
        "FLOPs",
        amount(count.total())
            + (inputs.isEmpty() ? "" : " for " + String.join(", ", inputs))
            + "; a multiply-add is two");
    List<String> operators = new ArrayList<>();
    count.perOperator().forEach((operator, flops) -> operators.add(operator + " " + share(flops)));
    if (!operators.isEmpty()) {
      table.row("by operator", String.join(", ", operators));
    }
    list(table, "counted", count.remarks());
    list(table, "not counted", count.notCounted());
  }

  /** A line for each of the first few, and how many more there are. */
  private static void list(TextTable table, String label, List<String> lines) {
    for (int i = 0; i < Math.min(LISTED, lines.size()); i++) {
      table.row(i == 0 ? label : "", lines.get(i));
    }
    if (lines.size() > LISTED) {
      table.row("", "and " + (lines.size() - LISTED) + " more (--json lists them)");
    }
  }

  /** The layers that take the most. */
  TextTable layers() {
    TextTable table = new TextTable();
    if (!heaviest().isEmpty()) {
      table.row("heaviest layers", "operator", "output", "FLOPs", "share", "parameters");
    }
    for (FlopCount.Layer layer : heaviest()) {
      String name = layer.name();
      table.row(
          name.length() <= NAME_COLUMNS ? name : "…" + name.substring(name.length() - NAME_COLUMNS),
          layer.operator() + (layer.runs() == 1 ? "" : ", " + layer.runs() + " times"),
          layer.output().toString(),
          amount(layer.flops()),
          share(layer.flops()),
          InspectCommand.count(layer.parameters()));
    }
    return table;
  }

  private String share(long flops) {
    return String.format(Locale.ROOT, "%.1f %%", 100.0 * flops / Math.max(1, count.total()));
  }

  private static String amount(long flops) {
    return flops < 1_000_000
        ? InspectCommand.count(flops)
        : flops < 1_000_000_000
            ? String.format(Locale.ROOT, "%.2f million", flops / 1e6)
            : String.format(Locale.ROOT, "%.2f billion", flops / 1e9);
  }
}
