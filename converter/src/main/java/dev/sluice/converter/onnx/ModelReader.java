package dev.sluice.converter.onnx;

import com.google.protobuf.CodedInputStream;
import com.google.protobuf.InvalidProtocolBufferException;
import dev.sluice.converter.onnx.proto.Onnx.ModelProto;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * Reads ONNX files. What is in the file is not trusted: a file that is something else, is cut off,
 * is nested without end, or whose graph does not hold together is refused with a message.
 *
 * <p>Thread safety: stateless.
 */
public final class ModelReader {
  /** Levels of messages inside messages; a subgraph takes three, so this is 33 nested loops. */
  private static final int MAX_NESTING = 100;

  private static final int HEAD_BYTES = 512;
  private static final int TAIL_BYTES = 64 << 10;

  /** Files from here on are mapped, and their weights stay out of the heap. */
  private static final long CUT_FILE_BYTES = 1 << 20;

  /** Tensors from here on are weights: no shape is computed from so many numbers. */
  private static final long CUT_TENSOR_BYTES = 64 << 10;

  private ModelReader() {}

  /**
   * Reads a model. The weights of its graph stay in their files, the model's own as well, until
   * they are asked for; what its nodes keep in other files is read now.
   *
   * @param file an ONNX model
   * @throws ModelException when the file is no model, or one that can't be served
   * @throws IOException when the file can't be read
   */
  public static OnnxModel read(Path file) throws IOException {
    if (!Files.exists(file)) {
      throw new NoSuchFileException(file.toString(), null, "no such file; check the path");
    }
    if (!Files.isRegularFile(file)) {
      throw new ModelException(file, "is not a regular file; name an ONNX model");
    }
    FileState before = FileState.of(file);
    if (before.sizeBytes() > Integer.MAX_VALUE - 8) {
      throw new ModelException(
          file,
          "has "
              + before.sizeBytes()
              + " bytes, a model has at most 2 GiB; export it with its weights as external data");
    }
    try {
      boolean large = before.sizeBytes() >= CUT_FILE_BYTES;
      byte[] bytes = large ? cut(file, before) : read(file, before);
      ModelProto proto = checked(file, bytes, large ? " that are no weights" : "");
      return new OnnxModel(file, InnerTensors.inlined(file, proto));
    } catch (OutOfMemoryError e) {
      throw tooLarge(file, before.sizeBytes(), e);
    }
  }

