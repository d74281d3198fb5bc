package dev.sluice.engine;

import dev.sluice.bindings.ElementType;
import dev.sluice.engine.backend.Backend;
import dev.sluice.engine.backend.BackendException;
import dev.sluice.engine.backend.ShapeKey;
import dev.sluice.engine.batch.BatchOptions;
import dev.sluice.engine.batch.BatchQueue;
import dev.sluice.engine.batch.Claims;
import dev.sluice.engine.batch.Slot;
import dev.sluice.engine.batch.Stage;
import dev.sluice.engine.format.Manifest;
import dev.sluice.engine.stage.StagePlan;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.function.Function;
import org.HdrHistogram.Histogram;

/**
 * A model that answers concurrent callers, in batches where that was proven to change no answer.
 *
 * <p>The scoped form is the simplest and allocates nothing itself:
 *
 * <pre>{@code
 * float score = engine.call(1,
 *     in -> in.input(0).set(ValueLayout.JAVA_FLOAT, 0, x),
 *     out -> out.output(0).get(ValueLayout.JAVA_FLOAT, 0));
 * }</pre>
 *
 * <p>{@link #newRequest} gives the parts of it one by one: claim, write, run or submit, read,
 * close.
 *
 * <p>Thread safety: any thread.
 */
public final class Engine implements AutoCloseable {
  /** Whether use of memory after its request throws: {@code -Dsluice.checked=true}. */
  static final boolean CHECKED = Boolean.getBoolean("sluice.checked");

  private static final AtomicInteger SERVING = new AtomicInteger();

  private final Backend backend;
  private final Manifest.Padding padding;
  private final boolean batched;
  private final EngineOptions options;
  private final Tuning tuning;
  private final BatchOptions batchOptions;
  private final Claims claims;
  private final BatchQueue defaultQueue;
  private final Claims.Ticket scopedTicket = new Claims.Ticket();

  /**
   * An engine over a backend, which is closed with it, or when this throws.
   *
   * @param batched whether axis 0 of every input and output is the batch, and rows are independent
   * @param maxBatch most rows of a batch; 1 for a model that is not batched
   * @param lanes batches that run at once
   * @param padding how requests of different extents share batches
   */
  Engine(
      Backend backend,
      boolean batched,
      int maxBatch,
      int lanes,
      Tuning tuning,
      EngineOptions options,
      Manifest.Padding padding)
      throws BackendException {
    this.backend = backend;
    this.padding = padding;
    this.batched = batched;
    this.options = options;
    this.tuning = tuning;
    this.batchOptions = options.batchOptions(maxBatch, lanes, tuning);
    ShapeKey declared = ShapeKey.ofDeclared(backend.signature(), batched);
    Claims opened = null;
    try {
      opened = new Claims(backend, batchOptions);
      this.claims = opened;
      this.defaultQueue = declared == null ? null : claims.queue(declared);
      if (defaultQueue != null) {
        claims.prepare(defaultQueue);
      }
    } catch (BackendException | RuntimeException e) {
      if (opened != null) {
        opened.close();
      } else {
        backend.close();
      }
      throw e;
    }
    SERVING.incrementAndGet();
  }

  /** Whether no engine of this process serves, so that a measurement disturbs nobody. */
  static boolean noneServes() {
    return SERVING.get() == 0;
  }

  /**
   * Opens a package: verifies its hash, opens its backend, runs its golden samples (once on a CPU,
   * see {@link EngineOptions.Builder#selfTest}), measures how to serve it best (at most 2 s,
   * remembered in the user's cache; not while another engine of this process serves).
   *
   * @throws IOException where the package cannot be read; a damaged one is a {@link
   *     dev.sluice.engine.format.PackageException}
   * @throws BackendException where the backend refuses it, or computes something else than what the
   *     package says
   */
  public static Engine open(Path packageFile, EngineOptions options)
      throws IOException, BackendException {
    return new PackageOpener(packageFile, options).open();
  }

  /** Opens a package with the defaults; see {@link #open(Path, EngineOptions)}. */
  public static Engine open(Path packageFile) throws IOException, BackendException {
    return open(packageFile, EngineOptions.defaults());
  }

  /**
   * Serves a backend of one's own, a test double for instance; it is closed with the engine.
   *
   * @param batched whether axis 0 of every input and output is the batch, and rows are independent
   * @param options {@code maxBatch} and {@code lanes} left at 0 are 1
   * @throws BackendException where the backend refuses lanes or memory
   */
  public static Engine over(Backend backend, boolean batched, EngineOptions options)
      throws BackendException {
    return new Engine(
        backend,
        batched,
        batched ? Math.max(1, options.maxBatch()) : 1,
        Math.max(1, options.lanes()),
        null,
        options,
        Manifest.Padding.NONE);
  }

