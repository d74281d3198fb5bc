package dev.sluice.converter.cli;

import com.google.protobuf.ByteString;
import com.google.protobuf.CodedOutputStream;
import dev.sluice.converter.onnx.proto.Onnx.GraphProto;
import dev.sluice.converter.onnx.proto.Onnx.ModelProto;
import dev.sluice.converter.onnx.proto.Onnx.NodeProto;
import dev.sluice.converter.onnx.proto.Onnx.OperatorSetIdProto;
import dev.sluice.converter.onnx.proto.Onnx.StringStringEntryProto;
import dev.sluice.converter.onnx.proto.Onnx.TensorProto;
import dev.sluice.converter.onnx.proto.Onnx.TensorShapeProto;
import dev.sluice.converter.onnx.proto.Onnx.TypeProto;
import dev.sluice.converter.onnx.proto.Onnx.ValueInfoProto;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/**
 * A model of any size: pairs of layers, {@code x = tanh(relu(x . w) . v)}, with {@value #WIDTH} and
 * {@value #INNER} columns, so 128 MiB of weights a layer. No more than a few MiB are in memory at
 * once.
 */
final class LargeModel {
  static final int WIDTH = 4096;
  private static final int INNER = 8192;
  private static final long LAYER_BYTES = (long) WIDTH * INNER * Float.BYTES;

  /** Elements that are drawn; each layer starts elsewhere in them, and goes round. */
  private static final int DRAWN = 4 << 20;

  private final int layers;
  private final float[] drawn = new float[DRAWN];

  /**
   * A model.
   *
   * @param sizeMib of its weights, a multiple of 256
   */
  LargeModel(int sizeMib) {
    layers = sizeMib / 128;
    Random random = new Random(1);
    for (int i = 0; i < DRAWN; i++) {
      drawn[i] = (float) (random.nextGaussian() / 70);
    }
  }

  private static int start(int layer) {
    return layer * 40_961 % DRAWN;
  }

  private static String entryName(int layer) {
    return "w" + layer;
  }

  private TensorProto.Builder tensor(int layer) {
    boolean out = layer % 2 == 1;
    return TensorProto.newBuilder()
        .setName(entryName(layer))
        .setDataType(TensorProto.DataType.FLOAT_VALUE)
        .addDims(out ? INNER : WIDTH)
        .addDims(out ? WIDTH : INNER);
  }

  private static ValueInfoProto value(String name) {
    TensorShapeProto.Builder shape = TensorShapeProto.newBuilder();
    shape.addDimBuilder().setDimParam("N");
    shape.addDimBuilder().setDimValue(WIDTH);
    TypeProto.Builder type = TypeProto.newBuilder();
    type.getTensorTypeBuilder().setElemType(1).setShape(shape);
    return ValueInfoProto.newBuilder().setName(name).setType(type).build();
  }

  private GraphProto.Builder graph() {
    GraphProto.Builder graph = GraphProto.newBuilder().setName("large").addInput(value("x"));
    String last = "x";
    for (int layer = 0; layer < layers; layer++) {
      String sum = "s" + layer;
      String next = layer == layers - 1 ? "y" : "h" + layer;
      graph.addNode(
          NodeProto.newBuilder()
              .setOpType("MatMul")
              .addInput(last)
              .addInput(entryName(layer))
              .addOutput(sum));
      graph.addNode(
          NodeProto.newBuilder()
              .setOpType(layer % 2 == 0 ? "Relu" : "Tanh")
              .addInput(sum)
              .addOutput(next));
      last = next;
    }
    return graph.addOutput(value("y"));
  }

  private static ModelProto.Builder model() {
    return ModelProto.newBuilder()
        .setIrVersion(8)
        .addOpsetImport(OperatorSetIdProto.newBuilder().setVersion(17));
  }

  private static FileChannel create(Path file) throws IOException {
    return FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
  }

  private static void write(FileChannel out, byte[] bytes) throws IOException {
    ByteBuffer buffer = ByteBuffer.wrap(bytes);
    while (buffer.hasRemaining()) {
      out.write(buffer);
    }
  }

