package dev.sluice.engine;

import dev.sluice.bindings.ElementType;
import dev.sluice.engine.backend.BatchMemory;
import dev.sluice.engine.format.Manifest.PadCut;
import dev.sluice.engine.format.Manifest.PadRule;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The padding of requests of one shape: what lies where in rows of a bucket, and what fills the
 * rest. Made once for a request handle; then nothing allocates.
 *
 * <p>Thread safety: as the request it belongs to.
 */
final class Padding {
  /** An input or output whose rows are padded, or a mask. */
  private record Rows(PaddedRow row, MemorySegment filler, MemorySegment marks) {}

  /** An axis of an output, and how much of it is the request's. */
  private record Cut(int axis, long extent) {}

  private final List<Shape> own;
  private final List<Shape> padded;
  private final Rows[] inputs;
  private final List<List<Cut>> cuts = new ArrayList<>();
  private final PaddedRow[] outputs;

  private Padding(Signature signature, List<Shape> own, List<Shape> padded, List<PadCut> cuts) {
    this.own = List.copyOf(own);
    this.padded = List.copyOf(padded);
    this.inputs = new Rows[own.size()];
    this.outputs = new PaddedRow[signature.outputs().size()];
    for (TensorSpec output : signature.outputs()) {
      this.cuts.add(
          cuts.stream()
              .filter(cut -> cut.output().equals(output.name()))
              .map(cut ->
                  new Cut(
                      cut.axis(), own.get(signature.inputIndex(cut.input())).dim(cut.inputAxis())))
              .toList());
    }
  }

  /**
   * The shapes of all inputs: a mask that is left out has the shape of what it is for.
   *
   * @param given by name
   */
  static Map<String, Shape> withMasks(List<PadRule> rules, Map<String, Shape> given) {
    Map<String, Shape> shapes = new HashMap<>(given);
    for (PadRule rule : rules) {
      if (rule.mask() != null && given.containsKey(rule.input())) {
        shapes.putIfAbsent(rule.mask(), given.get(rule.input()));
      }
    }
    return shapes;
  }

  /**
   * The padding of a shape.
   *
   * @param own shapes of one row, in the order of the signature
   * @throws IllegalArgumentException where an extent is larger than every bucket, or a mask is of
   *     another shape
   */
  static Padding of(Signature signature, List<PadRule> rules, List<PadCut> cuts, List<Shape> own) {
    List<Shape> padded = new ArrayList<>(own);
    for (PadRule rule : rules) {
      int input = signature.inputIndex(rule.input());
      long bucket = bucket(rule, own.get(input).dim(rule.axis()));
      padded.set(input, padded.get(input).withDim(rule.axis(), bucket));
      if (rule.mask() != null) {
        int mask = signature.inputIndex(rule.mask());
        if (!own.get(mask).equals(own.get(input))) {
          throw new IllegalArgumentException(
              "the mask '"
                  + rule.mask()
                  + "' has the shape "
                  + own.get(mask)
                  + ", but '"
                  + rule.input()
                  + "' has "
                  + own.get(input)
                  + "; leave the mask out, the engine writes it");
        }
        padded.set(mask, padded.get(mask).withDim(rule.axis(), bucket));
      }
    }
    Padding padding = new Padding(signature, own, padded, cuts);
    for (PadRule rule : rules) {
      padding.add(signature, rule.input(), rule.value(), false);
      if (rule.mask() != null) {
        padding.add(signature, rule.mask(), 0, true);
      }
    }
    return padding;
  }

  private static long bucket(PadRule rule, long extent) {
    for (long bucket : rule.buckets()) {
      if (extent <= bucket) {
        return bucket;
      }
    }
    throw new IllegalArgumentException(
        "input '"
            + rule.input()
            + "' has the extent "
            + extent
            + " in axis "
            + rule.axis()
            + ", the largest bucket that the package is made for is "
            + rule.buckets().getLast()
            + "; cut it, or build the package with a larger one");
  }

  private void add(Signature signature, String name, double value, boolean mask) {
    int index = signature.inputIndex(name);
    ElementType type = signature.inputs().get(index).type();
    PaddedRow row = new PaddedRow(type, own.get(index), padded.get(index));
    inputs[index] =
        new Rows(
            row,
            PaddedRow.filled(type, row.largestGapBytes(), value),
            mask ? PaddedRow.filled(type, row.runBytes(), 1) : null);
  }

  /** The shapes of one row as batches have them. */
  List<Shape> padded() {
    return padded;
  }

  /** Whether an input's rows are larger in the batch than the request's own. */
  boolean isPadded(int input) {
    return inputs[input] != null;
  }

  /** Writes what lies between the elements of a request's rows, and its masks. */
  void fill(BatchMemory memory, int startRow, int rows) {
    for (int i = 0; i < inputs.length; i++) {
      Rows padding = inputs[i];
      if (padding != null) {
        MemorySegment all = memory.input(i);
        long rowBytes = padding.row().paddedBytes();
        for (int row = startRow; row < startRow + rows; row++) {
          padding.row().fill(all, row * rowBytes, padding.filler());
          if (padding.marks() != null) {
            padding.row().mark(all, row * rowBytes, padding.marks());
          }
        }
      }
    }
  }

  /** Copies rows without padding into the memory of a batch. */
  void write(MemorySegment packed, int input, MemorySegment rows, int count) {
    PaddedRow row = inputs[input].row();
    requireBytes(packed, row.ownBytes() * count, "input", input);
    for (int i = 0; i < count; i++) {
      row.copyIn(packed, i * row.ownBytes(), rows, i * row.paddedBytes());
    }
  }

  private static void requireBytes(MemorySegment packed, long expected, String kind, int index) {
    if (packed.byteSize() != expected) {
      throw new IllegalArgumentException(
          "the rows of "
              + kind
              + " "
              + index
              + " are "
              + expected
              + " bytes without padding, but these are "
              + packed.byteSize());
    }
  }

  /** The shape of a row of an output without padding. */
  Shape own(int output, Shape paddedOutput) {
    Shape shape = paddedOutput;
    for (Cut cut : cuts.get(output)) {
      shape = shape.withDim(cut.axis(), cut.extent());
    }
    return shape;
  }

  /** Whether an output's rows are larger in the batch than the request's own. */
  boolean isCut(int output) {
    return !cuts.get(output).isEmpty();
  }

  /**
   * Copies rows of an output out of their padding.
   *
   * @param shape of one row in the batch
   */
  void read(
      ElementType type,
      Shape shape,
      MemorySegment rows,
      int output,
      MemorySegment packed,
      int count) {
    PaddedRow row = outputs[output];
    if (row == null) {
      row = new PaddedRow(type, own(output, shape), shape);
      outputs[output] = row;
    }
    requireBytes(packed, row.ownBytes() * count, "output", output);
    for (int i = 0; i < count; i++) {
      row.copyOut(rows, i * row.paddedBytes(), packed, i * row.ownBytes());
    }
  }
}
