package dev.sluice.bench.models;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.converter.onnx.proto.Onnx.AttributeProto;
import dev.sluice.converter.onnx.proto.Onnx.NodeProto;
import dev.sluice.converter.onnx.proto.Onnx.ModelProto;
import dev.sluice.converter.onnx.proto.Onnx.TensorProto;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import picocli.CommandLine;

/** The models of the table at full size; the small one of them is written and run. */
class TableModelTest {
  @TempDir private Path folder;

  // Counts of torchvision's resnet50 and mobilenet_v2, and of Hugging Face's bert-base-uncased.
  @ParameterizedTest
  @CsvSource({
    "RESNET50, resnet50, 25557032, 26560",
    "MOBILENETV2, mobilenetv2, 3504872, 17056",
    "BERT_BASE, bert-base, 109482240, 0"
  })
  void parametersAreTheWellKnownOnes(
      TableModel each, String name, long parameters, long foldedChannels) {
    GeneratedModel model = each.model();
    assertThat(each).hasToString(name);
    assertThat(model.name()).isEqualTo(name);
    assertThat(model.parameters()).isEqualTo(parameters);
    assertThat(model.storedParameters()).isEqualTo(parameters - foldedChannels);
  }

  // Ultralytics' count of YOLOv8n; the others are sums by hand, as 2 * (1280 * (40 + 320) + 2560)
  // for
  // the first layer of the LSTM.
  @Test
  void parametersOfTheOtherArchitectures() {
    GeneratedModel yolo = Yolo.yoloV8n().model();
    int distribution = 16;
    assertThat(yolo.parameters() + distribution).isEqualTo(3_157_200);
    assertThat(yolo.storedParameters() + distribution).isEqualTo(3_151_904);
    assertThat(Lstm.acoustic().model().parameters()).isEqualTo(926_720 + 4 * 2_462_720 + 39_742);
    GeneratedModel unet = UNet.full().model();
    assertThat(unet.parameters()).isEqualTo(31_037_698);
    assertThat(unet.parameters() - unet.storedParameters()).isEqualTo(5_888);
  }

  @Test
  void aDetectorHasARowOfBoxesAndScoresForEachPlace() {
    assertThat(Yolo.yoloV8n().model().proto().getGraph().getOutput(0).getType().getTensorType())
        .asString()
        .contains("dim_param: \"N\"", "dim_value: 84", "dim_value: 8400");
  }

  @Test
  void operatorsAreThoseOfTheUsualExport() {
    assertThat(counted(TableModel.RESNET50, "Conv")).isEqualTo(53);
    assertThat(counted(TableModel.RESNET50, "Add")).isEqualTo(16);
    assertThat(counted(TableModel.MOBILENETV2, "Conv")).isEqualTo(52);
    assertThat(counted(TableModel.MOBILENETV2, "Clip")).isEqualTo(35);
    assertThat(counted(TableModel.MOBILENETV2, "Add")).isEqualTo(10);
    assertThat(counted(TableModel.BERT_BASE, "LayerNormalization")).isEqualTo(25);
    assertThat(counted(TableModel.BERT_BASE, "Erf")).isEqualTo(12);
  }

  private static long counted(TableModel model, String operator) {
    return nodes(model).stream().filter(node -> node.getOpType().equals(operator)).count();
  }

  private static List<NodeProto> nodes(TableModel model) {
    return model.model().proto().getGraph().getNodeList();
  }

  @Test
  void resNetHalvesTheImageInThe3x3Convolution() {
    for (NodeProto node : nodes(TableModel.RESNET50)) {
      boolean halves =
          node.getAttributeList().stream()
              .filter(attribute -> attribute.getName().equals("strides"))
              .anyMatch(strides -> strides.getInts(0) == 2);
      boolean may = node.getName().matches("stem|stem\\.pool|layer[234]\\.0\\.(conv2|downsample)");
      assertThat(halves).as(node.getName()).isEqualTo(may);
    }
  }

  @Test
  void mobileNetConvolvesEachChannelByItself() {
    long depthwise =
        nodes(TableModel.MOBILENETV2).stream()
            .flatMap(node -> node.getAttributeList().stream())
            .filter(attribute -> attribute.getName().equals("group"))
            .mapToLong(AttributeProto::getI)
            .filter(group -> group > 1)
            .count();
    assertThat(depthwise).isEqualTo(17);
  }

  @Test
  void theProgramWritesAModelWhoseFileHasAllItsWeights() throws Exception {
    ByteArrayOutputStream said = new ByteArrayOutputStream();
    int status;
    try (PrintStream out = new PrintStream(said, true, StandardCharsets.UTF_8)) {
      status = new CommandLine(new MakeModels(out)).execute(folder.toString(), "mobilenetv2");
    }
    assertThat(status).isZero();
    assertThat(said.toString(StandardCharsets.UTF_8))
        .contains("mobilenetv2.onnx: 3,504,872 parameters, 3,487,816 of them after folding");
    ModelProto written =
        ModelProto.parseFrom(Files.readAllBytes(folder.resolve("mobilenetv2.onnx")));
    List<TensorProto> weights =
        written.getGraph().getInitializerList().stream()
            .filter(tensor -> tensor.getDataLocation() == TensorProto.DataLocation.EXTERNAL)
            .toList();
    long elements = 0;
    long endBytes = 0;
    for (TensorProto tensor : weights) {
      elements += tensor.getDimsList().stream().reduce(1L, Math::multiplyExact);
      endBytes =
          Math.max(
              endBytes,
              Long.parseLong(tensor.getExternalData(1).getValue())
                  + Long.parseLong(tensor.getExternalData(2).getValue()));
    }
    assertThat(elements).isEqualTo(3_487_816);
    assertThat(Files.size(folder.resolve("mobilenetv2.onnx.data"))).isEqualTo(endBytes);
  }

  @Test
  void theProgramRefusesAModelThatItDoesNotKnow() {
    CommandLine program = new CommandLine(new MakeModels(System.out));
    program.setErr(new PrintWriter(Writer.nullWriter()));
    assertThat(program.execute(folder.toString(), "mobilenetv3")).isEqualTo(2);
  }
}
