package dev.sluice.converter.image;

import java.awt.Color;
import java.awt.Graphics2D;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import javax.imageio.ImageIO;

/** Writes images for tests. */
public final class TestImages {
  private TestImages() {}

  /** An image of random pixels of this type of {@link BufferedImage}. */
  public static BufferedImage noise(int height, int width, int type, long seed) {
    Random random = new Random(seed);
    BufferedImage image = new BufferedImage(width, height, type);
    for (int y = 0; y < height; y++) {
      for (int x = 0; x < width; x++) {
        int bands = image.getRaster().getNumBands();
        for (int band = 0; band < bands; band++) {
          int bits = image.getSampleModel().getSampleSize(band);
          image.getRaster().setSample(x, y, band, random.nextInt(1 << bits));
        }
      }
    }
    return image;
  }

  /** An image of one colour, 0xRRGGBB. */
  public static BufferedImage plain(int height, int width, int colour) {
    BufferedImage image = new BufferedImage(width, height, BufferedImage.TYPE_INT_RGB);
    Graphics2D graphics = image.createGraphics();
    graphics.setColor(new Color(colour));
    graphics.fillRect(0, 0, width, height);
    graphics.dispose();
    return image;
  }

  /** Writes an image in the format that the file's ending tells. */
  public static Path write(Path file, BufferedImage image) throws IOException {
    Files.createDirectories(file.toAbsolutePath().getParent());
    String name = file.getFileName().toString();
    String ending = name.substring(name.lastIndexOf('.') + 1);
    if (!ImageIO.write(image, ending, file.toFile())) {
      throw new IOException("no writer for " + file);
    }
    return file;
  }
}
