package dev.sluice.bindings.sim;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.sluice.bindings.cuda.CudaApi;
import dev.sluice.bindings.cuda.CudaStatus;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Supplier;

/**
 * A CUDA driver without a GPU: what it simulates, and what it does not, is in the package's
 * description. Close it after use; {@link #leaks} says what was not given back.
 *
 * <p>Longer than most because the interface is; what the functions do stands in the classes of
 * contexts, memory, streams, captures and modules.
 *
 * <p>Thread safety: any thread may call, as with a driver. One lock guards everything; kernels,
 * host functions and copies run without it.
 */
@SuppressWarnings("MemberName") // the driver's own names
public final class SimulatedCuda implements CudaApi, AutoCloseable {
  private static final int NO_INIT = 0;
  private static final int INIT = 1;
  private static final int CONTEXT = 2;

  /**
   * Prohibited while a stream captures. Of the driver's documentation, but for asking and waiting
   * for events: a real driver treats these so, too.
   */
  private static final int UNSAFE = 4;

  /** Gives something back: does so on a lost device, too. */
  private static final int RELEASE = 8;

  private interface Body {
    void run();
  }

  final Driver driver;
  private final AtomicBoolean closed = new AtomicBoolean();
  private final Arena texts = Arena.ofShared();
  private final MemorySegment[] names = new MemorySegment[1000];

  SimulatedCuda(SimulatedDevices options) {
    driver = new Driver(options);
  }

  /** Says what the driver and its devices are like. */
  public static SimulatedDevices builder() {
    return new SimulatedDevices();
  }

  static Refused invalid(String reason) {
    return new Refused(CudaStatus.INVALID_VALUE, reason);
  }

  /** Runs one operation of a stepped device, drawn by its seed; false where none can run. */
  public boolean step() {
    return driver.locked(driver.progress::step);
  }

  /**
   * Runs the next operation of a stream of a stepped device; false where it cannot run.
   *
   * @throws IllegalArgumentException where there is no such stream
   */
  public boolean step(long hStream) {
    return ask(() -> driver.progress.step(driver.stream(hStream)));
  }

  /**
   * How many operations a stream still has to run.
   *
   * @throws IllegalArgumentException where there is no such stream
   */
  public int streamLength(long hStream) {
    return ask(() -> driver.stream(hStream).queue.size());
  }

  /** Runs all that a stepped device can run. */
  public void runAll() {
    boolean ran = true;
    while (ran) {
      ran = step();
    }
  }

  /** The calls so far, where the log is on; the oldest are forgotten after 100,000. */
  public List<Call> calls() {
    return driver.locked(driver.log::calls);
  }

  /** Forgets the calls so far. */
  public void clearCalls() {
    driver.locked(() -> {
      driver.log.clear();
      return true;
    });
  }

  /**
   * Pairs of accesses to the same memory, one of them a write, that no stream, event or wait of the
   * host puts in order: what they left in memory is luck. A wait of one thread counts for all.
   */
  public List<String> races() {
    return driver.locked(driver.memory::races);
  }

  /**
   * What failed late: launches, copies and fills that touched memory that is not there; and calls
   * that host functions or kernels made.
   */
  public List<String> failures() {
    return driver.locked(driver.progress::failures);
  }

  /** What was made and not given back. */
  public List<String> leaks() {
    return driver.locked(driver::leaks);
  }

  /**
   * Bytes of a device's memory that are taken, by allocations and by what pools reserve.
   *
   * @throws IllegalArgumentException where there is no such device
   */
  public long usedBytes(int device) {
    return ask(() -> driver.device(device).usedBytes);
  }

  /**
   * Stops the workers and frees all memory; once more does nothing. Calls after this are not
   * defined.
   */
  @Override
  public void close() {
    if (closed.compareAndSet(false, true)) {
      driver.close();
      texts.close();
    }
  }

  @Override
  public String toString() {
    SimulatedDevices options = driver.options;
    return "simulated CUDA driver ("
        + (options.stepped ? "stepped, seed " + options.stepSeed : "threaded")
        + "; "
        + options.faults
        + ")";
  }

  /** Answers a question that is no call of the driver's. */
  private <T> T ask(Supplier<T> question) {
    try {
      return driver.locked(question);
    } catch (Refused e) {
      throw new IllegalArgumentException(e.getMessage(), e);
    }
  }

  private int call(String function, int needs, String arguments, Body body) {
    return call(function, needs, arguments, null, body);
  }

  /**
   * A call.
   *
   * @param made where it writes the handle or the address that it makes; null where it makes none
   */
  private int call(String function, int needs, String arguments, MemorySegment made, Body body) {
    driver.lock.lock();
    CallLog.Entry entry = driver.log.begin(function, arguments);
    int status = CudaStatus.UNKNOWN.code();
    try {
      status = driver.enter(function, needs);
      if (status == CUDA_SUCCESS || (driver.progress.lost() != 0 && (needs & RELEASE) != 0)) {
        body.run();
        int lost = (needs & INIT) != 0 ? driver.progress.lost() : 0;
        status = status == CUDA_SUCCESS ? lost : status;
      }
    } catch (Refused e) {
      status = e.code();
    } finally {
      if (entry != null) {
        entry.end(status, made == null || status != CUDA_SUCCESS ? 0 : made.get(JAVA_LONG, 0));
      }
      driver.lock.unlock();
    }
    return status;
  }

