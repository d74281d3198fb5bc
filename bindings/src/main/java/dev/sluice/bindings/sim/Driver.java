package dev.sluice.bindings.sim;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.sluice.bindings.cuda.CudaConstants;
import dev.sluice.bindings.cuda.CudaStatus;
import dev.sluice.bindings.cuda.generated.CUgraphExecUpdateResultInfo_st;
import dev.sluice.bindings.cuda.generated.CUmemLocation_st;
import dev.sluice.bindings.cuda.generated.CUmemPoolProps_st;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;

/**
 * What the functions of the simulated driver do, once the call was let in.
 *
 * <p>Long because it holds what every group of functions shares: contexts, streams, events, graphs
 * and modules behind one lock.
 *
 * <p>Thread safety: guarded by {@link #lock}.
 */
final class Driver {
  static final int LEAST_PRIORITY = 0;
  static final int GREATEST_PRIORITY = -5;
  static final int MAX_THREADS_PER_BLOCK = 1024;

  // Of compute capability 9.0: CUDA C++ Programming Guide, "Technical Specifications".
  private static final int MAX_THREADS_PER_MULTIPROCESSOR = 2048;
  private static final int MAX_BLOCKS_PER_MULTIPROCESSOR = 32;
  private static final int SHARED_PER_BLOCK = 48 << 10;
  private static final int SHARED_PER_BLOCK_OPTIN = 227 << 10;
  private static final int SHARED_PER_MULTIPROCESSOR = 228 << 10;
  private static final int MAX_GRID_YZ = 65_535;
  private static final int MAX_BLOCK_Z = 64;

  final ReentrantLock lock = new ReentrantLock();
  final SimulatedDevices options;
  final Handles handles = new Handles();
  final Memory memory = new Memory();
  final Captures captures = new Captures();
  final CallLog log;
  final Progress progress;
  boolean initialised;
  private final List<SimDevice> devices = new ArrayList<>();

  @SuppressWarnings("ThreadLocalUsage") // of each driver, as tests make many
  private final ThreadLocal<SimContext> currentContext = new ThreadLocal<>();

  Driver(SimulatedDevices options) {
    this.options = options;
    this.log = new CallLog(options.logged);
    this.progress = new Progress(lock, memory, options);
    for (int i = 0; i < options.devices; i++) {
      devices.add(new SimDevice(i, options.memoryBytes));
    }
  }

  <T> T locked(Supplier<T> body) {
    lock.lock();
    try {
      return body.get();
    } finally {
      lock.unlock();
    }
  }

  /** The status that a call returns before it does anything. */
  int enter(String function, int needs) {
    int fault = options.faults.onCall(function);
    if (fault != 0) {
      if (CudaStatus.sortOf(fault) == CudaStatus.Sort.DEVICE_LOST) {
        progress.lose(fault, "the fault plan loses the device at " + function);
      }
      return fault;
    }
    if ((needs & 1) != 0 && !initialised) {
      return CudaStatus.NOT_INITIALIZED.code();
    }
    if ((needs & 1) != 0 && progress.lost() != 0) {
      return progress.lost();
    }
    if ((needs & 2) != 0) {
      SimContext context = currentContext.get();
      if (context == null) {
        return CudaStatus.INVALID_CONTEXT.code();
      }
      if (context.destroyed) {
        return CudaStatus.CONTEXT_IS_DESTROYED.code();
      }
    }
    if ((needs & 4) != 0) {
      captures.prohibitUnsafe(function);
    }
    return 0;
  }

  List<String> leaks() {
    List<String> leaks = new ArrayList<>();
    for (Allocation allocation : memory.live()) {
      leaks.add(
          allocation.kind
              + " memory, "
              + allocation.sizeBytes
              + " bytes at 0x"
              + Long.toHexString(allocation.address));
    }
    for (SimDevice device : devices) {
      if (device.primaryRetained > 0) {
        leaks.add(device.primaryRetained + " retains of the " + device.primary);
      }
    }
    for (SimContext context : handles.all(SimContext.class)) {
      if (!context.primary) {
        leaks.add(context.toString());
      }
    }
    for (SimPool pool : handles.all(SimPool.class)) {
      if (!pool.isDefault) {
        leaks.add("pool of device " + pool.device.ordinal);
      }
    }
    handles.all(SimStream.class).forEach(stream -> leaks.add(stream.toString()));
    handles.all(SimEvent.class).forEach(_ -> leaks.add("event"));
    handles.all(SimGraph.class).forEach(_ -> leaks.add("graph"));
    handles.all(SimGraphExec.class).forEach(_ -> leaks.add("executable graph"));
    handles.all(SimModule.class).forEach(module -> leaks.add("module with " + module.names));
    return leaks;
  }

