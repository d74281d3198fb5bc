package dev.sluice.converter.cli;

import dev.sluice.bindings.ElementType;
import dev.sluice.bindings.onnxruntime.TinyModel;
import dev.sluice.converter.onnx.proto.Onnx.AttributeProto;
import dev.sluice.converter.onnx.proto.Onnx.GraphProto;
import dev.sluice.converter.onnx.proto.Onnx.ModelProto;
import dev.sluice.converter.onnx.proto.Onnx.NodeProto;
import dev.sluice.converter.onnx.proto.Onnx.OperatorSetIdProto;
import dev.sluice.converter.onnx.proto.Onnx.TensorShapeProto;
import dev.sluice.converter.onnx.proto.Onnx.TypeProto;
import dev.sluice.converter.onnx.proto.Onnx.ValueInfoProto;
import dev.sluice.engine.Shape;
import dev.sluice.engine.npy.Npy;
import dev.sluice.engine.npy.NpyArray;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;

/** Small models and arrays in files. */
final class Models {
  private Models() {}

  /** Batched: {@code y[N,2] = x[N,3] . w}, with w = [[1,2],[3,4],[5,6]]. */
  static Path product(Path folder) throws IOException {
    return write(
        folder.resolve("product.onnx"),
        new TinyModel()
            .input("x", ElementType.FLOAT, "N", 3)
            .output("y", ElementType.FLOAT, "N", 2)
            .weights("w", new float[] {1, 2, 3, 4, 5, 6}, 3, 2)
            .node("MatMul", "x w", "y")
            .build());
  }

  /** Exported for one row: {@code y = op(x[1,3])}, or with {@code w[3,2]}. */
  static Path oneRow(Path folder, String op, String inputs, Object... dims) throws IOException {
    return write(
        folder.resolve("one.onnx"),
        new TinyModel()
            .input("x", ElementType.FLOAT, 1, 3)
            .output("y", ElementType.FLOAT, dims)
            .weights("w", new float[] {1, 2, 3, 4, 5, 6}, 3, 2)
            .node(op, inputs, "y")
            .build());
  }

  /** Unbatched: {@code sum[h,w] = left + right}, both of any extents. */
  static Path sum(Path folder) throws IOException {
    return write(
        folder.resolve("sum.onnx"),
        new TinyModel()
            .input("left", ElementType.FLOAT, 2, "w")
            .input("right", ElementType.FLOAT, 2, "w")
            .output("sum", ElementType.FLOAT, 2, "w")
            .node("Add", "left right", "sum")
            .build());
  }

  /** Picks by {@code c}: the Tanh of {@code x[3,3]}, or {@code x} itself. */
  static Path choice(Path folder) throws IOException {
    ValueInfoProto.Builder x = value("x", ElementType.FLOAT, 3, 3);
    GraphProto.Builder then =
        GraphProto.newBuilder()
            .setName("then")
            .addNode(node("t", "Tanh", "x"))
            .addNode(node("d", "Det", "x"))
            .addOutput(x.clone().setName("t"));
    GraphProto.Builder otherwise =
        GraphProto.newBuilder()
            .setName("else")
            .addNode(node("e", "Identity", "x"))
            .addOutput(x.clone().setName("e"));
    NodeProto.Builder pick =
        node("y", "If", "c")
            .setName("pick")
            .addAttribute(branch("then_branch", then))
            .addAttribute(branch("else_branch", otherwise));
    GraphProto.Builder graph =
        GraphProto.newBuilder()
            .setName("choice")
            .addNode(pick)
            .addInput(x)
            .addInput(value("c", ElementType.BOOL))
            .addOutput(x.clone().setName("y"));
    ModelProto.Builder model =
        ModelProto.newBuilder()
            .setIrVersion(8)
            .addOpsetImport(OperatorSetIdProto.newBuilder().setVersion(17))
            .setGraph(graph);
    return Files.write(folder.resolve("choice.onnx"), model.build().toByteArray());
  }

  private static NodeProto.Builder node(String output, String op, String input) {
    return NodeProto.newBuilder().setName(output).setOpType(op).addInput(input).addOutput(output);
  }

  private static AttributeProto branch(String name, GraphProto.Builder graph) {
    return AttributeProto.newBuilder()
        .setName(name)
        .setType(AttributeProto.AttributeType.GRAPH)
        .setG(graph)
        .build();
  }

  private static ValueInfoProto.Builder value(String name, ElementType type, long... dims) {
    TypeProto.Tensor.Builder tensor = TypeProto.Tensor.newBuilder().setElemType(type.code());
    TensorShapeProto.Builder shape = tensor.getShapeBuilder();
    for (long dim : dims) {
      shape.addDimBuilder().setDimValue(dim);
    }
    return ValueInfoProto.newBuilder()
        .setName(name)
        .setType(TypeProto.newBuilder().setTensorType(tensor));
  }

  static Path identity(Path folder, ElementType type, Object... dims) throws IOException {
    return write(folder.resolve("identity.onnx"), TinyModel.identity(type, dims));
  }

  private static Path write(Path file, MemorySegment model) throws IOException {
    return Files.write(file, model.toArray(ValueLayout.JAVA_BYTE));
  }

  /** Writes an array of floats. */
  static Path floats(Path file, Shape shape, float... values) throws IOException {
    ByteBuffer bytes = ByteBuffer.allocate(values.length * 4).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asFloatBuffer().put(values);
    Npy.write(file, new NpyArray(ElementType.FLOAT, shape, MemorySegment.ofArray(bytes.array())));
    return file;
  }

  /** Reads an array of floats. */
  static float[] floats(Path file) throws IOException {
    byte[] bytes = Npy.read(file).data().toArray(ValueLayout.JAVA_BYTE);
    float[] floats = new float[bytes.length / 4];
    ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().get(floats);
    return floats;
  }

  /** Builds the package of a model with the command. */
  static Path built(Path model, Object... options) {
    Object[] arguments = new Object[options.length + 2];
    arguments[0] = "build";
    arguments[1] = model;
    System.arraycopy(options, 0, arguments, 2, options.length);
    Cli.run(arguments).done();
    return model.resolveSibling(model.getFileName().toString().replace(".onnx", ".sluice"));
  }
}
