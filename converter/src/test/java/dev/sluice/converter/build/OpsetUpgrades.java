package dev.sluice.converter.build;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.converter.graph.Graph;
import dev.sluice.converter.graph.NewWeights;
import dev.sluice.converter.graph.OpsetUpgrade;
import dev.sluice.converter.graph.Rewrite;
import dev.sluice.converter.onnx.ModelException;
import dev.sluice.converter.onnx.ModelReader;
import dev.sluice.converter.onnx.OnnxModel;
import dev.sluice.converter.onnx.TensorData;
import dev.sluice.converter.onnx.proto.Onnx.ModelProto;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.List;

/** Raises the operator set of models of tests. */
final class OpsetUpgrades {
  /** Messages start with it; no file is made. */
  static final Path FILE = Path.of("old.onnx");

  /** Both sides run the same kernels, and what is added moves elements only. */
  private static final double TOLERANCE = 1e-6;

  private OpsetUpgrades() {}

  static Rewrite.Result of(ModelProto model, long to) throws IOException {
    return of(ModelReader.read(FILE, model.toByteArray()), to);
  }

  static Rewrite.Result of(OnnxModel model, long to) throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      TensorData data = new TensorData(model.file(), arena);
      NewWeights weights = new NewWeights(data, model.file().toAbsolutePath().getParent(), arena);
      return new OpsetUpgrade(model.file(), to).apply(Graph.of(model.proto()), weights);
    }
  }

  /** Raises it, and sees to it that the answers stay. */
  static Rewrite.Result proven(ModelProto model, List<PlainTensor> inputs) throws IOException {
    return proven(model, inputs, OpsetUpgrade.OPSET);
  }

  /** Raises it to a version, and sees to it that the answers stay. */
  static Rewrite.Result proven(ModelProto model, List<PlainTensor> inputs, long to)
      throws IOException {
    Rewrite.Result result = of(model, to);
    ModelProto later = result.graph().model();
    assertThat(result.graph().opset()).isEqualTo(to);
    assertThat(later.getIrVersion()).isGreaterThanOrEqualTo(7);
    assertThat(difference(later, model, inputs)).as("%s", later).isEmpty();
    return result;
  }

  /** How what one model gives differs from what another gives; empty where it does not. */
  static String difference(ModelProto actual, ModelProto expected, List<PlainTensor> inputs) {
    List<PlainTensor> gives = ModelRuns.direct(actual.toByteArray(), List.of(inputs)).getFirst();
    List<PlainTensor> gave = ModelRuns.direct(expected.toByteArray(), List.of(inputs)).getFirst();
    StringBuilder text = new StringBuilder();
    assertThat(gives).hasSameSizeAs(gave);
    for (int i = 0; i < gave.size(); i++) {
      String difference = gives.get(i).difference(gave.get(i), TOLERANCE, TOLERANCE);
      text.append(difference == null ? "" : "output " + i + " " + difference);
    }
    return text.toString();
  }

  /** The reason names the node and its operator. */
  static void refuses(ModelProto model, String reason) {
    refuses(model, OpsetUpgrade.OPSET, reason);
  }

  /** The same, for a version. */
  static void refuses(ModelProto model, long to, String reason) {
    assertThatThrownBy(() -> of(model, to))
        .isInstanceOf(ModelException.class)
        .hasMessageStartingWith(FILE + ": the operator set can't be raised from ")
        .hasMessageContaining(" to " + to + ": " + reason)
        .hasMessageEndingWith("; export the model with operator set " + to + " or later");
  }
}
