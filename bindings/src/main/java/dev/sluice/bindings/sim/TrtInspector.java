package dev.sluice.bindings.sim;

import dev.sluice.bindings.ElementType;
import dev.sluice.bindings.onnxruntime.OnnxType;
import dev.sluice.bindings.onnxruntime.OrtSession;
import dev.sluice.bindings.onnxruntime.OrtValueInfo;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * Tells of a plan's layers in the form that TensorRT's inspector gives as JSON. The keys and the
 * words are those of what TensorRT 10 and 11 print of layers ({@code
 * samples/sampleEditableTimingCache/README.md} in NVIDIA's repository, and what tools like
 * Polygraphy read): a type such as {@code Float} or {@code Half} as {@code Format/Datatype}, which
 * where a dimension is not known is {@code N/A due to dynamic shapes}; {@code [ONNX Layer: name]}
 * as metadata.
 *
 * <p>Thread safety: stateless.
 */
final class TrtInspector {
  private static final String UNKNOWN_FORMAT = "N/A due to dynamic shapes";

  /** A tensor of the graph; the dimensions are -1 where they are not known. */
  private record Known(ElementType type, List<Long> dims) {}

  private final Map<String, Known> tensors = new HashMap<>();

  private TrtInspector() {}

  /**
   * What the inspector gives.
   *
   * @param inputs the inputs' shapes by name, or null
   * @return null, and an error, where the shapes don't fit
   */
  static String json(TrtEngine engine, TrtPlan plan, Map<String, long[]> inputs) {
    String layers;
    try {
      layers =
          switch (plan.verbosity()) {
            case NONE -> "";
            case LAYER_NAMES_ONLY -> list(engine.layerNames());
            case DETAILED ->
                detailed(engine, new OnnxFile(MemorySegment.ofArray(plan.model())), inputs);
          };
    } catch (IllegalArgumentException e) {
      engine.refuse("IEngineInspector::getEngineInformation: " + e.getMessage());
      return null;
    }
    List<String> bindings = engine.tensors().stream().map(TrtTensor::name).toList();
    return "{\"Layers\": [" + layers + "],\n\"Bindings\": [" + list(bindings) + "]}";
  }

  private static String list(List<String> texts) {
    return texts.stream().map(TrtInspector::quote).collect(Collectors.joining("\n,"));
  }

  private static String detailed(TrtEngine engine, OnnxFile file, Map<String, long[]> inputs) {
    TrtInspector inspector = new TrtInspector();
    Set<String> made = new LinkedHashSet<>();
    file.nodes().forEach(node -> made.addAll(node.outputs()));
    made.remove("");
    engine.tensors().forEach(tensor -> made.remove(tensor.name()));
    file.weights()
        .values()
        .forEach(w -> inspector.tensors.put(w.name(), new Known(w.type(), w.dims())));
    try (OrtSession session = TrtParser.open(file.withOutputs(List.copyOf(made)))) {
      inspector.add(session.inputs());
      inspector.add(session.outputs());
      if (inputs != null) {
        inputs.forEach(inspector::reshape);
        engine.shapesOf(session, inputs, null).forEach(inspector::reshape);
        // What data decides is not known before a run.
        engine.outputShapes(inputs).forEach((name, shape) -> inspector.reshape(name, shape.dims()));
      }
    }
    return file.nodes().stream().map(inspector::layer).collect(Collectors.joining(","));
  }

  private void add(List<OrtValueInfo> infos) {
    for (OrtValueInfo info : infos) {
      if (info.kind() == OnnxType.TENSOR && info.hasShape()) {
        tensors.put(info.name(), new Known(info.type(), info.dims()));
      }
    }
  }

  private void reshape(String name, long[] dims) {
    tensors.computeIfPresent(
        name, (_, known) -> new Known(known.type, Arrays.stream(dims).boxed().toList()));
  }

  private String layer(OnnxFile.Node node) {
    Known first = tensors.get(node.outputs().getFirst());
    String type = first == null ? "" : "_" + first.type.name().toLowerCase(Locale.ROOT);
    return "{\n  \"Name\": "
        + quote(node.label())
        + ",\n  \"LayerType\": "
        + quote(node.operator())
        + ",\n  \"Inputs\": ["
        + tensors(node.inputs())
        + "],\n  \"Outputs\": ["
        + tensors(node.outputs())
        + "],\n  \"TacticName\": "
        + quote("simulated_" + node.operator().toLowerCase(Locale.ROOT) + type)
        + ",\n  \"StreamId\": 0,\n  \"Metadata\": "
        + quote("[ONNX Layer: " + node.label() + "]")
        + "\n}";
  }

  private String tensors(Collection<String> names) {
    return names.stream()
        .filter(name -> !name.isEmpty())
        .map(this::tensor)
        .collect(Collectors.joining(",\n  "));
  }

  private String tensor(String name) {
    Known known = tensors.getOrDefault(name, new Known(null, List.of()));
    boolean unknown = known.type == null || known.dims.contains(-1L);
    return "\n  {\n    \"Name\": "
        + quote(name)
        + ",\n    \"Location\": \"Device\",\n    \"Dimensions\": ["
        + known.dims.stream().map(String::valueOf).collect(Collectors.joining(","))
        + "],\n    \"Format/Datatype\": "
        + quote(unknown ? UNKNOWN_FORMAT : format(known.type))
        + "\n  }";
  }

  private static String format(ElementType type) {
    return switch (type) {
      case FLOAT -> "Float";
      case FLOAT16 -> "Half";
      case BFLOAT16 -> "BFloat16";
      case FLOAT8E4M3FN -> "FP8";
      case INT8 -> "Int8";
      case UINT8 -> "UInt8";
      case INT32 -> "Int32";
      case INT64 -> "Int64";
      case BOOL -> "Bool";
      default -> type.name();
    };
  }

  private static String quote(String text) {
    StringBuilder out = new StringBuilder("\"");
    text.chars()
        .forEach(c -> {
          if (c == '"' || c == '\\') {
            out.append('\\').append((char) c);
          } else if (c < ' ') {
            out.append(String.format("\\u%04x", c));
          } else {
            out.append((char) c);
          }
        });
    return out.append('"').toString();
  }
}
