package dev.sluice.bench.train;

import dev.sluice.bindings.ElementType;
import dev.sluice.engine.Shape;
import dev.sluice.engine.npy.Npy;
import dev.sluice.engine.npy.NpyArray;
import java.io.IOException;
import java.io.OutputStream;
import java.lang.foreign.MemorySegment;
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
      labels[i] = (byte) data.label(i);
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

  /** The images as the network takes them. */
  LabelledRows rows() {
    float[] light = new float[pixels.length];
    int[] classes = new int[labels.length];
    for (int i = 0; i < labels.length; i++) {
      HexDigits.scale(pixels, i * HexDigits.PIXELS, light, i * HexDigits.PIXELS);
      classes[i] = labels[i];
    }
    return new LabelledRows(light, classes);
  }

  /** Writes the file described above; the stream stays open. */
  void writeNpz(OutputStream stream) throws IOException {
    ZipOutputStream zip = new ZipOutputStream(stream);
    int side = HexDigits.SIDE;
    writeEntry(zip, "image.npy", Shape.of(count(), 1, side, side), pixels);
    writeEntry(zip, "label.npy", Shape.of(count()), labels);
    zip.finish();
  }

  private static void writeEntry(ZipOutputStream zip, String name, Shape shape, byte[] values)
      throws IOException {
    byte[] file = Npy.encode(new NpyArray(ElementType.UINT8, shape, MemorySegment.ofArray(values)));
    CRC32 crc = new CRC32();
    crc.update(file);
    ZipEntry entry = new ZipEntry(name);
    entry.setMethod(ZipEntry.STORED);
    entry.setSize(file.length);
    entry.setCrc(crc.getValue());
    entry.setTimeLocal(LocalDateTime.of(1980, 1, 1, 0, 0));
    zip.putNextEntry(entry);
    zip.write(file);
    zip.closeEntry();
  }
}