  /** The arguments for the log; empty where there is none, so that nothing is made. */
  private String text(String name, long value) {
    return driver.log.isOn() ? name + " " + hex(value) : "";
  }

  private String text(String name, long value, String name2, long value2) {
    return driver.log.isOn() ? text(name, value) + ", " + text(name2, value2) : "";
  }

  private String text(
      String name, long value, String name2, long value2, String name3, long value3) {
    return driver.log.isOn() ? text(name, value, name2, value2) + ", " + text(name3, value3) : "";
  }

  /** Of a copy or a fill. */
  private String text(
      String to, long destination, String from, long source, String size, long n, long hStream) {
    return driver.log.isOn()
        ? text(to, destination, from, source, size, n) + ", " + text("hStream", hStream)
        : "";
  }

  private String named(String handle, long value, MemorySegment name) {
    return driver.log.isOn() ? text(handle, value) + ", name " + Driver.cText(name) : "";
  }

  private static String hex(long value) {
    return value >= 0 && value < 1L << 32 ? Long.toString(value) : "0x" + Long.toHexString(value);
  }

  private static void put(MemorySegment out, long value) {
    out.set(JAVA_LONG, 0, value);
  }

  private static void putInt(MemorySegment out, int value) {
    out.set(JAVA_INT, 0, value);
  }

  @Override
  public int cuGetErrorName(int error, MemorySegment pStr) {
    return name(error, pStr, CudaStatus.of(error).map(CudaStatus::cName).orElse(null));
  }

  @Override
  public int cuGetErrorString(int error, MemorySegment pStr) {
    return name(
        error,
        pStr,
        CudaStatus.of(error)
            .map(status -> status.name().toLowerCase(Locale.ROOT).replace('_', ' '))
            .orElse(null));
  }

  private int name(int error, MemorySegment pStr, String text) {
    if (text == null) {
      pStr.set(ADDRESS, 0, MemorySegment.NULL);
      return CudaStatus.INVALID_VALUE.code();
    }
    driver.lock.lock();
    try {
      boolean described = !text.startsWith("CUDA_");
      if (described || names[error] == null) {
        MemorySegment made = texts.allocateFrom(text);
        if (described) {
          pStr.set(ADDRESS, 0, made);
          return CUDA_SUCCESS;
        }
        names[error] = made;
      }
      pStr.set(ADDRESS, 0, names[error]);
      return CUDA_SUCCESS;
    } finally {
      driver.lock.unlock();
    }
  }

  @Override
  public int cuInit(int flags) {
    return call(
        "cuInit",
        NO_INIT,
        text("flags", flags),
        () -> {
          if (driver.options.devices == 0) {
            throw new Refused(CudaStatus.NO_DEVICE, "the builder gave no device");
          }
          driver.initialised = true;
        });
  }

  @Override
  public int cuDriverGetVersion(MemorySegment driverVersion) {
    return call(
        "cuDriverGetVersion",
        NO_INIT,
        "",
        () -> putInt(driverVersion, driver.options.driverVersion));
  }

  @Override
  public int cuDeviceGetCount(MemorySegment count) {
    return call("cuDeviceGetCount", INIT, "", () -> putInt(count, driver.options.devices));
  }

  @Override
  public int cuDeviceGet(MemorySegment device, int ordinal) {
    return call(
        "cuDeviceGet",
        INIT,
        text("ordinal", ordinal),
        () -> putInt(device, driver.device(ordinal).ordinal));
  }

  @Override
  public int cuDeviceGetName(MemorySegment name, int len, int dev) {
    return call(
        "cuDeviceGetName",
        INIT,
        text("dev", dev),
        () -> {
          driver.device(dev);
          Driver.putText(name, len, driver.options.name);
        });
  }

  @Override
  public int cuDeviceGetUuid_v2(MemorySegment uuid, int dev) {
    return call(
        "cuDeviceGetUuid_v2",
        INIT,
        text("dev", dev),
        () -> {
          uuid.asSlice(0, 16).fill((byte) 0x51);
          uuid.set(JAVA_BYTE, 15, (byte) driver.device(dev).ordinal);
        });
  }

  @Override
  public int cuDeviceGetPCIBusId(MemorySegment pciBusId, int len, int dev) {
    return call(
        "cuDeviceGetPCIBusId",
        INIT,
        text("dev", dev),
        () ->
            Driver.putText(
                pciBusId, len, String.format("0000:%02X:00.0", driver.device(dev).ordinal + 1)));
  }

