package dev.sluice.bindings.onnxruntime;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.sluice.bindings.ElementType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * Reads ONNX Runtime's descriptions of types.
 *
 * <p>Thread safety: stateless.
 */
final class OrtTypeReader {
  private OrtTypeReader() {}

  /** What an {@code OrtTypeInfo} says; the handle stays the caller's. */
  static OrtValueInfo read(OrtApi api, String name, long typeInfo) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(JAVA_LONG);
      OrtErrorCode.check(
          api,
          api.GetOnnxTypeFromTypeInfo(typeInfo, out.address()),
          "GetOnnxTypeFromTypeInfo",
          name);
      OnnxType kind = OnnxType.ofCode(out.get(JAVA_INT, 0));
      if (kind != OnnxType.TENSOR) {
        return new OrtValueInfo(name, kind, null, false, List.of(), List.of());
      }
      OrtErrorCode.check(
          api,
          api.CastTypeInfoToTensorInfo(typeInfo, out.address()),
          "CastTypeInfoToTensorInfo",
          name);
      return tensor(api, name, out.get(JAVA_LONG, 0));
    }
  }

  /** What an {@code OrtTensorTypeAndShapeInfo} says; the handle stays the caller's. */
  static OrtValueInfo tensor(OrtApi api, String name, long tensorInfo) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(JAVA_LONG);
      OrtErrorCode.check(
          api, api.GetTensorElementType(tensorInfo, out.address()), "GetTensorElementType", name);
      ElementType type = elementType(name, out.get(JAVA_INT, 0));
      OrtErrorCode.check(
          api, api.GetDimensionsCount(tensorInfo, out.address()), "GetDimensionsCount", name);
      int rank = Math.toIntExact(out.get(JAVA_LONG, 0));
      MemorySegment dims = arena.allocate(JAVA_LONG, rank);
      MemorySegment symbols = arena.allocate(JAVA_LONG, rank);
      OrtErrorCode.check(
          api, api.GetDimensions(tensorInfo, dims.address(), rank), "GetDimensions", name);
      OrtErrorCode.check(
          api,
          api.GetSymbolicDimensions(tensorInfo, symbols.address(), rank),
          "GetSymbolicDimensions",
          name);
      List<Long> dimList = new ArrayList<>();
      List<String> symbolList = new ArrayList<>();
      for (int i = 0; i < rank; i++) {
        // Shape inference that overflows leaves other negative numbers.
        dimList.add(Math.max(-1, dims.getAtIndex(JAVA_LONG, i)));
        symbolList.add(text(symbols.getAtIndex(JAVA_LONG, i)));
      }
      boolean hasShape = api.TensorTypeAndShape_HasShape(tensorInfo);
      return new OrtValueInfo(name, OnnxType.TENSOR, type, hasShape, dimList, symbolList);
    }
  }

  /** The zero-terminated string at an address; empty for 0. */
  static String text(long address) {
    return address == 0
        ? ""
        : MemorySegment.ofAddress(address).reinterpret(Long.MAX_VALUE).getString(0);
  }

  private static ElementType elementType(String name, int code) {
    try {
      return ElementType.ofCode(code);
    } catch (IllegalArgumentException e) {
      throw new UnsupportedOperationException(
          "'"
              + name
              + "' has an element type that Sluice does not know (ONNX number "
              + code
              + "); cast it inside the model",
          e);
    }
  }
}
