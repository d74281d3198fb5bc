package dev.sluice.bench.precision;

import ai.onnxruntime.OrtException;
import dev.sluice.bench.models.PackageFolder;
import dev.sluice.bench.peers.OrtPeer;
import dev.sluice.bench.peers.Peer;
import dev.sluice.bench.peers.SluicePeer;
import dev.sluice.bench.precision.CpuModel.Precision;
import dev.sluice.engine.backend.BackendException;
import java.io.IOException;
import java.nio.file.Path;
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
 * Rows per second of 64 callers, one row a request, of {@link CpuModel#MLP}, or of what else is
 * named: the engine with its own tuning, in both precisions, and ONNX Runtime's Java API one by one
 * in FP32, each caller with a tensor of its own for the input and one for the output, both used
 * again. Every caller has a row of its own, and compares each answer's first number with what a
 * lone caller got.
 */
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Threads(64)
@Fork(value = 1, jvmArgsAppend = "--enable-native-access=ALL-UNNAMED")
@Warmup(iterations = 2, time = 1)
@Measurement(iterations = 3, time = 2)
public class ManyCallersBenchmark {
  private static final int CALLERS = 64;

  /** How far a row's answer may be from that of a run alone, of a number of about 1. */
  private static final float TOLERANCE = 2e-2f;

  /** What all callers share. */
  abstract static class Shared {
    private final AtomicInteger callers = new AtomicInteger();
    private CpuModel served;
    private PackageFolder folder;
    private Peer peer;

    /** Opens the model in a folder. */
    abstract Peer open(Path packages) throws Exception;

    final void openPeer(CpuModel model, Precision precision) throws Exception {
      served = model;
      folder = new PackageFolder();
      served.pack(folder.path(), precision);
      peer = open(folder.path());
    }

    final void closePeer() throws Exception {
      peer.close();
      folder.close();
    }
  }

  /** An engine, with the tuning that it picks. */
  @State(Scope.Benchmark)
  public static class Sluice extends Shared {
    /** What is served. */
    @Param("MLP")
    public CpuModel model;

    /** How the package computes. */
    @Param public Precision precision;

    @Override
    Peer open(Path packages) throws IOException, BackendException {
      return new SluicePeer(model.file(packages, precision), 0);
    }

    /** Opens it. */
    @Setup(Level.Trial)
    public void setUp() throws Exception {
      openPeer(model, precision);
    }

    /** Closes it. */
    @TearDown(Level.Trial)
    public void tearDown() throws Exception {
      closePeer();
    }
  }

  /** A session of ONNX Runtime's Java API. */
  @State(Scope.Benchmark)
  public static class OnnxRuntime extends Shared {
    /** What is served. */
    @Param("MLP")
    public CpuModel model;

    /** Its threads within an operator; 0 is the default, one for each core. */
    @Param({"1", "0"})
    public int intraOpThreads;

    @Override
    Peer open(Path packages) throws OrtException {
      return new OrtPeer(model.onnx(packages), intraOpThreads, true);
    }

    /** Opens it. */
    @Setup(Level.Trial)
    public void setUp() throws Exception {
      openPeer(model, Precision.FP32);
    }

    /** Closes it. */
    @TearDown(Level.Trial)
    public void tearDown() throws Exception {
      closePeer();
    }
  }

  /** A caller with a row of its own. */
  abstract static class OneCaller {
    private Peer.Caller caller;
    private float expected;

    final void begin(Shared shared) throws Exception {
      int number = shared.callers.getAndIncrement() % CALLERS;
      caller = shared.peer.newCaller(Peer.Row.of(shared.served.model().inputs(), number));
      expected = caller.ask();
    }

    final float ask() throws Exception {
      float answer = caller.ask();
      if (!(Math.abs(answer - expected) <= TOLERANCE)) {
        throw new IllegalStateException("the answer is " + answer + ", not " + expected);
      }
      return answer;
    }

    final void end() {
      caller.close();
    }
  }

  /** A caller of the engine. */
  @State(Scope.Thread)
  public static class SluiceCaller extends OneCaller {
    /** Asks once. */
    @Setup(Level.Trial)
    public void setUp(Sluice sluice) throws Exception {
      begin(sluice);
    }

    /** Ends it. */
    @TearDown(Level.Trial)
    public void tearDown() {
      end();
    }
  }

  /** A caller of ONNX Runtime's Java API. */
  @State(Scope.Thread)
  public static class OnnxRuntimeCaller extends OneCaller {
    /** Asks once. */
    @Setup(Level.Trial)
    public void setUp(OnnxRuntime peer) throws Exception {
      begin(peer);
    }

    /** Ends it. */
    @TearDown(Level.Trial)
    public void tearDown() {
      end();
    }
  }

  /** One row by the engine. */
  @Benchmark
  public float sluice(SluiceCaller caller) throws Exception {
    return caller.ask();
  }

  /** One row by ONNX Runtime's Java API. */
  @Benchmark
  public float onnxRuntimeJava(OnnxRuntimeCaller caller) throws Exception {
    return caller.ask();
  }
}