  void close() {
    lock.lock();
    try {
      progress.lose(CudaStatus.DEINITIALIZED.code(), "the simulated driver was closed");
      progress.await(() -> progress.streams().stream().noneMatch(s -> s.active), "close");
      memory.live().forEach(memory::release);
    } finally {
      lock.unlock();
    }
    progress.close();
  }

  // Devices and contexts

  SimDevice device(int ordinal) {
    if (ordinal < 0 || ordinal >= devices.size()) {
      throw new Refused(CudaStatus.INVALID_DEVICE, "there is no device " + ordinal);
    }
    return devices.get(ordinal);
  }

  int attribute(int attribute) {
    return switch (attribute) {
      case CudaConstants.CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK,
          CudaConstants.CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_X,
          CudaConstants.CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Y ->
          MAX_THREADS_PER_BLOCK;
      case CudaConstants.CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Z -> MAX_BLOCK_Z;
      case CudaConstants.CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_X -> Integer.MAX_VALUE;
      case CudaConstants.CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Y,
          CudaConstants.CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Z ->
          MAX_GRID_YZ;
      case CudaConstants.CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK -> SHARED_PER_BLOCK;
      case CudaConstants.CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN ->
          SHARED_PER_BLOCK_OPTIN;
      case CudaConstants.CU_DEVICE_ATTRIBUTE_WARP_SIZE -> 32;
      case CudaConstants.CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT -> options.multiprocessors;
      case CudaConstants.CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_MULTIPROCESSOR ->
          MAX_THREADS_PER_MULTIPROCESSOR;
      case CudaConstants.CU_DEVICE_ATTRIBUTE_COMPUTE_MODE -> options.computeMode;
      case CudaConstants.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR -> options.computeMajor;
      case CudaConstants.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR -> options.computeMinor;
      case CudaConstants.CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE -> 50 << 20;
      case CudaConstants.CU_DEVICE_ATTRIBUTE_ASYNC_ENGINE_COUNT -> 3;
      case CudaConstants.CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED,
          CudaConstants.CU_DEVICE_ATTRIBUTE_UNIFIED_ADDRESSING,
          CudaConstants.CU_DEVICE_ATTRIBUTE_STREAM_PRIORITIES_SUPPORTED,
          CudaConstants.CU_DEVICE_ATTRIBUTE_ECC_ENABLED ->
          1;
      case CudaConstants.CU_DEVICE_ATTRIBUTE_INTEGRATED,
          CudaConstants.CU_DEVICE_ATTRIBUTE_MPS_ENABLED ->
          0;
      case CudaConstants.CU_DEVICE_ATTRIBUTE_MEMORY_CLOCK_RATE -> 2_619_000;
      case CudaConstants.CU_DEVICE_ATTRIBUTE_GLOBAL_MEMORY_BUS_WIDTH -> 5120;
      default -> throw SimulatedCuda.invalid("attribute " + attribute + " is not simulated");
    };
  }

  private void requireComputeMode() {
    if (options.computeMode == CudaConstants.CU_COMPUTEMODE_PROHIBITED) {
      throw new Refused(CudaStatus.DEVICE_UNAVAILABLE, "the compute mode prohibits contexts");
    }
  }

  private SimContext makeContext(SimDevice device, boolean primary, int flags) {
    requireComputeMode();
    SimContext context = new SimContext(device, primary, flags, progress.nextStreamId());
    progress.add(context.legacy);
    context.handle = handles.add(context);
    return context;
  }

  long retainPrimary(SimDevice device) {
    if (device.primary == null) {
      device.primary = makeContext(device, true, device.primaryFlags);
    }
    device.primaryRetained++;
    return device.primary.handle;
  }

  void releasePrimary(SimDevice device) {
    if (device.primaryRetained == 0) {
      throw new Refused(CudaStatus.INVALID_CONTEXT, "the primary context is not retained");
    }
    if (--device.primaryRetained == 0) {
      SimContext context = device.primary;
      device.primary = null;
      destroy(context);
    }
  }

  long createContext(SimDevice device, int flags) {
    SimContext context = makeContext(device, false, flags);
    currentContext.set(context);
    return context.handle;
  }

  void destroyContext(long handle) {
    SimContext context = handles.find(handle, SimContext.class);
    if (context == null || context.primary) {
      throw new Refused(CudaStatus.INVALID_CONTEXT, "no context of cuCtxCreate");
    }
    destroy(context);
    if (currentContext.get() == context) {
      currentContext.remove();
    }
  }

  private void destroy(SimContext context) {
    progress.awaitAll(context, "the end of a context");
    context.destroyed = true;
    handles.remove(context.handle);
    handles.all(SimStream.class).stream()
        .filter(stream -> stream.context == context)
        .forEach(stream -> handles.remove(stream.handle));
    handles.all(SimEvent.class).stream()
        .filter(event -> event.context == context)
        .forEach(event -> handles.remove(event.handle));
    handles.all(SimModule.class).stream()
        .filter(module -> module.context == context)
        .forEach(this::unload);
    progress.streams().removeIf(stream -> stream.context == context);
    memory.releaseAll(context);
  }

