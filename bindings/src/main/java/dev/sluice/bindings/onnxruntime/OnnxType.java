package dev.sluice.bindings.onnxruntime;

/**
 * What kind of value an input or output is: {@code ONNXType} of {@code onnxruntime_c_api.h}, in its
 * order. Only {@link #TENSOR} can be bound; the others are told apart so that a message can name
 * them.
 *
 * <p>Thread safety: immutable.
 */
public enum OnnxType {
  /** No type is known. */
  UNKNOWN,
  /** A dense tensor. */
  TENSOR,
  /** A list of values of one type. */
  SEQUENCE,
  /** A map from a scalar to values of one type. */
  MAP,
  /** A type of a custom operator. */
  OPAQUE,
  /** A sparse tensor. */
  SPARSE_TENSOR,
  /** A value that may be missing. */
  OPTIONAL;

  private static final OnnxType[] BY_CODE = values();

  static OnnxType ofCode(int code) {
    return code >= 0 && code < BY_CODE.length ? BY_CODE[code] : UNKNOWN;
  }
}
