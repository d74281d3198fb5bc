package dev.sluice.converter.build;

import dev.sluice.bindings.NativeException;
import dev.sluice.converter.onnx.ModelException;
import dev.sluice.converter.onnx.OnnxModel;
import dev.sluice.engine.PaddedRow;
import dev.sluice.engine.Shape;
import dev.sluice.engine.format.Manifest.PadCut;
import dev.sluice.engine.format.Manifest.PadRule;
import dev.sluice.engine.format.Manifest.Padding;
import dev.sluice.engine.format.Manifest.Range;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;

/**
 * Holds rows that are filled up to a bucket against the same rows as they are, and finds which axes
 * of the outputs follow: a padding that changes an answer is refused.
 *
 * <p>Axes that the model names alike have one extent; others vary on their own.
 *
 * <p>Thread safety: used by one thread.
 */
final class PaddingProof {
  private final Path file;
  private final OnnxModel model;
  private final SampleRunner runner;
  private final SampleSearch samples;
  private final List<PadRule> rules;
  private final double tolerance;
  private final Set<PadCut> cuts = new LinkedHashSet<>();
  private double largestDifference;
  private int trials;

  PaddingProof(
      OnnxModel model,
      SampleRunner runner,
      SampleSearch samples,
      List<PadRule> rules,
      double tolerance) {
    this.file = model.file();
    this.model = model;
    this.runner = runner;
    this.samples = samples;
    this.rules = rules;
    this.tolerance = tolerance;
  }

  /**
   * Ranges of the inputs that are padded, and of their masks, for those that are given none: a
   * bucket in each padded axis.
   *
   * @throws ModelException when a rule does not fit the model, or another axis is open
   */
  static Map<String, List<Range>> ranges(
      OnnxModel model, List<PadRule> rules, Map<String, List<Range>> given, Range rows)
      throws ModelException {
    Map<String, List<Range>> ranges = new LinkedHashMap<>(given);
    for (PadRule rule : rules) {
      OnnxModel.Value input = input(model, rule.input());
      check(model, input, rule, rules);
      List<Long> buckets = rule.buckets();
      Range bucket =
          new Range(buckets.getFirst(), buckets.get(buckets.size() / 2), buckets.getLast());
      pad(input, rule, bucket, rows, ranges);
      if (rule.mask() != null) {
        pad(input(model, rule.mask()), rule, bucket, rows, ranges);
      }
    }
    // Looked at when all rules are in: one axis of an input may be another rule's.
    for (Map.Entry<String, List<Range>> input : ranges.entrySet()) {
      for (int axis = 0; axis < input.getValue().size(); axis++) {
        if (input.getValue().get(axis) == null) {
          throw new ModelException(
              model.file(),
              "axis "
                  + axis
                  + " of the input '"
                  + input.getKey()
                  + "' is open, and not padded; say its extents with --shape");
        }
      }
    }
    return ranges;
  }

  private static void pad(
      OnnxModel.Value input,
      PadRule rule,
      Range bucket,
      Range rows,
      Map<String, List<Range>> ranges) {
    List<Range> dims = new ArrayList<>(ranges.getOrDefault(input.name(), List.of()));
    for (int axis = dims.size(); axis < input.dims().size(); axis++) {
      long extent = input.dims().get(axis).extent();
      dims.add(
          axis == 0 ? rows : extent == Shape.DYNAMIC ? null : new Range(extent, extent, extent));
    }
    dims.set(rule.axis(), bucket);
    ranges.put(input.name(), dims);
  }

  private static OnnxModel.Value input(OnnxModel model, String name) throws ModelException {
    for (OnnxModel.Value input : model.inputs()) {
      if (input.name().equals(name)) {
        return input;
      }
    }
    throw new ModelException(
        model.file(),
        "padding is for the input '"
            + name
            + "', but the inputs are "
            + model.inputs().stream().map(OnnxModel.Value::name).toList()
            + "; name one of them with --pad");
  }

