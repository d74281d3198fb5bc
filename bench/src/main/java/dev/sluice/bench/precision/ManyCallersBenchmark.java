package dev.sluice.bench.precision;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OnnxValue;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import dev.sluice.bench.models.MakeModels;
import dev.sluice.bench.models.ModelInput;
import dev.sluice.bench.precision.CpuModel.Precision;
import dev.sluice.engine.Admission;
import dev.sluice.engine.Engine;
import dev.sluice.engine.Request;
import dev.sluice.engine.backend.BackendException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Duration;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
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
import org.openjdk.jmh.annotations.Threads;
import org.openjdk.jmh.annotations.Warmup;

/**
 * Rows per second of 64 callers, one row a request, of {@link CpuModel#MLP}: the engine with its
 * own tuning, in both precisions, and ONNX Runtime's Java API one by one in FP32, each caller with
 * a tensor of its own for the input and one for the output, both used again. Every caller has a row
 * of its own, and compares each answer's first number with what a lone caller got.
 */
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Threads(64)
@Fork(value = 1, jvmArgsAppend = "--enable-native-access=ALL-UNNAMED")
@Warmup(iterations = 2, time = 1)
@Measurement(iterations = 3, time = 2)
public class ManyCallersBenchmark {
  private static final CpuModel MODEL = CpuModel.MLP;
  private static final int CALLERS = 64;
  private static final Duration PATIENCE = Duration.ofSeconds(10);

  /** How far a row's answer may be from that of a run alone, of a number of about 1. */
  private static final float TOLERANCE = 2e-2f;

  /** What all callers share. */
  abstract static class Shared {
    private final AtomicInteger callers = new AtomicInteger();
    private PackageFolder folder;

    final PackageFolder packages() throws IOException {
      folder = new PackageFolder();
      MODEL.pack(folder.path());
      return folder;
    }

    final int nextCaller() {
      return callers.getAndIncrement() % CALLERS;
    }

    final void closeFolder() throws IOException {
      folder.close();
    }
  }

  private static MemorySegment row(int caller) {
    ModelInput input = MODEL.model().inputs().getFirst();
    return input.rows(Arena.ofAuto(), caller, 1, MakeModels.SEED);
  }

  private static void compare(float actual, float expected) {
    if (!(Math.abs(actual - expected) <= TOLERANCE)) {
      throw new IllegalStateException("the answer is " + actual + ", not " + expected);
    }
  }

  /** An engine. */
  @State(Scope.Benchmark)
  public static class Sluice extends Shared {
    /** How the package computes. */
    @Param public Precision precision;

    private Engine engine;

    /** Opens it with the tuning that it picks. */
    @Setup(Level.Trial)
    public void open() throws IOException, BackendException {
      engine = Engine.open(MODEL.file(super.packages().path(), precision));
    }

    /** Closes it. */
    @TearDown(Level.Trial)
    public void close() throws IOException {
      engine.close();
      super.closeFolder();
    }
  }

  /** A caller of the engine. */
  @State(Scope.Thread)
  public static class SluiceCaller {
    private Request request;
    private MemorySegment input;
    private float expected;

    /** Asks once. */
    @Setup(Level.Trial)
    public void open(Sluice sluice) throws InterruptedException {
      request = sluice.engine.newRequest();
      input = row(sluice.nextCaller());
      expected = ask();
    }

    private float ask() throws InterruptedException {
      if (request.claim(1, PATIENCE) != Admission.ADMITTED) {
        throw new IllegalStateException("a caller was refused");
      }
      try {
        request.write(0, input);
        return request.run().output(0).get(ValueLayout.JAVA_FLOAT, 0);
      } finally {
        request.close();
      }
    }
  }

  /** A session of ONNX Runtime's Java API. */
  @State(Scope.Benchmark)
  public static class Peer extends Shared {
    /** Its threads within an operator; 0 is the default, one for each core. */
    @Param({"1", "0"})
    public int intraOpThreads;

    private OrtEnvironment environment;
    private OrtSession session;

    /** Opens it. */
    @Setup(Level.Trial)
    public void open() throws IOException, OrtException {
      environment = OrtEnvironment.getEnvironment();
      try (OrtSession.SessionOptions options = new OrtSession.SessionOptions()) {
        if (intraOpThreads > 0) {
          options.setIntraOpNumThreads(intraOpThreads);
        }
        String file = MODEL.onnx(super.packages().path()).toString();
        session = environment.createSession(file, options);
      }
    }

    /** Closes it. */
    @TearDown(Level.Trial)
    public void close() throws IOException, OrtException {
      session.close();
      super.closeFolder();
    }
  }

  /** A caller of ONNX Runtime's Java API. */
  @State(Scope.Thread)
  public static class PeerCaller {
    private OrtSession session;
    private Map<String, OnnxTensor> inputs;
    private Map<String, OnnxValue> outputs;
    private ByteBuffer input;
    private ByteBuffer output;
    private ByteBuffer row;
    private float expected;

    /** Makes the tensors and asks once. */
    @Setup(Level.Trial)
    public void open(Peer peer) throws OrtException {
      session = peer.session;
      row = row(peer.nextCaller()).asByteBuffer();
      input = direct(row.remaining());
      ModelInput named = MODEL.model().inputs().getFirst();
      long[] shape = named.shape(1).dims();
      inputs =
          Map.of(
              named.name(),
              OnnxTensor.createTensor(peer.environment, input.asFloatBuffer(), shape));
      long[] answer = {1, 256};
      output = direct((int) answer[1] * Float.BYTES);
      outputs =
          Map.of(
              "scores", OnnxTensor.createTensor(peer.environment, output.asFloatBuffer(), answer));
      expected = ask();
    }

    private static ByteBuffer direct(int bytes) {
      return ByteBuffer.allocateDirect(bytes).order(ByteOrder.nativeOrder());
    }

    private float ask() throws OrtException {
      input.put(0, row, 0, row.remaining());
      try (OrtSession.Result _ = session.run(inputs, Set.of(), outputs)) {
        return output.getFloat(0);
      }
    }

    /** Closes the tensors. */
    @TearDown(Level.Trial)
    public void close() {
      inputs.values().forEach(OnnxTensor::close);
      outputs.values().forEach(OnnxValue::close);
    }
  }

  /** One row by the engine. */
  @Benchmark
  public float sluice(SluiceCaller caller) throws InterruptedException {
    float answer = caller.ask();
    compare(answer, caller.expected);
    return answer;
  }

  /** One row by ONNX Runtime's Java API. */
  @Benchmark
  public float onnxRuntimeJava(PeerCaller caller) throws OrtException {
    float answer = caller.ask();
    compare(answer, caller.expected);
    return answer;
  }
}
