package dev.sluice.converter.onnx;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import dev.sluice.converter.onnx.proto.Onnx.AttributeProto;
import dev.sluice.converter.onnx.proto.Onnx.GraphProto;
import dev.sluice.converter.onnx.proto.Onnx.ModelProto;
import dev.sluice.converter.onnx.proto.Onnx.NodeProto;
import dev.sluice.converter.onnx.proto.Onnx.StringStringEntryProto;
import dev.sluice.converter.onnx.proto.Onnx.TensorProto;
import dev.sluice.converter.onnx.proto.Onnx.TypeProto;
import dev.sluice.converter.onnx.proto.Onnx.ValueInfoProto;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class WeightCutterTest {
  private static final String HERE = "\0here";
  private static final int MIN = 24;

  private static byte[] cut(byte[] file) throws Exception {
    return WeightCutter.cut(MemorySegment.ofArray(file), MIN, HERE);
  }

  private static TensorProto.Builder raw(String name, int bytes) {
    byte[] data = new byte[bytes];
    new Random(bytes).nextBytes(data);
    return TensorProto.newBuilder()
        .setName(name)
        .setDataType(TensorProto.DataType.UINT8_VALUE)
        .addDims(bytes)
        .setRawData(ByteString.copyFrom(data));
  }

  private static NodeProto.Builder constant(String domain, TensorProto.Builder tensor) {
    return NodeProto.newBuilder()
        .setOpType("Constant")
        .setDomain(domain)
        .addOutput("c")
        .addAttribute(
            AttributeProto.newBuilder()
                .setName("value")
                .setType(AttributeProto.AttributeType.TENSOR)
                .setT(tensor));
  }

  private static byte[] model(GraphProto.Builder graph) {
    return ModelProto.newBuilder()
        .setIrVersion(8)
        .setProducerName("a name that is longer than the limit")
        .setGraph(graph)
        .build()
        .toByteArray();
  }

  /** What a reference refers to. */
  private static byte[] data(byte[] file, TensorProto tensor) {
    assertThat(tensor.getDataLocation()).isEqualTo(TensorProto.DataLocation.EXTERNAL);
    assertThat(tensor.getExternalDataList())
        .extracting(StringStringEntryProto::getKey)
        .containsExactly("location", "offset", "length");
    assertThat(tensor.getExternalData(0).getValue()).isEqualTo(HERE);
    int offset = Integer.parseInt(tensor.getExternalData(1).getValue());
    int length = Integer.parseInt(tensor.getExternalData(2).getValue());
    return Arrays.copyOfRange(file, offset, offset + length);
  }

  /** The tensor with its data in raw form, wherever it had it; what can't be cut stays. */
  private static TensorProto plain(byte[] file, TensorProto tensor) {
    TensorProto.Builder plain = tensor.toBuilder();
    boolean cut =
        tensor.getExternalDataCount() == 3 && tensor.getExternalData(0).getValue().equals(HERE);
    if (cut) {
      byte[] data = data(file, tensor);
      return plain.clearExternalData().clearDataLocation().setRawData(bytes(data)).build();
    }
    int type = tensor.getDataType();
    ByteBuffer data =
        ByteBuffer.allocate(4 * tensor.getFloatDataCount() + 8 * tensor.getDoubleDataCount())
            .order(ByteOrder.LITTLE_ENDIAN);
    if (type == TensorProto.DataType.FLOAT_VALUE && tensor.getFloatDataCount() > 0) {
      tensor.getFloatDataList().forEach(data::putFloat);
      return plain.clearFloatData().setRawData(bytes(data.array())).build();
    }
    if (type == TensorProto.DataType.DOUBLE_VALUE && tensor.getDoubleDataCount() > 0) {
      tensor.getDoubleDataList().forEach(data::putDouble);
      return plain.clearDoubleData().setRawData(bytes(data.array())).build();
    }
    return tensor;
  }

  private static ByteString bytes(byte[] data) {
    return ByteString.copyFrom(data);
  }

  private static List<TensorProto> plain(byte[] file, ModelProto model) {
    return Stream.concat(
            model.getGraph().getInitializerList().stream(),
            model.getGraph().getNodeList().stream()
                .flatMap(node -> node.getAttributeList().stream())
                .map(AttributeProto::getT))
        .map(tensor -> plain(file, tensor))
        .toList();
  }

  /** The model without tensors. */
  private static ModelProto bare(ModelProto model) {
    ModelProto.Builder bare = model.toBuilder();
    bare.getGraphBuilder().clearInitializer();
    bare.getGraphBuilder()
        .getNodeBuilderList()
        .forEach(node -> node.getAttributeBuilderList().forEach(AttributeProto.Builder::clearT));
    return bare.build();
  }

  @Test
  void largeDataOfTheMainGraphIsCut() throws Exception {
    TensorProto.Builder floats = TensorProto.newBuilder().setName("f").setDataType(1).addDims(9);
    TensorProto.Builder doubles = TensorProto.newBuilder().setName("d").setDataType(11).addDims(5);
    for (int i = 0; i < 9; i++) {
      floats.addFloatData(i / 3f);
    }
    for (int i = 0; i < 5; i++) {
      doubles.addDoubleData(i / 7.0);
    }
    byte[] file =
        model(
            GraphProto.newBuilder()
                .addInitializer(raw("large", 300))
                .addNode(constant("", raw("value", 100)))
                .addInitializer(raw("small", MIN - 1))
                .addInitializer(floats)
                .addInitializer(doubles));
    byte[] rest = cut(file);
    ModelProto left = ModelProto.parseFrom(rest);
    ModelProto whole = ModelProto.parseFrom(file);
    assertThat(left.getGraph().getInitializer(0).hasRawData()).isFalse();
    assertThat(left.getGraph().getInitializer(2).getFloatDataCount()).isZero();
    assertThat(left.getGraph().getInitializer(3).getDoubleDataCount()).isZero();
    assertThat(left.getGraph().getNode(0).getAttribute(0).getT().hasRawData()).isFalse();
    assertThat(plain(file, left)).isEqualTo(plain(file, whole)).hasSize(5);
    assertThat(bare(left)).isEqualTo(bare(whole));
  }

  @Test
  void whatIsNoPlainDataOfTheMainGraphStays() throws Exception {
    TensorProto.Builder halves = TensorProto.newBuilder().setName("h").setDataType(10);
    TensorProto.Builder wrong = TensorProto.newBuilder().setName("w").setDataType(10);
    for (int i = 0; i < 90; i++) {
      halves.addInt32Data(i);
      wrong.addFloatData(i);
    }
    TensorProto.Builder twice = raw("t", 99).addFloatData(1).addFloatData(2);
    TensorProto.Builder referring =
        raw("r", 99)
            .addExternalData(StringStringEntryProto.newBuilder().setKey("location").setValue("x"));
    GraphProto.Builder inner = GraphProto.newBuilder().addInitializer(raw("inner", 300));
    AttributeProto.Builder body = AttributeProto.newBuilder().setName("body").setG(inner);
    GraphProto.Builder graph =
        GraphProto.newBuilder()
            .addInitializer(halves)
            .addInitializer(wrong)
            .addInitializer(twice)
            .addInitializer(referring)
            .addNode(NodeProto.newBuilder().setOpType("Loop").addAttribute(body))
            .addNode(constant("other", raw("value", 100)));
    byte[] file = model(graph);
    assertThat(cut(file)).isEqualTo(file);
  }

  /** A message in pieces is merged, as protocol buffers have it. */
  @Test
  void twoGraphsAreMerged() throws Exception {
    byte[] one = model(GraphProto.newBuilder().addInitializer(raw("a", 200)));
    byte[] two = model(GraphProto.newBuilder().addInitializer(raw("b", 99)));
    byte[] file = Arrays.copyOf(one, one.length + two.length);
    System.arraycopy(two, 0, file, one.length, two.length);
    ModelProto left = ModelProto.parseFrom(cut(file));
    assertThat(plain(file, left)).isEqualTo(plain(file, ModelProto.parseFrom(file))).hasSize(2);
  }

  /** A cut file is malformed, or cut between two fields: then the parser takes it, too. */
  @Test
  void noPrefixIsTakenForWhole() throws Exception {
    byte[] file =
        model(
            GraphProto.newBuilder()
                .addInitializer(raw("large", 300))
                .addNode(constant("", raw("value", 100))));
    int refused = 0;
    for (int length = 0; length < file.length; length++) {
      byte[] prefix = Arrays.copyOf(file, length);
      try {
        ModelProto left = ModelProto.parseFrom(cut(prefix));
        assertThat(left.hasGraph()).isEqualTo(ModelProto.parseFrom(prefix).hasGraph());
      } catch (WeightCutter.MalformedException e) {
        assertThat(e.position()).isBetween(0L, (long) length);
        assertThatExceptionOfType(InvalidProtocolBufferException.class)
            .isThrownBy(() -> ModelProto.parseFrom(prefix));
        refused++;
      }
    }
    assertThat(refused).isGreaterThan(300);
  }

  /** Whatever the parser takes the cutter takes, and both see the same. */
  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4})
  void randomDamage(long seed) {
    Random random = new Random(seed);
    byte[] file =
        model(
            GraphProto.newBuilder()
                .addInitializer(raw("large", 60))
                .addNode(constant("", raw("value", 50)))
                .addInitializer(raw("more", 40)));
    int both = 0;
    for (int i = 0; i < 5_000; i++) {
      byte[] damaged = file.clone();
      for (int n = random.nextInt(3); n >= 0; n--) {
        damaged[random.nextInt(damaged.length)] = (byte) random.nextInt(256);
      }
      ModelProto whole;
      try {
        whole = ModelProto.parseFrom(damaged);
      } catch (InvalidProtocolBufferException e) {
        whole = null;
      }
      ModelProto left;
      try {
        left = ModelProto.parseFrom(cut(damaged));
      } catch (WeightCutter.MalformedException | InvalidProtocolBufferException e) {
        left = null;
      } catch (Exception e) {
        throw new AssertionError("seed " + seed + ", " + i, e);
      }
      if (whole != null && left != null) {
        both++;
        assertThat(plain(damaged, left))
            .as("seed %s, %s", seed, i)
            .isEqualTo(plain(damaged, whole));
      }
    }
    assertThat(both).isGreaterThan(1_000);
  }

  private static byte[] megabytes() {
    TypeProto.Builder bytes = TypeProto.newBuilder();
    bytes.getTensorTypeBuilder().setElemType(TensorProto.DataType.UINT8_VALUE);
    return model(
        GraphProto.newBuilder()
            .addInitializer(raw("w", 2 << 20))
            .addInitializer(raw("small", 1000))
            .addOutput(ValueInfoProto.newBuilder().setName("w").setType(bytes)));
  }

  @Test
  void weightsOfAFileStayInIt(@TempDir Path folder) throws Exception {
    byte[] bytes = megabytes();
    Path file = Files.write(folder.resolve("m.onnx"), bytes);
    OnnxModel model = ModelReader.read(file);
    assertThat(model.parameters()).isEqualTo((2 << 20) + 1000);
    assertThat(model.proto().getSerializedSize()).isLessThan(2_000);
    ModelProto whole = ModelProto.parseFrom(bytes);
    try (Arena arena = Arena.ofConfined()) {
      TensorData data = new TensorData(file, arena);
      for (int i = 0; i < 2; i++) {
        assertThat(data.bytes(model.proto().getGraph().getInitializer(i)).toArray(JAVA_BYTE))
            .isEqualTo(whole.getGraph().getInitializer(i).getRawData().toByteArray());
      }
    }
  }

  @Test
  void aFileThatIsAnotherOneByThenIsRefused(@TempDir Path folder) throws Exception {
    byte[] bytes = megabytes();
    Path file = Files.write(folder.resolve("m.onnx"), bytes);
    TensorProto weights = ModelReader.read(file).proto().getGraph().getInitializer(0);
    Files.move(
        Files.write(folder.resolve("other.onnx"), bytes),
        file,
        StandardCopyOption.REPLACE_EXISTING);
    try (Arena arena = Arena.ofConfined()) {
      TensorData data = new TensorData(file, arena);
      assertThatExceptionOfType(ModelException.class)
          .isThrownBy(() -> data.bytes(weights))
          .withMessageContainingAll("m.onnx", "'w'", "changed");
    }
  }

  @Test
  void aLargeFileThatIsCutOffOrSomethingElseIsRefused(@TempDir Path folder) throws Exception {
    byte[] bytes = megabytes();
    Path cutOff = Files.write(folder.resolve("m.onnx"), Arrays.copyOf(bytes, 3 << 19));
    assertThatExceptionOfType(ModelException.class)
        .isThrownBy(() -> ModelReader.read(cutOff))
        .withMessageContainingAll("m.onnx", "byte 40 of 1572864", "cut off");
    byte[] text = new byte[3 << 20];
    Arrays.fill(text, (byte) 'a');
    Path letters = Files.write(folder.resolve("t.onnx"), text);
    assertThatExceptionOfType(ModelException.class)
        .isThrownBy(() -> ModelReader.read(letters))
        .withMessageContainingAll("t.onnx", "this is a text");
  }
}