  Claims claims() {
    return claims;
  }

  long nanoTime() {
    return batchOptions.clock().nanoTime();
  }

  static long toNanos(Duration duration) {
    try {
      return Math.min(duration.toNanos(), Long.MAX_VALUE / 4);
    } catch (ArithmeticException e) {
      return Long.MAX_VALUE / 4;
    }
  }

  /** The inputs and outputs of the model. */
  public Signature signature() {
    return backend.signature();
  }

  /** The stages around the model; empty where there are none. */
  public StagePlan stages() {
    return backend.stages();
  }

  /** The device that serves: {@code cpu} or {@code cuda:0}. */
  public String device() {
    return backend.device();
  }

  /**
   * How far answers may be from those of the model in plain 32-bit floats, beside what the package
   * allows, as a part of an output's largest value: 0 on the CPU, more on a GPU.
   */
  public double relTolerance() {
    return backend.relTolerance();
  }

  /** Whether requests share batches. */
  public boolean batched() {
    return batched;
  }

  /** Most rows of one request and of one batch. */
  public int maxBatch() {
    return batchOptions.maxRows();
  }

  /** Batches that run at once. */
  public int lanes() {
    return batchOptions.lanes();
  }

  /**
   * A reusable handle for requests of the model's own input shapes.
   *
   * @throws IllegalStateException where the model has dynamic dimensions besides the batch: name
   *     them with {@link #newRequest(Map)}
   */
  public Request newRequest() {
    return new Request(this, requireDefault(), null);
  }

  private BatchQueue requireDefault() {
    if (defaultQueue == null) {
      throw new IllegalStateException(
          "the inputs "
              + signature().inputs()
              + " have dynamic dimensions: say their shapes with newRequest(Map)");
    }
    return defaultQueue;
  }

  /**
   * A reusable handle for requests of these input shapes. The first for a shape allocates its batch
   * buffers; requests of different shapes never share a batch, unless the package has padding: then
   * those of one bucket do, and {@link Inputs#write} and {@link Outputs#read} take rows of the
   * request's own shape.
   *
   * @param shapes by input name; inputs that are left out have their declared shape, masks that of
   *     what they are for. Axis 0 of a batched model's shapes is the batch, whatever it says
   * @throws IllegalArgumentException where a shape does not fit the model, or is larger than every
   *     bucket
   * @throws IllegalStateException where too many shapes are in use
   * @throws BackendException where the device has no memory for it, or refuses the shapes
   */
  public Request newRequest(Map<String, Shape> shapes) throws BackendException {
    if (padding.rules().isEmpty()) {
      return new Request(this, claims.queue(key(shapes)), null);
    }
    ShapeKey own = key(Padding.withMasks(padding.rules(), shapes));
    Padding padded = Padding.of(signature(), padding.rules(), padding.cuts(), own.inputs());
    return new Request(this, claims.queue(new ShapeKey(padded.padded())), padded);
  }

  /** How requests of different extents share batches; empty where they never do. */
  public Manifest.Padding padding() {
    return padding;
  }

  private ShapeKey key(Map<String, Shape> shapes) {
    shapes.keySet().forEach(name -> signature().inputIndex(name));
    List<Shape> key = new ArrayList<>();
    for (TensorSpec spec : signature().inputs()) {
      Shape shape = shapes.getOrDefault(spec.name(), spec.shape());
      if (!spec.shape()
          .accepts(batched && shape.rank() > 0 ? shape.withDim(0, spec.shape().dim(0)) : shape)) {
        throw new IllegalArgumentException("input " + spec + " does not take the shape " + shape);
      }
      Shape one = batched ? shape.withDim(0, 1) : shape;
      if (!one.isStatic()) {
        throw new IllegalArgumentException(
            "input " + spec + " has dynamic dimensions: give its shape, not " + shape);
      }
      key.add(one);
    }
    return new ShapeKey(key);
  }

  /**
   * Claims rows with a handle of their own, waiting for admission for up to {@code claimWait}.
   * Allocates the handle; {@link #newRequest} is for steady state.
   *
   * @throws InferenceException where the claim is refused
   */
  public Request claim(int rows) throws InterruptedException {
    Request request = newRequest();
    Admission admission = request.claim(rows, options.claimWait());
    if (!admission.admitted()) {
      throw new InferenceException(admission);
    }
    return request;
  }

