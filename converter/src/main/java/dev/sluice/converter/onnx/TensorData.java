package dev.sluice.converter.onnx;

import com.google.protobuf.ByteString;
import dev.sluice.bindings.ElementType;
import dev.sluice.converter.onnx.proto.Onnx.AttributeProto;
import dev.sluice.converter.onnx.proto.Onnx.GraphProto;
import dev.sluice.converter.onnx.proto.Onnx.NodeProto;
import dev.sluice.converter.onnx.proto.Onnx.StringStringEntryProto;
import dev.sluice.converter.onnx.proto.Onnx.TensorProto;
import dev.sluice.engine.Shape;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The bytes of a model's tensors, wherever the model keeps them: in raw form, in one of the typed
 * fields, or in another file of the model's folder, which is mapped.
 *
 * <p>Thread safety: used by one thread.
 */
public final class TensorData {
  private static final String OWN = "\0model ";
  private static final String KEPT = "\0kept ";

  private final Path model;
  private final Arena arena;
  private final Map<String, MemorySegment> externalFiles = new HashMap<>();
  private final Map<Path, FileState> mapped = new HashMap<>();

  /**
   * Gives the bytes of the tensors of one model.
   *
   * @param model the model's file; external data is looked for in its folder and nowhere else
   * @param arena how long mapped files stay mapped
   */
  public TensorData(Path model, Arena arena) {
    this.model = model.toAbsolutePath();
    this.arena = arena;
  }

  /**
   * Throws where the data of a tensor are not there, or are more or fewer than its shape says;
   * reads none of them. Whoever trusts a shape beyond what a file holds makes its reader count to
   * it.
   */
  public void check(TensorProto tensor) throws IOException {
    ElementType type = type(tensor);
    if (tensor.getDataLocation() == TensorProto.DataLocation.EXTERNAL) {
      bytes(tensor);
    } else if (type == ElementType.STRING) {
      checkCount(tensor, tensor.getStringDataCount(), elements(tensor));
    } else if (tensor.hasRawData()) {
      checkBytes(tensor, tensor.getRawData().size(), sizeBytes(tensor, type));
    } else {
      checkCount(tensor, typedCount(tensor, type), typedExpected(tensor, type));
    }
  }

  /** Does so for the constants of a graph: initializers, and tensors in attributes of its nodes. */
  public void checkAll(GraphProto graph) throws IOException {
    for (TensorProto tensor : graph.getInitializerList()) {
      check(tensor);
    }
    for (NodeProto node : graph.getNodeList()) {
      for (AttributeProto attribute : node.getAttributeList()) {
        if (attribute.hasT()) {
          check(attribute.getT());
        }
      }
    }
  }

  private long elements(TensorProto tensor) throws ModelException {
    try {
      return shape(tensor).elementCount();
    } catch (ArithmeticException e) {
      throw tooLarge(tensor, e);
    }
  }

  private long sizeBytes(TensorProto tensor, ElementType type) throws ModelException {
    try {
      return type.byteSize(elements(tensor));
    } catch (ArithmeticException e) {
      throw tooLarge(tensor, e);
    }
  }

  private ModelException tooLarge(TensorProto tensor, ArithmeticException e) {
    return refuse(tensor, "is larger than any memory; export the model again", e);
  }

  /**
   * The elements of a tensor in C order, little endian, packed.
   *
   * @throws ModelException when they are not there, or are more or fewer than the shape says
   */
  public MemorySegment bytes(TensorProto tensor) throws IOException {
    ElementType type = type(tensor);
    long expected = sizeBytes(tensor, type);
    MemorySegment bytes;
    if (tensor.getDataLocation() == TensorProto.DataLocation.EXTERNAL) {
      bytes = external(tensor, expected);
    } else if (tensor.hasRawData()) {
      bytes = MemorySegment.ofBuffer(tensor.getRawData().asReadOnlyByteBuffer());
    } else {
      bytes = MemorySegment.ofArray(typed(tensor, type));
    }
    checkBytes(tensor, bytes.byteSize(), expected);
    return bytes;
  }

  private void checkBytes(TensorProto tensor, long actual, long expected) throws ModelException {
    if (actual != expected) {
      throw refuse(
          tensor,
          "has "
              + actual
              + " bytes, its shape "
              + tensor.getDimsList()
              + " needs "
              + expected
              + "; the file is damaged: export it again",
          null);
    }
  }

