package dev.sluice.converter.image;

import java.awt.color.ColorSpace;
import java.awt.image.BufferedImage;
import java.awt.image.ColorModel;
import java.awt.image.IndexColorModel;
import java.awt.image.Raster;
import java.nio.file.Path;

/**
 * The samples of a decoded image as bytes. {@code BufferedImage.getRGB} would convert grey and
 * profiled images to sRGB, which changes their values.
 *
 * <p>Thread safety: stateless.
 */
final class Pixels {
  private Pixels() {}

  static Image of(Path file, BufferedImage image, int channels) throws ImageException {
    ColorModel colours = image.getColorModel();
    Raster raster = image.getRaster();
    int bands = raster.getNumBands();
    boolean palette = colours instanceof IndexColorModel;
    boolean grey = !palette && bands <= 2;
    int space = colours.getColorSpace().getType();
    if (!palette && space != (grey ? ColorSpace.TYPE_GRAY : ColorSpace.TYPE_RGB)) {
      throw new ImageException(
          file, "is in CMYK or other colours that are neither RGB nor grey; convert it to RGB");
    }
    int height = image.getHeight();
    int width = image.getWidth();
    byte[] pixels = new byte[Math.multiplyExact(Math.multiplyExact(height, width), channels)];
    int[] row = new int[width * bands];
    int[] rgb = new int[3];
    int at = 0;
    for (int y = 0; y < height; y++) {
      raster.getPixels(raster.getMinX(), raster.getMinY() + y, width, 1, row);
      for (int x = 0; x < width; x++) {
        if (palette) {
          int colour = colours.getRGB(row[x]);
          rgb[0] = colour >> 16 & 0xff;
          rgb[1] = colour >> 8 & 0xff;
          rgb[2] = colour & 0xff;
        } else {
          for (int c = 0; c < 3; c++) {
            int band = grey ? 0 : c;
            rgb[c] = eightBits(row[x * bands + band], colours.getComponentSize(band));
          }
        }
        if (channels == 3) {
          pixels[at++] = (byte) rgb[0];
          pixels[at++] = (byte) rgb[1];
          pixels[at++] = (byte) rgb[2];
        } else {
          pixels[at++] = (byte) luma(rgb);
        }
      }
    }
    return new Image(height, width, channels, pixels);
  }

  private static int eightBits(int sample, int bits) {
    int largest = (1 << bits) - 1;
    return bits == 8 ? sample : (int) ((sample * 255L + largest / 2) / largest);
  }

  /** ITU-R BT.601, the weights of JPEG itself. */
  private static int luma(int[] rgb) {
    return (299 * rgb[0] + 587 * rgb[1] + 114 * rgb[2] + 500) / 1000;
  }
}