  @Override
  public int cuDeviceTotalMem_v2(MemorySegment bytes, int dev) {
    return call(
        "cuDeviceTotalMem_v2",
        INIT,
        text("dev", dev),
        () -> put(bytes, driver.device(dev).totalBytes));
  }

  @Override
  public int cuDeviceGetAttribute(MemorySegment pi, int attrib, int dev) {
    return call(
        "cuDeviceGetAttribute",
        INIT,
        text("attrib", attrib, "dev", dev),
        () -> {
          driver.device(dev);
          putInt(pi, driver.attribute(attrib));
        });
  }

  @Override
  public int cuDeviceGetDefaultMemPool(MemorySegment poolOut, int dev) {
    return call(
        "cuDeviceGetDefaultMemPool",
        INIT,
        text("dev", dev),
        () -> put(poolOut, driver.allocations.defaultPool(driver.device(dev))));
  }

  @Override
  public int cuDevicePrimaryCtxRetain(MemorySegment pctx, int dev) {
    return call(
        "cuDevicePrimaryCtxRetain",
        INIT,
        text("dev", dev),
        pctx,
        () -> put(pctx, driver.retainPrimary(driver.device(dev))));
  }

  @Override
  public int cuDevicePrimaryCtxRelease_v2(int dev) {
    return call(
        "cuDevicePrimaryCtxRelease_v2",
        INIT | RELEASE,
        text("dev", dev),
        () -> driver.releasePrimary(driver.device(dev)));
  }

  @Override
  public int cuDevicePrimaryCtxGetState(int dev, MemorySegment flags, MemorySegment active) {
    return call(
        "cuDevicePrimaryCtxGetState",
        INIT,
        text("dev", dev),
        () -> {
          SimDevice device = driver.device(dev);
          putInt(flags, device.primaryFlags);
          putInt(active, device.primary == null ? 0 : 1);
        });
  }

  @Override
  public int cuDevicePrimaryCtxSetFlags_v2(int dev, int flags) {
    return call(
        "cuDevicePrimaryCtxSetFlags_v2",
        INIT,
        text("dev", dev, "flags", flags),
        () -> driver.device(dev).primaryFlags = flags);
  }

  @Override
  public int cuCtxCreate_v4(MemorySegment pctx, long ctxCreateParams, int flags, int dev) {
    return call(
        "cuCtxCreate_v4",
        INIT,
        text("ctxCreateParams", ctxCreateParams, "flags", flags, "dev", dev),
        pctx,
        () -> put(pctx, driver.createContext(driver.device(dev), flags)));
  }

  @Override
  public int cuCtxDestroy_v2(long ctx) {
    return call(
        "cuCtxDestroy_v2", INIT | RELEASE, text("ctx", ctx), () -> driver.destroyContext(ctx));
  }

  @Override
  public int cuCtxSetCurrent(long ctx) {
    return call("cuCtxSetCurrent", INIT | RELEASE, text("ctx", ctx), () -> driver.setCurrent(ctx));
  }

  @Override
  public int cuCtxGetCurrent(MemorySegment pctx) {
    return call("cuCtxGetCurrent", INIT | RELEASE, "", () -> put(pctx, driver.currentHandle()));
  }

  @Override
  public int cuCtxGetDevice(MemorySegment device) {
    return call(
        "cuCtxGetDevice",
        INIT | CONTEXT,
        "",
        () -> putInt(device, driver.current().device.ordinal));
  }

  @Override
  public int cuCtxSynchronize() {
    return call("cuCtxSynchronize", INIT | CONTEXT | UNSAFE, "", driver::synchronizeContext);
  }

  @Override
  public int cuCtxGetStreamPriorityRange(
      MemorySegment leastPriority, MemorySegment greatestPriority) {
    return call(
        "cuCtxGetStreamPriorityRange",
        INIT | CONTEXT,
        "",
        () -> {
          putInt(leastPriority, Driver.LEAST_PRIORITY);
          putInt(greatestPriority, Driver.GREATEST_PRIORITY);
        });
  }

  @Override
  public int cuMemGetInfo_v2(MemorySegment free, MemorySegment total) {
    return call(
        "cuMemGetInfo_v2",
        INIT | CONTEXT,
        "",
        () -> {
          put(free, driver.current().device.freeBytes());
          put(total, driver.current().device.totalBytes);
        });
  }

  @Override
  public int cuMemAlloc_v2(MemorySegment dptr, long bytesize) {
    return call(
        "cuMemAlloc_v2",
        INIT | CONTEXT | UNSAFE,
        text("bytesize", bytesize),
        dptr,
        () -> put(dptr, driver.allocations.allocate(bytesize)));
  }

  @Override
  public int cuMemFree_v2(long dptr) {
    return call(
        "cuMemFree_v2",
        INIT | CONTEXT | UNSAFE | RELEASE,
        text("dptr", dptr),
        () -> driver.allocations.free(dptr));
  }

