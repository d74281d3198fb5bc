package dev.sluice.bindings.sim;

import dev.sluice.bindings.ElementType;
import dev.sluice.bindings.onnxruntime.OnnxType;
import dev.sluice.bindings.onnxruntime.OrtSession;
import dev.sluice.bindings.onnxruntime.OrtValueInfo;
import dev.sluice.bindings.tensorrt.TensorRtApi.DataType;
import dev.sluice.bindings.tensorrt.TensorRtApi.TensorIOMode;
import java.util.ArrayList;
import java.util.List;

/**
 * An input or output of a network.
 *
 * <p>Thread safety: immutable.
 *
 * @param dims -1 where one is dynamic
 * @param symbols names of the dynamic dimensions, empty where one has none
 */
record TrtTensor(
    String name, TensorIOMode mode, ElementType type, List<Long> dims, List<String> symbols) {

  /**
   * Inputs and outputs of a model.
   *
   * @param inner outputs of the session that the model does not declare
   * @throws IllegalArgumentException where TensorRT has no such tensor
   */
  static List<TrtTensor> of(OrtSession session, List<String> inner) {
    List<TrtTensor> tensors = new ArrayList<>();
    session.inputs().forEach(info -> tensors.add(of(info, TensorIOMode.INPUT)));
    session.outputs().stream()
        .filter(info -> !inner.contains(info.name()))
        .forEach(info -> tensors.add(of(info, TensorIOMode.OUTPUT)));
    return List.copyOf(tensors);
  }

  private static TrtTensor of(OrtValueInfo info, TensorIOMode mode) {
    if (info.kind() != OnnxType.TENSOR || !info.hasShape()) {
      throw new IllegalArgumentException(info.name() + " is no tensor of known rank");
    }
    TrtTensor tensor = new TrtTensor(info.name(), mode, info.type(), info.dims(), info.symbols());
    tensor.dataType();
    return tensor;
  }

  boolean isInput() {
    return mode == TensorIOMode.INPUT;
  }

  boolean isDynamic() {
    return dims.contains(-1L);
  }

  DataType dataType() {
    return switch (type) {
      case FLOAT -> DataType.FLOAT;
      case FLOAT16 -> DataType.HALF;
      case BFLOAT16 -> DataType.BF16;
      case FLOAT8E4M3FN -> DataType.FP8;
      case INT8 -> DataType.INT8;
      case UINT8 -> DataType.UINT8;
      case INT32 -> DataType.INT32;
      case INT64 -> DataType.INT64;
      case INT4 -> DataType.INT4;
      case BOOL -> DataType.BOOL;
      default ->
          throw new IllegalArgumentException(
              name + " is of " + type + ", which is not one" + " of TensorRT's types");
    };
  }

  long sizeBytes(long[] shape) {
    long elements = 1;
    for (long dim : shape) {
      elements = Math.multiplyExact(elements, dim);
    }
    return type.byteSize(elements);
  }

  long[] dimensions() {
    return dims.stream().mapToLong(Long::longValue).toArray();
  }

  /** Whether a shape differs from this in dynamic dimensions only. */
  boolean admits(long[] shape) {
    if (shape.length != dims.size()) {
      return false;
    }
    for (int i = 0; i < shape.length; i++) {
      if (shape[i] < 0 || (dims.get(i) != -1 && dims.get(i) != shape[i])) {
        return false;
      }
    }
    return true;
  }
}