  void setCurrent(long handle) {
    if (handle == 0) {
      currentContext.remove();
      return;
    }
    SimContext context = handles.find(handle, SimContext.class);
    if (context == null) {
      throw new Refused(CudaStatus.INVALID_CONTEXT, "no live context");
    }
    currentContext.set(context);
  }

  long currentHandle() {
    SimContext context = currentContext.get();
    return context == null ? 0 : context.handle;
  }

  SimContext current() {
    return currentContext.get();
  }

  void synchronizeContext() {
    SimContext context = current();
    progress.awaitAll(context, "cuCtxSynchronize");
    for (SimStream stream : progress.streams()) {
      if (stream.context == context) {
        progress.observe(stream.clock);
      }
    }
    releasePools(context.device);
  }

  // Memory

  long allocate(long sizeBytes) {
    requireSize(sizeBytes);
    SimDevice device = current().device;
    if (sizeBytes > device.totalBytes || !device.take(Memory.roundUp(sizeBytes))) {
      throw outOfMemory(device, sizeBytes);
    }
    return memory.device(Allocation.Kind.DEVICE, sizeBytes, current(), null).address;
  }

  private static void requireSize(long sizeBytes) {
    if (sizeBytes <= 0) {
      // A size_t of that many bytes is either 0 or more than any device has.
      throw sizeBytes == 0
          ? SimulatedCuda.invalid("0 bytes")
          : new Refused(CudaStatus.OUT_OF_MEMORY, "more than 2^63 bytes");
    }
  }

  private static Refused outOfMemory(SimDevice device, long sizeBytes) {
    return new Refused(
        CudaStatus.OUT_OF_MEMORY, sizeBytes + " bytes of " + device.freeBytes() + " free");
  }

  void free(long address) {
    if (address == 0) {
      return;
    }
    Allocation allocation = memory.at(address);
    if (allocation == null || !allocation.isDevice() || allocation.freeing) {
      throw SimulatedCuda.invalid("no device memory starts at 0x" + Long.toHexString(address));
    }
    SimContext context = allocation.context;
    progress.awaitAll(context, "cuMemFree");
    memory.release(allocation);
  }

  long allocateAsync(SimPool pool, long sizeBytes, long hStream) {
    SimStream stream = stream(hStream);
    requireSize(sizeBytes);
    prohibitMemoryNode(stream);
    if (sizeBytes > pool.device.totalBytes || !pool.allocate(Memory.roundUp(sizeBytes))) {
      throw outOfMemory(pool.device, sizeBytes);
    }
    Allocation allocation = memory.device(Allocation.Kind.POOL, sizeBytes, stream.context, pool);
    memory.allocatedIn(allocation, stream, progress.order(stream));
    return allocation.address;
  }

  private static void prohibitMemoryNode(SimStream stream) {
    if (stream.capture != null) {
      stream.capture.invalid = true;
      throw new Refused(
          CudaStatus.STREAM_CAPTURE_UNSUPPORTED, "memory nodes of graphs are not simulated");
    }
  }

  void freeAsync(long address, long hStream) {
    SimStream stream = stream(hStream);
    Allocation allocation = memory.at(address);
    if (allocation == null || !allocation.isDevice() || allocation.freeing) {
      throw SimulatedCuda.invalid("no device memory starts at 0x" + Long.toHexString(address));
    }
    prohibitMemoryNode(stream);
    if (progress.lost() != 0) {
      memory.release(allocation);
      return;
    }
    allocation.freeing = true;
    progress.enqueue(stream, new Action.Free(allocation));
  }

  long defaultPool(SimDevice device) {
    if (device.defaultPool.handle == 0) {
      device.defaultPool.handle = handles.add(device.defaultPool);
    }
    return device.defaultPool.handle;
  }

  SimPool pool(long handle) {
    SimPool pool = handles.find(handle, SimPool.class);
    if (pool == null) {
      throw SimulatedCuda.invalid("no live pool");
    }
    return pool;
  }

  long createPool(MemorySegment properties) {
    MemorySegment all = properties.reinterpret(CUmemPoolProps_st.sizeof());
    MemorySegment location = CUmemPoolProps_st.location(all);
    if (CUmemPoolProps_st.allocType(all) != CudaConstants.CU_MEM_ALLOCATION_TYPE_PINNED
        || CUmemLocation_st.type(location) != CudaConstants.CU_MEM_LOCATION_TYPE_DEVICE) {
      throw SimulatedCuda.invalid("only pools of pinned device memory are simulated");
    }
    SimPool pool = new SimPool(device(CUmemLocation_st.id(location)), false);
    pool.handle = handles.add(pool);
    return pool.handle;
  }

