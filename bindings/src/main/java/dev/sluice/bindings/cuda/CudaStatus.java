package dev.sluice.bindings.cuda;

import static java.lang.foreign.ValueLayout.ADDRESS;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * Every {@code CUresult} of {@code cuda.h} (CUDA 13.0), what sort of failure it is, and what to do
 * about it. Which ones lose the device is what that header says of each: the process must be
 * restarted.
 *
 * <p>Long because the list is.
 *
 * <p>Thread safety: immutable.
 */
public enum CudaStatus {
  /** {@code CUDA_SUCCESS}. */
  SUCCESS(0, Sort.NONE, ""),

  /** {@code CUDA_ERROR_INVALID_VALUE}. */
  INVALID_VALUE(1, Sort.CALLER, Remedy.CALLER),

  /** {@code CUDA_ERROR_OUT_OF_MEMORY}. */
  OUT_OF_MEMORY(
      2,
      Sort.RETRY,
      "the device has no memory left: end other processes that use it, or ask for smaller batches"),

  /** {@code CUDA_ERROR_NOT_INITIALIZED}. */
  NOT_INITIALIZED(3, Sort.CALLER, "call cuInit first"),

  /** {@code CUDA_ERROR_DEINITIALIZED}. */
  DEINITIALIZED(
      4,
      Sort.MACHINE,
      "the driver is shutting down with the process: stop CUDA work before it ends"),

  /** {@code CUDA_ERROR_PROFILER_DISABLED}. */
  PROFILER_DISABLED(5, Sort.MACHINE, Remedy.DOCUMENTATION),

  /** {@code CUDA_ERROR_PROFILER_NOT_INITIALIZED}. */
  PROFILER_NOT_INITIALIZED(6, Sort.MACHINE, Remedy.DOCUMENTATION),

  /** {@code CUDA_ERROR_PROFILER_ALREADY_STARTED}. */
  PROFILER_ALREADY_STARTED(7, Sort.MACHINE, Remedy.DOCUMENTATION),

  /** {@code CUDA_ERROR_PROFILER_ALREADY_STOPPED}. */
  PROFILER_ALREADY_STOPPED(8, Sort.MACHINE, Remedy.DOCUMENTATION),

  /** {@code CUDA_ERROR_STUB_LIBRARY}. */
  STUB_LIBRARY(
      34,
      Sort.MACHINE,
      "this is the toolkit's stub, not a driver: take the folder 'stubs' out of LD_LIBRARY_PATH"),

  /** {@code CUDA_ERROR_CALL_REQUIRES_NEWER_DRIVER}. */
  CALL_REQUIRES_NEWER_DRIVER(36, Sort.MACHINE, Remedy.INSTALL),

  /** {@code CUDA_ERROR_DEVICE_UNAVAILABLE}. */
  DEVICE_UNAVAILABLE(
      46,
      Sort.RETRY,
      "another process holds the device exclusively, or its compute mode prohibits all: end that process, or set the mode to Default (nvidia-smi -c 0)"),

  /** {@code CUDA_ERROR_NO_DEVICE}. */
  NO_DEVICE(
      100,
      Sort.MACHINE,
      "the driver sees no GPU: check that 'nvidia-smi -L' lists one, that CUDA_VISIBLE_DEVICES does not hide it or, under MIG, names an existing instance, and that a container was started with it (--gpus all)"),

  /** {@code CUDA_ERROR_INVALID_DEVICE}. */
  INVALID_DEVICE(
      101,
      Sort.CALLER,
      "the ordinal names no device: ask cuDeviceGetCount, and mind that CUDA_VISIBLE_DEVICES renumbers them"),

  /** {@code CUDA_ERROR_DEVICE_NOT_LICENSED}. */
  DEVICE_NOT_LICENSED(
      102,
      Sort.MACHINE,
      "the licence of the virtual GPU is missing: check the licence server of this guest"),

  /** {@code CUDA_ERROR_INVALID_IMAGE}. */
  INVALID_IMAGE(
      200,
      Sort.CALLER,
      "the bytes are no module for this driver: compile it again, or remove the damaged file"),

  /** {@code CUDA_ERROR_INVALID_CONTEXT}. */
  INVALID_CONTEXT(201, Sort.CALLER, Remedy.CALLER),

