package dev.sluice.bench.models;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;

import dev.sluice.bindings.onnxruntime.OrtEnvironment;
import dev.sluice.bindings.onnxruntime.OrtSession;
import dev.sluice.bindings.onnxruntime.OrtSessionOptions;
import dev.sluice.bindings.onnxruntime.OrtValue;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * Whether a model with random weights is one whose answers tell something: they are finite, and
 * change with the input. A network whose activations grow or vanish from layer to layer gives
 * infinities or the same answer for every input, and an engine that computes nonsense would pass
 * for right.
 *
 * <p>Thread safety: stateless.
 */
public final class ModelCheck {
  /**
   * How far the answers of two inputs must be apart, as a part of the largest magnitude: a hundred
   * times what {@code sluice build} lets pass for rounding.
   */
  static final double LEAST_CHANGE = 1e-2;

  private ModelCheck() {}

  /**
   * Runs a written model on two rows at once.
   *
   * @param file what {@link GeneratedModel#write} gave
   * @param seed of the rows
   * @return how far the two answers are apart, as a part of the largest magnitude; the least of all
   *     outputs
   * @throws IllegalStateException where an output is not finite or hardly changes
   * @throws IOException where the file can't be read
   */
  public static double check(GeneratedModel model, Path file, long seed) throws IOException {
    double least = Double.POSITIVE_INFINITY;
    for (Map.Entry<String, float[]> answer : answers(model, file, 0, 2, seed).entrySet()) {
      String output = model.name() + ", output '" + answer.getKey() + "'";
      least = Math.min(least, change(output, answer.getValue()));
    }
    return least;
  }

  /**
   * What ONNX Runtime answers to drawn rows on the CPU, with one thread.
   *
   * @param file what {@link GeneratedModel#write} gave
   * @param first number of the first row of {@link ModelInput#rows}
   * @param rows how many run at once
   * @param seed of the rows
   * @return the elements of each output in the model's order
   * @throws IOException where the file can't be read
   */
  public static Map<String, float[]> answers(
      GeneratedModel model, Path file, int first, int rows, long seed) throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      List<MemorySegment> data = new ArrayList<>();
      model.inputs().forEach(input -> data.add(input.rows(arena, first, rows, seed)));
      return answers(model, file, rows, data);
    }
  }

  /** The same for rows of the caller's: native memory, one segment for each input in its order. */
  static Map<String, float[]> answers(
      GeneratedModel model, Path file, int rows, List<MemorySegment> data) throws IOException {
    Path folder = file.toAbsolutePath().getParent().toRealPath();
    OrtEnvironment environment = OrtEnvironment.shared();
    List<OrtValue> values = new ArrayList<>();
    try (OrtSession session =
        OrtSession.open(
            environment,
            MemorySegment.ofArray(Files.readAllBytes(file)),
            OrtSessionOptions.defaults().withExternalWeightsFolder(folder),
            model.name())) {
      try {
        for (int i = 0; i < data.size(); i++) {
          ModelInput input = model.inputs().get(i);
          long[] dims = input.shape(rows).dims();
          values.add(OrtValue.tensor(environment, data.get(i), input.type(), dims));
        }
        List<OrtValue> results = session.run(List.copyOf(values));
        values.addAll(results);
        Map<String, float[]> answers = new LinkedHashMap<>();
        for (int i = 0; i < results.size(); i++) {
          MemorySegment output = results.get(i).data();
          answers.put(session.outputs().get(i).name(), output.toArray(JAVA_FLOAT_UNALIGNED));
        }
        return answers;
      } finally {
        values.forEach(OrtValue::close);
      }
    }
  }

  private static double change(String output, float[] twoRows) {
    int row = twoRows.length / 2;
    double largest = 0;
    double change = 0;
    for (int i = 0; i < row; i++) {
      largest = Math.max(largest, Math.max(Math.abs(twoRows[i]), Math.abs(twoRows[row + i])));
      change = Math.max(change, Math.abs((double) twoRows[i] - twoRows[row + i]));
    }
    for (float value : twoRows) {
      if (!Float.isFinite(value)) {
        throw new IllegalStateException(
            output + " has a " + value + "; lower the gain of the model's layers");
      }
    }
    if (!(change >= LEAST_CHANGE * largest) || largest == 0) {
      throw new IllegalStateException(
          String.format(
              Locale.ROOT,
              "%s: the answers of two inputs are %.1e apart, of a largest magnitude of %.1e; change"
                  + " the gain of the model's layers",
              output,
              change,
              largest));
    }
    return change / largest;
  }
}