  void destroyPool(long handle) {
    SimPool pool = pool(handle);
    if (pool.isDefault) {
      throw SimulatedCuda.invalid("a device's default pool can't be destroyed");
    }
    handles.remove(handle);
    pool.destroyed = true;
    pool.trimTo(0);
  }

  private void releasePools(SimDevice device) {
    device.defaultPool.releaseOverThreshold();
    for (SimPool pool : handles.all(SimPool.class)) {
      if (pool.device == device) {
        pool.releaseOverThreshold();
      }
    }
  }

  long allocatePinned(long sizeBytes) {
    requireSize(sizeBytes);
    try {
      return memory.pinned(sizeBytes, current()).address;
    } catch (OutOfMemoryError | IllegalArgumentException e) {
      throw new Refused(CudaStatus.OUT_OF_MEMORY, e.toString());
    }
  }

  void freePinned(long address) {
    Allocation allocation = memory.at(address);
    if (allocation == null || allocation.kind != Allocation.Kind.PINNED) {
      throw SimulatedCuda.invalid("no pinned memory starts at 0x" + Long.toHexString(address));
    }
    progress.awaitAll(allocation.context, "cuMemFreeHost");
    memory.release(allocation);
  }

  void register(long address, long sizeBytes) {
    if (address == 0 || sizeBytes <= 0 || Memory.isDeviceAddress(address)) {
      throw SimulatedCuda.invalid("no host memory");
    }
    if (memory.registered(address, sizeBytes, current()) == null) {
      throw new Refused(
          CudaStatus.HOST_MEMORY_ALREADY_REGISTERED, "a part of the memory is pinned already");
    }
  }

  void unregister(long address) {
    Allocation allocation = memory.at(address);
    if (allocation == null || allocation.kind != Allocation.Kind.REGISTERED) {
      throw new Refused(CudaStatus.HOST_MEMORY_NOT_REGISTERED, "nothing starts there");
    }
    progress.awaitAll(allocation.context, "cuMemHostUnregister");
    memory.release(allocation);
  }

  void pointerAttribute(MemorySegment data, int attribute, long address) {
    Allocation allocation = memory.find(address);
    if (allocation == null) {
      throw SimulatedCuda.invalid("nothing is known of 0x" + Long.toHexString(address));
    }
    switch (attribute) {
      case CudaConstants.CU_POINTER_ATTRIBUTE_CONTEXT ->
          data.set(JAVA_LONG, 0, allocation.context.handle);
      case CudaConstants.CU_POINTER_ATTRIBUTE_MEMORY_TYPE ->
          data.set(
              JAVA_INT,
              0,
              allocation.isDevice()
                  ? CudaConstants.CU_MEMORYTYPE_DEVICE
                  : CudaConstants.CU_MEMORYTYPE_HOST);
      case CudaConstants.CU_POINTER_ATTRIBUTE_DEVICE_POINTER -> data.set(JAVA_LONG, 0, address);
      case CudaConstants.CU_POINTER_ATTRIBUTE_HOST_POINTER -> {
        if (allocation.isDevice()) {
          throw SimulatedCuda.invalid("device memory has no address on the host");
        }
        data.set(JAVA_LONG, 0, address);
      }
      case CudaConstants.CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL ->
          data.set(JAVA_INT, 0, allocation.context.device.ordinal);
      case CudaConstants.CU_POINTER_ATTRIBUTE_RANGE_START_ADDR ->
          data.set(JAVA_LONG, 0, allocation.address);
      case CudaConstants.CU_POINTER_ATTRIBUTE_RANGE_SIZE ->
          data.set(JAVA_LONG, 0, allocation.sizeBytes);
      case CudaConstants.CU_POINTER_ATTRIBUTE_BUFFER_ID -> data.set(JAVA_LONG, 0, allocation.id);
      case CudaConstants.CU_POINTER_ATTRIBUTE_MEMPOOL_HANDLE ->
          data.set(
              JAVA_LONG,
              0,
              allocation.pool == null
                  ? 0
                  : allocation.pool.isDefault
                      ? defaultPool(allocation.pool.device)
                      : allocation.pool.handle);
      default -> throw SimulatedCuda.invalid("pointer attribute " + attribute);
    }
  }

  // Copies and fills

  private void put(SimStream stream, Action action) {
    if (stream.capture != null) {
      if (stream.capture.invalid) {
        throw new Refused(CudaStatus.STREAM_CAPTURE_INVALIDATED, "an earlier call spoilt it");
      }
      stream.capture.add(stream, action);
      return;
    }
    captures.prohibit(stream, "work");
    progress.enqueue(stream, action);
  }

