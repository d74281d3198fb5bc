package dev.sluice.bindings.sim;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import dev.sluice.bindings.cuda.CudaConstants;
import dev.sluice.bindings.cuda.CudaStatus;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;

/**
 * What the functions of the simulated driver do, once the call was let in: those of contexts,
 * copies, streams and events; {@link Allocations}, {@link Graphs} and {@link Modules} do the rest.
 *
 * <p>Thread safety: guarded by {@link #lock}.
 */
final class Driver {
  static final int LEAST_PRIORITY = 0;
  static final int GREATEST_PRIORITY = -5;
  static final int MAX_THREADS_PER_BLOCK = 1024;

  // Of compute capability 9.0: CUDA C++ Programming Guide, "Technical Specifications".
  static final int MAX_THREADS_PER_MULTIPROCESSOR = 2048;
  private static final int SHARED_PER_BLOCK = 48 << 10;
  static final int SHARED_PER_BLOCK_OPTIN = 227 << 10;
  static final int MAX_GRID_YZ = 65_535;
  static final int MAX_BLOCK_Z = 64;

  final ReentrantLock lock = new ReentrantLock();
  final SimulatedDevices options;
  final Handles handles = new Handles();
  final Memory memory = new Memory();
  final Captures captures = new Captures();
  final CallLog log;
  final Progress progress;
  final Allocations allocations = new Allocations(this);
  final Graphs graphs = new Graphs(this);
  final Modules modules = new Modules(this);
  boolean initialised;
  private final List<SimDevice> devices = new ArrayList<>();