  private static void check(
      OnnxModel model, OnnxModel.Value input, PadRule rule, List<PadRule> rules)
      throws ModelException {
    String who = "axis " + rule.axis() + " of the input '" + rule.input() + "' ";
    if (!input.isRanked()
        || rule.axis() >= input.dims().size()
        || input.dims().get(rule.axis()).extent() != Shape.DYNAMIC) {
      throw new ModelException(
          model.file(),
          who + "is not dynamic, so it can't be padded; name a dynamic axis with --pad");
    }
    for (PadRule other : rules) {
      boolean unlike =
          other.input().equals(rule.input())
              && (other.value() != rule.value() || !Objects.equals(other.mask(), rule.mask()));
      if (unlike || other.input().equals(rule.mask())) {
        throw new ModelException(
            model.file(),
            "the input '"
                + other.input()
                + "' is padded in two ways: give all its rules one value and one mask, and a mask"
                + " no rule");
      }
    }
    String symbol = input.dims().get(rule.axis()).symbol();
    for (OnnxModel.Value other : model.inputs()) {
      for (int axis = 1; other.isRanked() && axis < other.dims().size(); axis++) {
        int its = axis;
        boolean same = !symbol.isEmpty() && other.dims().get(axis).symbol().equals(symbol);
        boolean covered =
            rules.stream()
                .anyMatch(each ->
                    each.axis() == its
                        && (each.input().equals(other.name()) || other.name().equals(each.mask())));
        if (same && !covered) {
          throw new ModelException(
              model.file(),
              who
                  + "is called '"
                  + symbol
                  + "', and so is axis "
                  + axis
                  + " of '"
                  + other.name()
                  + "': pad that, too, or name it as mask=");
        }
      }
    }
  }

  /**
   * Runs the trials.
   *
   * @return the padding as the manifest has it
   * @throws ModelException when an answer changes, or an output follows in another way
   */
  Padding run() throws ModelException {
    int most = rules.stream().mapToInt(rule -> rule.buckets().size()).max().orElse(0);
    for (int bucket = 0; bucket < most; bucket++) {
      for (int how = 0; how < 3; how++) {
        trial(bucket, how);
      }
    }
    return new Padding(rules, List.copyOf(cuts));
  }

  /** How it was shown. */
  String reason() {
    return String.format(
        Locale.ROOT,
        "rows that were filled up gave what they give alone in %d trials; largest difference %.1e of"
            + " the largest magnitude, %.0e allowed",
        trials,
        largestDifference,
        tolerance);
  }

  /** An extent that falls into a bucket: the whole of it, just over the one before, or between. */
  private static long extent(PadRule rule, int bucket, int how) {
    int index = Math.min(bucket, rule.buckets().size() - 1);
    long most = rule.buckets().get(index);
    long least = index == 0 ? 1 : rule.buckets().get(index - 1) + 1;
    return how == 0 ? most : how == 1 ? least : (least + most) / 2;
  }

  private void trial(int bucket, int how) throws ModelException {
    List<Shape> own = new ArrayList<>();
    List<Shape> padded = new ArrayList<>();
    List<Shape> base = samples.shapes().getFirst();
    for (int i = 0; i < base.size(); i++) {
      Shape ownShape = base.get(i).withDim(0, 1);
      Shape paddedShape = ownShape;
      for (PadRule rule : rules) {
        String name = model.inputs().get(i).name();
        if (name.equals(rule.input()) || name.equals(rule.mask())) {
          int index = Math.min(bucket, rule.buckets().size() - 1);
          ownShape = ownShape.withDim(rule.axis(), extent(rule, bucket, how));
          paddedShape = paddedShape.withDim(rule.axis(), rule.buckets().get(index));
        }
      }
      own.add(ownShape);
      padded.add(paddedShape);
    }
    List<SampleTensor> inputs = samples.data().sample(own, SampleData.Kind.NORMAL, trials);
    List<SampleTensor> filled = new ArrayList<>();
    for (int i = 0; i < inputs.size(); i++) {
      SampleTensor tensor = isMask(i) ? ones(inputs.get(i)) : inputs.get(i);
      inputs.set(i, tensor);
      filled.add(filled(tensor, padded.get(i), value(i)));
    }
    compare(run(inputs, own), run(filled, padded), own, padded);
    trials++;
  }

