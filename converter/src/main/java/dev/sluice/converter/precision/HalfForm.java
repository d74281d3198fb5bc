package dev.sluice.converter.precision;

import dev.sluice.bindings.ElementType;
import dev.sluice.converter.onnx.proto.Onnx.NodeProto;
import dev.sluice.converter.onnx.proto.Onnx.TensorProto;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * A node as it is in 16 bits.
 *
 * <p>Thread safety: immutable.
 *
 * @param node with the attributes that it has then; its inputs are those of the node as it was
 * @param inputs positions of FLOAT inputs that are of the type then; others stay FLOAT
 * @param constants what stands at positions instead, of names that no value has
 * @param results the types of its outputs; null for one that has no name
 */
record HalfForm(
    NodeProto node,
    Set<Integer> inputs,
    Map<Integer, TensorProto> constants,
    List<ElementType> results) {
  /** Copies the collections. */
  HalfForm {
    inputs = Set.copyOf(inputs);
    constants = Map.copyOf(constants);
    results = Collections.unmodifiableList(new ArrayList<>(results));
  }
}