  @Override
  public int cuMemAllocAsync(MemorySegment dptr, long bytesize, long hStream) {
    return call(
        "cuMemAllocAsync",
        INIT | CONTEXT,
        text("bytesize", bytesize, "hStream", hStream),
        dptr,
        () ->
            put(
                dptr,
                driver.allocations.allocateAsync(
                    driver.current().device.defaultPool, bytesize, hStream)));
  }

  @Override
  public int cuMemFreeAsync(long dptr, long hStream) {
    return call(
        "cuMemFreeAsync",
        INIT | CONTEXT | RELEASE,
        text("dptr", dptr, "hStream", hStream),
        () -> driver.allocations.freeAsync(dptr, hStream));
  }

  @Override
  public int cuMemAllocFromPoolAsync(MemorySegment dptr, long bytesize, long pool, long hStream) {
    return call(
        "cuMemAllocFromPoolAsync",
        INIT | CONTEXT,
        text("bytesize", bytesize, "pool", pool, "hStream", hStream),
        dptr,
        () ->
            put(
                dptr,
                driver.allocations.allocateAsync(
                    driver.allocations.pool(pool), bytesize, hStream)));
  }

  @Override
  public int cuMemPoolCreate(MemorySegment pool, MemorySegment poolProps) {
    return call(
        "cuMemPoolCreate",
        INIT,
        "",
        pool,
        () -> put(pool, driver.allocations.createPool(poolProps)));
  }

  @Override
  public int cuMemPoolDestroy(long pool) {
    return call(
        "cuMemPoolDestroy",
        INIT | RELEASE,
        text("pool", pool),
        () -> driver.allocations.destroyPool(pool));
  }

  @Override
  public int cuMemPoolTrimTo(long pool, long minBytesToKeep) {
    return call(
        "cuMemPoolTrimTo",
        INIT,
        text("pool", pool, "minBytesToKeep", minBytesToKeep),
        () -> driver.allocations.pool(pool).trimTo(minBytesToKeep));
  }

  @Override
  public int cuMemPoolSetAttribute(long pool, int attr, MemorySegment value) {
    return call(
        "cuMemPoolSetAttribute",
        INIT,
        text("pool", pool, "attr", attr),
        () ->
            driver
                .allocations
                .pool(pool)
                .setAttribute(
                    attr, SimPool.isInt(attr) ? value.get(JAVA_INT, 0) : value.get(JAVA_LONG, 0)));
  }

  @Override
  public int cuMemPoolGetAttribute(long pool, int attr, MemorySegment value) {
    return call(
        "cuMemPoolGetAttribute",
        INIT,
        text("pool", pool, "attr", attr),
        () -> {
          long found = driver.allocations.pool(pool).attribute(attr);
          if (SimPool.isInt(attr)) {
            putInt(value, (int) found);
          } else {
            put(value, found);
          }
        });
  }

  @Override
  public int cuMemHostAlloc(MemorySegment pp, long bytesize, int flags) {
    return call(
        "cuMemHostAlloc",
        INIT | CONTEXT | UNSAFE,
        text("bytesize", bytesize, "flags", flags),
        pp,
        () -> put(pp, driver.allocations.allocatePinned(bytesize)));
  }

  @Override
  public int cuMemFreeHost(long ptr) {
    return call(
        "cuMemFreeHost",
        INIT | CONTEXT | UNSAFE | RELEASE,
        text("ptr", ptr),
        () -> driver.allocations.freePinned(ptr));
  }

  @Override
  public int cuMemHostRegister_v2(long ptr, long bytesize, int flags) {
    return call(
        "cuMemHostRegister_v2",
        INIT | CONTEXT | UNSAFE,
        text("ptr", ptr, "bytesize", bytesize, "flags", flags),
        () -> driver.allocations.register(ptr, bytesize));
  }

  @Override
  public int cuMemHostUnregister(long ptr) {
    return call(
        "cuMemHostUnregister",
        INIT | CONTEXT | UNSAFE | RELEASE,
        text("ptr", ptr),
        () -> driver.allocations.unregister(ptr));
  }

  @Override
  public int cuMemHostGetDevicePointer_v2(MemorySegment pdptr, long ptr, int flags) {
    return call(
        "cuMemHostGetDevicePointer_v2",
        INIT | CONTEXT,
        text("ptr", ptr, "flags", flags),
        pdptr,
        () -> {
          Allocation allocation = driver.memory.find(ptr);
          if (allocation == null || allocation.isDevice()) {
            throw invalid("no pinned host memory is there");
          }
          put(pdptr, ptr);
        });
  }

  @Override
  public int cuPointerGetAttribute(MemorySegment data, int attribute, long ptr) {
    return call(
        "cuPointerGetAttribute",
        INIT | CONTEXT,
        text("attribute", attribute, "ptr", ptr),
        () -> driver.allocations.pointerAttribute(data, attribute, ptr));
  }

  @Override
  public int cuMemcpyHtoD_v2(long dstDevice, MemorySegment srcHost, long byteCount) {
    return call(
        "cuMemcpyHtoD_v2",
        INIT | CONTEXT | UNSAFE,
        text("dstDevice", dstDevice, "srcHost", srcHost.address(), "byteCount", byteCount),
        () -> driver.copyNow(dstDevice, srcHost.address(), byteCount, false));
  }