  /** {@code CUDA_ERROR_CONTEXT_ALREADY_CURRENT}. */
  CONTEXT_ALREADY_CURRENT(202, Sort.CALLER, Remedy.DOCUMENTATION),

  /** {@code CUDA_ERROR_MAP_FAILED}. */
  MAP_FAILED(205, Sort.CALLER, Remedy.DOCUMENTATION),

  /** {@code CUDA_ERROR_UNMAP_FAILED}. */
  UNMAP_FAILED(206, Sort.CALLER, Remedy.DOCUMENTATION),

  /** {@code CUDA_ERROR_ARRAY_IS_MAPPED}. */
  ARRAY_IS_MAPPED(207, Sort.CALLER, Remedy.DOCUMENTATION),

  /** {@code CUDA_ERROR_ALREADY_MAPPED}. */
  ALREADY_MAPPED(208, Sort.CALLER, Remedy.DOCUMENTATION),

  /** {@code CUDA_ERROR_NO_BINARY_FOR_GPU}. */
  NO_BINARY_FOR_GPU(
      209, Sort.CALLER, "the module was compiled for other GPUs: compile it for this one"),

  /** {@code CUDA_ERROR_ALREADY_ACQUIRED}. */
  ALREADY_ACQUIRED(210, Sort.CALLER, Remedy.DOCUMENTATION),

  /** {@code CUDA_ERROR_NOT_MAPPED}. */
  NOT_MAPPED(211, Sort.CALLER, Remedy.DOCUMENTATION),

  /** {@code CUDA_ERROR_NOT_MAPPED_AS_ARRAY}. */
  NOT_MAPPED_AS_ARRAY(212, Sort.CALLER, Remedy.DOCUMENTATION),

  /** {@code CUDA_ERROR_NOT_MAPPED_AS_POINTER}. */
  NOT_MAPPED_AS_POINTER(213, Sort.CALLER, Remedy.DOCUMENTATION),

  /** {@code CUDA_ERROR_ECC_UNCORRECTABLE}. */
  ECC_UNCORRECTABLE(214, Sort.DEVICE_LOST, Remedy.LOST),

  /** {@code CUDA_ERROR_UNSUPPORTED_LIMIT}. */
  UNSUPPORTED_LIMIT(215, Sort.CALLER, Remedy.DOCUMENTATION),

  /** {@code CUDA_ERROR_CONTEXT_ALREADY_IN_USE}. */
  CONTEXT_ALREADY_IN_USE(216, Sort.CALLER, Remedy.DOCUMENTATION),

  /** {@code CUDA_ERROR_PEER_ACCESS_UNSUPPORTED}. */
  PEER_ACCESS_UNSUPPORTED(217, Sort.CALLER, Remedy.DOCUMENTATION),

  /** {@code CUDA_ERROR_INVALID_PTX}. */
  INVALID_PTX(218, Sort.CALLER, "the PTX does not assemble: see the error log of the load"),

  /** {@code CUDA_ERROR_INVALID_GRAPHICS_CONTEXT}. */
  INVALID_GRAPHICS_CONTEXT(219, Sort.CALLER, Remedy.DOCUMENTATION),

  /** {@code CUDA_ERROR_NVLINK_UNCORRECTABLE}. */
  NVLINK_UNCORRECTABLE(220, Sort.DEVICE_LOST, Remedy.LOST),

  /** {@code CUDA_ERROR_JIT_COMPILER_NOT_FOUND}. */
  JIT_COMPILER_NOT_FOUND(
      221,
      Sort.MACHINE,
      "libnvidia-ptxjitcompiler.so.1 is missing: install all of the driver, or load a cubin instead of PTX"),

  /** {@code CUDA_ERROR_UNSUPPORTED_PTX_VERSION}. */
  UNSUPPORTED_PTX_VERSION(
      222,
      Sort.MACHINE,
      "the PTX comes from a newer CUDA than the driver's: compile to a cubin for this device, or install a newer driver"),

  /** {@code CUDA_ERROR_JIT_COMPILATION_DISABLED}. */
  JIT_COMPILATION_DISABLED(
      223, Sort.MACHINE, "unset CUDA_DISABLE_PTX_JIT, or load a cubin instead of PTX"),