  private void putCopy(SimStream stream, Action action) {
    long delayNs = options.faults.onCopy();
    if (delayNs > 0) {
      put(stream, new Action.Delay(options.stepped ? 0 : delayNs));
    }
    put(stream, action);
  }

  void copyNow(long destination, long source, long sizeBytes, boolean toHost) {
    SimStream stream = current().legacy;
    if (toHost) {
      copyToHost(destination, source, sizeBytes, 0);
    } else {
      copyToDevice(destination, source, sizeBytes, 0);
    }
    progress.await(stream::isIdle, "a copy");
    progress.observe(stream.clock);
  }

  void copyToDevice(long destination, long source, long sizeBytes, long hStream) {
    SimStream stream = stream(hStream);
    if (sizeBytes == 0) {
      return;
    }
    requireDevice(destination, sizeBytes, "the destination of a copy");
    if (isPinned(source, sizeBytes)) {
      putCopy(stream, new Action.Copy(destination, source, sizeBytes, false, true));
      return;
    }
    prohibitPageable(stream);
    MemorySegment bytes =
        MemorySegment.ofArray(
            MemorySegment.ofAddress(source).reinterpret(sizeBytes).toArray(JAVA_BYTE));
    putCopy(stream, new Action.Staged(destination, bytes));
  }

  void copyToHost(long destination, long source, long sizeBytes, long hStream) {
    SimStream stream = stream(hStream);
    if (sizeBytes == 0) {
      return;
    }
    requireDevice(source, sizeBytes, "the source of a copy");
    boolean pinned = isPinned(destination, sizeBytes);
    if (!pinned) {
      prohibitPageable(stream);
    }
    putCopy(stream, new Action.Copy(destination, source, sizeBytes, true, false));
    if (!pinned) {
      // Such a copy returns once it is done.
      progress.await(stream::isIdle, "a copy to pageable memory");
      progress.observe(stream.clock);
    }
  }

  void copyOnDevice(long destination, long source, long sizeBytes, long hStream) {
    SimStream stream = stream(hStream);
    if (sizeBytes == 0) {
      return;
    }
    requireDevice(destination, sizeBytes, "the destination of a copy");
    requireDevice(source, sizeBytes, "the source of a copy");
    putCopy(stream, new Action.Copy(destination, source, sizeBytes, false, false));
  }

  void fill(long destination, int value, int width, long count, long hStream) {
    SimStream stream = stream(hStream);
    if (count == 0) {
      return;
    }
    if (count < 0 || count > Long.MAX_VALUE / width || destination % width != 0) {
      throw SimulatedCuda.invalid("the address is not a multiple of " + width + ", or too many");
    }
    requireDevice(destination, count * width, "a fill");
    put(stream, new Action.Fill(destination, value, width, count));
  }

  private void requireDevice(long address, long sizeBytes, String what) {
    if (sizeBytes < 0) {
      throw SimulatedCuda.invalid(sizeBytes + " bytes");
    }
    memory.require(address, sizeBytes, what);
  }

  /** Whether the host's end of a copy is pinned; refuses one that is only partly so, or none. */
  private boolean isPinned(long address, long sizeBytes) {
    if (address == 0 || Memory.isDeviceAddress(address)) {
      throw SimulatedCuda.invalid("0x" + Long.toHexString(address) + " is no host memory");
    }
    if (memory.find(address) == null) {
      return false;
    }
    memory.require(address, sizeBytes, "the host's end of a copy");
    return true;
  }

  private static void prohibitPageable(SimStream stream) {
    if (stream.capture != null) {
      stream.capture.invalid = true;
      throw new Refused(
          CudaStatus.STREAM_CAPTURE_UNSUPPORTED, "a copy of pageable memory while capturing");
    }
  }

  // Streams and events

  SimStream stream(long handle) {
    if (handle == 0 || handle == 1) {
      return current().legacy;
    }
    SimStream stream = handles.get(handle, SimStream.class);
    if (current() != null && stream.context != current()) {
      throw new Refused(CudaStatus.INVALID_CONTEXT, stream + " belongs to another context");
    }
    return stream;
  }

  long createStream(int flags, int priority) {
    if ((flags & ~CudaConstants.CU_STREAM_NON_BLOCKING) != 0) {
      throw SimulatedCuda.invalid("stream flags " + flags);
    }
    int clamped = Math.clamp(priority, GREATEST_PRIORITY, LEAST_PRIORITY);
    SimStream stream = new SimStream(current(), progress.nextStreamId(), flags, clamped, false);
    stream.handle = handles.add(stream);
    progress.add(stream);
    return stream.handle;
  }