  @Override
  public int cuMemcpyDtoH_v2(MemorySegment dstHost, long srcDevice, long byteCount) {
    return call(
        "cuMemcpyDtoH_v2",
        INIT | CONTEXT | UNSAFE,
        text("dstHost", dstHost.address(), "srcDevice", srcDevice, "byteCount", byteCount),
        () -> driver.copyNow(dstHost.address(), srcDevice, byteCount, true));
  }

  @Override
  public int cuMemcpyHtoDAsync_v2(long dstDevice, long srcHost, long byteCount, long hStream) {
    return call(
        "cuMemcpyHtoDAsync_v2",
        INIT | CONTEXT,
        text("dstDevice", dstDevice, "srcHost", srcHost, "byteCount", byteCount, hStream),
        () -> driver.copyToDevice(dstDevice, srcHost, byteCount, hStream));
  }

  @Override
  public int cuMemcpyDtoHAsync_v2(long dstHost, long srcDevice, long byteCount, long hStream) {
    return call(
        "cuMemcpyDtoHAsync_v2",
        INIT | CONTEXT,
        text("dstHost", dstHost, "srcDevice", srcDevice, "byteCount", byteCount, hStream),
        () -> driver.copyToHost(dstHost, srcDevice, byteCount, hStream));
  }

  @Override
  public int cuMemcpyDtoDAsync_v2(long dstDevice, long srcDevice, long byteCount, long hStream) {
    return call(
        "cuMemcpyDtoDAsync_v2",
        INIT | CONTEXT,
        text("dstDevice", dstDevice, "srcDevice", srcDevice, "byteCount", byteCount, hStream),
        () -> driver.copyOnDevice(dstDevice, srcDevice, byteCount, hStream));
  }

  @Override
  public int cuMemsetD8Async(long dstDevice, byte uc, long n, long hStream) {
    return call(
        "cuMemsetD8Async",
        INIT | CONTEXT,
        text("dstDevice", dstDevice, "uc", uc, "n", n, hStream),
        () -> driver.fill(dstDevice, uc, 1, n, hStream));
  }

  @Override
  public int cuMemsetD16Async(long dstDevice, short us, long n, long hStream) {
    return call(
        "cuMemsetD16Async",
        INIT | CONTEXT,
        text("dstDevice", dstDevice, "us", us, "n", n, hStream),
        () -> driver.fill(dstDevice, us, 2, n, hStream));
  }

  @Override
  public int cuMemsetD32Async(long dstDevice, int ui, long n, long hStream) {
    return call(
        "cuMemsetD32Async",
        INIT | CONTEXT,
        text("dstDevice", dstDevice, "ui", ui, "n", n, hStream),
        () -> driver.fill(dstDevice, ui, 4, n, hStream));
  }

  @Override
  public int cuStreamCreateWithPriority(MemorySegment phStream, int flags, int priority) {
    return call(
        "cuStreamCreateWithPriority",
        INIT | CONTEXT,
        text("flags", flags, "priority", priority),
        phStream,
        () -> put(phStream, driver.createStream(flags, priority)));
  }

  @Override
  public int cuStreamGetPriority(long hStream, MemorySegment priority) {
    return call(
        "cuStreamGetPriority",
        INIT | CONTEXT,
        text("hStream", hStream),
        () -> putInt(priority, driver.stream(hStream).priority));
  }

  @Override
  public int cuStreamGetFlags(long hStream, MemorySegment flags) {
    return call(
        "cuStreamGetFlags",
        INIT | CONTEXT,
        text("hStream", hStream),
        () -> putInt(flags, driver.stream(hStream).flags));
  }

  @Override
  public int cuStreamQuery(long hStream) {
    return call(
        "cuStreamQuery",
        INIT | CONTEXT,
        text("hStream", hStream),
        () -> driver.queryStream(hStream));
  }

  @Override
  public int cuStreamSynchronize(long hStream) {
    return call(
        "cuStreamSynchronize",
        INIT | CONTEXT,
        text("hStream", hStream),
        () -> driver.synchronizeStream(hStream));
  }

  @Override
  public int cuStreamWaitEvent(long hStream, long hEvent, int flags) {
    driver.lock.lock();
    CallLog.Entry entry =
        driver.log.begin(
            "cuStreamWaitEvent", text("hStream", hStream, "hEvent", hEvent, "flags", flags));
    int status = CudaStatus.UNKNOWN.code();
    try {
      status = driver.enter("cuStreamWaitEvent", INIT | CONTEXT);
      if (status == CUDA_SUCCESS) {
        driver.waitEvent(hStream, hEvent);
      }
    } catch (Refused e) {
      status = e.code();
    } finally {
      if (entry != null) {
        entry.end(status, 0);
      }
      driver.lock.unlock();
    }
    return status;
  }

