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
    String what = label + ", " + sizeBytes + " bytes at 0x" + Long.toHexString(address);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(JAVA_LONG);
      CudaStatus.check(api, api.cuCtxGetDevice(out), "cuCtxGetDevice", what);
      int device = out.get(JAVA_INT, 0);
      int type = attribute(api, out, CudaConstants.CU_POINTER_ATTRIBUTE_MEMORY_TYPE, address, what);
      int owner =
          attribute(api, out, CudaConstants.CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL, address, what);
      String wrong = "";
      if (type != CudaConstants.CU_MEMORYTYPE_DEVICE) {
        wrong = "it is host memory: copy it to the device first";
      } else if (owner != device) {
        wrong = "it is memory of device " + owner + ", the context is of device " + device;
      } else {
        attribute(api, out, CudaConstants.CU_POINTER_ATTRIBUTE_RANGE_START_ADDR, address, what);
        long start = out.get(JAVA_LONG, 0);
        attribute(api, out, CudaConstants.CU_POINTER_ATTRIBUTE_RANGE_SIZE, address, what);
        long left = start + out.get(JAVA_LONG, 0) - address;
        wrong = sizeBytes < 0 || sizeBytes > left ? "only " + left + " bytes are there" : "";
      }
      if (!wrong.isEmpty()) {
        throw new CudaException(
            "cuPointerGetAttribute",
            what,
            CudaStatus.INVALID_VALUE.cName(),
            CudaStatus.INVALID_VALUE.code(),
            wrong,
            CudaStatus.INVALID_VALUE.remedy());
      }
      return new DeviceMemory(
          api, NativeHandle.own("borrowed device memory", label, address, _ -> {}), sizeBytes);
    }
  }

  private static int attribute(
      CudaApi api, MemorySegment out, int attribute, long address, String what) {
    CudaStatus.check(
        api,
        api.cuPointerGetAttribute(out, attribute, address),
        "cuPointerGetAttribute",
        what + ", attribute " + attribute);
    return out.get(JAVA_INT, 0);
  }

  /** How large it is. */
  public long sizeBytes() {
    return sizeBytes;
  }
}
