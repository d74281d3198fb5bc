package dev.sluice.converter.onnx;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.ByteString;
import dev.sluice.bindings.ElementType;
import dev.sluice.converter.onnx.proto.Onnx.AttributeProto;
import dev.sluice.converter.onnx.proto.Onnx.GraphProto;
import dev.sluice.converter.onnx.proto.Onnx.ModelProto;
import dev.sluice.converter.onnx.proto.Onnx.SparseTensorProto;
import dev.sluice.converter.onnx.proto.Onnx.StringStringEntryProto;
import dev.sluice.converter.onnx.proto.Onnx.TensorProto;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TensorDataTest {
  /** Where {@link #with} puts a tensor. */
  private static final int PLACES = 9;

  @TempDir Path folder;
  private final Arena arena = Arena.ofConfined();
  private TensorData data;
  private Path models;

  @BeforeEach
  void makeFolder() throws IOException {
    models = Files.createDirectories(folder.resolve("models"));
    data = new TensorData(models.resolve("m.onnx"), arena);
  }

  @AfterEach
  void unmap() {
    arena.close();
  }

  private static TensorProto.Builder tensor(ElementType type, long... dims) {
    TensorProto.Builder tensor = TensorProto.newBuilder().setName("w").setDataType(type.code());
    for (long dim : dims) {
      tensor.addDims(dim);
    }
    return tensor;
  }

  private static TensorProto.Builder external(String location, String offset, String length) {
    return tensor(ElementType.UINT8, 4)
        .setDataLocation(TensorProto.DataLocation.EXTERNAL)
        .addExternalData(field("location", location))
        .addExternalData(field("offset", offset))
        .addExternalData(field("length", length));
  }

  private static StringStringEntryProto.Builder field(String key, String value) {
    return StringStringEntryProto.newBuilder().setKey(key).setValue(value);
  }

  private byte[] bytes(TensorProto.Builder tensor) throws IOException {
    return data.bytes(tensor.build()).toArray(ValueLayout.JAVA_BYTE);
  }

  private void refused(TensorProto.Builder tensor, String expected) {
    assertThatThrownBy(() -> data.bytes(tensor.build()))
        .isInstanceOf(ModelException.class)
        .hasMessageContaining("m.onnx: the tensor 'w' ")
        .hasMessageContaining(expected);
  }

  @Test
  void everyFieldThatHoldsElements() throws IOException {
    assertThat(bytes(tensor(ElementType.FLOAT, 1).addFloatData(1))).containsExactly(0, 0, 128, 63);
    assertThat(bytes(tensor(ElementType.DOUBLE).addDoubleData(1)))
        .containsExactly(0, 0, 0, 0, 0, 0, 240, 63);
    assertThat(bytes(tensor(ElementType.INT64).addInt64Data(-2)))
        .containsExactly(254, 255, 255, 255, 255, 255, 255, 255);
    assertThat(bytes(tensor(ElementType.UINT32).addUint64Data(0xFFFFFFFEL)))
        .containsExactly(254, 255, 255, 255);
    assertThat(bytes(tensor(ElementType.INT32, 1).addInt32Data(258))).containsExactly(2, 1, 0, 0);
    assertThat(bytes(tensor(ElementType.FLOAT16, 1).addInt32Data(0x3C00))).containsExactly(0, 60);
    assertThat(bytes(tensor(ElementType.INT8, 2).addInt32Data(-1).addInt32Data(5)))
        .containsExactly(255, 5);
    assertThat(bytes(tensor(ElementType.BOOL, 1).addInt32Data(1))).containsExactly(1);
    assertThat(bytes(tensor(ElementType.UINT4, 3).addInt32Data(0x21).addInt32Data(3)))
        .containsExactly(0x21, 3);
    assertThat(bytes(tensor(ElementType.COMPLEX64, 1).addFloatData(1).addFloatData(0))).hasSize(8);
    assertThat(bytes(tensor(ElementType.UINT8, 2).setRawData(ByteString.copyFrom(new byte[2]))))
        .hasSize(2);
    assertThat(bytes(tensor(ElementType.FLOAT, 0, 3))).isEmpty();
  }

  @Test
  void sizesThatDoNotFitAreRefused() {
    refused(tensor(ElementType.FLOAT, 2).addFloatData(1), "has 1 elements, its shape [2] needs 2");
    refused(tensor(ElementType.FLOAT, 2).setRawData(ByteString.EMPTY), "has 0 bytes");
    refused(tensor(ElementType.FLOAT, -2), "has the shape [-2]");
    refused(tensor(ElementType.FLOAT, 1L << 40, 1L << 40), "larger than any memory");
    refused(tensor(ElementType.FLOAT, 1L << 40), "has 0 elements");
    refused(TensorProto.newBuilder().setName("w").setDataType(23), "element type 23");
  }

  @Test
  void externalDataLiesInTheModelsFolder() throws IOException {
    Files.write(models.resolve("w.bin"), new byte[] {1, 2, 3, 4, 5, 6});
    assertThat(bytes(external("w.bin", "2", "4"))).containsExactly(3, 4, 5, 6);
    assertThat(bytes(external("./w.bin", "0", "4"))).containsExactly(1, 2, 3, 4);
    refused(external("w.bin", "3", "4"), "outside of 'w.bin' of 6 bytes");
    refused(external("w.bin", "-1", "4"), "outside of 'w.bin'");
    refused(external("w.bin", "9223372036854775807", "4"), "outside of 'w.bin'");
    refused(external("w.bin", "x", "4"), "no number");
    refused(external("w.bin", "0", "3"), "has 3 bytes");
    refused(external("none.bin", "0", "4"), "is not there");
    refused(external("", "0", "4"), "outside of the model's folder");
  }

  @Test
  void nothingOutsideOfTheFolderIsRead() throws IOException {
    Path secret = Files.write(folder.resolve("secret"), new byte[4]);
    refused(external("../secret", "0", "4"), "outside of the model's folder");
    refused(external("a/../../secret", "0", "4"), "outside of the model's folder");
    refused(external(secret.toString(), "0", "4"), "outside of the model's folder");
    Files.createSymbolicLink(models.resolve("link"), secret);
    refused(external("link", "0", "4"), "a link out of the model's folder");
  }

  @Test
  void aFileThatChangesWhileItIsRead() throws IOException {
    Path file = Files.write(models.resolve("w.bin"), new byte[] {1, 2, 3, 4});
    bytes(external("w.bin", "0", "4"));
    data.checkUnchanged(null);
    Files.setLastModifiedTime(file, FileTime.fromMillis(1));
    assertThatThrownBy(() -> data.checkUnchanged(null))
        .isInstanceOf(ModelException.class)
        .hasMessageContaining("m.onnx: 'w.bin' was changed while it was read; try again");
    Files.delete(file);
    IOException badAddress = new IOException("Bad address");
    assertThatThrownBy(() -> data.checkUnchanged(badAddress))
        .hasMessageContaining("'w.bin' went away while it was read")
        .hasCause(badAddress);
  }

  @Test
  void tensorsInsideOfNodesAreReadAlike() throws IOException {
    Files.write(models.resolve("w.bin"), new byte[] {1, 2, 3, 4});
    Files.write(folder.resolve("secret"), new byte[4]);
    for (int place = 0; place < PLACES; place++) {
      ModelProto read = InnerTensors.inlined(models.resolve("m.onnx"), with("w.bin", place));
      assertThat(read).isEqualTo(with(null, place));
      for (String location : List.of("../secret", "/etc/passwd", "*/_ORT_MEM_ADDR_/*", "none")) {
        ModelProto hostile = with(location, place);
        assertThatThrownBy(() -> InnerTensors.inlined(models.resolve("m.onnx"), hostile))
            .as("place %d", place)
            .isInstanceOf(ModelException.class)
            .hasMessageContaining("m.onnx: the tensor 'w' is kept in '" + location + "'");
      }
    }
    // The graph's own weights stay where they are, but for those that tell shapes.
    Files.write(models.resolve("w.bin"), new byte[129]);
    ModelProto.Builder own = ModelProto.newBuilder();
    own.getGraphBuilder().addInitializer(external("w.bin", "0", "129").setDims(0, 129));
    assertThat(InnerTensors.inlined(models.resolve("m.onnx"), own.build())).isEqualTo(own.build());
    own.getGraphBuilder().setInitializer(0, external("w.bin", "1", "128").setDims(0, 128));
    TensorProto small =
        InnerTensors.inlined(models.resolve("m.onnx"), own.build()).getGraph().getInitializer(0);
    assertThat(small.getRawData().size()).isEqualTo(128);
    assertThat(small.getExternalDataCount()).isZero();
  }

  /** A model with a tensor in one of the places for them; its data inside where no file is told. */
  private static ModelProto with(String location, int place) {
    TensorProto tensor =
        location == null
            ? tensor(ElementType.UINT8, 4)
                .setRawData(ByteString.copyFrom(new byte[] {1, 2, 3, 4}))
                .build()
            : external(location, "0", "4").build();
    SparseTensorProto sparse =
        (place % 2 == 0
                ? SparseTensorProto.newBuilder().setValues(tensor)
                : SparseTensorProto.newBuilder().setIndices(tensor))
            .build();
    GraphProto graph =
        GraphProto.newBuilder().addInitializer(tensor).addSparseInitializer(sparse).build();
    AttributeProto.Builder attribute = AttributeProto.newBuilder().setName("a");
    ModelProto.Builder model = ModelProto.newBuilder();
    switch (place) {
      case 0 -> attribute.setT(tensor);
      case 1 -> attribute.addTensors(tensor);
      case 2 -> attribute.setSparseTensor(sparse);
      case 3 -> attribute.addSparseTensors(sparse);
      case 4 -> attribute.setG(graph);
      case 5 -> attribute.addGraphs(graph);
      case 6 -> model.getGraphBuilder().addSparseInitializer(sparse);
      default -> attribute.setT(tensor);
    }
    if (place == 7) {
      model.addFunctionsBuilder().addAttributeProto(attribute);
    } else if (place == 8) {
      model.addFunctionsBuilder().addNodeBuilder().addAttribute(attribute);
    } else {
      model.getGraphBuilder().addNodeBuilder().addAttribute(attribute);
    }
    // Made where it is not yet.
    model.getGraphBuilder();
    return model.build();
  }
}