  private void checkCount(TensorProto tensor, long actual, long expected) throws ModelException {
    if (actual != expected) {
      throw refuse(
          tensor,
          "has "
              + actual
              + " elements, its shape "
              + tensor.getDimsList()
              + " needs "
              + expected
              + "; the file is damaged: export it again",
          null);
    }
  }

  /**
   * Keeps the bytes of a tensor that no file has.
   *
   * @param tensor without data
   * @param bytes its elements in C order, little endian; they stay where they are
   * @return the tensor with a reference that this object alone understands
   */
  public TensorProto keep(TensorProto tensor, MemorySegment bytes) {
    // No path holds a zero, so no file is meant.
    String location = KEPT + externalFiles.size();
    externalFiles.put(location, bytes);
    return tensor.toBuilder()
        .setDataLocation(TensorProto.DataLocation.EXTERNAL)
        .addExternalData(StringStringEntryProto.newBuilder().setKey("location").setValue(location))
        .build();
  }

  /** Whether a tensor's data is what {@link #keep} was given. */
  public static boolean isKept(TensorProto tensor) {
    return field(tensor.getExternalDataList(), "location", "").startsWith(KEPT);
  }

  /** The shape of a tensor. */
  public Shape shape(TensorProto tensor) throws ModelException {
    for (long dim : tensor.getDimsList()) {
      if (dim < 0) {
        throw refuse(
            tensor,
            "has the shape " + tensor.getDimsList() + ", with a negative extent; export it again",
            null);
      }
    }
    return Shape.of(tensor.getDimsList().stream().mapToLong(Long::longValue).toArray());
  }

  /** The element type of a tensor. */
  public ElementType type(TensorProto tensor) throws ModelException {
    try {
      return ElementType.ofCode(tensor.getDataType());
    } catch (IllegalArgumentException e) {
      throw refuse(
          tensor,
          "has the element type "
              + OnnxModel.typeName(tensor.getDataType())
              + ", which no backend takes; export it with another type",
          e);
    }
  }

  /** How many numbers are in the field that the standard has for the type. */
  private static int typedCount(TensorProto tensor, ElementType type) {
    return switch (type) {
      case FLOAT, COMPLEX64 -> tensor.getFloatDataCount();
      case DOUBLE, COMPLEX128 -> tensor.getDoubleDataCount();
      case INT64 -> tensor.getInt64DataCount();
      case UINT32, UINT64 -> tensor.getUint64DataCount();
      case STRING -> throw new IllegalArgumentException("strings have no bytes");
      default -> tensor.getInt32DataCount();
    };
  }

  private static int perElement(ElementType type) {
    return type == ElementType.COMPLEX64 || type == ElementType.COMPLEX128 ? 2 : 1;
  }

  /** How many there should be. */
  private long typedExpected(TensorProto tensor, ElementType type) throws ModelException {
    // 4-bit types: each int32 holds one byte, which is two elements.
    return type.bits() < 8
        ? sizeBytes(tensor, type)
        : Math.multiplyExact(elements(tensor), perElement(type));
  }

  /** The elements out of the field that the standard has for the type. */
  private byte[] typed(TensorProto tensor, ElementType type) throws ModelException {
    int count = typedCount(tensor, type);
    checkCount(tensor, count, typedExpected(tensor, type));
    int perElement = perElement(type);
    int width = Math.max(8, type.bits() / perElement) / 8;
    ByteBuffer out = ByteBuffer.allocate(Math.multiplyExact(count, width));
    out.order(ByteOrder.LITTLE_ENDIAN);
    for (int i = 0; i < count; i++) {
      switch (type) {
        case FLOAT, COMPLEX64 -> out.putFloat(tensor.getFloatData(i));
        case DOUBLE, COMPLEX128 -> out.putDouble(tensor.getDoubleData(i));
        case INT64 -> out.putLong(tensor.getInt64Data(i));
        case UINT64 -> out.putLong(tensor.getUint64Data(i));
        case UINT32 -> out.putInt((int) tensor.getUint64Data(i));
        case INT32 -> out.putInt(tensor.getInt32Data(i));
        default -> {
          if (width == 2) {
            out.putShort((short) tensor.getInt32Data(i));
          } else {
            out.put((byte) tensor.getInt32Data(i));
          }
        }
      }
    }
    return out.array();
  }

