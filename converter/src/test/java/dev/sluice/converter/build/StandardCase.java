package dev.sluice.converter.build;

import dev.sluice.bindings.ElementType;
import dev.sluice.bindings.NativeException;
import dev.sluice.converter.onnx.ModelException;
import dev.sluice.converter.onnx.ModelReader;
import dev.sluice.converter.onnx.OnnxModel;
import dev.sluice.converter.onnx.TensorData;
import dev.sluice.converter.onnx.proto.Onnx.ModelProto;
import dev.sluice.converter.onnx.proto.Onnx.OperatorSetIdProto;
import dev.sluice.converter.onnx.proto.Onnx.TensorProto;
import dev.sluice.engine.backend.BackendException;
import dev.sluice.engine.format.Manifest.Range;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * A case of the ONNX standard's backend tests: a folder with {@code model.onnx} and {@code
 * test_data_set_N/input_M.pb} and {@code output_M.pb}.
 *
 * @param folder the case's folder, whose name is the case's
 */
record StandardCase(Path folder) {
  /** The tolerances of {@code onnx.backend.test}, the standard's own runner. */
  private static final double REL = 1e-3;

  private static final double ABS = 1e-7;

  /** How a case ends. */
  enum End {
    /** ONNX Runtime alone does not give the expected outputs, so nothing is asked of a package. */
    NOT_BY_ONNX_RUNTIME,
    /** The package gives them. */
    PASSED,
    /** The package gives them, once the build was told the shapes that its message asks for. */
    PASSED_WITH_SHAPES,
    /** The model is refused, or its package gives something else. */
    EXCEPTION
  }

  /**
   * The end of a case.
   *
   * @param why what was refused, or what is wrong; empty where it passed
   */
  record Verdict(End end, String why) {}

  String name() {
    return folder.getFileName().toString();
  }

  /** Gives the answers of what is made of a model. */
  private interface Way {
    Answers run(OnnxModel model, List<List<PlainTensor>> inputs)
        throws IOException, BackendException, InterruptedException;
  }

  /**
   * What was answered.
   *
   * @param end of the case, where the outputs are right
   */
  private record Answers(End end, List<List<PlainTensor>> outputs) {}

  /** Version of the default operator set that the model imports. */
  long opset() throws IOException {
    byte[] bytes = Files.readAllBytes(folder.resolve("model.onnx"));
    return ModelProto.parseFrom(bytes).getOpsetImportList().stream()
        .filter(set -> set.getDomain().isEmpty() || set.getDomain().equals("ai.onnx"))
        .mapToLong(OperatorSetIdProto::getVersion)
        .findFirst()
        .orElse(1);
  }

  /**
   * Runs the case.
   *
   * @param packageFile where the package is built
   */
  Verdict run(Path packageFile) throws IOException, InterruptedException {
    return judged((model, inputs) -> {
      End end = build(model, packageFile, inputs.getFirst());
      return new Answers(end, ModelRuns.packaged(packageFile, inputs));
    });
  }

  /**
   * Runs the case with a later operator set, by ONNX Runtime alone.
   *
   * @param to the operator set
   */
  Verdict upgraded(long to) throws IOException, InterruptedException {
    return judged((model, inputs) -> {
      byte[] later = OpsetUpgrades.of(model, to).graph().model().toByteArray();
      return new Answers(End.PASSED, ModelRuns.direct(later, inputs));
    });
  }

  private Verdict judged(Way way) throws IOException, InterruptedException {
    Path file = folder.resolve("model.onnx");
    List<List<PlainTensor>> inputs = new ArrayList<>();
    List<List<PlainTensor>> outputs = new ArrayList<>();
    try {
      OnnxModel model = ModelReader.read(file);
      for (int i = 0; Files.exists(folder.resolve("test_data_set_" + i)); i++) {
        Path set = folder.resolve("test_data_set_" + i);
        inputs.add(read(set, "input_", model.inputs()));
        outputs.add(read(set, "output_", model.outputs()));
      }
      String alone = differenceAlone(Files.readAllBytes(file), inputs, outputs);
      if (alone != null) {
        return new Verdict(End.NOT_BY_ONNX_RUNTIME, alone);
      }
      Answers answers = way.run(model, inputs);
      String wrong = difference(answers.outputs(), outputs);
      return wrong == null ? new Verdict(answers.end(), "") : new Verdict(End.EXCEPTION, wrong);
    } catch (ModelException e) {
      return new Verdict(End.EXCEPTION, e.getMessage().replaceFirst("^\\Q" + file + ": \\E", ""));
    } catch (IOException | BackendException | RuntimeException e) {
      return new Verdict(End.EXCEPTION, e.toString());
    }
  }

  /** What is wrong with what ONNX Runtime alone makes of the model; null where nothing is. */
  private static String differenceAlone(
      byte[] model, List<List<PlainTensor>> inputs, List<List<PlainTensor>> outputs) {
    try {
      return difference(ModelRuns.direct(model, inputs), outputs);
    } catch (NativeException | UnsupportedOperationException e) {
      return e.getMessage();
    }
  }

  private static End build(OnnxModel model, Path packageFile, List<PlainTensor> sample)
      throws IOException {
    try {
      ModelBuilder.build(model.file(), packageFile, BuildOptions.defaults());
      return End.PASSED;
    } catch (ModelException e) {
      if (!e.getMessage().contains("give shapes that it takes: --shape NAME=DIMS")) {
        throw e;
      }
    }
    BuildOptions options = BuildOptions.defaults();
    for (int i = 0; i < sample.size(); i++) {
      List<Range> dims =
          Arrays.stream(sample.get(i).shape().dims())
              .mapToObj(dim -> new Range(dim, dim, dim))
              .toList();
      options = options.withShape(model.inputs().get(i).name(), dims);
    }
    ModelBuilder.build(model.file(), packageFile, options);
    return End.PASSED_WITH_SHAPES;
  }

  static List<PlainTensor> read(Path set, String prefix, List<OnnxModel.Value> declared)
      throws IOException {
    List<PlainTensor> tensors = new ArrayList<>();
    try (Arena arena = Arena.ofConfined()) {
      TensorData files = new TensorData(set, arena);
      for (int i = 0; Files.exists(set.resolve(prefix + i + ".pb")); i++) {
        byte[] bytes = Files.readAllBytes(set.resolve(prefix + i + ".pb"));
        PlainTensor tensor = PlainTensor.of(TensorProto.parseFrom(bytes), files);
        // NumPy, which wrote the files, has no BFLOAT16.
        boolean brain =
            tensor.type() == ElementType.UINT16
                && i < declared.size()
                && declared.get(i).type() == ElementType.BFLOAT16;
        tensors.add(
            brain
                ? new PlainTensor(ElementType.BFLOAT16, tensor.shape(), tensor.data(), null)
                : tensor);
      }
    }
    return tensors;
  }

  /** What is wrong with the first output that is wrong; null where none is. */
  private static String difference(
      List<List<PlainTensor>> actual, List<List<PlainTensor>> expected) {
    for (int set = 0; set < expected.size(); set++) {
      if (actual.get(set).size() < expected.get(set).size()) {
        return actual.get(set).size() + " outputs, not " + expected.get(set).size();
      }
      for (int i = 0; i < expected.get(set).size(); i++) {
        String wrong = actual.get(set).get(i).difference(expected.get(set).get(i), REL, ABS);
        if (wrong != null) {
          return "output " + i + " of data set " + set + " " + wrong;
        }
      }
    }
    return null;
  }
}
