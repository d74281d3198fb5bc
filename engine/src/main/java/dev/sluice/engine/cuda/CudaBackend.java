package dev.sluice.engine.cuda;

import dev.sluice.bindings.NativeException;
import dev.sluice.bindings.NativeMemory;
import dev.sluice.bindings.cuda.CudaApi;
import dev.sluice.bindings.cuda.CudaDevice;
import dev.sluice.bindings.cuda.CudaException;
import dev.sluice.bindings.cuda.CudaStatus;
import dev.sluice.bindings.cuda.CudaStream;
import dev.sluice.bindings.cuda.DeviceContext;
import dev.sluice.bindings.cuda.DeviceMemory;
import dev.sluice.engine.Signature;
import dev.sluice.engine.backend.Backend;
import dev.sluice.engine.backend.BackendException;
import dev.sluice.engine.backend.BatchMemory;
import dev.sluice.engine.backend.DeviceStats;
import dev.sluice.engine.backend.Lane;
import dev.sluice.engine.backend.ShapeKey;
import dev.sluice.engine.memory.DevicePool;
import dev.sluice.engine.memory.MemoryBudget;
import dev.sluice.engine.memory.PinnedPool;
import dev.sluice.engine.stage.InputStep;
import dev.sluice.engine.stage.StagePlan;
import dev.sluice.kernels.compile.LoadedKernels;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/**
 * A TensorRT plan on a GPU: loaded once, run by lanes that share its weights. The primary context
 * of the device is current only within a call; the caller's is there again when it returns.
 *
 * <p>Thread safety: as {@link Backend} says.
 */
public final class CudaBackend implements Backend {
  /**
   * TF32 rounds each factor by up to 2^-11 of it, and the errors of a deep network's layers add up:
   * assumed, not measured. What this is for, another model or a broken library, is farther off.
   */
  private static final double TF32_TOLERANCE = 0.02;

  /** Other orders of sums, and convolutions by transforms: assumed, not measured. */
  private static final double FLOAT_TOLERANCE = 1e-3;

  private final CudaDevice device;
  private final CudaOptions options;
  private final GpuLibraries gpu;
  private final LaneCounts counts = new LaneCounts();

  /** Those that the plan takes; guarded by this. */
  private final Map<ShapeKey, CudaShape> shapes = new HashMap<>();

  /** What is given back, the last first. */
  private final Deque<AutoCloseable> owned = new ArrayDeque<>();

  /** Results of short calls, guarded by itself. */
  private final NativeMemory scratch;

  private final DeviceContext context;
  private double relTolerance;
  private StagePlan stages;
  private LoadedPlan plan;
  private LoadedKernels kernels;
  private DevicePool devicePool;
  private PinnedPool pinnedPool;
  private boolean closed;

  private CudaBackend(GpuLibraries gpu, CudaDevice device, CudaOptions options) {
    this.gpu = gpu;
    this.device = device;
    this.options = options;
    this.context = owns(DeviceContext.retain(gpu.cuda(), device.ordinal()));
    try {
      this.scratch = owns(NativeMemory.allocate("results of cuda:" + device.ordinal(), 8, 8));
    } catch (RuntimeException | Error e) {
      context.close();
      throw e;
    }
  }

  private <T extends AutoCloseable> T owns(T resource) {
    owned.push(resource);
    return resource;
  }

  /**
   * Loads a plan on a device.
   *
   * @param device of {@link GpuLibraries#device}
   * @throws BackendException where TensorRT or the driver refuses, the plan is not of the package,
   *     or a stage does not fit the model
   */
  public static CudaBackend open(
      GpuLibraries gpu, CudaDevice device, CudaModel model, CudaOptions options)
      throws BackendException {
    return PlatformThread.call(() -> openHere(gpu, device, model, options));
  }

  @SuppressWarnings("MustBeClosedChecker") // closed by its owner, or here
  private static CudaBackend openHere(
      GpuLibraries gpu, CudaDevice device, CudaModel model, CudaOptions options)
      throws BackendException {
    CudaBackend backend = null;
    try {
      backend = new CudaBackend(gpu, device, options);
      backend.load(model);
      return backend;
    } catch (NativeException | IllegalArgumentException e) {
      closeAfter(e, backend);
      throw new BackendException(
          "the CUDA backend can't open " + model.label() + ": " + e.getMessage(),
          e,
          e instanceof NativeException failed && isLost(failed));
    } catch (BackendException | RuntimeException | Error e) {
      closeAfter(e, backend);
      throw e;
    }
  }

