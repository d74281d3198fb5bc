package dev.sluice.bindings.nvrtc;

import java.util.Arrays;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * Every {@code nvrtcResult} and what to do about it.
 *
 * <p>Thread safety: immutable.
 */
public enum NvrtcStatus {
  /** {@code NVRTC_SUCCESS}. */
  SUCCESS(0, ""),

  /** {@code NVRTC_ERROR_OUT_OF_MEMORY}. */
  OUT_OF_MEMORY(1, "the process has too little memory: give it more"),

  /** {@code NVRTC_ERROR_PROGRAM_CREATION_FAILURE}. */
  PROGRAM_CREATION_FAILURE(2, "see nvrtcResult in the documentation of NVRTC"),

  /** {@code NVRTC_ERROR_INVALID_INPUT}. */
  INVALID_INPUT(3, "see nvrtcResult in the documentation of NVRTC"),

  /** {@code NVRTC_ERROR_INVALID_PROGRAM}. */
  INVALID_PROGRAM(4, "see nvrtcResult in the documentation of NVRTC"),

  /** {@code NVRTC_ERROR_INVALID_OPTION}. */
  INVALID_OPTION(5, "an option of the compiler is wrong or too new for this NVRTC"),

  /** {@code NVRTC_ERROR_COMPILATION}. */
  COMPILATION(6, "the source does not compile: the log says where"),

  /** {@code NVRTC_ERROR_BUILTIN_OPERATION_FAILURE}. */
  BUILTIN_OPERATION_FAILURE(
      7,
      "libnvrtc-builtins is missing beside libnvrtc: install all of NVRTC, or put its folder on"
          + " LD_LIBRARY_PATH"),

  /** {@code NVRTC_ERROR_NO_NAME_EXPRESSIONS_AFTER_COMPILATION}. */
  NO_NAME_EXPRESSIONS_AFTER_COMPILATION(8, "see nvrtcResult in the documentation of NVRTC"),

  /** {@code NVRTC_ERROR_NO_LOWERED_NAMES_BEFORE_COMPILATION}. */
  NO_LOWERED_NAMES_BEFORE_COMPILATION(9, "see nvrtcResult in the documentation of NVRTC"),

  /** {@code NVRTC_ERROR_NAME_EXPRESSION_NOT_VALID}. */
  NAME_EXPRESSION_NOT_VALID(10, "see nvrtcResult in the documentation of NVRTC"),

  /** {@code NVRTC_ERROR_INTERNAL_ERROR}. */
  INTERNAL_ERROR(11, "see nvrtcResult in the documentation of NVRTC"),

  /** {@code NVRTC_ERROR_TIME_FILE_WRITE_FAILED}. */
  TIME_FILE_WRITE_FAILED(12, "see nvrtcResult in the documentation of NVRTC"),

  /** {@code NVRTC_ERROR_NO_PCH_CREATE_ATTEMPTED}. */
  NO_PCH_CREATE_ATTEMPTED(13, "see nvrtcResult in the documentation of NVRTC"),

  /** {@code NVRTC_ERROR_PCH_CREATE_HEAP_EXHAUSTED}. */
  PCH_CREATE_HEAP_EXHAUSTED(14, "see nvrtcResult in the documentation of NVRTC"),

  /** {@code NVRTC_ERROR_PCH_CREATE}. */
  PCH_CREATE(15, "see nvrtcResult in the documentation of NVRTC"),

  /** {@code NVRTC_ERROR_CANCELLED}. */
  CANCELLED(16, "see nvrtcResult in the documentation of NVRTC"),

  /** {@code NVRTC_ERROR_TIME_TRACE_FILE_WRITE_FAILED}. */
  TIME_TRACE_FILE_WRITE_FAILED(17, "see nvrtcResult in the documentation of NVRTC");

  private static final Map<Integer, NvrtcStatus> BY_CODE =
      Arrays.stream(values()).collect(Collectors.toMap(NvrtcStatus::code, status -> status));

  private final int code;
  private final String remedy;

  NvrtcStatus(int code, String remedy) {
    this.code = code;
    this.remedy = remedy;
  }

  /** The status of a code; empty for one that this list does not have. */
  public static Optional<NvrtcStatus> of(int code) {
    return Optional.ofNullable(BY_CODE.get(code));
  }

  /** The number in {@code nvrtc.h}. */
  public int code() {
    return code;
  }

  /** The name in {@code nvrtc.h}. */
  public String cName() {
    return this == SUCCESS ? "NVRTC_SUCCESS" : "NVRTC_ERROR_" + name();
  }

  /** What the caller should do. */
  public String remedy() {
    return remedy;
  }
}
