package dev.sluice.bindings;

/**
 * The element types of ONNX tensors that ONNX Runtime's CPU takes.
 *
 * <p>The codes are those of {@code ONNXTensorElementDataType} in ONNX Runtime's {@code
 * onnxruntime_c_api.h}, which agree with {@code TensorProto.DataType} of the ONNX standard.
 *
 * <p>Thread safety: immutable.
 */
public enum ElementType {
  /** IEEE 754 binary32. */
  FLOAT(1, 32),
  /** Unsigned 8-bit integer. */
  UINT8(2, 8),
  /** Signed 8-bit integer. */
  INT8(3, 8),
  /** Unsigned 16-bit integer. */
  UINT16(4, 16),
  /** Signed 16-bit integer. */
  INT16(5, 16),
  /** Signed 32-bit integer. */
  INT32(6, 32),
  /** Signed 64-bit integer. */
  INT64(7, 64),
  /** UTF-8 strings; they have no fixed size and travel outside of the batch buffer. */
  STRING(8, 0),
  /** One byte, 0 or 1. */
  BOOL(9, 8),
  /** IEEE 754 binary16. */
  FLOAT16(10, 16),
  /** IEEE 754 binary64. */
  DOUBLE(11, 64),
  /** Unsigned 32-bit integer. */
  UINT32(12, 32),
  /** Unsigned 64-bit integer. */
  UINT64(13, 64),
  /** Two binary32: real, imaginary. */
  COMPLEX64(14, 64),
  /** Two binary64: real, imaginary. */
  COMPLEX128(15, 128),
  /** The upper 16 bits of a binary32. */
  BFLOAT16(16, 16),
  /** 8-bit float, 4 exponent bits, finite values and NaN only. */
  FLOAT8E4M3FN(17, 8),
  /** 8-bit float, 4 exponent bits, no negative zero. */
  FLOAT8E4M3FNUZ(18, 8),
  /** 8-bit float, 5 exponent bits. */
  FLOAT8E5M2(19, 8),
  /** 8-bit float, 5 exponent bits, finite values and NaN only, no negative zero. */
  FLOAT8E5M2FNUZ(20, 8),
  /** Unsigned 4-bit integer, two to a byte, first element in the low bits. */
  UINT4(21, 4),
  /** Signed 4-bit integer, two to a byte, first element in the low bits. */
  INT4(22, 4);

  private static final ElementType[] BY_CODE = new ElementType[23];

  static {
    for (ElementType type : values()) {
      BY_CODE[type.code] = type;
    }
  }

  private final int code;
  private final int bits;

  ElementType(int code, int bits) {
    this.code = code;
    this.bits = bits;
  }

  /** The number that ONNX and ONNX Runtime's C API use. */
  public int code() {
    return code;
  }

  /** Bits per element; 0 for {@link #STRING}. */
  public int bits() {
    return bits;
  }

  /**
   * Bytes that {@code elements} of this type take, packed.
   *
   * @param elements number of elements, not negative
   * @return bytes; for 4-bit types an odd count is rounded up
   * @throws ArithmeticException when the size overflows a {@code long}
   * @throws IllegalStateException for {@link #STRING}
   */
  public long byteSize(long elements) {
    if (this == STRING) {
      throw new IllegalStateException("STRING elements have no fixed size");
    }
    if (bits >= 8) {
      return Math.multiplyExact(elements, (long) (bits / 8));
    }
    return Math.ceilDiv(Math.multiplyExact(elements, (long) bits), 8L);
  }

  /**
   * The type with this ONNX code.
   *
   * @param code a {@code TensorProto.DataType} number
   * @return the type
   * @throws IllegalArgumentException when ONNX Runtime's CPU has no such type
   */
  public static ElementType ofCode(int code) {
    ElementType type = code > 0 && code < BY_CODE.length ? BY_CODE[code] : null;
    if (type == null) {
      throw new IllegalArgumentException("no ONNX element type has the code " + code);
    }
    return type;
  }
}
