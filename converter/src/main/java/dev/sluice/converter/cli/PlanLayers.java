package dev.sluice.converter.cli;

import dev.sluice.engine.format.PackageException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * The layers of a plan, out of what TensorRT's inspector told: {@code {"Layers": [{"Name",
 * "LayerType", "Inputs": [{"Format/Datatype"}], "Outputs", "TacticName", …}]}}, where a plan that
 * was built to tell less has names alone. Fields that are missing or of another kind are empty.
 *
 * <p>Thread safety: stateless.
 */
final class PlanLayers {
  /** More than the layers of any model take; who made the file may not have meant well. */
  private static final int MAX_BYTES = 64 << 20;

  /** Ways in which TensorRT names an element type, and Sluice's name of it, specific ones first. */
  private static final Map<String, String> TYPES = types();

  private PlanLayers() {}

  /**
   * A layer.
   *
   * @param name as TensorRT calls it, after the nodes that it is made of
   * @param type such as {@code CaskConvolution}
   * @param kernel the tactic's name
   * @param precision of its outputs, or inputs where it has none; several are joined by a comma
   */
  record Layer(String name, String type, String kernel, String precision) {
    /**
     * As JSON.
     *
     * @param timeUs microseconds of a run; null where it was not measured
     */
    Map<String, Object> json(Double timeUs) {
      Map<String, Object> object = new LinkedHashMap<>();
      object.put("name", name);
      object.put("type", type);
      object.put("kernel", kernel);
      object.put("precision", precision);
      object.put("timeUs", timeUs);
      return object;
    }
  }

  private static Map<String, String> types() {
    Map<String, String> types = new LinkedHashMap<>();
    types.put("bfloat16", "bf16");
    types.put("bf16", "bf16");
    types.put("float16", "fp16");
    types.put("fp16", "fp16");
    types.put("half", "fp16");
    types.put("fp8", "fp8");
    types.put("fp4", "fp4");
    types.put("int64", "int64");
    types.put("int32", "int32");
    types.put("uint8", "uint8");
    types.put("int8", "int8");
    types.put("int4", "int4");
    types.put("bool", "bool");
    types.put("fp32", "fp32");
    types.put("float", "fp32");
    return types;
  }

  /**
   * Reads them.
   *
   * @param json UTF-8 text
   * @param where for messages
   */
  static List<Layer> read(byte[] json, String where) throws PackageException {
    if (json.length > MAX_BYTES) {
      throw new PackageException(
          where + ": has " + json.length + " bytes, which no plan's layers take; build it again");
    }
    try {
      JsonNode layers = JsonMapper.shared().readTree(json).path("Layers");
      if (!layers.isArray()) {
        throw new PackageException(where + ": lists no layers; build the plan again");
      }
      List<Layer> list = new ArrayList<>();
      for (JsonNode layer : layers) {
        list.add(
            layer.isString()
                ? new Layer(clean(layer.stringValue()), "", "", "")
                : new Layer(
                    text(layer, "Name"),
                    text(layer, "LayerType"),
                    text(layer, "TacticName"),
                    precision(layer)));
      }
      return List.copyOf(list);
    } catch (JacksonException e) {
      throw new PackageException(
          where + ": is no list of layers: " + e.getOriginalMessage() + "; build the plan again",
          e);
    }
  }

  private static String text(JsonNode layer, String field) {
    JsonNode value = layer.path(field);
    return value.isString() ? clean(value.stringValue()) : "";
  }

  /** Nothing that a terminal takes for a command. */
  private static String clean(String text) {
    return text.replaceAll("\\p{Cntrl}", "?");
  }

  private static String precision(JsonNode layer) {
    Set<String> types = types(layer.path("Outputs"));
    return String.join(",", types.isEmpty() ? types(layer.path("Inputs")) : types);
  }

  private static Set<String> types(JsonNode tensors) {
    Set<String> types = new TreeSet<>();
    for (JsonNode tensor : tensors) {
      String format = text(tensor, "Format/Datatype").strip();
      // TensorRT says N/A where a shape is not known.
      if (!format.isEmpty() && !format.startsWith("N/A")) {
        types.add(type(format));
      }
    }
    return types;
  }

  /** Sluice's name of the type in a text such as {@code Row major linear FP16 format}. */
  private static String type(String format) {
    String lower = format.toLowerCase(Locale.ROOT);
    for (Map.Entry<String, String> type : TYPES.entrySet()) {
      if (lower.contains(type.getKey())) {
        return type.getValue();
      }
    }
    return format;
  }
}
