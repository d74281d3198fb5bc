package dev.sluice.converter.precision;

import dev.sluice.bindings.onnxruntime.OrtSession;
import dev.sluice.bindings.onnxruntime.OrtValue;
import dev.sluice.converter.calibrate.OutputComparison;
import dev.sluice.converter.calibrate.SampleFeed;
import dev.sluice.engine.Shape;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * Samples that nothing is learnt from, with what the model in FP32 makes of them: other graphs are
 * held against that.
 *
 * <p>Thread safety: used by one thread.
 */
final class Holdout {
  private final SampleFeed feed;
  private final List<List<Reference>> references = new ArrayList<>();
  private List<String> names = List.of();

  /** An output of one run. */
  private record Reference(Shape shape, MemorySegment data) {}

  private Holdout(SampleFeed feed) {
    this.feed = feed;
  }

  /**
   * Asks the model for its answers, one sample a run.
   *
   * @param arena how long they are kept
   */
  static Holdout of(OrtSession reference, SampleFeed feed, Arena arena) throws IOException {
    Holdout holdout = new Holdout(feed);
    holdout.names = reference.outputs().stream().map(output -> output.name()).toList();
    feed.setMaxRows(1);
    feed.run(
        reference,
        (outputs, _) -> {
          List<Reference> kept = new ArrayList<>();
          for (OrtValue output : outputs) {
            MemorySegment data = output.data();
            MemorySegment copy = arena.allocate(Math.max(1, data.byteSize()), 64);
            MemorySegment.copy(data, 0, copy, 0, data.byteSize());
            kept.add(new Reference(shape(output), copy.asSlice(0, data.byteSize())));
          }
          holdout.references.add(kept);
        });
    return holdout;
  }

  /** How many samples there are. */
  int count() {
    return feed.count();
  }

  /** Holds a graph's outputs against the model's, one comparison for each output. */
  List<OutputComparison> compare(OrtSession session) throws IOException {
    List<OutputComparison> comparisons = names.stream().map(OutputComparison::new).toList();
    int[] next = {0};
    feed.run(
        session,
        (outputs, _) -> {
          List<Reference> expected = references.get(next[0]++);
          for (int i = 0; i < outputs.size(); i++) {
            OrtValue actual = outputs.get(i);
            Reference reference = expected.get(i);
            if (actual.info().type() != session.outputs().get(i).type()
                || !shape(actual).equals(reference.shape())) {
              throw new IOException(
                  "the output '"
                      + names.get(i)
                      + "' has the shape "
                      + shape(actual)
                      + " in the changed graph, but "
                      + reference.shape()
                      + " in the model");
            }
            comparisons
                .get(i)
                .add(actual.info().type(), reference.shape(), actual.data(), reference.data());
          }
        });
    return comparisons;
  }

  private static Shape shape(OrtValue value) {
    return Shape.of(value.info().dims().stream().mapToLong(Long::longValue).toArray());
  }
}
