package dev.sluice.engine.cuda;

import dev.sluice.bindings.NativeException;
import dev.sluice.bindings.NativeMemory;
import dev.sluice.bindings.cuda.CudaApi;
import dev.sluice.bindings.cuda.CudaStatus;
import dev.sluice.bindings.cuda.CudaStream;
import dev.sluice.bindings.cuda.DeviceContext;
import dev.sluice.engine.backend.BackendException;
import dev.sluice.engine.backend.BatchMemory;
import dev.sluice.engine.backend.Lane;
import dev.sluice.engine.cuda.CudaBatchMemory.Rows;
import dev.sluice.kernels.KernelCall;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * A stream with memory on the device and captured runs. A batch's inputs are copied from where
 * callers wrote them, the run for its shape and rows is launched, and its outputs are copied to
 * where callers read them, all in the order of the stream; copies of one lane run beside the work
 * of another.
 *
 * <p>Thread safety: as {@link Lane} says.
 */
final class CudaLane implements Lane {
  private static final System.Logger LOG = System.getLogger(CudaLane.class.getName());

  private final CudaBackend backend;
  private final CudaApi cuda;
  private final DeviceContext context;
  private final int index;
  private final NativeMemory scratch;
  private final CudaStream stream;
  private final LaneMemory memory;
  private final LaneEvents events;
  private final KernelCall call;
  private final RunList recent = new RunList();

  /** By the shape's index. */
  private LaneShape[] shapes = new LaneShape[4];

  private boolean closed;

  /** Whether a close gave everything back; one that failed may be tried again. */
  private boolean released;

  private CudaLane(CudaBackend backend, int index, Parts parts) {
    this.backend = backend;
    this.cuda = backend.cuda();
    this.context = backend.context();
    this.index = index;
    this.scratch = parts.scratch;
    this.stream = parts.stream;
    this.memory = parts.memory;
    this.events = parts.events;
    this.call = parts.call;
  }

  /** What a lane is made of, while it is made. */
  private static final class Parts {
    private NativeMemory scratch;
    private CudaStream stream;
    private LaneMemory memory;
    private LaneEvents events;
    private KernelCall call;
  }

  /** Opens a lane. */
  static CudaLane open(CudaBackend backend, int index) {
    String label = backend.device() + " lane " + index;
    Parts parts = new Parts();
    parts.scratch = NativeMemory.allocate("results of " + label, 8, 8);
    CudaLane lane = null;
    try {
      long before = backend.context().enter(parts.scratch.segment());
      try {
        parts.stream = CudaStream.create(backend.cuda(), label, 0);
        parts.events = LaneEvents.create(backend.cuda(), label, backend.options());
        parts.memory = new LaneMemory(backend.devicePool().on(parts.stream.raw()), label);
        if (backend.kernels() != null) {
          parts.call = new KernelCall(backend.kernels().multiprocessors());
        }
        lane = new CudaLane(backend, index, parts);
        return lane;
      } finally {
        backend.context().leave(before);
      }
    } finally {
      if (lane == null) {
        closeAll(parts.memory, parts.stream, parts.events, parts.call, parts.scratch);
      }
    }
  }

  @Override
  public void run(BatchMemory batch, int rows) throws BackendException {
    CudaBatchMemory own = own(batch);
    if (rows < 1 || rows > own.maxRows()) {
      throw new IllegalArgumentException(
          rows + " rows, but this memory takes 1 to " + own.maxRows());
    }
    int bucket = RowBuckets.of(rows, own.shape().leastRows, own.maxRows());
    if (Thread.currentThread().isVirtual() && !isReady(own, bucket)) {
      PlatformThread.call(() -> {
        runHere(own, rows, bucket);
        return null;
      });
    } else {
      runHere(own, rows, bucket);
    }
  }

  /** Whether a run takes no lock and waits for none. */
  private boolean isReady(CudaBatchMemory own, int bucket) {
    CudaShape shape = own.shape();
    LaneShape at = shape.index < shapes.length ? shapes[shape.index] : null;
    CudaRun run = at == null ? null : at.run(bucket);
    return shape.fixedOutputs && run != null && run.isReady() && run.isBound(memory, mostRows(own));
  }

  private static int mostRows(CudaBatchMemory own) {
    return RowBuckets.of(own.maxRows(), own.shape().leastRows, own.maxRows());
  }

  private void runHere(CudaBatchMemory own, int rows, int bucket) throws BackendException {
    long before = enter(own, rows);
    try {
      CudaRun run = ready(own, bucket);
      copyIn(own, run.shape(), rows, bucket);
      events.begin(stream);
      run.enqueue(memory);
      events.end(stream);
      copyOut(own, run, rows);
      events.await(stream);
    } catch (NativeException e) {
      settle(e);
      throw failure(e, own, rows);
    } catch (RuntimeException | Error e) {
      settle(e);
      throw e;
    } finally {
      context.leave(before);
    }
  }

