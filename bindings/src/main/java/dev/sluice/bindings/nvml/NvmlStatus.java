package dev.sluice.bindings.nvml;

import java.util.Arrays;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * Every {@code nvmlReturn_t} and what to do about it.
 *
 * <p>Thread safety: immutable.
 */
public enum NvmlStatus {
  /** {@code NVML_SUCCESS}. */
  SUCCESS(0, ""),

  /** {@code NVML_ERROR_UNINITIALIZED}. */
  UNINITIALIZED(1, "call nvmlInit_v2 first"),

  /** {@code NVML_ERROR_INVALID_ARGUMENT}. */
  INVALID_ARGUMENT(2, "see nvmlReturn_t in the documentation of NVML"),

  /** {@code NVML_ERROR_NOT_SUPPORTED}. */
  NOT_SUPPORTED(3, "this GPU, or its mode, does not tell that"),

  /** {@code NVML_ERROR_NO_PERMISSION}. */
  NO_PERMISSION(4, "this user may not ask that: run as a user who may"),

  /** {@code NVML_ERROR_ALREADY_INITIALIZED}. */
  ALREADY_INITIALIZED(5, "see nvmlReturn_t in the documentation of NVML"),

  /** {@code NVML_ERROR_NOT_FOUND}. */
  NOT_FOUND(6, "the GPU is not there: it fell off the bus, or is hidden from this container"),

  /** {@code NVML_ERROR_INSUFFICIENT_SIZE}. */
  INSUFFICIENT_SIZE(7, "see nvmlReturn_t in the documentation of NVML"),

  /** {@code NVML_ERROR_INSUFFICIENT_POWER}. */
  INSUFFICIENT_POWER(8, "see nvmlReturn_t in the documentation of NVML"),

  /** {@code NVML_ERROR_DRIVER_NOT_LOADED}. */
  DRIVER_NOT_LOADED(
      9,
      "load the NVIDIA kernel module (nvidia-smi does), or start the container with the NVIDIA container toolkit"),

  /** {@code NVML_ERROR_TIMEOUT}. */
  TIMEOUT(10, "see nvmlReturn_t in the documentation of NVML"),

  /** {@code NVML_ERROR_IRQ_ISSUE}. */
  IRQ_ISSUE(11, "see nvmlReturn_t in the documentation of NVML"),

  /** {@code NVML_ERROR_LIBRARY_NOT_FOUND}. */
  LIBRARY_NOT_FOUND(12, "install the whole NVIDIA driver"),

  /** {@code NVML_ERROR_FUNCTION_NOT_FOUND}. */
  FUNCTION_NOT_FOUND(13, "the driver is older than this function"),

  /** {@code NVML_ERROR_CORRUPTED_INFOROM}. */
  CORRUPTED_INFOROM(14, "see nvmlReturn_t in the documentation of NVML"),

  /** {@code NVML_ERROR_GPU_IS_LOST}. */
  GPU_IS_LOST(15, "the GPU fell off the bus: look for 'Xid 79' in dmesg and reset or reboot"),

  /** {@code NVML_ERROR_RESET_REQUIRED}. */
  RESET_REQUIRED(16, "see nvmlReturn_t in the documentation of NVML"),

  /** {@code NVML_ERROR_OPERATING_SYSTEM}. */
  OPERATING_SYSTEM(17, "see nvmlReturn_t in the documentation of NVML"),

  /** {@code NVML_ERROR_LIB_RM_VERSION_MISMATCH}. */
  LIB_RM_VERSION_MISMATCH(
      18,
      "the driver's library and its kernel module are of different versions: reboot, or reload the module"),

  /** {@code NVML_ERROR_IN_USE}. */
  IN_USE(19, "see nvmlReturn_t in the documentation of NVML"),

  /** {@code NVML_ERROR_MEMORY}. */
  MEMORY(20, "see nvmlReturn_t in the documentation of NVML"),

  /** {@code NVML_ERROR_NO_DATA}. */
  NO_DATA(21, "see nvmlReturn_t in the documentation of NVML"),

  /** {@code NVML_ERROR_VGPU_ECC_NOT_SUPPORTED}. */
  VGPU_ECC_NOT_SUPPORTED(22, "see nvmlReturn_t in the documentation of NVML"),

  /** {@code NVML_ERROR_INSUFFICIENT_RESOURCES}. */
  INSUFFICIENT_RESOURCES(23, "see nvmlReturn_t in the documentation of NVML"),

  /** {@code NVML_ERROR_FREQ_NOT_SUPPORTED}. */
  FREQ_NOT_SUPPORTED(24, "see nvmlReturn_t in the documentation of NVML"),

  /** {@code NVML_ERROR_ARGUMENT_VERSION_MISMATCH}. */
  ARGUMENT_VERSION_MISMATCH(25, "see nvmlReturn_t in the documentation of NVML"),

  /** {@code NVML_ERROR_DEPRECATED}. */
  DEPRECATED(26, "see nvmlReturn_t in the documentation of NVML"),

  /** {@code NVML_ERROR_NOT_READY}. */
  NOT_READY(27, "see nvmlReturn_t in the documentation of NVML"),

  /** {@code NVML_ERROR_GPU_NOT_FOUND}. */
  GPU_NOT_FOUND(28, "see nvmlReturn_t in the documentation of NVML"),

  /** {@code NVML_ERROR_INVALID_STATE}. */
  INVALID_STATE(29, "see nvmlReturn_t in the documentation of NVML"),

  /** {@code NVML_ERROR_RESET_TYPE_NOT_SUPPORTED}. */
  RESET_TYPE_NOT_SUPPORTED(30, "see nvmlReturn_t in the documentation of NVML"),

  /** {@code NVML_ERROR_UNKNOWN}. */
  UNKNOWN(999, "see nvmlReturn_t in the documentation of NVML");

  private static final Map<Integer, NvmlStatus> BY_CODE =
      Arrays.stream(values()).collect(Collectors.toMap(NvmlStatus::code, status -> status));

  private final int code;
  private final String remedy;

  NvmlStatus(int code, String remedy) {
    this.code = code;
    this.remedy = remedy;
  }

  /** The status of a code; empty for one that this list does not have. */
  public static Optional<NvmlStatus> of(int code) {
    return Optional.ofNullable(BY_CODE.get(code));
  }

  /** The number in {@code nvml.h}. */
  public int code() {
    return code;
  }

  /** The name in {@code nvml.h}. */
  public String cName() {
    return this == SUCCESS ? "NVML_SUCCESS" : "NVML_ERROR_" + name();
  }

  /** What the caller should do. */
  public String remedy() {
    return remedy;
  }
}