  /** Closes what was opened so far; the failure that ended the opening is the one that is told. */
  private static void closeAfter(Throwable failure, CudaBackend backend) {
    try {
      if (backend != null) {
        backend.close();
      }
    } catch (RuntimeException e) {
      failure.addSuppressed(e);
    }
  }

  private void load(CudaModel model) throws BackendException {
    relTolerance = model.tf32() ? TF32_TOLERANCE : FLOAT_TOLERANCE;
    stages = StagePlan.ofServed(model.served(), model.batched(), model.stages());
    CudaApi cuda = gpu.cuda();
    long before = enter();
    try {
      plan = owns(LoadedPlan.load(gpu.tensorRt(), model, stages.model()));
      if (!stages.isEmpty()) {
        kernels = owns(LoadedKernels.load(cuda, device.ordinal(), gpu.kernels()));
      }
    } finally {
      context.leave(before);
    }
    MemoryBudget root =
        owns(MemoryBudget.root(device() + ", " + model.label(), MemoryBudget.UNLIMITED));
    MemoryBudget onDevice = owns(root.child("device", options.deviceMemoryLimitBytes()));
    MemoryBudget pinned = owns(root.child("pinned", MemoryBudget.UNLIMITED));
    devicePool = owns(new DevicePool(cuda, context.raw(), "device memory", onDevice));
    pinnedPool = owns(new PinnedPool(cuda, context.raw(), "pinned memory", pinned));
  }

  /** Makes the context current; the one that was. */
  private long enter() {
    synchronized (scratch) {
      return context.enter(scratch.segment());
    }
  }

  @Override
  public String device() {
    return "cuda:" + device.ordinal();
  }

  @Override
  public Signature signature() {
    return stages.served();
  }

  @Override
  public StagePlan stages() {
    return stages.isEmpty() ? StagePlan.NONE : stages;
  }

  @Override
  public BatchMemory allocate(ShapeKey key, int maxRows) throws BackendException {
    return PlatformThread.call(() -> allocateHere(key, maxRows));
  }

  private BatchMemory allocateHere(ShapeKey key, int maxRows) throws BackendException {
    if (maxRows < 1 || (!stages.batched() && maxRows != 1)) {
      throw new BackendException(
          "memory for "
              + maxRows
              + " rows was asked for, but a model that is "
              + (stages.batched() ? "batched takes at least 1" : "not batched takes 1"),
          null);
    }
    checkKey(key);
    try {
      return CudaBatchMemory.allocate(this, shape(key, maxRows), maxRows);
    } catch (NativeException e) {
      throw new BackendException(
          "memory for "
              + maxRows
              + " rows of "
              + key.inputs()
              + " can't be made: "
              + e.getMessage(),
          e,
          isLost(e));
    }
  }

  private void checkKey(ShapeKey key) throws BackendException {
    boolean fits = stages.accepts(key);
    for (int i = 0; fits && i < key.inputs().size(); i++) {
      fits =
          signature().inputs().get(i).shape().accepts(key.inputs().get(i))
              && (!stages.batched() || key.inputs().get(i).dim(0) == 1);
    }
    if (!fits) {
      throw new BackendException(
          "the inputs "
              + signature().inputs()
              + " do not take the shapes "
              + key.inputs()
              + (stages.batched() ? "; give them for one row, with 1 in axis 0" : ""),
          null);
    }
  }

  private synchronized CudaShape shape(ShapeKey key, int maxRows) throws BackendException {
    long before = enter();
    try {
      CudaShape known = shapes.get(key);
      CudaShape shape = known == null ? newShape(key) : known;
      // The most rows have to fit, too: better refused here than by the first full batch.
      int bucket = RowBuckets.of(maxRows, shape.leastRows, maxRows);
      plan.profile(shape.modelInputs(bucket, stages.batched()));
      // What is refused is not kept: callers may ask for shapes without end.
      shapes.putIfAbsent(key, shape);
      return shape;
    } finally {
      context.leave(before);
    }
  }

