package dev.sluice.converter.build;

import dev.sluice.converter.onnx.OnnxModel;
import dev.sluice.converter.onnx.proto.Onnx.TensorProto;
import dev.sluice.engine.Shape;
import dev.sluice.engine.format.Manifest;
import dev.sluice.engine.format.Manifest.Range;
import dev.sluice.engine.format.PackageWriter;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What the manifest of a built package says.
 *
 * <p>Thread safety: stateless.
 */
final class BuiltManifest {
  private BuiltManifest() {}

  static Manifest manifest(
      OnnxModel model, String location, WeightLayout layout, Trials trials, BuildOptions options) {
    boolean proven = trials.batching().proven();
    Manifest.Graph graph =
        new Manifest.Graph(ModelBuilder.GRAPH_ENTRY, model.opset(), model.nodes());
    Map<String, Manifest.Graph> graphs = new LinkedHashMap<>();
    graphs.put(Manifest.CPU, graph);
    graphs.put(Manifest.TENSORRT, graph);
    return new Manifest(
        Manifest.versionFor(trials.stages(), trials.padded().padding()),
        options.producer(),
        model.name(),
        trials.plan().served(),
        new Manifest.Batching(proven, 0, trials.batching().reason()),
        new Manifest.Precision(
            precision(model), List.of(), "every layer as the model has it, nothing was converted"),
        profile(model, trials, proven ? options.rows() : new Range(1, 1, 1)),
        graphs,
        weights(layout, location),
        model.parameters(),
        trials.golden().samples(),
        trials.stages(),
        trials.padded().padding(),
        Map.of());
  }

  /** Where the weights of a layout lie. */
  static Manifest.Weights weights(WeightLayout layout, String location) {
    long sizeBytes =
        layout.pieces().isEmpty()
            ? 0
            : layout.pieces().getLast().offset()
                + layout.pieces().getLast().data().byteSize()
                - PackageWriter.weightsOffset();
    return new Manifest.Weights(PackageWriter.weightsOffset(), sizeBytes, location);
  }

  private static Manifest.Profile profile(OnnxModel model, Trials trials, Range rows) {
    Map<String, List<Range>> shapes = new LinkedHashMap<>();
    List<List<Range>> ranges = trials.samples().ranges();
    boolean proven = trials.batching().proven();
    for (int i = 0; i < model.inputs().size(); i++) {
      int index = i;
      OnnxModel.Value input = model.inputs().get(i);
      List<Range> dims = new ArrayList<>(ranges.get(i));
      boolean dynamic = false;
      for (int axis = proven ? 1 : 0; axis < input.dims().size(); axis++) {
        dynamic |= input.dims().get(axis).extent() == Shape.DYNAMIC;
      }
      // A stage says the shape of its input itself.
      if (dynamic && trials.plan().inputs().stream().noneMatch(step -> step.model() == index)) {
        if (proven) {
          dims.set(0, rows);
        }
        shapes.put(input.name(), dims);
      }
    }
    return new Manifest.Profile(rows, shapes);
  }

  /** The type of most of the weights' elements. */
  static String precision(OnnxModel model) {
    Map<String, Long> elements = new LinkedHashMap<>();
    elements.put("fp32", 0L);
    for (TensorProto tensor : model.proto().getGraph().getInitializerList()) {
      String precision =
          switch (tensor.getDataType()) {
            case TensorProto.DataType.FLOAT16_VALUE -> "fp16";
            case TensorProto.DataType.BFLOAT16_VALUE -> "bf16";
            case TensorProto.DataType.INT8_VALUE, TensorProto.DataType.UINT8_VALUE -> "int8";
            default -> "fp32";
          };
      long count = 1;
      for (long dim : tensor.getDimsList()) {
        count *= dim;
      }
      elements.merge(precision, count, Long::sum);
    }
    return elements.entrySet().stream().max(Map.Entry.comparingByValue()).orElseThrow().getKey();
  }
}
