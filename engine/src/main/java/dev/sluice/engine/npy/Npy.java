package dev.sluice.engine.npy;

import dev.sluice.bindings.ElementType;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.LinkedHashMap;
import java.util.SequencedMap;
import java.util.zip.ZipEntry;
import java.util.zip.ZipException;
import java.util.zip.ZipFile;

/**
 * Reads and writes {@code .npy} (NumPy format 1.0 to 3.0, little endian, C order; the types f2 f4
 * f8 i1 i2 i4 i8 u1 u2 u4 u8 b1) and reads {@code .npz}.
 *
 * <p>Thread safety: stateless.
 */
public final class Npy {
  private static final String ENDING = ".npy";

  private Npy() {}

  /** Whether tensors of this type can be written. */
  public static boolean isSupported(ElementType type) {
    return NpyHeader.isSupported(type);
  }

  /**
   * Reads an array without copying its elements.
   *
   * @param bytes the whole file
   * @param who the file, for messages
   * @return an array over a slice of {@code bytes}
   * @throws NpyException when it is no array, or not one that is taken
   */
  public static NpyArray read(MemorySegment bytes, String who) throws NpyException {
    long headBytes = Math.min(NpyHeader.MAX_BYTES, bytes.byteSize());
    byte[] head = bytes.asSlice(0, headBytes).toArray(ValueLayout.JAVA_BYTE);
    NpyHeader header = NpyHeader.parse(head, who);
    return array(header, bytes.asSlice(header.sizeBytes()), who);
  }

  /**
   * Reads a file into the heap.
   *
   * @throws NpyException when it is no array, or not one that is taken
   */
  public static NpyArray read(Path file) throws IOException {
    try (InputStream in = Files.newInputStream(file)) {
      return read(in, file.toString());
    }
  }

  /**
   * Reads every array of an {@code .npz} file, by name without {@code .npy}, in the file's order.
   *
   * @throws NpyException when it is no ZIP file, or an entry is no array that is taken
   */
  public static SequencedMap<String, NpyArray> readNpz(Path file) throws IOException {
    SequencedMap<String, NpyArray> arrays = new LinkedHashMap<>();
    try (ZipFile zip = new ZipFile(file.toFile())) {
      for (ZipEntry entry : (Iterable<ZipEntry>) zip.stream().map(e -> (ZipEntry) e)::iterator) {
        if (entry.isDirectory()) {
          continue;
        }
        String name = entry.getName();
        String key =
            name.endsWith(ENDING) ? name.substring(0, name.length() - ENDING.length()) : name;
        try (InputStream in = zip.getInputStream(entry)) {
          arrays.put(key, read(in, file + ": " + name));
        }
      }
    } catch (ZipException | EOFException e) {
      throw new NpyException(
          file + ": is no .npz file or damaged (" + e.getMessage() + "); save it with numpy.savez");
    }
    return arrays;
  }

  /**
   * Writes an array.
   *
   * @param file replaced if it is there
   * @throws IllegalArgumentException when NumPy lacks the type
   */
  public static void write(Path file, NpyArray array) throws IOException {
    MemorySegment header = MemorySegment.ofArray(NpyHeader.format(array.type(), array.shape()));
    try (FileChannel out =
        FileChannel.open(
            file,
            StandardOpenOption.CREATE,
            StandardOpenOption.TRUNCATE_EXISTING,
            StandardOpenOption.WRITE)) {
      for (MemorySegment part : new MemorySegment[] {header, array.data()}) {
        for (long at = 0; at < part.byteSize(); ) {
          long length = Math.min(1 << 20, part.byteSize() - at);
          at += out.write(part.asSlice(at, length).asByteBuffer());
        }
      }
    }
  }

  /** The bytes of a {@code .npy} file that holds the array. */
  public static byte[] encode(NpyArray array) {
    byte[] header = NpyHeader.format(array.type(), array.shape());
    byte[] bytes = new byte[Math.toIntExact(header.length + array.data().byteSize())];
    System.arraycopy(header, 0, bytes, 0, header.length);
    MemorySegment.ofArray(bytes).asSlice(header.length).copyFrom(array.data());
    return bytes;
  }

  /** Reads no more than the header says, and keeps no more than there is. */
  private static NpyArray read(InputStream in, String who) throws IOException {
    byte[] prefix = in.readNBytes(NpyHeader.LONGEST_PREFIX);
    int wanted = 0;
    if (prefix.length == NpyHeader.LONGEST_PREFIX) {
      int length = (prefix[8] & 0xff) | (prefix[9] & 0xff) << 8;
      // In version 1.0 two bytes of the text were read with the prefix.
      wanted = Math.min(prefix[6] == 1 ? length - 2 : length, NpyHeader.MAX_BYTES);
    }
    byte[] rest = in.readNBytes(Math.max(0, wanted));
    byte[] head = new byte[prefix.length + rest.length];
    System.arraycopy(prefix, 0, head, 0, prefix.length);
    System.arraycopy(rest, 0, head, prefix.length, rest.length);
    NpyHeader header = NpyHeader.parse(head, who);
    long sizeBytes = header.type().byteSize(header.shape().elementCount());
    if (sizeBytes > Integer.MAX_VALUE - 16) {
      throw new NpyException(
          who + ": " + sizeBytes + " bytes of elements; arrays of up to 2 GiB are read");
    }
    byte[] data = in.readNBytes((int) sizeBytes + 1);
    return array(header, MemorySegment.ofArray(data), who);
  }

  private static NpyArray array(NpyHeader header, MemorySegment data, String who)
      throws NpyException {
    long sizeBytes = header.type().byteSize(header.shape().elementCount());
    if (data.byteSize() != sizeBytes) {
      throw new NpyException(
          who
              + ": byte "
              + header.sizeBytes()
              + ": "
              + header.type()
              + header.shape()
              + " takes "
              + sizeBytes
              + " bytes, there are "
              + (data.byteSize() > sizeBytes ? "more" : data.byteSize())
              + "; the file is cut off or damaged: save it again");
    }
    if (header.type() == ElementType.BOOL) {
      checkBooleans(data, header.sizeBytes(), who);
    }
    return new NpyArray(header.type(), header.shape(), data);
  }

  /** Native code may do anything with a bool that is neither 0 nor 1. */
  private static void checkBooleans(MemorySegment data, int offset, String who)
      throws NpyException {
    for (long i = 0; i < data.byteSize(); i++) {
      byte value = data.get(ValueLayout.JAVA_BYTE, i);
      if (value != 0 && value != 1) {
        throw new NpyException(
            who + ": byte " + (offset + i) + ": " + value + " is no bool; save the array again");
      }
    }
  }
}