  /** {@code CUDA_ERROR_UNSUPPORTED_EXEC_AFFINITY}. */
  UNSUPPORTED_EXEC_AFFINITY(224, Sort.CALLER, Remedy.DOCUMENTATION),

  /** {@code CUDA_ERROR_UNSUPPORTED_DEVSIDE_SYNC}. */
  UNSUPPORTED_DEVSIDE_SYNC(225, Sort.CALLER, Remedy.DOCUMENTATION),

  /** {@code CUDA_ERROR_CONTAINED}. */
  CONTAINED(226, Sort.DEVICE_LOST, Remedy.LOST),

  /** {@code CUDA_ERROR_INVALID_SOURCE}. */
  INVALID_SOURCE(300, Sort.CALLER, Remedy.DOCUMENTATION),

  /** {@code CUDA_ERROR_FILE_NOT_FOUND}. */
  FILE_NOT_FOUND(301, Sort.CALLER, Remedy.DOCUMENTATION),

  /** {@code CUDA_ERROR_SHARED_OBJECT_SYMBOL_NOT_FOUND}. */
  SHARED_OBJECT_SYMBOL_NOT_FOUND(
      302, Sort.MACHINE, "the library lacks this function: " + Remedy.INSTALL),

  /** {@code CUDA_ERROR_SHARED_OBJECT_INIT_FAILED}. */
  SHARED_OBJECT_INIT_FAILED(303, Sort.MACHINE, Remedy.DOCUMENTATION),

  /** {@code CUDA_ERROR_OPERATING_SYSTEM}. */
  OPERATING_SYSTEM(
      304,
      Sort.MACHINE,
      "the operating system refused: check that this user may open /dev/nvidia* and that they exist (nvidia-modprobe -u)"),

  /** {@code CUDA_ERROR_INVALID_HANDLE}. */
  INVALID_HANDLE(400, Sort.CALLER, Remedy.CALLER),

  /** {@code CUDA_ERROR_ILLEGAL_STATE}. */
  ILLEGAL_STATE(401, Sort.CALLER, Remedy.DOCUMENTATION),

  /** {@code CUDA_ERROR_LOSSY_QUERY}. */
  LOSSY_QUERY(402, Sort.CALLER, Remedy.DOCUMENTATION),

  /** {@code CUDA_ERROR_NOT_FOUND}. */
  NOT_FOUND(
      500,
      Sort.CALLER,
      "the name is not in the module: check its spelling, and that the function is extern \"C\""),

  /** {@code CUDA_ERROR_NOT_READY}. */
  NOT_READY(600, Sort.NONE, "the work is not done yet: wait for the stream or the event"),

  /** {@code CUDA_ERROR_ILLEGAL_ADDRESS}. */
  ILLEGAL_ADDRESS(700, Sort.DEVICE_LOST, Remedy.LOST),

  /** {@code CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES}. */
  LAUNCH_OUT_OF_RESOURCES(
      701,
      Sort.CALLER,
      "too many threads, registers, shared memory or arguments for one block: launch smaller blocks"),

  /** {@code CUDA_ERROR_LAUNCH_TIMEOUT}. */
  LAUNCH_TIMEOUT(702, Sort.DEVICE_LOST, Remedy.LOST),

  /** {@code CUDA_ERROR_LAUNCH_INCOMPATIBLE_TEXTURING}. */
  LAUNCH_INCOMPATIBLE_TEXTURING(703, Sort.CALLER, Remedy.DOCUMENTATION),

  /** {@code CUDA_ERROR_PEER_ACCESS_ALREADY_ENABLED}. */
  PEER_ACCESS_ALREADY_ENABLED(704, Sort.CALLER, Remedy.DOCUMENTATION),

  /** {@code CUDA_ERROR_PEER_ACCESS_NOT_ENABLED}. */
  PEER_ACCESS_NOT_ENABLED(705, Sort.CALLER, Remedy.DOCUMENTATION),

  /** {@code CUDA_ERROR_PRIMARY_CONTEXT_ACTIVE}. */
  PRIMARY_CONTEXT_ACTIVE(708, Sort.CALLER, Remedy.DOCUMENTATION),

