package dev.sluice.converter.cli;

import com.google.protobuf.ByteString;
import com.google.protobuf.CodedInputStream;
import com.google.protobuf.InvalidProtocolBufferException;
import dev.sluice.bindings.ElementType;
import dev.sluice.converter.onnx.ModelException;
import dev.sluice.converter.onnx.TensorData;
import dev.sluice.converter.onnx.proto.Onnx.TensorProto;
import dev.sluice.engine.Shape;
import dev.sluice.engine.npy.Npy;
import dev.sluice.engine.npy.NpyArray;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;

/**
 * Tensors as files: {@code .npy}, and ONNX {@code TensorProto} as {@code .pb} for the types that
 * NumPy lacks.
 *
 * <p>Thread safety: stateless.
 */
final class TensorFile {
  private static final String NPY = ".npy";
  private static final String PB = ".pb";

  private TensorFile() {}

  /**
   * Reads a tensor.
   *
   * @throws BadInputException where the file's name tells no format
   * @throws IOException where the file is not what its name says
   */
  static Tensor read(Path file) throws IOException, BadInputException {
    if (!Files.exists(file)) {
      throw new NoSuchFileException(file.toString());
    }
    if (!Files.isRegularFile(file)) {
      throw new BadInputException(file + ": is not a regular file; name a .npy or .pb file");
    }
    String name = file.toString().toLowerCase(Locale.ROOT);
    if (name.endsWith(NPY)) {
      NpyArray array = Npy.read(file);
      return new Tensor(array.type(), array.shape(), array.data(), null);
    }
    if (name.endsWith(PB)) {
      return readProto(file);
    }
    throw new BadInputException(
        file + ": ends neither in .npy nor in .pb (an ONNX TensorProto); save it as one of them");
  }

  private static Tensor readProto(Path file) throws IOException {
    TensorProto proto;
    try {
      proto = TensorProto.parseFrom(CodedInputStream.newInstance(Files.readAllBytes(file)));
    } catch (InvalidProtocolBufferException e) {
      throw new ModelException(
          file, "is no ONNX TensorProto (" + e.getMessage() + "); save it again", e);
    } catch (OutOfMemoryError e) {
      throw new ModelException(
          file, "does not fit the Java heap; raise it with SLUICE_JAVA_OPTIONS=-Xmx…", e);
    }
    if (proto.getDataLocation() == TensorProto.DataLocation.EXTERNAL) {
      throw new ModelException(file, "keeps its data in another file; save it with the data in it");
    }
    // Nothing is mapped: the data is in the message.
    try (Arena arena = Arena.ofConfined()) {
      TensorData data = new TensorData(file, arena);
      ElementType type = data.type(proto);
      Shape shape = data.shape(proto);
      if (type != ElementType.STRING) {
        return new Tensor(type, shape, data.bytes(proto), null);
      }
      List<String> strings =
          proto.getStringDataList().stream().map(ByteString::toStringUtf8).toList();
      if (strings.size() != shape.elementCount()) {
        throw new ModelException(
            file, "has " + strings.size() + " strings, its shape is " + shape + "; save it again");
      }
      return new Tensor(type, shape, null, strings);
    } catch (ArithmeticException e) {
      throw new ModelException(
          file,
          "has the shape " + proto.getDimsList() + ", larger than any memory; save it again",
          e);
    }
  }

  /** The file name of an output: what is no part of a plain name becomes '_'. */
  static String fileName(String tensor, ElementType type) {
    String plain = tensor.replaceAll("[/\\\\\\p{Cntrl}]", "_").replaceFirst("^\\.", "_");
    return (plain.isEmpty() ? "_" : plain) + (Npy.isSupported(type) ? NPY : PB);
  }

  /** Writes a tensor in the format that {@link #fileName} chose. */
  static void write(Path file, String name, Tensor tensor) throws IOException {
    if (Npy.isSupported(tensor.type())) {
      Npy.write(file, new NpyArray(tensor.type(), tensor.shape(), tensor.data()));
      return;
    }
    TensorProto.Builder proto =
        TensorProto.newBuilder().setName(name).setDataType(tensor.type().code());
    for (long dim : tensor.shape().dims()) {
      proto.addDims(dim);
    }
    if (tensor.strings() == null) {
      proto.setRawData(TensorData.copy(tensor.data()));
    } else {
      for (String string : tensor.strings()) {
        proto.addStringData(ByteString.copyFrom(string, StandardCharsets.UTF_8));
      }
    }
    Files.write(file, proto.build().toByteArray());
  }
}
