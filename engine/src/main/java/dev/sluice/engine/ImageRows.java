package dev.sluice.engine;

import dev.sluice.engine.stage.InputStage;
import dev.sluice.engine.stage.InputStep;
import dev.sluice.engine.stage.StagePlan;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * Writes images into an input that takes them, in place: pixels, and where images differ in size
 * that, too. Row 0 is the first row of the request. Pixels are bytes in the order row, column,
 * channel, from the top left; three channels are red, green, blue. Allocates nothing.
 *
 * <p>Thread safety: as the request it belongs to.
 */
public final class ImageRows {
  private static final ValueLayout.OfInt I32 =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final Inputs inputs;
  private final InputStep step;
  private final InputStage stage;

  private ImageRows(Inputs inputs, InputStep step) {
    this.inputs = inputs;
    this.step = step;
    this.stage = step.stage();
  }

  /**
   * Images into inputs of one's own, where samples are collected before a request takes them, say.
   *
   * @param inputs where the images and their sizes are written
   * @param signature what callers see
   * @param plan the stages of the package
   * @param index of the input that takes images
   * @throws IllegalArgumentException where the input does not take images
   */
  public static ImageRows of(Inputs inputs, Signature signature, StagePlan plan, int index) {
    InputStep step = plan.images(index);
    if (step == null) {
      throw new IllegalArgumentException(
          "input "
              + signature.inputs().get(index)
              + " takes no images: write its memory, or build the package with --input-stage");
    }
    return new ImageRows(inputs, step);
  }

  /** What the input takes: channels, sizes, and what is done with them. */
  public InputStage stage() {
    return stage;
  }

  /**
   * Writes an image out of memory.
   *
   * @param row 0 to the images of the request - 1
   * @param height of the image in pixels
   * @param width of the image in pixels
   * @param pixels height * width * channels bytes
   * @throws IllegalArgumentException where the size or the number of bytes does not fit; nothing is
   *     written then
   */
  public void put(int row, int height, int width, MemorySegment pixels) {
    MemorySegment target = target(row, height, width, pixels.byteSize());
    MemorySegment.copy(pixels, 0, target, offset(row), pixels.byteSize());
    size(row, height, width);
  }

  /** Writes an image out of an array; see {@link #put(int, int, int, MemorySegment)}. */
  public void put(int row, int height, int width, byte[] pixels) {
    MemorySegment target = target(row, height, width, pixels.length);
    MemorySegment.copy(pixels, 0, target, ValueLayout.JAVA_BYTE, offset(row), pixels.length);
    size(row, height, width);
  }

  /**
   * Writes an image out of packed pixels, 0xRRGGBB each, as {@code BufferedImage.getRGB} gives
   * them; the uppermost byte is not looked at. For inputs of three channels.
   *
   * @throws IllegalArgumentException as {@link #put(int, int, int, MemorySegment)}
   */
  public void put(int row, int height, int width, int[] rgb) {
    if (stage.channels() != 3) {
      throw new IllegalArgumentException(
          "input '" + stage.tensor() + "' has one channel: give bytes, one for each pixel");
    }
    MemorySegment target = target(row, height, width, 3L * rgb.length);
    long at = offset(row);
    for (int pixel : rgb) {
      target.set(ValueLayout.JAVA_BYTE, at, (byte) (pixel >> 16));
      target.set(ValueLayout.JAVA_BYTE, at + 1, (byte) (pixel >> 8));
      target.set(ValueLayout.JAVA_BYTE, at + 2, (byte) pixel);
      at += 3;
    }
    size(row, height, width);
  }

  private long offset(int row) {
    return (long) row * stage.capacityBytes();
  }

  private MemorySegment target(int row, int height, int width, long givenBytes) {
    if (!stage.fits(height, width)) {
      throw new IllegalArgumentException(stage.sizeProblem(height, width));
    }
    long wanted = (long) height * width * stage.channels();
    if (givenBytes != wanted) {
      throw new IllegalArgumentException(
          "an image of "
              + height
              + "x"
              + width
              + " for input '"
              + stage.tensor()
              + "' has "
              + wanted
              + " bytes, but "
              + givenBytes
              + " were given");
    }
    MemorySegment target = inputs.input(step.served());
    if (row < 0 || offset(row) + stage.capacityBytes() > target.byteSize()) {
      throw new IllegalArgumentException(
          "row "
              + row
              + " of input '"
              + stage.tensor()
              + "', but this request has "
              + target.byteSize() / stage.capacityBytes());
    }
    return target;
  }

  private void size(int row, int height, int width) {
    if (step.sizes() >= 0) {
      MemorySegment sizes = inputs.input(step.sizes());
      sizes.set(I32, row * 2L * Integer.BYTES, height);
      sizes.set(I32, row * 2L * Integer.BYTES + Integer.BYTES, width);
    }
  }
}
