package dev.sluice.converter.build;

import dev.sluice.bindings.onnxruntime.OrtEnvironment;
import dev.sluice.bindings.onnxruntime.OrtSession;
import dev.sluice.bindings.onnxruntime.OrtSessionOptions;
import dev.sluice.bindings.onnxruntime.OrtSessionOptions.Optimization;
import dev.sluice.converter.graph.Graph;
import dev.sluice.converter.graph.NewWeights;
import dev.sluice.converter.onnx.ModelReader;
import dev.sluice.converter.onnx.TensorData;
import dev.sluice.converter.onnx.proto.Onnx.GraphProto;
import dev.sluice.converter.onnx.proto.Onnx.ModelProto;
import dev.sluice.converter.onnx.proto.Onnx.TensorProto;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.List;

/** A model in a file, as a graph with its weights, and runs of graphs that were made of it. */
final class TypedModel {
  private final Arena arena = Arena.ofAuto();
  private final Graph graph;
  private final NewWeights weights;

  private TypedModel(Path file, ModelProto model, Path folder) {
    graph = Graph.of(model);
    weights = new NewWeights(new TensorData(file, arena), folder, arena);
  }

  static TypedModel read(Path file, Path folder) throws IOException {
    return new TypedModel(file, ModelReader.read(file).proto(), folder);
  }

  static TypedModel of(OnnxGraphs graph, Path folder) {
    return new TypedModel(folder.resolve("model.onnx"), graph.model(), folder);
  }

  Graph graph() {
    return graph;
  }

  NewWeights weights() {
    return weights;
  }

  /** A graph as a file of its own would hold it. */
  byte[] bytes(Graph other) throws IOException {
    GraphProto.Builder whole = other.model().getGraph().toBuilder();
    for (TensorProto.Builder tensor : whole.getInitializerBuilderList()) {
      if (tensor.getDataLocation() == TensorProto.DataLocation.EXTERNAL) {
        tensor.setRawData(TensorData.copy(weights.bytes(tensor.build())));
        tensor.clearExternalData().clearDataLocation();
      }
    }
    return other.model().toBuilder().setGraph(whole).build().toByteArray();
  }

  /** What a graph gives. */
  List<PlainTensor> run(Graph other, List<PlainTensor> inputs) throws IOException {
    return ModelRuns.direct(bytes(other), List.of(inputs)).getFirst();
  }

  /** What a graph gives with less or more optimization. */
  List<SampleTensor> run(Graph other, Optimization optimization, List<SampleTensor> inputs)
      throws IOException {
    try (OrtSession session =
        OrtSession.open(
            OrtEnvironment.shared(),
            MemorySegment.ofArray(bytes(other)),
            OrtSessionOptions.defaults().withOptimization(optimization),
            "a typed graph")) {
      return new SampleRunner(session).run(inputs);
    }
  }

  /** Signal to noise, in decibels; infinite where nothing differs. */
  static double sqnrDb(PlainTensor expected, PlainTensor actual) {
    float[] e = expected.data().toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
    float[] a = actual.data().toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
    double signal = 0;
    double noise = 0;
    for (int i = 0; i < e.length; i++) {
      signal += (double) e[i] * e[i];
      noise += ((double) e[i] - a[i]) * ((double) e[i] - a[i]);
    }
    return noise == 0 ? Double.POSITIVE_INFINITY : 10 * Math.log10(signal / noise);
  }
}