  /**
   * One whole request: claims rows, lets {@code in} write them, runs, lets {@code out} read,
   * closes. Waits for admission for up to {@code claimWait}.
   *
   * @param rows 1 to {@link #maxBatch}
   * @param in writes every input; must not keep its argument
   * @param out reads the outputs; must not keep its argument
   * @return what {@code out} returns
   * @throws InferenceException where the claim is refused or there is no answer
   * @throws InterruptedException where the calling thread is interrupted while it waits
   */
  public <R> R call(int rows, Consumer<? super Inputs> in, Function<? super Outputs, R> out)
      throws InterruptedException {
    Request request = scoped(rows);
    try {
      in.accept(request);
    } catch (RuntimeException | Error e) {
      request.close();
      throw e;
    }
    // Where this throws the request is closed, and may already be the next caller's of its slot.
    Outputs outputs = request.run();
    try {
      return out.apply(outputs);
    } finally {
      request.close();
    }
  }

  private Request scoped(int rows) throws InterruptedException {
    BatchQueue queue = requireDefault();
    Slot slot = claims.tryClaim(queue, rows, Priority.NORMAL, Long.MAX_VALUE, scopedTicket);
    if (slot == null) {
      Claims.Ticket ticket = new Claims.Ticket();
      slot =
          claims.claim(
              queue, rows, Priority.NORMAL, Long.MAX_VALUE, ticket, toNanos(options.claimWait()));
      if (slot == null) {
        throw new InferenceException(ticket.refusal());
      }
    }
    Request request = (Request) slot.handle();
    if (request == null) {
      request = new Request(this, queue, null);
      slot.handle(request);
    }
    request.attach(slot);
    return request;
  }

  /**
   * The short form for a model of one FLOAT input and one FLOAT output. Copies, and allocates the
   * result.
   *
   * @param input one or more rows, C order
   * @return as many rows of the output
   * @throws IllegalArgumentException where the model has another signature, or the length is not a
   *     whole number of rows
   */
  public float[] run(float... input) throws InterruptedException {
    List<TensorSpec> inputs = signature().inputs();
    List<TensorSpec> outputs = signature().outputs();
    if (inputs.size() != 1
        || outputs.size() != 1
        || inputs.get(0).type() != ElementType.FLOAT
        || outputs.get(0).type() != ElementType.FLOAT) {
      throw new IllegalArgumentException(
          "run(float[]) is for one FLOAT input and one FLOAT output; this model has "
              + signature());
    }
    long rowFloats = requireDefault().anyMemory().inputRowBytes(0) / Float.BYTES;
    if (rowFloats == 0 || input.length % rowFloats != 0 || input.length == 0) {
      throw new IllegalArgumentException(
          "a row of input "
              + inputs.get(0)
              + " is "
              + rowFloats
              + " floats, but "
              + input.length
              + " were given");
    }
    return call(
        Math.toIntExact(input.length / rowFloats),
        in -> MemorySegment.copy(input, 0, in.input(0), ValueLayout.JAVA_FLOAT, 0, input.length),
        out -> out.output(0).toArray(ValueLayout.JAVA_FLOAT));
  }

  /** How the package is served and the timings behind it; null where a backend was given. */
  public Tuning tuning() {
    return tuning;
  }

  /** What the engine measured since it was opened. */
  public EngineStats stats() {
    Map<Stage, Histogram> stages = new EnumMap<>(Stage.class);
    for (Stage stage : Stage.values()) {
      stages.put(stage, new Histogram(2));
    }
    long[] runsByRows = new long[batchOptions.maxRows() + 1];
    claims.addStats(stages, runsByRows);
    Map<Admission, Long> refused = new EnumMap<>(Admission.class);
    for (Admission reason : Admission.values()) {
      if (claims.refused(reason) > 0) {
        refused.put(reason, claims.refused(reason));
      }
    }
    return new EngineStats(
        EngineStats.Distribution.of(stages.get(Stage.WRITE)),
        EngineStats.Distribution.of(stages.get(Stage.WAIT)),
        EngineStats.Distribution.of(stages.get(Stage.RUN)),
        EngineStats.Distribution.of(stages.get(Stage.PRE)),
        EngineStats.Distribution.of(stages.get(Stage.POST)),
        EngineStats.Distribution.of(stages.get(Stage.DEVICE)),
        EngineStats.Distribution.of(stages.get(Stage.READ)),
        EngineStats.Distribution.ofRows(runsByRows),
        EngineStats.counts(runsByRows),
        Map.copyOf(refused),
        claims.quarantined(),
        claims.usableLanes(),
        backend.deviceStats());
  }

  /** What the engine failed with for good (a lost device, no lane left); null while it serves. */
  public Throwable failure() {
    Throwable failure = claims.failure();
    return failure instanceof InferenceException ? null : failure;
  }

  /**
   * Refuses new claims, waits up to {@code drainTimeout} for the requests in flight, fails the
   * rest, and frees everything; memory that a caller still holds is freed when it closes its
   * request. Closing twice is safe.
   */
  @Override
  public void close() {
    if (claims.close()) {
      SERVING.decrementAndGet();
    }
  }
}
