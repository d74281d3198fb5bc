package dev.sluice.bench.train;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.time.LocalDateTime;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/**
 * A set of images with their labels, and its form as a file: an {@code .npz} of {@code image.npy},
 * {@code u1[n, 1, side, side]}, and {@code label.npy}, {@code u1[n]}. The entries are stored, not
 * deflated, and dated 1980, so equal sets give equal files: deflated bytes differ between versions
 * of zlib.
 *
 * <p>The arrays are shared, not copied; whoever writes them keeps readers away.
 */
final class LabelledImages {
  /** Multiple that a NumPy header is padded to, by its format description. */
  private static final int NPY_ALIGNMENT = 64;

  private final byte[] pixels;
  private final byte[] labels;

  private LabelledImages(byte[] pixels, byte[] labels) {
    this.pixels = pixels;
    this.labels = labels;
  }

  /** Draws the first {@code count} samples of a family under a seed. */
  static LabelledImages draw(Family family, long seed, int count) {
    HexDigits data = new HexDigits(family, seed);
    byte[] pixels = new byte[count * HexDigits.PIXELS];
    byte[] labels = new byte[count];
    for (int i = 0; i < count; i++) {
      data.draw(i, pixels, i * HexDigits.PIXELS);
      labels[i] = (byte) HexDigits.label(i);
    }
    return new LabelledImages(pixels, labels);
  }

  /** {@link HexDigits#PIXELS} bytes per image. */
  byte[] pixels() {
    return pixels;
  }

  /** One class per image. */
  byte[] labels() {
    return labels;
  }

  int count() {
    return labels.length;
  }

  /** Writes the file described above; the stream stays open. */
  void writeNpz(OutputStream stream) throws IOException {
    ZipOutputStream zip = new ZipOutputStream(stream);
    int side = HexDigits.SIDE;
    writeEntry(zip, "image.npy", "(%d, 1, %d, %d)".formatted(count(), side, side), pixels);
    writeEntry(zip, "label.npy", "(%d,)".formatted(count()), labels);
    zip.finish();
  }

  private static void writeEntry(ZipOutputStream zip, String name, String shape, byte[] values)
      throws IOException {
    byte[] header = npyHeader(shape);
    CRC32 crc = new CRC32();
    crc.update(header);
    crc.update(values);
    ZipEntry entry = new ZipEntry(name);
    entry.setMethod(ZipEntry.STORED);
    entry.setSize(header.length + values.length);
    entry.setCrc(crc.getValue());
    entry.setTimeLocal(LocalDateTime.of(1980, 1, 1, 0, 0));
    zip.putNextEntry(entry);
    zip.write(header);
    zip.write(values);
    zip.closeEntry();
  }

  /** Format 1.0: magic, version, length of the text, the text padded by spaces. */
  private static byte[] npyHeader(String shape) {
    String text = "{'descr': '|u1', 'fortran_order': False, 'shape': " + shape + ", }";
    int prefix = 10;
    int length = Math.ceilDiv(prefix + text.length() + 1, NPY_ALIGNMENT) * NPY_ALIGNMENT - prefix;
    String padded = text + " ".repeat(length - 1 - text.length()) + "\n";
    return ByteBuffer.allocate(prefix + length)
        .order(ByteOrder.LITTLE_ENDIAN)
        .put((byte) 0x93)
        .put("NUMPY".getBytes(StandardCharsets.US_ASCII))
        .put((byte) 1)
        .put((byte) 0)
        .putShort((short) length)
        .put(padded.getBytes(StandardCharsets.US_ASCII))
        .array();
  }
}
