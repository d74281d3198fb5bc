package dev.sluice.converter.load;

import dev.sluice.bindings.ElementType;
import dev.sluice.engine.Admission;
import dev.sluice.engine.Engine;
import dev.sluice.engine.InferenceException;
import dev.sluice.engine.Outputs;
import dev.sluice.engine.Request;
import dev.sluice.engine.Shape;
import dev.sluice.engine.backend.BackendException;
import dev.sluice.engine.format.Manifest;
import dev.sluice.engine.format.TensorDifference;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Inputs for a load, each with the answers that the engine gave when it had nothing else to do: to
 * the input alone, and to the input in a run that is shared.
 *
 * <p>Thread safety: immutable.
 */
public final class LoadSamples {
  private static final Duration CLAIM_WAIT = Duration.ofSeconds(30);

  private final Engine engine;
  private final Map<String, Shape> shapes;
  private final int rows;
  private final Tolerance tolerance;
  private final List<MemorySegment[]> inputs;
  private final List<MemorySegment[]> answers;

  /** The answers where other rows share the run: a kernel for several rows rounds differently. */
  private final List<MemorySegment[]> sharedAnswers;

  /**
   * How far the answer to one sample may be off from one time to the next.
   *
   * @param abs largest difference of two elements
   * @param rel added to it, times the largest magnitude
   */
  public record Tolerance(double abs, double rel) {
    private static final Tolerance UNKNOWN = new Tolerance(1e-6, 1e-3);

    /** What the package's self-test allows. */
    public static Tolerance of(Manifest manifest) {
      if (manifest.golden().isEmpty()) {
        return UNKNOWN;
      }
      Manifest.GoldenSample golden = manifest.golden().getFirst();
      return new Tolerance(golden.absTolerance(), golden.relTolerance());
    }
  }

  private LoadSamples(
      Engine engine,
      Map<String, Shape> shapes,
      int rows,
      Tolerance tolerance,
      List<MemorySegment[]> inputs,
      List<MemorySegment[]> answers,
      List<MemorySegment[]> sharedAnswers) {
    this.engine = engine;
    this.shapes = shapes;
    this.rows = rows;
    this.tolerance = tolerance;
    this.inputs = inputs;
    this.answers = answers;
    this.sharedAnswers = sharedAnswers;
  }

  /**
   * Asks the engine for the answers, one request after the other.
   *
   * @param shapes the shape of one row of each input, in the order of the signature
   * @param rows rows of each request
   * @param inputs per sample, the memory of each input for {@code rows} rows; null for STRING
   *     inputs, which get empty strings
   * @param tolerance how far an answer under load may be off
   * @param budget when it is used up, the samples that were not asked for yet are left out; at
   *     least one is kept
   * @throws InferenceException where the engine gives no answer
   */
  public static LoadSamples answered(
      Engine engine,
      List<Shape> shapes,
      int rows,
      List<MemorySegment[]> inputs,
      Tolerance tolerance,
      Duration budget)
      throws BackendException, InterruptedException {
    Map<String, Shape> byName = new LinkedHashMap<>();
    for (int i = 0; i < shapes.size(); i++) {
      byName.put(engine.signature().inputs().get(i).name(), shapes.get(i));
    }
    List<MemorySegment[]> answers = new ArrayList<>();
    List<MemorySegment[]> shared = new ArrayList<>();
    LoadSamples samples = new LoadSamples(engine, byName, rows, tolerance, inputs, answers, shared);
    Request request = samples.newRequest();
    boolean shares = engine.batched() && engine.maxBatch() >= 2 * rows;
    long endNs = System.nanoTime() + budget.toNanos();
    for (int i = 0; i < inputs.size() && (i == 0 || System.nanoTime() - endNs < 0); i++) {
      MemorySegment[] alone = samples.ask(i, 1, request);
      answers.add(alone);
      shared.add(shares ? samples.ask(i, 2, request) : alone);
    }
    return samples;
  }

  /** The answer to a sample that is in the request so many times. */
  private MemorySegment[] ask(int sample, int copies, Request request) throws InterruptedException {
    Admission admission = request.claim(copies * rows, CLAIM_WAIT);
    if (!admission.admitted()) {
      throw new InferenceException(admission);
    }
    try {
      for (int copy = 0; copy < copies; copy++) {
        write(sample, request, copy);
      }
      Outputs outputs = request.run();
      MemorySegment[] answer = new MemorySegment[engine.signature().outputs().size()];
      for (int i = 0; i < answer.length; i++) {
        if (outputType(i) != ElementType.STRING) {
          MemorySegment all = outputs.output(i);
          MemorySegment first = all.asSlice(0, all.byteSize() / copies);
          answer[i] = MemorySegment.ofArray(first.toArray(ValueLayout.JAVA_BYTE));
        }
      }
      return answer;
    } finally {
      request.close();
    }
  }

  private ElementType outputType(int index) {
    return engine.signature().outputs().get(index).type();
  }

  /** Number of samples. */
  public int count() {
    return answers.size();
  }

  /** Rows of each. */
  public int rows() {
    return rows;
  }

  /** A request for samples of this shape. */
  public Request newRequest() throws BackendException {
    return engine.newRequest(shapes);
  }

  /** Writes the inputs of a sample into a claimed request. */
  public void write(int sample, Request request) {
    write(sample, request, 0);
  }

  private void write(int sample, Request request, int copy) {
    MemorySegment[] mine = inputs.get(sample);
    for (int i = 0; i < mine.length; i++) {
      if (mine[i] == null) {
        request.strings(i, emptyStrings(i));
      } else {
        long sizeBytes = mine[i].byteSize();
        MemorySegment.copy(mine[i], 0, request.input(i), copy * sizeBytes, sizeBytes);
      }
    }
  }

  private String[] emptyStrings(int input) {
    Shape shape = shapes.get(engine.signature().inputs().get(input).name());
    String[] strings = new String[Math.toIntExact(shape.elementCount())];
    Arrays.fill(strings, "");
    return strings;
  }

  /** The answer to a sample: output {@code output} of all its rows. */
  public MemorySegment answer(int sample, int output) {
    return answers.get(sample)[output];
  }

  /** Whether outputs are the answer to a sample. */
  public boolean matches(int sample, Outputs outputs) {
    return matches(answers.get(sample), outputs) || matches(sharedAnswers.get(sample), outputs);
  }

  private boolean matches(MemorySegment[] expected, Outputs outputs) {
    for (int i = 0; i < expected.length; i++) {
      if (expected[i] == null) {
        continue;
      }
      MemorySegment actual = outputs.output(i);
      if (expected[i].mismatch(actual) != -1 && !isClose(outputType(i), expected[i], actual)) {
        return false;
      }
    }
    return true;
  }

  private boolean isClose(ElementType type, MemorySegment expected, MemorySegment actual) {
    double rel = Math.max(tolerance.rel(), engine.relTolerance());
    double allowed = tolerance.abs() + rel * TensorDifference.largest(type, expected);
    return TensorDifference.maxAbs(type, expected, actual) <= allowed;
  }
}