  @Override
  public int cuStreamDestroy_v2(long hStream) {
    return call(
        "cuStreamDestroy_v2",
        INIT | CONTEXT | RELEASE,
        text("hStream", hStream),
        () -> driver.destroyStream(hStream));
  }

  @Override
  public int cuStreamBeginCapture_v2(long hStream, int mode) {
    return call(
        "cuStreamBeginCapture_v2",
        INIT | CONTEXT,
        text("hStream", hStream, "mode", mode),
        () -> driver.captures.begin(driver.stream(hStream), mode));
  }

  @Override
  public int cuStreamEndCapture(long hStream, MemorySegment phGraph) {
    return call(
        "cuStreamEndCapture",
        INIT | CONTEXT,
        text("hStream", hStream),
        phGraph,
        () -> {
          put(phGraph, 0);
          put(phGraph, driver.graphs.endCapture(hStream));
        });
  }

  @Override
  public int cuStreamIsCapturing(long hStream, MemorySegment captureStatus) {
    return call(
        "cuStreamIsCapturing",
        INIT | CONTEXT,
        text("hStream", hStream),
        () -> putInt(captureStatus, driver.captures.status(driver.stream(hStream))));
  }

  @Override
  public int cuThreadExchangeStreamCaptureMode(MemorySegment mode) {
    return call(
        "cuThreadExchangeStreamCaptureMode",
        INIT,
        text("mode", mode.get(JAVA_INT, 0)),
        () -> putInt(mode, driver.captures.exchangeMode(mode.get(JAVA_INT, 0))));
  }

  @Override
  public int cuLaunchHostFunc(long hStream, long fn, long userData) {
    return call(
        "cuLaunchHostFunc",
        INIT | CONTEXT,
        text("hStream", hStream, "fn", fn, "userData", userData),
        () -> driver.hostFunction(hStream, fn, userData));
  }

  @Override
  public int cuEventCreate(MemorySegment phEvent, int flags) {
    return call(
        "cuEventCreate",
        INIT | CONTEXT,
        text("flags", flags),
        phEvent,
        () -> put(phEvent, driver.createEvent(flags)));
  }

  @Override
  public int cuEventRecord(long hEvent, long hStream) {
    driver.lock.lock();
    CallLog.Entry entry =
        driver.log.begin("cuEventRecord", text("hEvent", hEvent, "hStream", hStream));
    int status = CudaStatus.UNKNOWN.code();
    try {
      status = driver.enter("cuEventRecord", INIT | CONTEXT);
      if (status == CUDA_SUCCESS) {
        driver.recordEvent(hEvent, hStream);
      }
    } catch (Refused e) {
      status = e.code();
    } finally {
      if (entry != null) {
        entry.end(status, 0);
      }
      driver.lock.unlock();
    }
    return status;
  }

  @Override
  public int cuEventQuery(long hEvent) {
    driver.lock.lock();
    CallLog.Entry entry = driver.log.begin("cuEventQuery", text("hEvent", hEvent));
    int status = CudaStatus.UNKNOWN.code();
    try {
      status = driver.enter("cuEventQuery", INIT | CONTEXT | UNSAFE);
      if (status == CUDA_SUCCESS) {
        status = driver.queryEvent(hEvent);
      }
    } catch (Refused e) {
      status = e.code();
    } finally {
      if (entry != null) {
        entry.end(status, 0);
      }
      driver.lock.unlock();
    }
    return status;
  }

  @Override
  public int cuEventSynchronize(long hEvent) {
    return call(
        "cuEventSynchronize",
        INIT | CONTEXT | UNSAFE,
        text("hEvent", hEvent),
        () -> driver.synchronizeEvent(hEvent));
  }

  @Override
  public int cuEventElapsedTime_v2(MemorySegment pMilliseconds, long hStart, long hEnd) {
    return call(
        "cuEventElapsedTime_v2",
        INIT | CONTEXT,
        text("hStart", hStart, "hEnd", hEnd),
        () -> pMilliseconds.set(JAVA_FLOAT, 0, driver.elapsedMs(hStart, hEnd)));
  }

  @Override
  public int cuEventDestroy_v2(long hEvent) {
    return call(
        "cuEventDestroy_v2",
        INIT | CONTEXT | RELEASE,
        text("hEvent", hEvent),
        () -> {
          driver.event(hEvent);
          driver.handles.remove(hEvent);
        });
  }

  @Override
  public int cuGraphInstantiateWithFlags(MemorySegment phGraphExec, long hGraph, long flags) {
    return call(
        "cuGraphInstantiateWithFlags",
        INIT | CONTEXT,
        text("hGraph", hGraph, "flags", flags),
        phGraphExec,
        () -> put(phGraphExec, driver.graphs.instantiate(hGraph)));
  }

  @Override
  public int cuGraphExecUpdate_v2(long hGraphExec, long hGraph, MemorySegment resultInfo) {
    return call(
        "cuGraphExecUpdate_v2",
        INIT | CONTEXT,
        text("hGraphExec", hGraphExec, "hGraph", hGraph),
        () -> driver.graphs.update(hGraphExec, hGraph, resultInfo));
  }

