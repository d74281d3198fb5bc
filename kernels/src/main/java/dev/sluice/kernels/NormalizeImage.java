package dev.sluice.kernels;

import dev.sluice.bindings.ElementType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * {@code normalize_image}: 8-bit images, each height x width x channels, to the planes of a batch,
 * rows x channels x height x width of FLOAT, FLOAT16 or INT8. A byte v of channel c becomes v *
 * a[c] + b[c], so that for the usual ((v * scale) - mean) / std, a is scale / std and b is -mean /
 * std.
 *
 * <p>Resizing is bilinear between the four nearest pixels, with half-pixel centres and repeated
 * edges, without an anti-aliasing filter. A letterboxed image keeps its shape, stands in the
 * middle, and {@code fill} (a byte's value, 0 to 255) is around it; the shorter side of what it
 * covers is rounded half up. An image whose size is not positive or does not fit its row counts as
 * absent: all of it is fill.
 *
 * <p>All arithmetic is in floats and in one order, so that the kernel, compiled without contraction
 * into fused operations, and the reference agree bit for bit.
 *
 * <p>Thread safety: immutable.
 *
 * @param type of the result
 * @param height of the result in pixels
 * @param width of the result in pixels
 * @param channels 1, 3 or 4
 * @param resize how an image becomes as large as the result
 * @param reverse whether the first three channels change places: RGB to BGR, or back
 * @param fill what is around a letterboxed image, and in the place of an absent one
 * @param a factor of each channel of the result
 * @param b summand of each channel of the result
 */
@SuppressWarnings("ArrayRecordComponent") // copied on the way in and out; nobody compares
public record NormalizeImage(
    ElementType type,
    int height,
    int width,
    int channels,
    Resize resize,
    boolean reverse,
    float fill,
    float[] a,
    float[] b) {
  /** How an image becomes as large as the result. */
  public enum Resize {
    /** It is as large already. */
    NONE(0),
    /** Both sides are stretched. */
    STRETCH(1),
    /** It keeps its shape, with fill around it. */
    LETTERBOX(2);

    private final int code;

    Resize(int code) {
      this.code = code;
    }

    /** The one that the kernel knows by a number. */
    static Resize ofCode(int code) {
      for (Resize resize : values()) {
        if (resize.code == code) {
          return resize;
        }
      }
      throw new IllegalArgumentException("no resizing has the number " + code);
    }
  }

  /** Checks what it is made of. */
  public NormalizeImage {
    a = a.clone();
    b = b.clone();
    boolean good =
        height > 0
            && width > 0
            && (channels == 1 || channels == 3 || channels == 4)
            && a.length == channels
            && b.length == channels;
    if (!good) {
      throw new IllegalArgumentException(
          "a result of "
              + height
              + "x"
              + width
              + "x"
              + channels
              + " with "
              + a.length
              + " factors and "
              + b.length
              + " summands; sides must be positive, channels 1, 3 or 4, with one of each a channel");
    }
    kernel(type);
  }

  private static Kernel kernel(ElementType type) {
    return switch (type) {
      case FLOAT -> Kernel.NORMALIZE_IMAGE_F32;
      case FLOAT16 -> Kernel.NORMALIZE_IMAGE_F16;
      case INT8 -> Kernel.NORMALIZE_IMAGE_I8;
      default -> throw Elements.unsupported(type);
    };
  }

  /** The kernel that does it. */
  public Kernel kernel() {
    return kernel(type);
  }

  @Override
  public float[] a() {
    return a.clone();
  }

  @Override
  public float[] b() {
    return b.clone();
  }

  /**
   * Prepares a launch.
   *
   * @param source address of rows of {@code rowBytes} bytes, an image at the start of each
   * @param sizes address of height and width of each image, 32-bit integers, or 0 where all are
   *     {@code imageHeight} x {@code imageWidth}; without resizing they are not looked at
   * @param target address of rows * channels * height * width elements
   */
  public void prepare(
      KernelCall call,
      long source,
      long sizes,
      long target,
      long rows,
      long rowBytes,
      int imageHeight,
      int imageWidth) {
    Elements.requireCount(rows, "rows");
    requireFixedSize(rowBytes, imageHeight, imageWidth);
    Elements.requireAligned(target, type, "target");
    Elements.requireAligned(sizes, ElementType.INT32, "sizes");
    call.start(kernel()).add(source).add(sizes).add(target).add(rows).add(rowBytes);
    call.add(imageHeight).add(imageWidth).add(height).add(width).add(channels);
    call.add(resize.code).add(reverse ? 1 : 0).add(fill);
    for (int c = 0; c < 4; c++) {
      call.add(c < channels ? a[c] : 0f);
    }
    for (int c = 0; c < 4; c++) {
      call.add(c < channels ? b[c] : 0f);
    }
    long pixels = (long) height * width;
    int together = resize == Resize.NONE ? 16 / Elements.bytes(type) : 1;
    call.threads(pixels / together + 1).rows(rows);
  }

  private void requireFixedSize(long rowBytes, int imageHeight, int imageWidth) {
    if (resize == Resize.NONE
        && (imageHeight != height
            || imageWidth != width
            || rowBytes < (long) height * width * channels)) {
      throw new IllegalArgumentException(
          "an image of "
              + imageHeight
              + "x"
              + imageWidth
              + " in "
              + rowBytes
              + " bytes is not resized to "
              + height
              + "x"
              + width
              + ": ask for resizing, or give images of that size");
    }
  }

  /**
   * The same in Java.
   *
   * @param sizes null where all images are {@code imageHeight} x {@code imageWidth}
   */
  public void reference(
      MemorySegment source,
      MemorySegment sizes,
      MemorySegment target,
      long rows,
      long rowBytes,
      int imageHeight,
      int imageWidth) {
    requireFixedSize(rowBytes, imageHeight, imageWidth);
    long elements = (long) channels * height * width;
    for (long row = 0; row < rows; row++) {
      long from = row * rowBytes;
      long to = row * elements;
      if (resize == Resize.NONE) {
        plain(source, from, target, to);
        continue;
      }
      int h = sizes == null ? imageHeight : sizes.get(Elements.I32, 8 * row);
      int w = sizes == null ? imageWidth : sizes.get(Elements.I32, 8 * row + 4);
      boolean there = h > 0 && w > 0 && h <= rowBytes / ((long) w * channels);
      if (there) {
        resized(source, from, h, w, target, to);
      } else {
        absent(target, to);
      }
    }
  }

  private int sourceChannel(int c) {
    return reverse && channels >= 3 && c < 3 ? 2 - c : c;
  }

  private void plain(MemorySegment source, long from, MemorySegment target, long to) {
    long pixels = (long) height * width;
    for (int c = 0; c < channels; c++) {
      long at = from + sourceChannel(c);
      long plane = to + c * pixels;
      for (long i = 0; i < pixels; i++) {
        float v = source.get(ValueLayout.JAVA_BYTE, at + i * channels) & 0xff;
        Elements.set(type, target, plane + i, v * a[c] + b[c]);
      }
    }
  }

  private void absent(MemorySegment target, long to) {
    long pixels = (long) height * width;
    for (int c = 0; c < channels; c++) {
      fill(target, to + c * pixels, pixels, fill * a[c] + b[c]);
    }
  }

  private void fill(MemorySegment target, long at, long count, float value) {
    for (long i = 0; i < count; i++) {
      Elements.set(type, target, at + i, value);
    }
  }

  private void resized(
      MemorySegment source, long from, int h, int w, MemorySegment target, long to) {
    int fitHeight = height;
    int fitWidth = width;
    if (resize == Resize.LETTERBOX) {
      if ((long) height * w <= (long) width * h) {
        fitWidth = (int) Math.max(1, (2L * w * height + h) / (2L * h));
      } else {
        fitHeight = (int) Math.max(1, (2L * h * width + w) / (2L * w));
      }
    }
    int top = (height - fitHeight) / 2;
    int left = (width - fitWidth) / 2;
    for (int c = 0; c < channels; c++) {
      long plane = to + (long) c * height * width;
      float around = fill * a[c] + b[c];
      for (int y = 0; y < height; y++) {
        long line = plane + (long) y * width;
        if (y < top || y >= top + fitHeight) {
          fill(target, line, width, around);
          continue;
        }
        fill(target, line, left, around);
        line(
            source,
            from + sourceChannel(c),
            h,
            w,
            sourcePlace(y - top, h, fitHeight),
            fitWidth,
            target,
            line + left,
            c);
        fill(target, line + left + fitWidth, (long) width - left - fitWidth, around);
      }
    }
  }

  private void line(
      MemorySegment source,
      long from,
      int h,
      int w,
      float sy,
      int fitWidth,
      MemorySegment target,
      long to,
      int c) {
    // A side above 2^24 is no float: its last place may round up.
    int y0 = Math.min((int) sy, h - 1);
    int y1 = Math.min(y0 + 1, h - 1);
    float fy = sy - y0;
    long upperLine = from + (long) y0 * w * channels;
    long lowerLine = from + (long) y1 * w * channels;
    for (int x = 0; x < fitWidth; x++) {
      float sx = sourcePlace(x, w, fitWidth);
      int x0 = Math.min((int) sx, w - 1);
      int x1 = Math.min(x0 + 1, w - 1);
      float fx = sx - x0;
      float v00 = pixel(source, upperLine + (long) x0 * channels);
      float v01 = pixel(source, upperLine + (long) x1 * channels);
      float v10 = pixel(source, lowerLine + (long) x0 * channels);
      float v11 = pixel(source, lowerLine + (long) x1 * channels);
      float upper = v00 + fx * (v01 - v00);
      float lower = v10 + fx * (v11 - v10);
      float v = upper + fy * (lower - upper);
      Elements.set(type, target, to + x, v * a[c] + b[c]);
    }
  }

  private static float pixel(MemorySegment source, long at) {
    return source.get(ValueLayout.JAVA_BYTE, at) & 0xff;
  }

  /** Where place i of {@code to} lies in {@code from} places. */
  private static float sourcePlace(int i, int from, int to) {
    float at = (i + 0.5f) * ((float) from / (float) to) - 0.5f;
    float last = from - 1;
    return at < 0 ? 0 : Math.min(at, last);
  }
}
