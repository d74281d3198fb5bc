package dev.sluice.converter.cli;

import dev.sluice.bindings.ElementType;
import dev.sluice.engine.Shape;
import dev.sluice.engine.TensorSpec;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * Names, types and shapes of tensors for people and for JSON.
 *
 * <p>Thread safety: stateless.
 */
final class Tensors {
  private Tensors() {}

  /** As in {@code float[N,3,224,224]}, a dynamic dimension being {@code N} or {@code ?}. */
  static String text(ElementType type, Shape shape) {
    StringBuilder text = new StringBuilder(name(type)).append('[');
    for (int axis = 0; axis < shape.rank(); axis++) {
      text.append(axis == 0 ? "" : ",");
      text.append(shape.dim(axis) == Shape.DYNAMIC ? axis == 0 ? "N" : "?" : "" + shape.dim(axis));
    }
    return text.append(']').toString();
  }

  /** ONNX's own name of an element type: {@code float}, {@code int64}. */
  static String name(ElementType type) {
    return type.name().toLowerCase(Locale.ROOT);
  }

  /** {@code name type[shape]} of each, for messages. */
  static String list(List<TensorSpec> specs) {
    return String.join(
        ", ", specs.stream().map(s -> s.name() + " " + text(s.type(), s.shape())).toList());
  }

  /** The JSON form of each: name, type, shape, with -1 for a dynamic dimension. */
  static List<Map<String, Object>> json(List<TensorSpec> specs) {
    List<Map<String, Object>> list = new ArrayList<>();
    specs.forEach(spec -> list.add(json(spec.name(), spec.type(), spec.shape())));
    return list;
  }

  /** The JSON form of one. */
  static Map<String, Object> json(String name, ElementType type, Shape shape) {
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("name", name);
    object.put("type", name(type));
    object.put("shape", shape.dims());
    return object;
  }
}
