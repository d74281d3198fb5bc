package dev.sluice.bindings.onnxruntime;

import dev.sluice.bindings.NativeException;
import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * The statuses of ONNX Runtime, in the order of {@code OrtErrorCode} in {@code
 * onnxruntime_error_code.h}, and what to do about each.
 *
 * <p>Thread safety: immutable.
 */
enum OrtErrorCode {
  ORT_OK(""),
  ORT_FAIL("check the model and the values that it was given"),
  ORT_INVALID_ARGUMENT("check names, element types and shapes against the model's signature"),
  ORT_NO_SUCHFILE("check that the file is there and readable"),
  ORT_NO_MODEL("check that the file is there and readable"),
  ORT_ENGINE_ERROR("look into the log of ONNX Runtime (-Dsluice.onnxruntime.log=info)"),
  ORT_RUNTIME_EXCEPTION("check the values that the model was given, and free memory"),
  ORT_INVALID_PROTOBUF("the bytes are no ONNX model, or damaged: export the model again"),
  ORT_MODEL_LOADED("open a new session"),
  ORT_NOT_IMPLEMENTED(
      "this release of ONNX Runtime lacks an operator or a type of it on the CPU: export the model"
          + " with another opset or element type"),
  ORT_INVALID_GRAPH("the model breaks the ONNX standard: check the node that the message names"),
  ORT_EP_FAIL("look into the log of ONNX Runtime (-Dsluice.onnxruntime.log=info)"),
  ORT_MODEL_LOAD_CANCELED("load the model again"),
  ORT_MODEL_REQUIRES_COMPILATION("use the model as it was exported, not one compiled for a device"),
  ORT_NOT_FOUND("check the names that the message tells"),
  ORT_DEVICE_RESET("open a new session");

  private static final OrtErrorCode[] BY_CODE = values();

  /** What ONNX Runtime says of an operator that it does not have, whatever the status. */
  private static final List<String> NO_OPERATOR =
      List.of(
          "is not a registered function/op", "No Op registered for", "No opset import for domain");

  private static final String LIBRARY_REMEDY =
      "check the operator's name, domain and version, or load the library that has it (custom"
          + " operators: --custom-ops, or EngineOptions.customOps)";

  private final String remedy;

  OrtErrorCode(String remedy) {
    this.remedy = remedy;
  }

  /**
   * Throws when a call failed, and releases its status.
   *
   * @param status what the call returned
   * @param function the function's C name
   * @param arguments for people
   */
  static void check(OrtApi api, long status, String function, String arguments) {
    if (status != 0) {
      throw failure(api, status, function, arguments);
    }
  }

  /** The exception for a status other than 0, which it releases. */
  static NativeException failure(OrtApi api, long status, String function, String arguments) {
    int code = api.GetErrorCode(status);
    String message =
        OrtMessage.plain(
            MemorySegment.ofAddress(api.GetErrorMessage(status))
                .reinterpret(Long.MAX_VALUE)
                .getString(0));
    api.ReleaseStatus(status);
    boolean known = code >= 0 && code < BY_CODE.length;
    return new NativeException(
        function,
        arguments,
        known ? BY_CODE[code].name() : "an unknown status",
        code,
        message,
        NO_OPERATOR.stream().anyMatch(message::contains)
            ? LIBRARY_REMEDY
            : known ? BY_CODE[code].remedy : "");
  }
}