  private CudaBatchMemory own(BatchMemory batch) {
    if (closed) {
      throw new IllegalStateException(this + " is closed; open another");
    }
    if (!(batch instanceof CudaBatchMemory own) || own.backend() != backend) {
      throw new IllegalArgumentException("this memory is not of " + backend);
    }
    return own;
  }

  private long enter(CudaBatchMemory own, int rows) throws BackendException {
    try {
      return context.enter(scratch.segment());
    } catch (NativeException e) {
      throw failure(e, own, rows);
    }
  }

  /** The run for these rows, bound to memory that is there. */
  private CudaRun ready(CudaBatchMemory own, int bucket) throws BackendException {
    CudaShape shape = own.shape();
    int mostRows = mostRows(own);
    LaneShape at = shape.index < shapes.length ? shapes[shape.index] : null;
    CudaRun run = at == null ? null : at.run(bucket);
    if (run == null) {
      run = newRun(shape, bucket, mostRows);
    }
    recent.use(run);
    run.bind(memory, mostRows);
    return run;
  }

  private CudaRun newRun(CudaShape shape, int bucket, int mostRows) throws BackendException {
    if (shape.index >= shapes.length) {
      shapes = Arrays.copyOf(shapes, 2 * shape.index);
    }
    LaneShape at = shapes[shape.index];
    if (at == null) {
      at = new LaneShape(shape);
      shapes[shape.index] = at;
    }
    at.place(memory, mostRows);
    while (recent.size() >= Math.max(1, backend.options().maxGraphs())) {
      evict();
    }
    CudaRun run = new CudaRun(backend, memory, stream, call, at, bucket);
    at.run(bucket, run);
    return run;
  }

  private void evict() {
    CudaRun oldest = recent.removeOldest();
    oldest.shape().run(oldest.rows(), null);
    backend.counts().evictions.increment();
    oldest.close();
  }

  private void copyIn(CudaBatchMemory own, LaneShape at, int rows, int bucket) {
    int[] tensors = at.shape.servedInput;
    for (int i = 0; i < tensors.length; i++) {
      Rows from = own.inputRows(i);
      long to = at.address[tensors[i]];
      if (from.anyOnDevice()) {
        copyMixed(from, to, rows, true);
      } else if (from.rowBytes() > 0) {
        check(
            cuda.cuMemcpyHtoDAsync_v2(to, from.address(), rows * from.rowBytes(), stream.raw()),
            "cuMemcpyHtoDAsync_v2");
      }
      if (bucket > rows && from.rowBytes() > 0) {
        // What an earlier batch left there may be no valid input: an index out of range, for one.
        check(
            cuda.cuMemsetD8Async(
                to + rows * from.rowBytes(),
                (byte) 0,
                (bucket - rows) * from.rowBytes(),
                stream.raw()),
            "cuMemsetD8Async");
      }
    }
  }

  private void copyOut(CudaBatchMemory own, CudaRun run, int rows) {
    LaneShape at = run.shape();
    int[] tensors = at.shape.servedOutput;
    for (int i = 0; i < tensors.length; i++) {
      Rows to = own.outputRows(i);
      long from = at.address[tensors[i]];
      DynamicOutput dynamic = run.dynamic(i);
      if (dynamic != null) {
        to.told(dynamic.takeShape());
        from = dynamic.address();
      }
      if (to.anyOnDevice()) {
        copyMixed(to, from, rows, false);
      } else if (to.rowBytes() > 0) {
        check(
            cuda.cuMemcpyDtoHAsync_v2(to.address(), from, rows * to.rowBytes(), stream.raw()),
            "cuMemcpyDtoHAsync_v2");
      }
    }
  }

  /** Copies rows of which callers hold some on the device, as many at once as lie together. */
  private void copyMixed(Rows callers, long lane, int rows, boolean in) {
    int row = 0;
    while (row < rows && callers.rowBytes() > 0) {
      long device = callers.onDevice(row);
      int count = callers.together(row, rows, device);
      long sizeBytes = count * callers.rowBytes();
      long own = lane + row * callers.rowBytes();
      long host = callers.address() + row * callers.rowBytes();
      if (device != 0) {
        check(
            cuda.cuMemcpyDtoDAsync_v2(
                in ? own : device, in ? device : own, sizeBytes, stream.raw()),
            "cuMemcpyDtoDAsync_v2");
      } else if (in) {
        check(
            cuda.cuMemcpyHtoDAsync_v2(own, host, sizeBytes, stream.raw()), "cuMemcpyHtoDAsync_v2");
      } else {
        check(
            cuda.cuMemcpyDtoHAsync_v2(host, own, sizeBytes, stream.raw()), "cuMemcpyDtoHAsync_v2");
      }
      row += count;
    }
  }

  private void check(int status, String function) {
    if (status != CudaApi.CUDA_SUCCESS) {
      throw CudaStatus.exception(cuda, status, function, toString());
    }
  }

