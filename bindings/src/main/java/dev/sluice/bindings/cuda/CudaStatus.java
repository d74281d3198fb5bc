package dev.sluice.bindings.cuda;

import static java.lang.foreign.ValueLayout.ADDRESS;

import dev.sluice.bindings.NativeException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Turns a raw {@code CUresult} into an exception that says what to do.
 *
 * <p>Thread safety: any thread may call.
 */
public final class CudaStatus {
  private CudaStatus() {}

  /**
   * Does nothing for {@link CudaDriverApi#CUDA_SUCCESS}.
   *
   * @param status what the function returned
   * @param function its name
   * @param arguments its arguments, for people
   * @throws NativeException for any other status
   */
  public static void check(CudaDriverApi api, int status, String function, String arguments) {
    if (status != CudaDriverApi.CUDA_SUCCESS) {
      throw new NativeException(
          function, arguments, name(api, status), status, description(api, status), remedy(status));
    }
  }

  /** The driver's name of a status, {@code CUresult} where it has none. */
  static String name(CudaDriverApi api, int status) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment pointer = arena.allocate(ADDRESS);
      return text(api.cuGetErrorName(status, pointer), pointer, "CUresult");
    }
  }

  private static String description(CudaDriverApi api, int status) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment pointer = arena.allocate(ADDRESS);
      return text(api.cuGetErrorString(status, pointer), pointer, "");
    }
  }

  private static String text(int status, MemorySegment pointer, String fallback) {
    MemorySegment text = pointer.get(ADDRESS, 0);
    return status == CudaDriverApi.CUDA_SUCCESS && !text.equals(MemorySegment.NULL)
        ? text.reinterpret(Long.MAX_VALUE).getString(0)
        : fallback;
  }

  /** What to do about a status; statuses are those of {@code CUresult} in {@code cuda.h}. */
  static String remedy(int status) {
    return switch (status) {
      case 1, 101, 201, 400 ->
          "an argument or a handle is wrong or belongs to another context; this is a bug of the caller";
      case 2 ->
          "the device has no memory left: end other processes that use it, or ask for smaller batches";
      case 3, 4 -> "the driver is not started or is shutting down: call cuInit first";
      case 34 ->
          "this is the toolkit's stub, not a driver: take the folder 'stubs' out of LD_LIBRARY_PATH";
      case 46 ->
          "another process holds the device exclusively: end it, or set the compute mode to Default"
              + " (nvidia-smi -c 0)";
      case 100 ->
          "the driver sees no GPU: check that 'nvidia-smi -L' lists one, that CUDA_VISIBLE_DEVICES"
              + " does not hide it, and that a container was started with it (--gpus all)";
      case 302 -> "the driver lacks this function: install " + DriverProbe.NEEDED_DRIVER;
      case 304 ->
          "the operating system refused: check that this user may open /dev/nvidia* and that they"
              + " exist (nvidia-modprobe -u)";
      case 802 ->
          "the machine's fabric is not ready: start the service nvidia-fabricmanager, or wait for"
              + " it";
      case 803 ->
          "the driver's library and its kernel module are of different versions: reboot, or reload"
              + " the module; in a container update the host's driver";
      case 804 ->
          "CUDA's forward-compatibility library does not support this GPU: take the folder 'compat'"
              + " out of LD_LIBRARY_PATH and install "
              + DriverProbe.NEEDED_DRIVER;
      case 805, 806, 807, 808, 809, 810 ->
          "the Multi-Process Service refuses: restart it (nvidia-cuda-mps-control) or unset"
              + " CUDA_MPS_PIPE_DIRECTORY";
      case 214, 220, 226, 700, 702, 710, 714, 715, 716, 717, 718, 719 ->
          "the context is lost: restart the process; if it comes back, look for 'Xid' in dmesg";
      case 900, 901, 902, 903, 904, 905, 906, 907, 908 ->
          "this work cannot be captured into a graph: run it without one";
      case 999 ->
          "the driver gives no reason: look for 'NVRM' and 'Xid' in dmesg; after a suspend reload"
              + " the module nvidia_uvm, else reboot";
      default -> "see CUresult in the documentation of the CUDA driver API";
    };
  }
}