  private List<SampleTensor> run(List<SampleTensor> inputs, List<Shape> shapes)
      throws ModelException {
    try {
      return runner.run(inputs);
    } catch (NativeException e) {
      throw new ModelException(
          file,
          "padding can't be tried, the model does not run with inputs of "
              + SampleShapes.text(model.inputs(), shapes)
              + ": "
              + e.failure()
              + "; give --pad buckets that it takes, or leave --pad out",
          e);
    }
  }

  private boolean isMask(int input) {
    String name = model.inputs().get(input).name();
    return rules.stream().anyMatch(rule -> name.equals(rule.mask()));
  }

  private double value(int input) {
    String name = model.inputs().get(input).name();
    return rules.stream()
        .filter(rule -> name.equals(rule.input()))
        .mapToDouble(PadRule::value)
        .findFirst()
        .orElse(0);
  }

  private static SampleTensor ones(SampleTensor like) {
    MemorySegment ones = PaddedRow.filled(like.type(), like.data().byteSize(), 1);
    return new SampleTensor(like.type(), like.shape(), ones.asSlice(0, like.data().byteSize()));
  }

  private static SampleTensor filled(SampleTensor own, Shape padded, double value) {
    PaddedRow row = new PaddedRow(own.type(), own.shape(), padded);
    MemorySegment data = MemorySegment.ofArray(new byte[Math.toIntExact(row.paddedBytes())]);
    row.fill(data, 0, PaddedRow.filled(own.type(), row.largestGapBytes(), value));
    row.copyIn(own.data(), 0, data, 0);
    return new SampleTensor(own.type(), padded, data);
  }

  private void compare(
      List<SampleTensor> expected, List<SampleTensor> actual, List<Shape> own, List<Shape> padded)
      throws ModelException {
    for (int i = 0; i < expected.size(); i++) {
      String who = "output '" + model.outputs().get(i).name() + "' ";
      SampleTensor one = expected.get(i);
      Shape larger = actual.get(i).shape();
      for (int axis = 0; axis < larger.rank(); axis++) {
        if (one.shape().dim(axis) != larger.dim(axis)) {
          cuts.add(cut(i, axis, one.shape().dim(axis), larger.dim(axis), own, padded));
        }
      }
      PaddedRow row = new PaddedRow(one.type(), one.shape(), larger);
      MemorySegment cut = MemorySegment.ofArray(new byte[Math.toIntExact(row.ownBytes())]);
      row.copyOut(actual.get(i).data(), 0, cut, 0);
      double difference = RowComparison.difference(one.type(), one.data(), cut);
      if (difference > tolerance) {
        throw new ModelException(
            file,
            who
                + String.format(
                    Locale.ROOT,
                    "changes where rows of %s are filled up to %s: by %.1e of its largest magnitude,"
                        + " %.0e is allowed; the model needs a mask (mask=INPUT), another value=, or"
                        + " no padding",
                    own,
                    padded,
                    difference,
                    tolerance));
      }
      largestDifference = Math.max(largestDifference, difference);
    }
  }

  /** The rule whose axis an axis of an output follows. */
  private PadCut cut(
      int output, int axis, long extent, long larger, List<Shape> own, List<Shape> padded)
      throws ModelException {
    OnnxModel.Value value = model.outputs().get(output);
    String symbol =
        value.isRanked() && axis < value.dims().size() ? value.dims().get(axis).symbol() : "";
    PadCut found = null;
    for (PadRule rule : rules) {
      int input = names().indexOf(rule.input());
      boolean follows =
          own.get(input).dim(rule.axis()) == extent && padded.get(input).dim(rule.axis()) == larger;
      boolean named =
          !symbol.isEmpty()
              && model.inputs().get(input).dims().get(rule.axis()).symbol().equals(symbol);
      if (axis > 0 && follows && (found == null || named)) {
        found = new PadCut(value.name(), axis, rule.input(), rule.axis());
      }
    }
    if (found == null) {
      throw new ModelException(
          file,
          "output '"
              + value.name()
              + "' has the extent "
              + extent
              + " in axis "
              + axis
              + " for rows of "
              + own
              + " and "
              + larger
              + " where they are filled up to "
              + padded
              + ", which is not the padded axis itself: it can't be cut back; leave --pad out");
    }
    return found;
  }

  private List<String> names() {
    return model.inputs().stream().map(OnnxModel.Value::name).toList();
  }
}