  /** Whatever was enqueued has to end before the batch's memory is another's. */
  private void settle(Throwable failure) {
    int status = cuda.cuStreamSynchronize(stream.raw());
    if (status != CudaApi.CUDA_SUCCESS) {
      failure.addSuppressed(CudaStatus.exception(cuda, status, "cuStreamSynchronize", toString()));
    }
  }

  private BackendException failure(NativeException e, CudaBatchMemory own, int rows) {
    boolean lost = CudaBackend.isLost(e);
    String also = "";
    for (Throwable settled : e.getSuppressed()) {
      // A loss may show only where the stream is waited for.
      if (!lost && settled instanceof NativeException later && CudaBackend.isLost(later)) {
        lost = true;
        also = "; " + later.getMessage();
      }
    }
    if (!lost) {
      // TensorRT tells that a call failed, not what became of the device.
      int status = cuda.cuStreamQuery(stream.raw());
      lost =
          status != CudaApi.CUDA_SUCCESS
              && status != CudaApi.CUDA_ERROR_NOT_READY
              && CudaStatus.sortOf(status) == CudaStatus.Sort.DEVICE_LOST;
      also =
          lost
              ? "; " + CudaStatus.exception(cuda, status, "cuStreamQuery", toString()).getMessage()
              : "";
    }
    return new BackendException(
        this + ", " + rows + " rows of " + own.shape() + ": " + e.getMessage() + also, e, lost);
  }

  @Override
  public void prepare(BatchMemory batch) throws BackendException {
    CudaBatchMemory own = own(batch);
    PlatformThread.call(() -> {
      prepareHere(own);
      return null;
    });
  }

  private void prepareHere(CudaBatchMemory own) throws BackendException {
    CudaShape shape = own.shape();
    long before = enter(own, own.maxRows());
    try {
      int bucket = mostRows(own);
      int left = Math.max(1, backend.options().maxGraphs());
      while (bucket > 0 && left-- > 0) {
        prepare(own, bucket);
        bucket = RowBuckets.below(bucket, shape.leastRows, own.maxRows());
      }
    } catch (NativeException e) {
      settle(e);
      throw failure(e, own, own.maxRows());
    } catch (RuntimeException | Error e) {
      settle(e);
      throw e;
    } finally {
      context.leave(before);
    }
  }

  private void prepare(CudaBatchMemory own, int bucket) throws BackendException {
    CudaRun run = ready(own, bucket);
    LaneShape at = run.shape();
    for (int tensor : at.shape.servedInput) {
      long sizeBytes = bucket * at.shape.rowBytes[tensor];
      if (sizeBytes > 0) {
        check(
            cuda.cuMemsetD8Async(at.address[tensor], (byte) 0, sizeBytes, stream.raw()),
            "cuMemsetD8Async");
      }
    }
    while (!run.isReady()) {
      run.enqueue(memory);
    }
    // The first launch of a graph takes it to the device.
    run.enqueue(memory);
    // The next bucket may close a context to make room.
    stream.await(CudaStream.Wait.BLOCK);
  }

  @Override
  public long deviceNs() {
    return events.deviceNs();
  }

  @Override
  public void close() {
    if (released) {
      return;
    }
    closed = true;
    try {
      PlatformThread.call(() -> {
        closeHere();
        return null;
      });
    } catch (BackendException e) {
      throw new IllegalStateException("closing " + this, e);
    }
  }

  private void closeHere() {
    long before = context.enterForClose(scratch.segment());
    try {
      int status = cuda.cuStreamSynchronize(stream.raw());
      if (status != CudaApi.CUDA_SUCCESS) {
        LOG.log(
            System.Logger.Level.WARNING,
            "closing a lane whose stream failed",
            CudaStatus.exception(cuda, status, "cuStreamSynchronize", toString()));
      }
      while (recent.size() > 0) {
        recent.removeOldest().close();
      }
      closeAll(memory, stream, events, call);
      released = true;
    } finally {
      context.leave(before);
    }
    scratch.close();
  }

  /**
   * Closes those that there are; what fails does not keep the rest open, but for the stream of
   * memory that stays in the pool: other lanes ask that stream whether it is done with it.
   */
  private static void closeAll(LaneMemory memory, CudaStream stream, AutoCloseable... others) {
    RuntimeException failure = null;
    List<AutoCloseable> parts = new ArrayList<>(Arrays.asList(others));
    try {
      if (memory != null) {
        memory.close();
      }
      parts.addFirst(stream);
    } catch (RuntimeException e) {
      failure = e;
    }
    for (AutoCloseable part : parts) {
      try {
        if (part != null) {
          part.close();
        }
      } catch (Exception e) {
        IllegalStateException wrapped = new IllegalStateException("closing the " + part, e);
        if (failure == null) {
          failure = wrapped;
        } else {
          failure.addSuppressed(wrapped);
        }
      }
    }
    if (failure != null) {
      throw failure;
    }
  }

  @Override
  public String toString() {
    return backend.device() + " lane " + index;
  }
}