  void destroyStream(long handle) {
    if (handle == 0) {
      throw new Refused(CudaStatus.INVALID_HANDLE, "the legacy stream can't be destroyed");
    }
    SimStream stream = handles.get(handle, SimStream.class);
    handles.remove(handle);
    if (stream.capture != null) {
      stream.capture.invalid = true;
    }
    stream.destroyed = true;
    progress.forget(stream);
  }

  void queryStream(long handle) {
    SimStream stream = stream(handle);
    captures.prohibit(stream, "cuStreamQuery");
    if (!stream.isIdle()) {
      throw new Refused(CudaStatus.NOT_READY, "work is left");
    }
    progress.observe(stream.clock);
  }

  void synchronizeStream(long handle) {
    SimStream stream = stream(handle);
    captures.prohibit(stream, "cuStreamSynchronize");
    Operation last = stream.queue.peekLast();
    Clock before = stream.clock.copy();
    progress.await(
        () -> {
          Operation head = stream.queue.peek();
          return last == null || head == null || head.sequence() > last.sequence();
        },
        "cuStreamSynchronize");
    progress.observe(before);
    releasePools(stream.context.device);
  }

  long createEvent(int flags) {
    SimEvent event = new SimEvent(current(), flags);
    event.handle = handles.add(event);
    return event.handle;
  }

  SimEvent event(long handle) {
    return handles.get(handle, SimEvent.class);
  }

  void recordEvent(long hEvent, long hStream) {
    SimEvent event = event(hEvent);
    SimStream stream = stream(hStream);
    if (event.context != stream.context) {
      throw new Refused(CudaStatus.INVALID_HANDLE, "event and stream are of different contexts");
    }
    if (stream.capture != null) {
      if (stream.capture.invalid) {
        throw new Refused(CudaStatus.STREAM_CAPTURE_INVALIDATED, "an earlier call spoilt it");
      }
      event.capture = stream.capture;
      event.tails = stream.tails;
      event.recorded++;
      return;
    }
    captures.prohibit(stream, "cuEventRecord");
    event.capture = null;
    event.tails = List.of();
    long record = ++event.recorded;
    if (progress.isFree(stream)) {
      progress.order(stream);
      event.clock.set(stream.clock);
      event.pass(record, options.nanoClock.getAsLong());
    } else {
      progress.enqueue(stream, new Action.RecordEvent(event, record));
      event.clock.set(stream.clock);
    }
  }

  void waitEvent(long hStream, long hEvent) {
    SimStream stream = stream(hStream);
    SimEvent event = event(hEvent);
    if (Captures.waitEvent(stream, event)) {
      return;
    }
    captures.prohibit(stream, "cuStreamWaitEvent");
    stream.clock.join(event.clock);
    if (event.passed < event.recorded) {
      progress.enqueue(stream, new Action.WaitEvent(event, event.recorded));
    }
  }

  int queryEvent(long hEvent) {
    SimEvent event = event(hEvent);
    Captures.prohibit(event, "cuEventQuery");
    if (event.passed < event.recorded) {
      return CudaStatus.NOT_READY.code();
    }
    progress.observe(event.clock);
    return 0;
  }

  void synchronizeEvent(long hEvent) {
    SimEvent event = event(hEvent);
    Captures.prohibit(event, "cuEventSynchronize");
    long record = event.recorded;
    Clock before = event.clock.copy();
    progress.await(() -> event.passed >= record, "cuEventSynchronize");
    progress.observe(before);
  }

  float elapsedMs(long hStart, long hEnd) {
    SimEvent start = event(hStart);
    SimEvent end = event(hEnd);
    for (SimEvent event : List.of(start, end)) {
      Captures.prohibit(event, "cuEventElapsedTime");
      boolean untimed = (event.flags & CudaConstants.CU_EVENT_DISABLE_TIMING) != 0;
      if (untimed || event.recorded == 0) {
        throw new Refused(CudaStatus.INVALID_HANDLE, "the event keeps no time");
      }
      if (event.passed < event.recorded) {
        throw new Refused(CudaStatus.NOT_READY, "the event has not passed");
      }
    }
    return (end.timeNs - start.timeNs) / 1e6f;
  }

  void hostFunction(long hStream, long function, long userData) {
    if (function == 0) {
      throw SimulatedCuda.invalid("no function");
    }
    put(stream(hStream), new Action.HostCall(function, userData));
  }

  // Graphs

  long endCapture(long hStream) {
    SimGraph graph = captures.end(stream(hStream));
    graph.handle = handles.add(graph);
    return graph.handle;
  }

  long instantiate(long hGraph) {
    SimGraphExec exec = new SimGraphExec(handles.get(hGraph, SimGraph.class));
    exec.handle = handles.add(exec);
    return exec.handle;
  }