  /** {@code CUDA_ERROR_CONTEXT_IS_DESTROYED}. */
  CONTEXT_IS_DESTROYED(709, Sort.CALLER, Remedy.CALLER),

  /** {@code CUDA_ERROR_ASSERT}. */
  ASSERT(710, Sort.DEVICE_LOST, Remedy.LOST),

  /** {@code CUDA_ERROR_TOO_MANY_PEERS}. */
  TOO_MANY_PEERS(711, Sort.CALLER, Remedy.DOCUMENTATION),

  /** {@code CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED}. */
  HOST_MEMORY_ALREADY_REGISTERED(
      712, Sort.CALLER, "the memory is pinned already: unregister it first"),

  /** {@code CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED}. */
  HOST_MEMORY_NOT_REGISTERED(
      713, Sort.CALLER, "the memory was not registered, or not at this address"),

  /** {@code CUDA_ERROR_HARDWARE_STACK_ERROR}. */
  HARDWARE_STACK_ERROR(714, Sort.DEVICE_LOST, Remedy.LOST),

  /** {@code CUDA_ERROR_ILLEGAL_INSTRUCTION}. */
  ILLEGAL_INSTRUCTION(715, Sort.DEVICE_LOST, Remedy.LOST),

  /** {@code CUDA_ERROR_MISALIGNED_ADDRESS}. */
  MISALIGNED_ADDRESS(716, Sort.DEVICE_LOST, Remedy.LOST),

  /** {@code CUDA_ERROR_INVALID_ADDRESS_SPACE}. */
  INVALID_ADDRESS_SPACE(717, Sort.DEVICE_LOST, Remedy.LOST),

  /** {@code CUDA_ERROR_INVALID_PC}. */
  INVALID_PC(718, Sort.DEVICE_LOST, Remedy.LOST),

  /** {@code CUDA_ERROR_LAUNCH_FAILED}. */
  LAUNCH_FAILED(719, Sort.DEVICE_LOST, Remedy.LOST),

  /** {@code CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE}. */
  COOPERATIVE_LAUNCH_TOO_LARGE(720, Sort.CALLER, Remedy.DOCUMENTATION),

  /** {@code CUDA_ERROR_TENSOR_MEMORY_LEAK}. */
  TENSOR_MEMORY_LEAK(721, Sort.DEVICE_LOST, Remedy.LOST),

  /** {@code CUDA_ERROR_NOT_PERMITTED}. */
  NOT_PERMITTED(800, Sort.MACHINE, Remedy.DOCUMENTATION),

  /** {@code CUDA_ERROR_NOT_SUPPORTED}. */
  NOT_SUPPORTED(
      801,
      Sort.MACHINE,
      "this device or system cannot do it; see the documentation of the function"),

  /** {@code CUDA_ERROR_SYSTEM_NOT_READY}. */
  SYSTEM_NOT_READY(
      802,
      Sort.RETRY,
      "the machine's fabric is not ready: start the service nvidia-fabricmanager, or wait for it"),

  /** {@code CUDA_ERROR_SYSTEM_DRIVER_MISMATCH}. */
  SYSTEM_DRIVER_MISMATCH(
      803,
      Sort.MACHINE,
      "the driver's library and its kernel module are of different versions: reboot, or reload the module; in a container update the host's driver"),

  /** {@code CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE}. */
  COMPAT_NOT_SUPPORTED_ON_DEVICE(
      804,
      Sort.MACHINE,
      "CUDA's forward-compatibility library does not support this GPU: take the folder 'compat' out of LD_LIBRARY_PATH and "
          + Remedy.INSTALL),

  /** {@code CUDA_ERROR_MPS_CONNECTION_FAILED}. */
  MPS_CONNECTION_FAILED(805, Sort.RETRY, Remedy.MPS),

  /** {@code CUDA_ERROR_MPS_RPC_FAILURE}. */
  MPS_RPC_FAILURE(806, Sort.RETRY, Remedy.MPS),

  /** {@code CUDA_ERROR_MPS_SERVER_NOT_READY}. */
  MPS_SERVER_NOT_READY(807, Sort.RETRY, Remedy.MPS),

  /** {@code CUDA_ERROR_MPS_MAX_CLIENTS_REACHED}. */
  MPS_MAX_CLIENTS_REACHED(808, Sort.RETRY, Remedy.MPS),