  private void writeLayer(FileChannel out, int layer) throws IOException {
    ByteBuffer chunk = ByteBuffer.allocateDirect(1 << 20).order(ByteOrder.LITTLE_ENDIAN);
    int at = start(layer);
    for (long written = 0; written < LAYER_BYTES; written += chunk.capacity()) {
      chunk.clear();
      while (chunk.hasRemaining()) {
        chunk.putFloat(drawn[at]);
        at = at + 1 == DRAWN ? 0 : at + 1;
      }
      chunk.flip();
      while (chunk.hasRemaining()) {
        out.write(chunk);
      }
    }
  }

  /** Writes a model with its weights in two files beside it. */
  Path external(Path folder) throws IOException {
    GraphProto.Builder graph = graph();
    long[] sizeBytes = new long[2];
    List<FileChannel> files = new ArrayList<>();
    try {
      files.add(create(folder.resolve("even.bin")));
      files.add(create(folder.resolve("odd.bin")));
      for (int layer = 0; layer < layers; layer++) {
        int file = layer % 2;
        writeLayer(files.get(file), layer);
        graph.addInitializer(
            tensor(layer)
                .setDataLocation(TensorProto.DataLocation.EXTERNAL)
                .addExternalData(entry("location", file == 0 ? "even.bin" : "odd.bin"))
                .addExternalData(entry("offset", "" + sizeBytes[file]))
                .addExternalData(entry("length", "" + LAYER_BYTES)));
        sizeBytes[file] += LAYER_BYTES;
      }
    } finally {
      for (FileChannel file : files) {
        file.close();
      }
    }
    Path model = folder.resolve("external.onnx");
    try (FileChannel out = create(model)) {
      write(out, model().setGraph(graph).build().toByteArray());
    }
    return model;
  }

  private static StringStringEntryProto.Builder entry(String key, String value) {
    return StringStringEntryProto.newBuilder().setKey(key).setValue(value);
  }

  /** Writes a model with its weights inside, as one message of up to 2 GiB. */
  Path inline(Path folder) throws IOException {
    byte[] rest = graph().build().toByteArray();
    List<byte[]> heads = new ArrayList<>();
    long sizeBytes = rest.length;
    for (int layer = 0; layer < layers; layer++) {
      byte[] bare = tensor(layer).build().toByteArray();
      byte[] data = prefix(TensorProto.RAW_DATA_FIELD_NUMBER, LAYER_BYTES);
      byte[] head =
          joined(
              prefix(GraphProto.INITIALIZER_FIELD_NUMBER, bare.length + data.length + LAYER_BYTES),
              bare,
              data);
      heads.add(head);
      sizeBytes += head.length + LAYER_BYTES;
    }
    Path model = folder.resolve("inline.onnx");
    try (FileChannel out = create(model)) {
      write(out, model().build().toByteArray());
      write(out, prefix(ModelProto.GRAPH_FIELD_NUMBER, sizeBytes));
      write(out, rest);
      for (int layer = 0; layer < layers; layer++) {
        write(out, heads.get(layer));
        writeLayer(out, layer);
      }
    }
    return model;
  }

  /** What stands before a value of so many bytes. */
  private static byte[] prefix(int field, long sizeBytes) throws IOException {
    ByteString.Output out = ByteString.newOutput();
    CodedOutputStream coded = CodedOutputStream.newInstance(out);
    coded.writeTag(field, 2);
    coded.writeUInt64NoTag(sizeBytes);
    coded.flush();
    return out.toByteString().toByteArray();
  }

  private static byte[] joined(byte[]... parts) {
    ByteString all = ByteString.EMPTY;
    for (byte[] part : parts) {
      all = all.concat(ByteString.copyFrom(part));
    }
    return all.toByteArray();
  }

  /** What the model gives for one row, computed plainly. */
  float[] answer(float[] row) {
    float[] x = row;
    for (int layer = 0; layer < layers; layer++) {
      float[] sums = new float[layer % 2 == 0 ? INNER : WIDTH];
      int at = start(layer);
      for (float factor : x) {
        for (int i = 0; i < sums.length; i++) {
          sums[i] += factor * drawn[at];
          at = at + 1 == DRAWN ? 0 : at + 1;
        }
      }
      for (int i = 0; i < sums.length; i++) {
        sums[i] = layer % 2 == 0 ? Math.max(0, sums[i]) : (float) Math.tanh(sums[i]);
      }
      x = sums;
    }
    return x;
  }
}