  void update(long hExec, long hGraph, MemorySegment resultInfo) {
    SimGraphExec exec = handles.get(hExec, SimGraphExec.class);
    SimGraph graph = handles.get(hGraph, SimGraph.class);
    int result = CudaConstants.CU_GRAPH_EXEC_UPDATE_SUCCESS;
    if (!exec.source.sameTopology(graph)) {
      result = CudaConstants.CU_GRAPH_EXEC_UPDATE_ERROR_TOPOLOGY_CHANGED;
    }
    for (int i = 0; result == 0 && i < exec.actions.size(); i++) {
      Action before = exec.actions.get(i);
      Action after = graph.nodes.get(i).action;
      if (before.nodeType() != after.nodeType()) {
        result = CudaConstants.CU_GRAPH_EXEC_UPDATE_ERROR_NODE_TYPE_CHANGED;
      } else if (!before.updatable(after)) {
        result = CudaConstants.CU_GRAPH_EXEC_UPDATE_ERROR_PARAMETERS_CHANGED;
      }
    }
    MemorySegment info = resultInfo.reinterpret(CUgraphExecUpdateResultInfo_st.sizeof());
    info.fill((byte) 0);
    CUgraphExecUpdateResultInfo_st.result(info, result);
    if (result != CudaConstants.CU_GRAPH_EXEC_UPDATE_SUCCESS) {
      throw new Refused(CudaStatus.GRAPH_EXEC_UPDATE_FAILURE, "update result " + result);
    }
    exec.source = graph;
    for (int i = 0; i < exec.actions.size(); i++) {
      exec.actions.set(i, graph.nodes.get(i).action);
    }
  }

  void launchGraph(long hExec, long hStream) {
    SimGraphExec exec = handles.get(hExec, SimGraphExec.class);
    put(stream(hStream), new Action.Graph(List.copyOf(exec.actions)));
  }

  void graphNodes(long hGraph, MemorySegment nodes, MemorySegment numNodes) {
    SimGraph graph = handles.get(hGraph, SimGraph.class);
    if (nodes.equals(MemorySegment.NULL)) {
      numNodes.set(JAVA_LONG, 0, graph.nodes.size());
      return;
    }
    long count = Math.min(numNodes.get(JAVA_LONG, 0), graph.nodes.size());
    for (int i = 0; i < count; i++) {
      SimNode node = graph.nodes.get(i);
      if (node.handle == 0) {
        node.handle = handles.add(node);
      }
      nodes.setAtIndex(JAVA_LONG, i, node.handle);
    }
    numNodes.set(JAVA_LONG, 0, count);
  }

  void setCopy(long hExec, long hNode, MemorySegment parameters) {
    SimGraphExec exec = handles.get(hExec, SimGraphExec.class);
    int place = exec.source.nodes.indexOf(handles.get(hNode, SimNode.class));
    if (place < 0) {
      throw SimulatedCuda.invalid("the node is not of the graph that was instantiated");
    }
    exec.actions.set(place, CopyParameters.read(parameters, exec.actions.get(place)));
  }

  void destroyGraph(long hGraph) {
    SimGraph graph = handles.get(hGraph, SimGraph.class);
    for (SimNode node : graph.nodes) {
      if (node.handle != 0) {
        handles.remove(node.handle);
      }
    }
    handles.remove(hGraph);
  }

  // Modules and launches

  long loadModule(MemorySegment image) {
    SimModule module = new SimModule(current(), image);
    module.handle = handles.add(module);
    return module.handle;
  }

  void unloadModule(long handle) {
    unload(handles.get(handle, SimModule.class));
  }

  private void unload(SimModule module) {
    handles.remove(module.handle);
    module.functions.values().forEach(function -> handles.remove(function.handle));
  }

  long function(long hModule, String name) {
    SimModule module = handles.get(hModule, SimModule.class);
    SimulatedKernel kernel = options.kernels.get(name);
    if (!module.names.contains(name) || kernel == null) {
      throw new Refused(
          CudaStatus.NOT_FOUND,
          name + (kernel == null ? " has no simulated kernel" : " is not in the module"));
    }
    return module.functions.computeIfAbsent(
            name,
            _ -> {
              SimFunction made = new SimFunction(module, name, kernel);
              made.handle = handles.add(made);
              return made;
            })
        .handle;
  }

  int functionAttribute(long hFunction, int attribute) {
    SimFunction function = handles.get(hFunction, SimFunction.class);
    return switch (attribute) {
      case CudaConstants.CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK -> MAX_THREADS_PER_BLOCK;
      case CudaConstants.CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES,
          CudaConstants.CU_FUNC_ATTRIBUTE_CONST_SIZE_BYTES,
          CudaConstants.CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES ->
          0;
      case CudaConstants.CU_FUNC_ATTRIBUTE_NUM_REGS -> 32;
      case CudaConstants.CU_FUNC_ATTRIBUTE_PTX_VERSION,
          CudaConstants.CU_FUNC_ATTRIBUTE_BINARY_VERSION ->
          10 * options.computeMajor + options.computeMinor;
      case CudaConstants.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES ->
          function.maxDynamicSharedBytes;
      default -> throw SimulatedCuda.invalid("function attribute " + attribute);
    };
  }