  /** {@code CUDA_ERROR_MPS_MAX_CONNECTIONS_REACHED}. */
  MPS_MAX_CONNECTIONS_REACHED(809, Sort.RETRY, Remedy.MPS),

  /** {@code CUDA_ERROR_MPS_CLIENT_TERMINATED}. */
  MPS_CLIENT_TERMINATED(810, Sort.DEVICE_LOST, Remedy.LOST),

  /** {@code CUDA_ERROR_CDP_NOT_SUPPORTED}. */
  CDP_NOT_SUPPORTED(811, Sort.MACHINE, Remedy.DOCUMENTATION),

  /** {@code CUDA_ERROR_CDP_VERSION_MISMATCH}. */
  CDP_VERSION_MISMATCH(812, Sort.MACHINE, Remedy.DOCUMENTATION),

  /** {@code CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED}. */
  STREAM_CAPTURE_UNSUPPORTED(900, Sort.CALLER, Remedy.CAPTURE),

  /** {@code CUDA_ERROR_STREAM_CAPTURE_INVALIDATED}. */
  STREAM_CAPTURE_INVALIDATED(901, Sort.CALLER, Remedy.CAPTURE),

  /** {@code CUDA_ERROR_STREAM_CAPTURE_MERGE}. */
  STREAM_CAPTURE_MERGE(902, Sort.CALLER, Remedy.CAPTURE),

  /** {@code CUDA_ERROR_STREAM_CAPTURE_UNMATCHED}. */
  STREAM_CAPTURE_UNMATCHED(903, Sort.CALLER, Remedy.CAPTURE),

  /** {@code CUDA_ERROR_STREAM_CAPTURE_UNJOINED}. */
  STREAM_CAPTURE_UNJOINED(904, Sort.CALLER, Remedy.CAPTURE),

  /** {@code CUDA_ERROR_STREAM_CAPTURE_ISOLATION}. */
  STREAM_CAPTURE_ISOLATION(905, Sort.CALLER, Remedy.CAPTURE),

  /** {@code CUDA_ERROR_STREAM_CAPTURE_IMPLICIT}. */
  STREAM_CAPTURE_IMPLICIT(906, Sort.CALLER, Remedy.CAPTURE),

  /** {@code CUDA_ERROR_CAPTURED_EVENT}. */
  CAPTURED_EVENT(907, Sort.CALLER, Remedy.CAPTURE),

  /** {@code CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD}. */
  STREAM_CAPTURE_WRONG_THREAD(908, Sort.CALLER, Remedy.CAPTURE),

  /** {@code CUDA_ERROR_TIMEOUT}. */
  TIMEOUT(909, Sort.RETRY, Remedy.DOCUMENTATION),

  /** {@code CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE}. */
  GRAPH_EXEC_UPDATE_FAILURE(
      910, Sort.CALLER, "the graphs differ in more than parameters: instantiate the new one"),

  /** {@code CUDA_ERROR_EXTERNAL_DEVICE}. */
  EXTERNAL_DEVICE(911, Sort.DEVICE_LOST, Remedy.LOST),

  /** {@code CUDA_ERROR_INVALID_CLUSTER_SIZE}. */
  INVALID_CLUSTER_SIZE(912, Sort.CALLER, Remedy.DOCUMENTATION),

  /** {@code CUDA_ERROR_FUNCTION_NOT_LOADED}. */
  FUNCTION_NOT_LOADED(913, Sort.CALLER, Remedy.DOCUMENTATION),

  /** {@code CUDA_ERROR_INVALID_RESOURCE_TYPE}. */
  INVALID_RESOURCE_TYPE(914, Sort.CALLER, Remedy.DOCUMENTATION),

  /** {@code CUDA_ERROR_INVALID_RESOURCE_CONFIGURATION}. */
  INVALID_RESOURCE_CONFIGURATION(915, Sort.CALLER, Remedy.DOCUMENTATION),

  /** {@code CUDA_ERROR_KEY_ROTATION}. */
  KEY_ROTATION(916, Sort.MACHINE, Remedy.DOCUMENTATION),