  @Override
  public int cuGraphUpload(long hGraphExec, long hStream) {
    return call(
        "cuGraphUpload",
        INIT | CONTEXT,
        text("hGraphExec", hGraphExec, "hStream", hStream),
        () -> {
          driver.handles.get(hGraphExec, SimGraphExec.class);
          driver.stream(hStream);
        });
  }

  @Override
  public int cuGraphLaunch(long hGraphExec, long hStream) {
    return call(
        "cuGraphLaunch",
        INIT | CONTEXT,
        text("hGraphExec", hGraphExec, "hStream", hStream),
        () -> driver.graphs.launchGraph(hGraphExec, hStream));
  }

  @Override
  public int cuGraphGetNodes(long hGraph, MemorySegment nodes, MemorySegment numNodes) {
    return call(
        "cuGraphGetNodes",
        INIT | CONTEXT,
        text("hGraph", hGraph),
        () -> driver.graphs.graphNodes(hGraph, nodes, numNodes));
  }

  @Override
  public int cuGraphNodeGetType(long hNode, MemorySegment type) {
    return call(
        "cuGraphNodeGetType",
        INIT | CONTEXT,
        text("hNode", hNode),
        () -> putInt(type, driver.handles.get(hNode, SimNode.class).action.nodeType()));
  }

  @Override
  public int cuGraphMemcpyNodeGetParams(long hNode, MemorySegment nodeParams) {
    return call(
        "cuGraphMemcpyNodeGetParams",
        INIT | CONTEXT,
        text("hNode", hNode),
        () -> CopyParameters.write(driver.handles.get(hNode, SimNode.class).action, nodeParams));
  }

  @Override
  public int cuGraphExecMemcpyNodeSetParams(
      long hGraphExec, long hNode, MemorySegment copyParams, long ctx) {
    return call(
        "cuGraphExecMemcpyNodeSetParams",
        INIT | CONTEXT,
        text("hGraphExec", hGraphExec, "hNode", hNode, "ctx", ctx),
        () -> driver.graphs.setCopy(hGraphExec, hNode, copyParams));
  }

  @Override
  public int cuGraphExecDestroy(long hGraphExec) {
    return call(
        "cuGraphExecDestroy",
        INIT | RELEASE,
        text("hGraphExec", hGraphExec),
        () -> {
          driver.handles.get(hGraphExec, SimGraphExec.class);
          driver.handles.remove(hGraphExec);
        });
  }

  @Override
  public int cuGraphDestroy(long hGraph) {
    return call(
        "cuGraphDestroy",
        INIT | RELEASE,
        text("hGraph", hGraph),
        () -> driver.graphs.destroyGraph(hGraph));
  }

  @Override
  public int cuModuleLoadDataEx(
      MemorySegment module,
      MemorySegment image,
      int numOptions,
      MemorySegment options,
      MemorySegment optionValues) {
    return call(
        "cuModuleLoadDataEx",
        INIT | CONTEXT | UNSAFE,
        text("numOptions", numOptions),
        module,
        () -> put(module, driver.modules.loadModule(image)));
  }

  @Override
  public int cuModuleUnload(long hmod) {
    return call(
        "cuModuleUnload",
        INIT | CONTEXT | UNSAFE | RELEASE,
        text("hmod", hmod),
        () -> driver.modules.unloadModule(hmod));
  }

  @Override
  public int cuModuleGetFunction(MemorySegment hfunc, long hmod, MemorySegment name) {
    return call(
        "cuModuleGetFunction",
        INIT | CONTEXT,
        named("hmod", hmod, name),
        hfunc,
        () -> put(hfunc, driver.modules.function(hmod, Driver.cText(name))));
  }

  @Override
  public int cuModuleGetGlobal_v2(
      MemorySegment dptr, MemorySegment bytes, long hmod, MemorySegment name) {
    return call(
        "cuModuleGetGlobal_v2",
        INIT | CONTEXT,
        named("hmod", hmod, name),
        () -> {
          driver.handles.get(hmod, SimModule.class);
          throw new Refused(CudaStatus.NOT_FOUND, "simulated modules have no variables");
        });
  }

  @Override
  public int cuFuncGetAttribute(MemorySegment pi, int attrib, long hfunc) {
    return call(
        "cuFuncGetAttribute",
        INIT | CONTEXT,
        text("attrib", attrib, "hfunc", hfunc),
        () -> putInt(pi, driver.modules.functionAttribute(hfunc, attrib)));
  }

  @Override
  public int cuFuncSetAttribute(long hfunc, int attrib, int value) {
    return call(
        "cuFuncSetAttribute",
        INIT | CONTEXT,
        text("hfunc", hfunc, "attrib", attrib, "value", value),
        () -> driver.modules.setFunctionAttribute(hfunc, attrib, value));
  }