  void setFunctionAttribute(long hFunction, int attribute, int value) {
    SimFunction function = handles.get(hFunction, SimFunction.class);
    if (attribute != CudaConstants.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
        || value < 0
        || value > SHARED_PER_BLOCK_OPTIN) {
      throw SimulatedCuda.invalid("attribute " + attribute + " can't be " + value);
    }
    function.maxDynamicSharedBytes = value;
  }

  void parameter(long hFunction, long index, MemorySegment offset, MemorySegment size) {
    int[] bytes = handles.get(hFunction, SimFunction.class).kernel().parameterBytes();
    if (index < 0 || index >= bytes.length) {
      throw SimulatedCuda.invalid("the kernel has " + bytes.length + " parameters");
    }
    long at = 0;
    for (int i = 0; i <= index; i++) {
      // Each parameter lies at a multiple of its size, as in a C struct of scalars.
      at = (at + bytes[i] - 1) / bytes[i] * bytes[i];
      if (i < index) {
        at += bytes[i];
      }
    }
    offset.set(JAVA_LONG, 0, at);
    if (!size.equals(MemorySegment.NULL)) {
      size.set(JAVA_LONG, 0, bytes[(int) index]);
    }
  }

  void launch(long hFunction, int[] dimensions, long hStream, MemorySegment parameters) {
    SimFunction function = handles.get(hFunction, SimFunction.class);
    SimStream stream = stream(hStream);
    if (function.module.context != stream.context) {
      throw new Refused(CudaStatus.INVALID_HANDLE, "function and stream are of different contexts");
    }
    requireDimensions(function, dimensions);
    int[] bytes = function.kernel().parameterBytes();
    if (bytes.length > 0 && parameters.equals(MemorySegment.NULL)) {
      throw SimulatedCuda.invalid("the kernel has parameters");
    }
    MemorySegment[] arguments = new MemorySegment[bytes.length];
    MemorySegment pointers = parameters.reinterpret(8L * bytes.length);
    for (int i = 0; i < bytes.length; i++) {
      long address = pointers.getAtIndex(JAVA_LONG, i);
      arguments[i] =
          MemorySegment.ofArray(
              MemorySegment.ofAddress(address).reinterpret(bytes[i]).toArray(JAVA_BYTE));
    }
    put(stream, new Action.Launch(function, dimensions, arguments, options.faults.onLaunch()));
  }

  private static void requireDimensions(SimFunction function, int[] d) {
    for (int i = 0; i < 6; i++) {
      if (d[i] <= 0) {
        throw SimulatedCuda.invalid("a grid or block of " + d[i]);
      }
    }
    boolean grid = d[1] <= MAX_GRID_YZ && d[2] <= MAX_GRID_YZ;
    boolean block = d[3] <= 1024 && d[4] <= 1024 && d[5] <= MAX_BLOCK_Z;
    if (!grid || !block || (long) d[3] * d[4] * d[5] > MAX_THREADS_PER_BLOCK) {
      throw SimulatedCuda.invalid("the grid or the block is too large");
    }
    if (d[6] < 0 || d[6] > function.maxDynamicSharedBytes) {
      throw SimulatedCuda.invalid(d[6] + " bytes of dynamic shared memory");
    }
  }

  int occupancy(long hFunction, int blockSize, long sharedBytes) {
    handles.get(hFunction, SimFunction.class);
    if (blockSize <= 0 || blockSize > MAX_THREADS_PER_BLOCK || sharedBytes < 0) {
      throw SimulatedCuda.invalid("a block of " + blockSize);
    }
    long byThreads = MAX_THREADS_PER_MULTIPROCESSOR / (((blockSize + 31) / 32) * 32L);
    // A block takes 1 KiB of shared memory for the system.
    long byShared = SHARED_PER_MULTIPROCESSOR / (sharedBytes + 1024);
    return (int) Math.min(MAX_BLOCKS_PER_MULTIPROCESSOR, Math.min(byThreads, byShared));
  }

  // Text

  static String cText(MemorySegment text) {
    return text.reinterpret(1 << 16).getString(0);
  }

  static void putText(MemorySegment out, int length, String text) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    if (length <= 0) {
      throw SimulatedCuda.invalid("a buffer of " + length + " bytes");
    }
    int kept = Math.min(bytes.length, length - 1);
    MemorySegment.copy(bytes, 0, out, JAVA_BYTE, 0, kept);
    out.set(JAVA_BYTE, kept, (byte) 0);
  }
}