  /** {@code CUDA_ERROR_UNKNOWN}. */
  UNKNOWN(
      999,
      Sort.MACHINE,
      "the driver gives no reason: look for 'NVRM' and 'Xid' in dmesg; after a suspend reload the module nvidia_uvm, else reboot");

  /** What a failure means for the caller. */
  public enum Sort {
    /** No failure. */
    NONE,
    /** The same call may succeed later, once memory or the device is free. */
    RETRY,
    /** The caller did something wrong; the same call fails again. */
    CALLER,
    /** The machine or its driver lacks something that a person has to mend. */
    MACHINE,
    /** The context is gone for good, and with it all that was made in it. */
    DEVICE_LOST
  }

  private static final Map<Integer, CudaStatus> BY_CODE =
      Arrays.stream(values()).collect(Collectors.toMap(CudaStatus::code, status -> status));

  private final int code;
  private final Sort sort;
  private final String remedy;

  CudaStatus(int code, Sort sort, String remedy) {
    this.code = code;
    this.sort = sort;
    this.remedy = remedy;
  }

  /** The status of a code; empty for one that CUDA 13.0 did not know. */
  public static Optional<CudaStatus> of(int code) {
    return Optional.ofNullable(BY_CODE.get(code));
  }

  /** What sort of failure a code is; one that CUDA 13.0 did not know is the machine's. */
  public static Sort sortOf(int code) {
    CudaStatus status = BY_CODE.get(code);
    return status == null ? Sort.MACHINE : status.sort;
  }

  /** The number in {@code cuda.h}. */
  public int code() {
    return code;
  }

  /** The name in {@code cuda.h}. */
  public String cName() {
    return this == SUCCESS ? "CUDA_SUCCESS" : "CUDA_ERROR_" + name();
  }

  /** What sort of failure it is. */
  public Sort sort() {
    return sort;
  }

  /** What the caller should do. */
  public String remedy() {
    return remedy;
  }

  /**
   * Does nothing for {@link CudaApi#CUDA_SUCCESS}.
   *
   * @param code what the function returned
   * @param function its name
   * @param arguments its arguments, for people
   * @throws CudaException for any other status
   */
  public static void check(CudaApi api, int code, String function, String arguments) {
    if (code != CudaApi.CUDA_SUCCESS) {
      throw exception(api, code, function, arguments);
    }
  }

  /** The exception of a failed call, for callers who build its arguments only where it failed. */
  public static CudaException exception(CudaApi api, int code, String function, String arguments) {
    CudaStatus status = BY_CODE.get(code);
    return new CudaException(
        function,
        arguments,
        status == null ? unknownName(api, code) : status.cName(),
        code,
        description(api, code),
        status == null ? Remedy.DOCUMENTATION : status.remedy);
  }

  /** The driver's own name of a status that is newer than this list. */
  private static String unknownName(CudaApi api, int code) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment pointer = arena.allocate(ADDRESS);
      return text(api.cuGetErrorName(code, pointer), pointer, "CUresult");
    }
  }

  private static String description(CudaApi api, int code) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment pointer = arena.allocate(ADDRESS);
      return text(api.cuGetErrorString(code, pointer), pointer, "");
    }
  }

  private static String text(int status, MemorySegment pointer, String fallback) {
    MemorySegment text = pointer.get(ADDRESS, 0);
    return status == CudaApi.CUDA_SUCCESS && !text.equals(MemorySegment.NULL)
        ? text.reinterpret(Long.MAX_VALUE).getString(0)
        : fallback;
  }

  /** Words that several statuses share. */
  private static final class Remedy {
    static final String INSTALL = "install " + DriverProbe.NEEDED_DRIVER;
    static final String CALLER =
        "an argument or a handle is wrong, closed, or belongs to another context; this is a bug of"
            + " the caller";
    static final String LOST =
        "the context is lost: restart the process; if it comes back, look for 'Xid' in dmesg";
    static final String MPS =
        "the Multi-Process Service refuses: restart it (nvidia-cuda-mps-control) or unset"
            + " CUDA_MPS_PIPE_DIRECTORY";
    static final String CAPTURE = "this work cannot be captured into a graph: run it without one";
    static final String DOCUMENTATION = "see CUresult in the documentation of the CUDA driver API";

    private Remedy() {}
  }
}