  /** The bytes of a file without its large weights, to which there are references instead. */
  private static byte[] cut(Path file, FileState state) throws IOException {
    try (Arena arena = Arena.ofConfined();
        FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      MemorySegment whole = channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena);
      byte[] rest;
      try {
        rest = WeightCutter.cut(whole, CUT_TENSOR_BYTES, TensorData.own(state));
      } catch (WeightCutter.MalformedException e) {
        throw new ModelException(
            file,
            Kind.of(ends(whole)).message("byte " + e.position() + " of " + whole.byteSize(), ""),
            e);
      }
      state.check(file, file, null);
      return rest;
    }
  }

  /** The first bytes and the last ones, which tell kinds of files apart. */
  private static byte[] ends(MemorySegment whole) {
    byte[] ends = new byte[HEAD_BYTES + TAIL_BYTES];
    MemorySegment both = MemorySegment.ofArray(ends);
    MemorySegment.copy(whole, 0, both, 0, HEAD_BYTES);
    MemorySegment.copy(whole, whole.byteSize() - TAIL_BYTES, both, HEAD_BYTES, TAIL_BYTES);
    return ends;
  }

  /**
   * Reads a file's bytes.
   *
   * @param before what it was when it was found
   * @throws ModelException where it is no more that
   */
  static byte[] read(Path file, FileState before) throws IOException {
    byte[] bytes = Files.readAllBytes(file);
    before.check(file, file, null);
    return bytes;
  }

  private static ModelException tooLarge(Path file, long sizeBytes, OutOfMemoryError e) {
    return new ModelException(
        file,
        "the model of "
            + sizeBytes
            + " bytes does not fit the Java heap; raise it with -Xmx (SLUICE_JAVA_OPTIONS=-Xmx8g for"
            + " the command)",
        e);
  }

  /**
   * Reads a model out of its bytes, a package's graph for instance.
   *
   * @param file what the bytes came from, for messages
   * @param bytes a whole ONNX file; the model keeps them
   * @throws ModelException when they are no model, or one that can't be served
   */
  public static OnnxModel read(Path file, byte[] bytes) throws ModelException {
    try {
      return new OnnxModel(file, checked(file, bytes, ""));
    } catch (OutOfMemoryError e) {
      throw tooLarge(file, bytes.length, e);
    }
  }

  private static ModelProto checked(Path file, byte[] bytes, String part) throws ModelException {
    ModelProto proto = parse(file, bytes, part);
    if (!proto.hasGraph() || !proto.hasIrVersion() || proto.getIrVersion() < 1) {
      throw new ModelException(file, Kind.of(bytes).message());
    }
    if (proto.getGraph().getOutputCount() == 0) {
      throw new ModelException(file, "the graph has no outputs; " + Kind.DAMAGED.remedy());
    }
    GraphRules.check(file, proto);
    return proto;
  }

  private static ModelProto parse(Path file, byte[] bytes, String part) throws ModelException {
    CodedInputStream in = CodedInputStream.newInstance(bytes);
    in.setRecursionLimit(MAX_NESTING);
    // Tensors become views of the array instead of copies.
    in.enableAliasing(true);
    try {
      return ModelProto.parseFrom(in);
    } catch (InvalidProtocolBufferException e) {
      String place =
          "byte " + Math.min(in.getTotalBytesRead(), bytes.length) + " of " + bytes.length + part;
      // The parser has no other sign of it.
      boolean nested = String.valueOf(e.getMessage()).contains("nesting");
      throw new ModelException(
          file,
          nested
              ? place
                  + ": messages are nested more than "
                  + MAX_NESTING
                  + " deep, a subgraph takes three; export the model with fewer loops and branches"
                  + " inside of each other"
              : Kind.of(bytes).message(place, String.valueOf(e.getMessage())),
          e);
    } catch (IOException e) {
      throw new AssertionError("an array was read, not a file", e);
    }
  }

  /**
   * What a file that is no model looks like.
   *
   * @param what it seems to be
   * @param remedy what to do
   */
  private record Kind(String what, String remedy) {
    private static final Kind NONE = new Kind("this is no ONNX model", "export the model to ONNX");

    private static final Kind DAMAGED =
        new Kind(
            "the file starts like an ONNX model, but is cut off or damaged",
            "copy or export it again");

    /** Looks at the first bytes, and for a package at the last ones, too. */
    static Kind of(byte[] bytes) {
      if (bytes.length == 0) {
        return new Kind("the file is empty", "export the model again");
      }
      if (startsWith(bytes, "PK\3\4")) {
        String tail = new String(bytes, StandardCharsets.ISO_8859_1);
        return tail.contains("Sluice package, format ")
            ? new Kind(
                "this is a package already, not an ONNX model",
                "give it to 'sluice run' or 'inspect'")
            : new Kind(
                "this is a ZIP file (PyTorch and Keras use those), not an ONNX model",
                "export it to ONNX");
      }
      if (isText(bytes)) {
        return startsWith(bytes, "version https://git-lfs")
            ? new Kind(
                "this is a Git LFS pointer, not the model itself", "fetch it with 'git lfs pull'")
            : new Kind("this is a text, not an ONNX model", "name a file that ends in .onnx");
      }
      if (startsWith(bytes, "\u0089HDF")) {
        return new Kind(
            "this is an HDF5 file (Keras uses those), not an ONNX model", "export it to ONNX");
      }
      return bytes.length > 2 && bytes[0] == 8 && bytes[1] > 0 && bytes[1] < 64 ? DAMAGED : NONE;
    }

    /** Where a file can't be read on: of use where it is meant to be a model, noise elsewhere. */
    String message(String place, String why) {
      return equals(DAMAGED) || equals(NONE)
          ? place + ": " + what + (why.isEmpty() ? "" : " (" + why + ")") + "; " + remedy
          : message();
    }

    String message() {
      return what + "; " + remedy;
    }
  }

  private static boolean isText(byte[] bytes) {
    for (int i = 0; i < Math.min(HEAD_BYTES, bytes.length); i++) {
      byte b = bytes[i];
      if (b < 0x20 && b != '\n' && b != '\r' && b != '\t') {
        return false;
      }
    }
    return true;
  }

  private static boolean startsWith(byte[] bytes, String magic) {
    byte[] expected = magic.getBytes(StandardCharsets.ISO_8859_1);
    if (bytes.length < expected.length) {
      return false;
    }
    for (int i = 0; i < expected.length; i++) {
      if (bytes[i] != expected[i]) {
        return false;
      }
    }
    return true;
  }
}
