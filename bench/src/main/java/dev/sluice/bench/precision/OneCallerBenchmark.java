package dev.sluice.bench.precision;

import dev.sluice.bench.models.MakeModels;
import dev.sluice.bench.models.ModelInput;
import dev.sluice.bench.models.PackageFolder;
import dev.sluice.bench.precision.CpuModel.Precision;
import dev.sluice.engine.Admission;
import dev.sluice.engine.Engine;
import dev.sluice.engine.EngineOptions;
import dev.sluice.engine.Outputs;
import dev.sluice.engine.Request;
import dev.sluice.engine.backend.BackendException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * One request after another from one thread, on one thread of ONNX Runtime: claim, write the
 * inputs, run, read the output, close. The answers of both precisions are compared before, and
 * every answer with the first.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Fork(value = 1, jvmArgsAppend = "--enable-native-access=ALL-UNNAMED")
@Warmup(iterations = 1, time = 1)
@Measurement(iterations = 3, time = 1)
@State(Scope.Benchmark)
public class OneCallerBenchmark {
  /** Less than this is no noise of 8 bits. */
  private static final double LEAST_SQNR_DB = 15;

  /** What is served. */
  @Param({"MLP", "RESNET50", "MOBILENETV2", "SQUEEZENET", "ENCODER"})
  public CpuModel model;

  /** How it computes. */
  @Param public Precision precision;

  /** Rows of a request. */
  @Param({"1", "32"})
  public int rows;

  private PackageFolder folder;
  private Engine engine;
  private Request request;
  private List<MemorySegment> inputs;
  private MemorySegment answer;
  private float[] expected;

  /** Opens the package and compares its first answer with that of FP32. */
  @Setup(Level.Trial)
  public void open() throws IOException, BackendException, InterruptedException {
    folder = new PackageFolder();
    model.pack(folder.path(), precision);
    inputs = new ArrayList<>();
    for (ModelInput input : model.model().inputs()) {
      inputs.add(input.rows(Arena.ofAuto(), 0, rows, MakeModels.SEED));
    }
    float[] exact;
    try (Engine fp32 = engine(Precision.FP32)) {
      exact = first(fp32);
    }
    engine = engine(precision);
    expected = first(engine);
    check(exact);
    request = engine.newRequest();
    answer = Arena.ofAuto().allocate((long) expected.length * Float.BYTES, 64);
  }

  private Engine engine(Precision one) throws IOException, BackendException {
    EngineOptions options =
        EngineOptions.builder().lanes(1).threadsPerLane(1).maxBatch(rows).tune(false).build();
    return Engine.open(model.file(folder.path(), one), options);
  }

  private float[] first(Engine one) throws InterruptedException {
    return one.call(
        rows,
        in -> {
          for (int i = 0; i < inputs.size(); i++) {
            in.write(i, inputs.get(i));
          }
        },
        out -> out.output(0).toArray(ValueLayout.JAVA_FLOAT));
  }

  private void check(float[] exact) {
    double signal = 0;
    double noise = 0;
    for (int i = 0; i < exact.length; i++) {
      signal += exact[i] * exact[i];
      noise += (exact[i] - expected[i]) * (exact[i] - expected[i]);
    }
    double sqnrDb = 10 * Math.log10(signal / noise);
    if (!(sqnrDb >= LEAST_SQNR_DB)) {
      throw new IllegalStateException(
          model + " in " + precision + " is " + sqnrDb + " dB from FP32, which is no answer");
    }
  }

  /** One request; the first number of the answer. */
  @Benchmark
  public float request() throws InterruptedException {
    if (request.tryClaim(rows) != Admission.ADMITTED) {
      throw new IllegalStateException("the only caller was refused");
    }
    try {
      for (int i = 0; i < inputs.size(); i++) {
        request.write(i, inputs.get(i));
      }
      Outputs outputs = request.run();
      outputs.read(0, answer);
    } finally {
      request.close();
    }
    return answer.get(ValueLayout.JAVA_FLOAT, 0);
  }

  /** The answer is still the first one's. */
  @TearDown(Level.Iteration)
  public void compare() {
    MemorySegment first = MemorySegment.ofArray(expected);
    if (first.mismatch(answer) >= 0) {
      throw new IllegalStateException(model + " in " + precision + " gave another answer");
    }
  }

  /** Closes the engine. */
  @TearDown(Level.Trial)
  public void close() throws IOException {
    request.close();
    engine.close();
    folder.close();
  }
}