  private CudaShape newShape(ShapeKey key) throws BackendException {
    try (CudaStream stream = CudaStream.create(gpu.cuda(), "shapes", 0)) {
      return CudaShape.of(shapes.size(), plan, stages, key, stream);
    }
  }

  /** How many shapes are kept. */
  synchronized int shapeCount() {
    return shapes.size();
  }

  @Override
  public Lane openLane(int index) throws BackendException {
    return PlatformThread.call(() -> openLaneHere(index));
  }

  private Lane openLaneHere(int index) throws BackendException {
    try {
      return CudaLane.open(this, index);
    } catch (NativeException e) {
      throw new BackendException(
          device() + " lane " + index + " can't be opened: " + e.getMessage(), e, isLost(e));
    }
  }

  /** Whether input {@code index} has the sizes of a stage's images. */
  boolean sizesOfImages(int index) {
    for (InputStep step : stages.inputs()) {
      if (step.sizes() == index) {
        return true;
      }
    }
    return false;
  }

  /**
   * Checks what a caller says of its memory; any context may be current.
   *
   * @throws IllegalArgumentException where it is not of this device, or shorter
   * @throws IllegalStateException where the device is lost, so that nothing can be said
   */
  void checkDeviceMemory(String label, long address, long sizeBytes) {
    try {
      synchronized (scratch) {
        long before = context.enter(scratch.segment());
        try {
          DeviceMemory.check(gpu.cuda(), scratch.segment(), label, address, sizeBytes);
        } finally {
          context.leave(before);
        }
      }
    } catch (CudaException e) {
      if (isLost(e)) {
        throw new IllegalStateException(
            "'" + label + "' can't be checked, " + device() + " is lost: " + e.getMessage(), e);
      }
      throw new IllegalArgumentException(
          "'" + label + "': this is not memory of " + device() + ": " + e.getMessage(), e);
    }
  }

  /** Whether a failure means that the device is gone for the whole process. */
  public static boolean isLost(NativeException e) {
    return e instanceof CudaException failed && failed.sort() == CudaStatus.Sort.DEVICE_LOST;
  }

  CudaApi cuda() {
    return gpu.cuda();
  }

  CudaOptions options() {
    return options;
  }

  DeviceContext context() {
    return context;
  }

  LoadedPlan plan() {
    return plan;
  }

  LoadedKernels kernels() {
    return kernels;
  }

  StagePlan plannedStages() {
    return stages;
  }

  DevicePool devicePool() {
    return devicePool;
  }

  PinnedPool pinned() {
    return pinnedPool;
  }

  LaneCounts counts() {
    return counts;
  }

  @Override
  public double relTolerance() {
    return relTolerance;
  }

  @Override
  public Optional<DeviceStats> deviceStats() {
    return Optional.of(
        counts.stats(devicePool.stats().heldBytes(), pinnedPool.stats().heldBytes()));
  }

  @Override
  public void close() {
    try {
      PlatformThread.call(() -> {
        closeHere();
        return null;
      });
    } catch (BackendException e) {
      throw new IllegalStateException("closing " + this, e);
    }
  }

  private synchronized void closeHere() {
    if (closed) {
      return;
    }
    closed = true;
    long before = context.enterForClose(scratch.segment());
    RuntimeException failure = null;
    while (owned.size() > 1) {
      failure = closeOne(owned.pop(), failure);
    }
    context.leave(before);
    failure = closeOne(owned.pop(), failure);
    if (failure != null) {
      throw failure;
    }
  }

  /** Closes; what fails does not keep the rest open. */
  private static RuntimeException closeOne(AutoCloseable resource, RuntimeException before) {
    try {
      resource.close();
      return before;
    } catch (Exception e) {
      RuntimeException failure = new IllegalStateException("closing the " + resource, e);
      if (before != null) {
        before.addSuppressed(failure);
        return before;
      }
      return failure;
    }
  }

  @Override
  public String toString() {
    return device() + " backend of " + plan;
  }
}
