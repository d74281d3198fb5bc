package dev.sluice.converter.build;

import dev.sluice.converter.onnx.proto.Onnx.GraphProto;
import dev.sluice.converter.onnx.proto.Onnx.ModelProto;
import dev.sluice.converter.onnx.proto.Onnx.ValueInfoProto;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.LongFunction;

/**
 * A model as a framework's exporter writes it, rebuilt by hand.
 *
 * <p>Thread safety: none; it is for one test.
 *
 * @param name for people
 * @param graph the model; its weights are seeded
 * @param fixedRows rows that the exporter fixed the batch to, or 0 where it is dynamic
 * @param whyUnbatched what the reason has where rows may not share a run, or null where they may
 * @param sample inputs of that many rows
 */
record FrameworkExport(
    String name,
    OnnxGraphs graph,
    int fixedRows,
    String whyUnbatched,
    LongFunction<List<PlainTensor>> sample) {
  /** Of a dynamic batch whose rows may share a run. */
  static FrameworkExport dynamic(
      String name, OnnxGraphs graph, LongFunction<List<PlainTensor>> sample) {
    return new FrameworkExport(name, graph, 0, null, sample);
  }

  /** Of a batch that the exporter fixed, and {@code --batch} makes dynamic. */
  static FrameworkExport fixed(
      String name, OnnxGraphs graph, int rows, LongFunction<List<PlainTensor>> sample) {
    return new FrameworkExport(name, graph, rows, "has the fixed extent " + rows, sample);
  }

  /**
   * The model as ONNX Runtime takes it with the same inputs: old files list constants as inputs,
   * too.
   */
  byte[] plain() {
    ModelProto.Builder model = graph.model().toBuilder();
    Set<String> constants = new HashSet<>();
    model.getGraph().getInitializerList().forEach(tensor -> constants.add(tensor.getName()));
    GraphProto.Builder plain = model.getGraphBuilder();
    List<ValueInfoProto> inputs =
        plain.getInputList().stream().filter(i -> !constants.contains(i.getName())).toList();
    if (inputs.size() < plain.getInputCount()) {
      plain.clearInput().addAllInput(inputs);
      model.setIrVersion(Math.max(4, model.getIrVersion()));
    }
    return model.build().toByteArray();
  }

  @Override
  public String toString() {
    return name;
  }
}