  @SuppressWarnings("ThreadLocalUsage") // of each driver, as tests make many
  private final ThreadLocal<Deque<SimContext>> contexts = ThreadLocal.withInitial(ArrayDeque::new);

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
    if (progress.isRunning()) {
      progress.note(
          function + " was called by a host function or a kernel, which may not use CUDA");
      return CudaStatus.NOT_PERMITTED.code();
    }
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
      SimContext context = current();
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
      progress.await(() -> progress.streams().stream().noneMatch(s -> s.active));
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
    SimContext context = new SimContext(device, primary, flags);
    context.legacy = progress.add(context, 0, 0, true);
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
    contexts.get().push(context);
    return context.handle;
  }

  void destroyContext(long handle) {
    SimContext context = handles.find(handle, SimContext.class);
    if (context == null || context.primary) {
      throw new Refused(CudaStatus.INVALID_CONTEXT, "no context of cuCtxCreate");
    }
    destroy(context);
    if (current() == context) {
      contexts.get().pop();
    }
  }

  private void destroy(SimContext context) {
    progress.awaitAll(context);
    if (context.destroyed) {
      return; // by another thread, meanwhile
    }
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
        .forEach(modules::unload);
    progress.streams().stream()
        .filter(stream -> stream.context == context)
        .forEach(captures::abandon);
    progress.forgetAll(context);
    memory.releaseAll(context);
  }

  void setCurrent(long handle) {
    SimContext context = handles.find(handle, SimContext.class);
    if (handle != 0 && context == null) {
      throw new Refused(CudaStatus.INVALID_CONTEXT, "no live context");
    }
    // The top of the thread's stack is what is current.
    contexts.get().poll();
    if (context != null) {
      contexts.get().push(context);
    }
  }

  long currentHandle() {
    SimContext context = current();
    return context == null ? 0 : context.handle;
  }

  SimContext current() {
    return contexts.get().peek();
  }

  void synchronizeContext() {
    SimContext context = current();
    progress.awaitAll(context);
    for (SimStream stream : progress.streams()) {
      if (stream.context == context) {
        progress.observe(stream.clock);
      }
    }
    allocations.releasePools(context.device);
  }

  // Copies and fills

  void put(SimStream stream, Action action) {
    if (stream.capture != null) {
      if (stream.capture.invalid) {
        throw new Refused(CudaStatus.STREAM_CAPTURE_INVALIDATED, "an earlier call spoilt it");
      }
      stream.capture.add(stream, action);
      return;
    }
    captures.prohibit(stream, "work");
    for (Action faulty : options.faults.onEnqueue(action)) {
      progress.enqueue(stream, faulty);
    }
  }

  void copyNow(long destination, long source, long sizeBytes, boolean toHost) {
    if (toHost) {
      putCopyToHost(destination, source, sizeBytes, 0);
    } else {
      copyToDevice(destination, source, sizeBytes, 0);
    }
    progress.awaitStream(current().legacy);
  }

  void copyToDevice(long destination, long source, long sizeBytes, long hStream) {
    SimStream stream = stream(hStream);
    if (sizeBytes == 0) {
      return;
    }
    requireDevice(destination, sizeBytes, "the destination of a copy");
    if (isPinned(source, sizeBytes)) {
      put(stream, new Action.Copy(destination, source, sizeBytes, false, true, false));
      return;
    }
    prohibitPageable(stream);
    MemorySegment bytes =
        MemorySegment.ofArray(
            MemorySegment.ofAddress(source).reinterpret(sizeBytes).toArray(JAVA_BYTE));
    put(stream, new Action.Staged(destination, bytes));
  }

  void copyToHost(long destination, long source, long sizeBytes, long hStream) {
    if (!putCopyToHost(destination, source, sizeBytes, hStream)) {
      // A copy to pageable memory returns once it is done.
      progress.awaitStream(stream(hStream));
    }
  }

  /** Whether the destination is pinned. */
  private boolean putCopyToHost(long destination, long source, long sizeBytes, long hStream) {
    SimStream stream = stream(hStream);
    if (sizeBytes == 0) {
      return true;
    }
    requireDevice(source, sizeBytes, "the source of a copy");
    boolean pinned = isPinned(destination, sizeBytes);
    if (!pinned) {
      prohibitPageable(stream);
    }
    put(stream, new Action.Copy(destination, source, sizeBytes, true, false, !pinned));
    return pinned;
  }

  /** Refuses a copy one of whose ends is not there, or is no memory of the kind that it says. */
  void requireEnds(Action.Copy copy) {
    Allocation from = memory.require(copy.source(), copy.sizeBytes(), "the source of a copy");
    Allocation to = memory.require(copy.destination(), copy.sizeBytes(), "the end of a copy");
    if (from.isDevice() == copy.fromHost() || to.isDevice() == copy.toHost()) {
      throw SimulatedCuda.invalid("the memory of a copy is of another kind");
    }
  }

  void copyOnDevice(long destination, long source, long sizeBytes, long hStream) {
    SimStream stream = stream(hStream);
    if (sizeBytes == 0) {
      return;
    }
    requireDevice(destination, sizeBytes, "the destination of a copy");
    requireDevice(source, sizeBytes, "the source of a copy");
    put(stream, new Action.Copy(destination, source, sizeBytes, false, false, false));
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
      if (current() == null) {
        throw new Refused(CudaStatus.INVALID_CONTEXT, "the legacy stream of no context");
      }
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
    SimStream stream = progress.add(current(), flags, clamped, false);
    stream.handle = handles.add(stream);
    return stream.handle;
  }

  void destroyStream(long handle) {
    if (handle == 0) {
      throw new Refused(CudaStatus.INVALID_HANDLE, "the legacy stream can't be destroyed");
    }
    SimStream stream = handles.get(handle, SimStream.class);
    handles.remove(handle);
    captures.abandon(stream);
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
    progress.awaitStream(stream);
    allocations.releasePools(stream.context.device);
  }

  long createEvent(int flags) {
    int known = CudaConstants.CU_EVENT_BLOCKING_SYNC | CudaConstants.CU_EVENT_DISABLE_TIMING;
    if ((flags & ~known) != 0) {
      throw SimulatedCuda.invalid("event flags " + flags);
    }
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
      return;
    }
    captures.prohibit(stream, "cuEventRecord");
    event.capture = null;
    event.tails = List.of();
    EventRecord record = event.next();
    if (progress.isFree(stream)) {
      progress.order(stream);
      record.pass(options.nanoClock.getAsLong());
    } else {
      progress.enqueue(stream, new Action.RecordEvent(record.hold()));
    }
    record.clock.set(stream.clock);
  }

  void waitEvent(long hStream, long hEvent) {
    SimStream stream = stream(hStream);
    SimEvent event = event(hEvent);
    if (Captures.waitEvent(stream, event)) {
      return;
    }
    captures.prohibit(stream, "cuStreamWaitEvent");
    if (event.latest == null) {
      return;
    }
    stream.clock.join(event.latest.clock);
    if (!event.latest.passed) {
      progress.enqueue(stream, new Action.WaitEvent(event.latest.hold()));
    }
  }

  int queryEvent(long hEvent) {
    SimEvent event = event(hEvent);
    Captures.prohibit(event, "cuEventQuery");
    if (!event.isPassed()) {
      return CudaStatus.NOT_READY.code();
    }
    if (event.latest != null) {
      progress.observe(event.latest.clock);
    }
    return 0;
  }

  void synchronizeEvent(long hEvent) {
    SimEvent event = event(hEvent);
    Captures.prohibit(event, "cuEventSynchronize");
    EventRecord record = event.latest;
    if (record == null) {
      return;
    }
    if (!record.passed) {
      record.hold();
      progress.await(() -> record.passed);
    }
    progress.observe(record.clock);
    allocations.releasePools(event.context.device);
  }

  float elapsedMs(long hStart, long hEnd) {
    SimEvent start = event(hStart);
    SimEvent end = event(hEnd);
    for (SimEvent event : List.of(start, end)) {
      Captures.prohibit(event, "cuEventElapsedTime");
      boolean untimed = (event.flags & CudaConstants.CU_EVENT_DISABLE_TIMING) != 0;
      if (untimed || event.latest == null) {
        throw new Refused(CudaStatus.INVALID_HANDLE, "the event keeps no time");
      }
      if (!event.latest.passed) {
        throw new Refused(CudaStatus.NOT_READY, "the event has not passed");
      }
    }
    return (end.latest.timeNs - start.latest.timeNs) / 1e6f;
  }

  void hostFunction(long hStream, long function, long userData) {
    if (function == 0) {
      throw SimulatedCuda.invalid("no function");
    }
    put(stream(hStream), new Action.HostCall(function, userData));
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
