package dev.sluice.converter.onnx;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.UnknownFieldSet;
import dev.sluice.bindings.ElementType;
import dev.sluice.converter.onnx.proto.Onnx.AttributeProto;
import dev.sluice.converter.onnx.proto.Onnx.GraphProto;
import dev.sluice.converter.onnx.proto.Onnx.ModelProto;
import dev.sluice.converter.onnx.proto.Onnx.NodeProto;
import dev.sluice.converter.onnx.proto.Onnx.OperatorSetIdProto;
import dev.sluice.converter.onnx.proto.Onnx.TensorProto;
import dev.sluice.converter.onnx.proto.Onnx.TensorShapeProto;
import dev.sluice.converter.onnx.proto.Onnx.TypeProto;
import dev.sluice.converter.onnx.proto.Onnx.ValueInfoProto;
import dev.sluice.engine.Shape;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ModelReaderTest {
  @TempDir Path folder;

  private static ValueInfoProto.Builder value(String name, TypeProto.Builder type) {
    return ValueInfoProto.newBuilder().setName(name).setType(type);
  }

  private static TypeProto.Builder tensor(int elementType, TensorShapeProto.Dimension... dims) {
    TensorShapeProto.Builder shape = TensorShapeProto.newBuilder();
    for (TensorShapeProto.Dimension dim : dims) {
      shape.addDim(dim);
    }
    return TypeProto.newBuilder()
        .setTensorType(TypeProto.Tensor.newBuilder().setElemType(elementType).setShape(shape));
  }

  private static TensorShapeProto.Dimension dim(long extent) {
    return TensorShapeProto.Dimension.newBuilder().setDimValue(extent).build();
  }

  private static TensorShapeProto.Dimension dim(String symbol) {
    return TensorShapeProto.Dimension.newBuilder().setDimParam(symbol).build();
  }

  private static GraphProto.Builder graph() {
    return GraphProto.newBuilder()
        .setName("g")
        .addInput(value("x", tensor(1, dim("N"), dim(4), dim(-1))))
        .addOutput(value("y", tensor(7)))
        .addNode(NodeProto.newBuilder().setOpType("Abs").addInput("x").addOutput("y"));
  }

  private static ModelProto.Builder model(GraphProto.Builder graph) {
    return ModelProto.newBuilder()
        .setIrVersion(8)
        .addOpsetImport(OperatorSetIdProto.newBuilder().setDomain("other").setVersion(3))
        .addOpsetImport(OperatorSetIdProto.newBuilder().setVersion(17))
        .setGraph(graph);
  }

  private OnnxModel read(ModelProto.Builder model) throws IOException {
    return ModelReader.read(Files.write(folder.resolve("m.onnx"), model.build().toByteArray()));
  }

  private void refused(byte[] bytes, String... expected) throws IOException {
    Path file = Files.write(folder.resolve("broken.onnx"), bytes);
    assertThatThrownBy(() -> ModelReader.read(file))
        .isInstanceOf(ModelException.class)
        .hasMessageContaining("broken.onnx: ")
        .hasMessageContaining("; ")
        .hasMessageContainingAll(expected);
  }

  @Test
  void whatAModelSays() throws IOException {
    GraphProto.Builder body =
        GraphProto.newBuilder()
            .addInitializer(TensorProto.newBuilder().setName("i").setDataType(1).addDims(5))
            .addNode(NodeProto.newBuilder().setOpType("Neg"))
            .addNode(NodeProto.newBuilder().setOpType("Fused").setDomain("com.example"));
    OnnxModel model =
        read(
            model(
                graph()
                    .addInitializer(
                        TensorProto.newBuilder().setName("w").setDataType(1).addDims(3).addDims(7))
                    .addNode(
                        NodeProto.newBuilder()
                            .setOpType("Loop")
                            .addAttribute(AttributeProto.newBuilder().setName("b").setG(body)))));
    assertThat(model.name()).isEqualTo("g");
    assertThat(model.irVersion()).isEqualTo(8);
    assertThat(model.opset()).isEqualTo(17);
    assertThat(model.nodes()).isEqualTo(4);
    assertThat(model.parameters()).isEqualTo(26);
    assertThat(model.operators())
        .isEqualTo(Map.of("Abs", 1, "Loop", 1, "Neg", 1, "com.example::Fused", 1));
    assertThat(model.signature().inputs().getFirst().shape()).isEqualTo(Shape.of(-1, 4, -1));
    assertThat(model.inputs().getFirst().dims().getFirst().symbol()).isEqualTo("N");
    assertThat(model.signature().outputs().getFirst().type()).isEqualTo(ElementType.INT64);
    assertThat(model.signature().outputs().getFirst().shape().rank()).isZero();
  }

  @Test
  void initializersThatAreListedAsInputsAreNone() throws IOException {
    OnnxModel model =
        read(
            model(
                    graph()
                        .addInput(value("w", tensor(1, dim(3))))
                        .addInitializer(TensorProto.newBuilder().setName("w").addDims(3)))
                .setIrVersion(3));
    assertThat(model.inputs()).extracting(OnnxModel.Value::name).containsExactly("x");
  }

  @Test
  void unknownFieldsSurvive() throws IOException {
    UnknownFieldSet unknown =
        UnknownFieldSet.newBuilder()
            .addField(999, UnknownFieldSet.Field.newBuilder().addVarint(42).build())
            .build();
    OnnxModel model = read(model(graph().setUnknownFields(unknown)));
    ModelProto again = ModelProto.parseFrom(model.proto().toByteArray());
    assertThat(again.getGraph().getUnknownFields()).isEqualTo(unknown);
  }

  @Test
  void whatIsNoTensorIsRefusedByName() throws IOException {
    TypeProto.Builder sequence =
        TypeProto.newBuilder()
            .setSequenceType(TypeProto.Sequence.newBuilder().setElemType(tensor(1)));
    refused(
        model(
                graph()
                    .addOutput(value("s", sequence))
                    .addNode(NodeProto.newBuilder().setOpType("SequenceEmpty").addOutput("s")))
            .build()
            .toByteArray(),
        "the output 's' is a sequence");
    TypeProto.Builder map = TypeProto.newBuilder().setMapType(TypeProto.Map.newBuilder());
    refused(
        model(graph().addInput(value("m", map))).build().toByteArray(), "the input 'm' is a map");
    TypeProto.Builder optional =
        TypeProto.newBuilder().setOptionalType(TypeProto.Optional.newBuilder());
    refused(
        model(graph().addInput(value("o", optional))).build().toByteArray(),
        "the input 'o' is an optional value");
    refused(
        model(graph().addInput(value("f", tensor(23)))).build().toByteArray(),
        "the input 'f' has the element type 23");
  }

  @Test
  void whatIsNoModelIsNamed() throws IOException {
    refused(new byte[0], "the file is empty");
    refused("hello".getBytes(UTF_8), "this is a text");
    refused("version https://git-lfs.github.com/spec/v1\n".getBytes(UTF_8), "Git LFS pointer");
    refused("\u0089HDF\r\n\u001a\n\0\0\0\0".getBytes(ISO_8859_1), "HDF5");
    refused("PK\3\4 and so on".getBytes(ISO_8859_1), "this is a ZIP file");
    refused(
        "PK\3\4 .. Sluice package, format 1, sha256".getBytes(ISO_8859_1),
        "this is a package already");
    refused(ModelProto.newBuilder().setIrVersion(8).build().toByteArray(), "no ONNX model");
    assertThatThrownBy(() -> ModelReader.read(folder)).hasMessageContaining("not a regular file");
    assertThatThrownBy(() -> ModelReader.read(folder.resolve("none")))
        .isInstanceOf(NoSuchFileException.class);
  }

  @Test
  void truncatedAtEveryLength() throws IOException {
    byte[] whole = model(graph()).build().toByteArray();
    int read = 0;
    for (int length = 0; length < whole.length; length++) {
      Path file = Files.write(folder.resolve("cut.onnx"), Arrays.copyOf(whole, length));
      try {
        // Cut between two fields it is a smaller message, and whole as far as bytes can tell.
        assertThat(ModelReader.read(file).outputs()).isNotEmpty();
        read++;
      } catch (ModelException e) {
        assertThat(e).hasMessageContaining("cut.onnx: ");
      }
    }
    assertThat(read).isLessThan(4);
  }

  @Test
  void noise() throws IOException {
    long seed = Long.getLong("sluice.seed", 11L);
    Random random = new Random(seed);
    byte[] whole = model(graph()).build().toByteArray();
    for (int i = 0; i < 3000; i++) {
      byte[] bytes = whole.clone();
      if (i % 2 == 0) {
        bytes = new byte[1 + random.nextInt(300)];
        random.nextBytes(bytes);
      } else {
        for (int k = 0; k < 3; k++) {
          bytes[random.nextInt(bytes.length)] = (byte) random.nextInt();
        }
      }
      Path file = Files.write(folder.resolve("noise.onnx"), bytes);
      try {
        OnnxModel model = ModelReader.read(file);
        assertThat(model.nodes()).isNotNegative();
        assertThat(model.parameters()).isNotNegative();
      } catch (ModelException e) {
        assertThat(e).as("seed %d", seed).hasMessageContaining("noise.onnx: ");
      }
    }
  }

  @Test
  void aFileThatChangesWhileItIsRead() throws IOException {
    Path file = Files.write(folder.resolve("m.onnx"), model(graph()).build().toByteArray());
    FileState before = FileState.of(file);
    assertThat(ModelReader.read(file, before)).hasSize((int) before.sizeBytes());
    Files.write(file, new byte[3], StandardOpenOption.APPEND);
    assertThatThrownBy(() -> ModelReader.read(file, before))
        .isInstanceOf(ModelException.class)
        .hasMessageContaining("m.onnx: the file was changed while it was read; try again");
  }

  @Test
  void nestedWithoutEnd() throws IOException {
    GraphProto.Builder graph = graph();
    for (int i = 0; i < 60; i++) {
      graph =
          graph()
              .addNode(
                  NodeProto.newBuilder()
                      .setOpType("If")
                      .addAttribute(AttributeProto.newBuilder().setName("b").setG(graph)));
    }
    refused(model(graph).build().toByteArray(), "nested more than 100 deep");
  }
}