  @Override
  public int cuFuncGetParamInfo(
      long func, long paramIndex, MemorySegment paramOffset, MemorySegment paramSize) {
    return call(
        "cuFuncGetParamInfo",
        INIT | CONTEXT,
        text("func", func, "paramIndex", paramIndex),
        () -> driver.modules.parameter(func, paramIndex, paramOffset, paramSize));
  }

  @Override
  public int cuLaunchKernel(
      long f,
      int gridDimX,
      int gridDimY,
      int gridDimZ,
      int blockDimX,
      int blockDimY,
      int blockDimZ,
      int sharedMemBytes,
      long hStream,
      MemorySegment kernelParams,
      MemorySegment extra) {
    int[] dimensions = {
      gridDimX, gridDimY, gridDimZ, blockDimX, blockDimY, blockDimZ, sharedMemBytes
    };
    String text =
        driver.log.isOn()
            ? text("f", f, "hStream", hStream)
                + ", grid, block and shared bytes "
                + Arrays.toString(dimensions)
            : "";
    return call(
        "cuLaunchKernel",
        INIT | CONTEXT,
        text,
        () -> driver.modules.launch(f, dimensions, hStream, kernelParams));
  }

  /** Launches a kernel that is in no module, as a library on top of the driver does. */
  int launch(String name, SimulatedKernel kernel, long hStream) {
    return call(
        "cuLaunchKernel",
        INIT | CONTEXT,
        driver.log.isOn() ? name + ", " + text("hStream", hStream) : "",
        () ->
            driver.put(
                driver.stream(hStream),
                new Action.Launch(
                    new SimFunction(null, name, kernel),
                    new int[] {1, 1, 1, 1, 1, 1, 0},
                    new MemorySegment[0],
                    0)));
  }

  /** The caller's context; null where it has none, or where the device is lost. */
  SimContext currentContext() {
    return driver.locked(() -> {
      SimContext context = driver.current();
      return context == null || context.destroyed || driver.progress.lost() != 0 ? null : context;
    });
  }

  /** Whether an address is of device memory that was allocated in another context. */
  boolean isForeign(long address, SimContext context) {
    return driver.locked(() -> {
      Allocation found = driver.memory.find(address);
      return found != null && found.isDevice() && found.context != context;
    });
  }

  /** How many bytes of one allocation lie from an address on; 0 where there is none. */
  long sizeFrom(long address) {
    return driver.locked(() -> {
      Allocation found = driver.memory.find(address);
      return found == null ? 0 : found.sizeBytes - (address - found.address);
    });
  }

  /**
   * A copy of the bytes at an address, out of the order of streams.
   *
   * @throws IllegalArgumentException where they are not all of one allocation
   */
  MemorySegment copyOf(long address, long sizeBytes) {
    return driver.locked(() -> {
      Allocation found = driver.memory.find(address);
      if (sizeBytes > 0 && (found == null || !found.contains(address, sizeBytes))) {
        throw new IllegalArgumentException(
            "no memory of " + sizeBytes + " bytes lies at 0x" + Long.toHexString(address));
      }
      return sizeBytes == 0
          ? MemorySegment.ofArray(new byte[0])
          : MemorySegment.ofArray(found.slice(address, sizeBytes).toArray(JAVA_BYTE));
    });
  }

  /**
   * Whether a stream captures.
   *
   * @param spoil ends a capture with an error, as a call does that it prohibits
   * @throws IllegalArgumentException where there is no such stream
   */
  boolean isCapturing(long hStream, boolean spoil) {
    return ask(() -> {
      SimStream stream = driver.stream(hStream);
      if (stream.capture != null && spoil) {
        stream.capture.invalid = true;
      }
      return stream.capture != null;
    });
  }

  @Override
  public int cuOccupancyMaxActiveBlocksPerMultiprocessor(
      MemorySegment numBlocks, long func, int blockSize, long dynamicSMemSize) {
    return call(
        "cuOccupancyMaxActiveBlocksPerMultiprocessor",
        INIT | CONTEXT,
        text("func", func, "blockSize", blockSize, "dynamicSMemSize", dynamicSMemSize),
        () -> putInt(numBlocks, driver.modules.occupancy(func, blockSize, dynamicSMemSize)));
  }

  @Override
  public int cuOccupancyMaxPotentialBlockSize(
      MemorySegment minGridSize,
      MemorySegment blockSize,
      long func,
      long blockSizeToDynamicSMemSize,
      long dynamicSMemSize,
      int blockSizeLimit) {
    return call(
        "cuOccupancyMaxPotentialBlockSize",
        INIT | CONTEXT,
        text("func", func, "dynamicSMemSize", dynamicSMemSize, "blockSizeLimit", blockSizeLimit),
        () -> {
          int size =
              blockSizeLimit == 0
                  ? Driver.MAX_THREADS_PER_BLOCK
                  : Math.min(blockSizeLimit, Driver.MAX_THREADS_PER_BLOCK);
          putInt(blockSize, size);
          putInt(
              minGridSize,
              driver.modules.occupancy(func, size, dynamicSMemSize)
                  * driver.options.multiprocessors);
        });
  }
}
