package dev.sluice.converter.graph;

import com.google.protobuf.ByteString;
import dev.sluice.bindings.ElementType;
import dev.sluice.converter.onnx.TensorData;
import dev.sluice.converter.onnx.proto.Onnx.TensorProto;
import dev.sluice.engine.Shape;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The bytes of a model's constants, and room for new ones: small ones lie in the message, large
 * ones in a file that is mapped and has no name, so that it is gone when the arena is closed or the
 * process ends.
 *
 * <p>Thread safety: used by one thread.
 */
public final class NewWeights {
  private final TensorData data;
  private final Path folder;
  private final Arena arena;
  private final Map<Derived, TensorProto> derived = new HashMap<>();

  /**
   * Room for new weights.
   *
   * @param data finds the bytes of the model's own
   * @param folder where files may be made
   * @param arena how long they stay
   */
  public NewWeights(TensorData data, Path folder, Arena arena) {
    this.data = data;
    this.folder = folder;
    this.arena = arena;
  }

  /** The elements of a constant in C order, little endian. */
  public MemorySegment bytes(TensorProto tensor) throws IOException {
    return data.bytes(tensor);
  }

  /** What makes the elements of a constant out of those of another. */
  @FunctionalInterface
  public interface Conversion {
    /** Writes as many elements as there are; both are in C order, little endian. */
    void write(MemorySegment from, MemorySegment to);
  }

  /** A large constant in another type: of the same bytes, the same. */
  private record Derived(Object data, List<Long> dims, int from, ElementType to) {}

  /**
   * A constant in another element type. A large one is written once, whatever it is called: trials
   * of many graphs share it.
   *
   * @param conversion always the same for the same types
   */
  public TensorProto converted(
      TensorProto constant, String name, ElementType type, Conversion conversion)
      throws IOException {
    Object bytes =
        constant.getDataLocation() == TensorProto.DataLocation.EXTERNAL
            ? constant.getExternalDataList()
            : constant.getRawData();
    Derived key = new Derived(bytes, constant.getDimsList(), constant.getDataType(), type);
    TensorProto before = derived.get(key);
    if (before != null) {
      return before.toBuilder().setName(name).build();
    }
    Shape shape = Shape.of(constant.getDimsList().stream().mapToLong(Long::longValue).toArray());
    Room room = room(name, type, shape);
    conversion.write(bytes(constant), room.bytes());
    TensorProto made = room.tensor();
    if (made.getDataLocation() == TensorProto.DataLocation.EXTERNAL
        && (bytes instanceof List<?> || constant.hasRawData())) {
      derived.put(key, made);
    }
    return made;
  }

  /** A constant to be filled in. */
  public Room room(String name, ElementType type, Shape shape) throws IOException {
    long sizeBytes = type.byteSize(shape.elementCount());
    if (sizeBytes < TypeInference.LARGE_BYTES) {
      return new Room(name, type, shape, MemorySegment.ofArray(new byte[(int) sizeBytes]));
    }
    Path file = Files.createTempFile(folder, ".weights", null);
    try (FileChannel channel =
        FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
      return new Room(
          name, type, shape, channel.map(FileChannel.MapMode.READ_WRITE, 0, sizeBytes, arena));
    } finally {
      Files.delete(file);
    }
  }

  /** A constant whose bytes are written before it is asked for. */
  public final class Room {
    private final String name;
    private final ElementType type;
    private final Shape shape;
    private final MemorySegment bytes;

    private Room(String name, ElementType type, Shape shape, MemorySegment bytes) {
      this.name = name;
      this.type = type;
      this.shape = shape;
      this.bytes = bytes;
    }

    /** Where to write, C order, little endian. */
    public MemorySegment bytes() {
      return bytes;
    }

    /** The constant. */
    public TensorProto tensor() {
      TensorProto.Builder tensor = TensorProto.newBuilder().setName(name).setDataType(type.code());
      for (long dim : shape.dims()) {
        tensor.addDims(dim);
      }
      if (!bytes.isNative()) {
        return tensor.setRawData(ByteString.copyFrom(bytes.asByteBuffer())).build();
      }
      return data.keep(tensor.build(), bytes);
    }
  }
}
