package dev.sluice.bindings.cuda;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.sluice.bindings.NativeHandle;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Memory of the current context's device: allocated here, or somebody else's that is used as long
 * as its owner keeps it.
 *
 * <p>Thread safety: any thread.
 */
public final class DeviceMemory extends CudaObject {
  private final long sizeBytes;

  private DeviceMemory(CudaApi api, NativeHandle handle, long sizeBytes) {
    super(api, handle);
    this.sizeBytes = sizeBytes;
  }

  /**
   * Allocates; what it holds is not defined.
   *
   * @param label for messages
   * @param sizeBytes 1 or more
   * @throws CudaException where the device has no room
   */
  public static DeviceMemory allocate(CudaApi api, String label, long sizeBytes) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(JAVA_LONG);
      CudaStatus.check(
          api,
          api.cuMemAlloc_v2(out, sizeBytes),
          "cuMemAlloc_v2",
          label + ", " + sizeBytes + " bytes");
      return new DeviceMemory(
          api,
          CudaHandles.own(
              api,
              "device memory",
              label,
              out.get(JAVA_LONG, 0),
              "cuMemFree_v2",
              api::cuMemFree_v2),
          sizeBytes);
    }
  }

  /**
   * Takes memory that a caller holds, after asking the driver whether it is what the caller says.
   * Closing this does not free it.
   *
   * @param label for messages
   * @param address a {@code CUdeviceptr}
   * @param sizeBytes how much of it is used
   * @throws CudaException where the driver does not know the address, or it is host memory, another
   *     device's, or shorter
   */
  public static DeviceMemory wrap(CudaApi api, String label, long address, long sizeBytes) {
    try (Arena arena = Arena.ofConfined()) {
      check(api, arena.allocate(JAVA_LONG), label, address, sizeBytes);
    }
    return new DeviceMemory(
        api, NativeHandle.own("borrowed device memory", label, address, _ -> {}), sizeBytes);
  }

  /**
   * Asks the driver whether an address is memory of the current context's device. Takes no heap
   * memory where it is.
   *
   * @param scratch 8 bytes of native memory
   * @param label for messages
   * @param address a {@code CUdeviceptr}
   * @param sizeBytes how much of it is used
   * @throws CudaException where the driver does not know the address, or it is host memory, another
   *     device's, or shorter
   */
  public static void check(
      CudaApi api, MemorySegment scratch, String label, long address, long sizeBytes) {
    int status = api.cuCtxGetDevice(scratch);
    if (status != CudaApi.CUDA_SUCCESS) {
      throw CudaStatus.exception(api, status, "cuCtxGetDevice", what(label, address, sizeBytes));
    }
    int device = scratch.get(JAVA_INT, 0);
    ask(api, scratch, CudaConstants.CU_POINTER_ATTRIBUTE_MEMORY_TYPE, label, address, sizeBytes);
    int type = scratch.get(JAVA_INT, 0);
    ask(api, scratch, CudaConstants.CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL, label, address, sizeBytes);
    int owner = scratch.get(JAVA_INT, 0);
    if (type != CudaConstants.CU_MEMORYTYPE_DEVICE) {
      throw wrong(label, address, sizeBytes, "it is host memory: copy it to the device first");
    }
    if (owner != device) {
      String other = "it is memory of device " + owner + ", the context is of device " + device;
      throw wrong(label, address, sizeBytes, other);
    }
    ask(
        api,
        scratch,
        CudaConstants.CU_POINTER_ATTRIBUTE_RANGE_START_ADDR,
        label,
        address,
        sizeBytes);
    long start = scratch.get(JAVA_LONG, 0);
    ask(api, scratch, CudaConstants.CU_POINTER_ATTRIBUTE_RANGE_SIZE, label, address, sizeBytes);
    long left = start + scratch.get(JAVA_LONG, 0) - address;
    if (sizeBytes < 0 || sizeBytes > left) {
      throw wrong(label, address, sizeBytes, "only " + left + " bytes are there");
    }
  }

  private static String what(String label, long address, long sizeBytes) {
    return label + ", " + sizeBytes + " bytes at 0x" + Long.toHexString(address);
  }

  private static CudaException wrong(String label, long address, long sizeBytes, String why) {
    return new CudaException(
        "cuPointerGetAttribute",
        what(label, address, sizeBytes),
        CudaStatus.INVALID_VALUE.cName(),
        CudaStatus.INVALID_VALUE.code(),
        why,
        CudaStatus.INVALID_VALUE.remedy());
  }

  private static void ask(
      CudaApi api, MemorySegment out, int attribute, String label, long address, long sizeBytes) {
    int status = api.cuPointerGetAttribute(out, attribute, address);
    if (status != CudaApi.CUDA_SUCCESS) {
      throw CudaStatus.exception(
          api,
          status,
          "cuPointerGetAttribute",
          what(label, address, sizeBytes) + ", attribute " + attribute);
    }
  }

  /** How large it is. */
  public long sizeBytes() {
    return sizeBytes;
  }
}