  private MemorySegment external(TensorProto tensor, long expected) throws IOException {
    String location = field(tensor.getExternalDataList(), "location", "");
    MemorySegment whole = externalFiles.get(location);
    if (whole == null) {
      whole = location.startsWith(OWN) ? mapOwn(tensor, location) : map(tensor, location);
      externalFiles.put(location, whole);
    }
    long offset;
    long length;
    try {
      offset = Long.parseLong(field(tensor.getExternalDataList(), "offset", "0"));
      length = Long.parseLong(field(tensor.getExternalDataList(), "length", "" + expected));
    } catch (NumberFormatException e) {
      throw refuse(tensor, "has an offset or length that is no number; export it again", e);
    }
    if (offset < 0 || length < 0 || length > whole.byteSize() - offset) {
      throw refuse(
          tensor,
          "lies at byte "
              + offset
              + ", "
              + length
              + " bytes long, outside of '"
              + location
              + "' of "
              + whole.byteSize()
              + " bytes; the file is cut off: copy it again",
          null);
    }
    return whole.asSlice(offset, length);
  }

  /** How a reference calls the model's own file: no path holds a zero. */
  static String own(FileState state) {
    return OWN + state;
  }

  /** Whether a tensor's data lies in the model's own file, out of which it was cut. */
  static boolean isOwn(TensorProto tensor) {
    return field(tensor.getExternalDataList(), "location", "").startsWith(OWN);
  }

  /** Maps the model's own file, which must be what it was when it was read. */
  private MemorySegment mapOwn(TensorProto tensor, String location) throws IOException {
    try (FileChannel channel = FileChannel.open(model, StandardOpenOption.READ)) {
      FileState state = FileState.of(model);
      if (!location.equals(own(state))) {
        throw refuse(
            tensor,
            "lies in the model's file, which was changed while it was read; try again when nothing"
                + " writes to it",
            null);
      }
      mapped.putIfAbsent(model, state);
      return channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena);
    }
  }

  /** Maps a file that must lie inside of the model's folder, links resolved. */
  private MemorySegment map(TensorProto tensor, String location) throws IOException {
    Path folder = model.getParent().toRealPath();
    Path file;
    try {
      Path relative = Path.of(location);
      file = folder.resolve(relative).normalize();
      if (location.isEmpty() || relative.isAbsolute() || !file.startsWith(folder)) {
        throw refuse(
            tensor,
            "is kept in '"
                + location
                + "', outside of the model's folder, where no model is trusted to look; put the file"
                + " beside the model, and export it with that name",
            null);
      }
    } catch (InvalidPathException e) {
      throw refuse(tensor, "is kept in '" + location + "', which is no path; export it again", e);
    }
    if (!Files.isRegularFile(file)) {
      throw refuse(
          tensor,
          "is kept in '" + location + "', which is not there; copy the file beside the model",
          null);
    }
    Path real = file.toRealPath();
    if (!real.startsWith(folder)) {
      throw refuse(
          tensor,
          "is kept in '"
              + location
              + "', a link out of the model's folder; put the file itself in its place",
          null);
    }
    // A link that is put in the place of what was checked is not followed.
    try (FileChannel channel =
        FileChannel.open(real, StandardOpenOption.READ, LinkOption.NOFOLLOW_LINKS)) {
      FileState state = FileState.of(real);
      if (state.sizeBytes() != channel.size()) {
        throw refuse(
            tensor,
            "is kept in '"
                + location
                + "', which was changed while it was read; try again when"
                + " nothing writes to it",
            null);
      }
      mapped.putIfAbsent(real, state);
      return channel.map(FileChannel.MapMode.READ_ONLY, 0, state.sizeBytes(), arena);
    }
  }

  /**
   * Throws where a file that was mapped is no more what it was then: what was read may be of two
   * versions.
   *
   * @param cause what became of reading them; null where that went well
   */
  public void checkUnchanged(Throwable cause) throws ModelException {
    for (Map.Entry<Path, FileState> file : mapped.entrySet()) {
      file.getValue().check(file.getKey(), model, cause);
    }
  }

  private static String field(List<StringStringEntryProto> fields, String key, String absent) {
    for (StringStringEntryProto field : fields) {
      if (field.getKey().equals(key)) {
        return field.getValue();
      }
    }
    return absent;
  }

  private ModelException refuse(TensorProto tensor, String problem, Throwable cause) {
    return new ModelException(model, "the tensor '" + tensor.getName() + "' " + problem, cause);
  }

  /** A segment as bytes of a message, copied. */
  public static ByteString copy(MemorySegment segment) {
    return ByteString.copyFrom(segment.asByteBuffer());
  }
}
