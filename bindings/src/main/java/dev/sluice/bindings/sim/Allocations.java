package dev.sluice.bindings.sim;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.sluice.bindings.cuda.CudaConstants;
import dev.sluice.bindings.cuda.CudaStatus;
import dev.sluice.bindings.cuda.generated.CUmemLocation_st;
import dev.sluice.bindings.cuda.generated.CUmemPoolProps_st;
import java.lang.foreign.MemorySegment;

/**
 * The functions that take memory of the device or of the host, and give it back.
 *
 * <p>Thread safety: guarded by the simulated driver's lock.
 */
final class Allocations {
  private final Driver driver;

  Allocations(Driver driver) {
    this.driver = driver;
  }

  long allocate(long sizeBytes) {
    requireSize(sizeBytes);
    SimDevice device = driver.current().device;
    if (sizeBytes > device.totalBytes || !device.take(Memory.roundUp(sizeBytes))) {
      throw outOfMemory(device, sizeBytes);
    }
    return driver.memory.device(Allocation.Kind.DEVICE, sizeBytes, driver.current(), null).address;
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
    Allocation allocation = driver.memory.at(address);
    if (allocation == null || !allocation.isDevice() || allocation.freeing) {
      throw SimulatedCuda.invalid("no device memory starts at 0x" + Long.toHexString(address));
    }
    if (allocation.kind == Allocation.Kind.POOL) {
      driver.memory.releaseNow(allocation, driver.progress.observed());
      return;
    }
    releaseLater(allocation);
  }

  /** Frees once the context has done what it holds now; nobody else can free it meanwhile. */
  private void releaseLater(Allocation allocation) {
    allocation.freeing = true;
    driver.progress.awaitAll(allocation.context);
    driver.memory.release(allocation);
  }

  long allocateAsync(SimPool pool, long sizeBytes, long hStream) {
    SimStream stream = driver.stream(hStream);
    requireSize(sizeBytes);
    prohibitMemoryNode(stream);
    long rounded = Memory.roundUp(sizeBytes);
    if (sizeBytes > pool.device.totalBytes
        || !(pool.allocate(rounded) || (reuse(pool, stream) && pool.allocate(rounded)))) {
      throw outOfMemory(pool.device, sizeBytes);
    }
    Allocation allocation =
        driver.memory.device(Allocation.Kind.POOL, sizeBytes, stream.context, pool);
    driver.memory.allocatedIn(allocation, stream, driver.progress.order(stream));
    return allocation.address;
  }

  /** Takes what was freed earlier in the stream: whoever uses it comes later in the stream. */
  private boolean reuse(SimPool pool, SimStream stream) {
    for (Operation operation : stream.queue) {
      if (operation.action() instanceof Action.Free free && free.allocation().pool == pool) {
        driver.memory.returnToPool(free.allocation());
      }
    }
    return true;
  }

  private static void prohibitMemoryNode(SimStream stream) {
    if (stream.capture != null) {
      stream.capture.invalid = true;
      throw new Refused(
          CudaStatus.STREAM_CAPTURE_UNSUPPORTED, "memory nodes of graphs are not simulated");
    }
  }

  void freeAsync(long address, long hStream) {
    SimStream stream = driver.stream(hStream);
    Allocation allocation = driver.memory.at(address);
    if (allocation == null || !allocation.isDevice() || allocation.freeing) {
      throw SimulatedCuda.invalid("no device memory starts at 0x" + Long.toHexString(address));
    }
    prohibitMemoryNode(stream);
    if (driver.progress.lost() != 0) {
      driver.memory.release(allocation);
      return;
    }
    allocation.freeing = true;
    driver.progress.enqueue(stream, new Action.Free(allocation));
  }

  long defaultPool(SimDevice device) {
    if (device.defaultPool.handle == 0) {
      device.defaultPool.handle = driver.handles.add(device.defaultPool);
    }
    return device.defaultPool.handle;
  }

  SimPool pool(long handle) {
    SimPool pool = driver.handles.find(handle, SimPool.class);
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
    SimPool pool = new SimPool(driver.device(CUmemLocation_st.id(location)), false);
    pool.handle = driver.handles.add(pool);
    return pool.handle;
  }

  void destroyPool(long handle) {
    SimPool pool = pool(handle);
    if (pool.isDefault) {
      throw SimulatedCuda.invalid("a device's default pool can't be destroyed");
    }
    driver.handles.remove(handle);
    pool.destroyed = true;
    pool.trimTo(0);
  }

  void releasePools(SimDevice device) {
    device.defaultPool.releaseOverThreshold();
    for (SimPool pool : driver.handles.all(SimPool.class)) {
      if (pool.device == device) {
        pool.releaseOverThreshold();
      }
    }
  }

  long allocatePinned(long sizeBytes) {
    requireSize(sizeBytes);
    try {
      return driver.memory.pinned(sizeBytes, driver.current()).address;
    } catch (OutOfMemoryError | IllegalArgumentException e) {
      throw new Refused(CudaStatus.OUT_OF_MEMORY, e.toString());
    }
  }

  void freePinned(long address) {
    Allocation allocation = driver.memory.at(address);
    if (allocation == null || allocation.kind != Allocation.Kind.PINNED || allocation.freeing) {
      throw SimulatedCuda.invalid("no pinned memory starts at 0x" + Long.toHexString(address));
    }
    releaseLater(allocation);
  }

  void register(long address, long sizeBytes) {
    if (address == 0 || sizeBytes <= 0 || Memory.isDeviceAddress(address)) {
      throw SimulatedCuda.invalid("no host memory");
    }
    if (driver.memory.registered(address, sizeBytes, driver.current()) == null) {
      throw new Refused(
          CudaStatus.HOST_MEMORY_ALREADY_REGISTERED, "a part of the memory is pinned already");
    }
  }

  void unregister(long address) {
    Allocation allocation = driver.memory.at(address);
    if (allocation == null || allocation.kind != Allocation.Kind.REGISTERED || allocation.freeing) {
      throw new Refused(CudaStatus.HOST_MEMORY_NOT_REGISTERED, "nothing starts there");
    }
    releaseLater(allocation);
  }

  void pointerAttribute(MemorySegment data, int attribute, long address) {
    Allocation allocation = driver.memory.find(address);
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
}
