package dev.sluice.converter.image;

import dev.sluice.engine.stage.InputStage;
import java.awt.image.BufferedImage;
import java.io.EOFException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Iterator;
import java.util.Locale;
import javax.imageio.ImageIO;
import javax.imageio.ImageReader;
import javax.imageio.stream.FileImageInputStream;
import javax.imageio.stream.ImageInputStream;

/**
 * Reads JPEG and PNG files. What a file is tells its content, not its name. Its size is checked
 * before anything is decoded. Pixels come out as they are stored: colour profiles and the
 * orientation in EXIF data are not applied, alpha is dropped, as Pillow and torchvision do.
 *
 * <p>Thread safety: stateless.
 */
public final class ImageFile {
  private ImageFile() {}

  /** Whether a file's name says that it is an image that is read here. */
  public static boolean isNamedLikeOne(Path file) {
    String name = file.toString().toLowerCase(Locale.ROOT);
    return name.endsWith(".jpg") || name.endsWith(".jpeg") || name.endsWith(".png");
  }

  /**
   * Reads an image.
   *
   * @param stage how many channels it gets, and how large it may be
   * @throws ImageException where the file is no JPEG or PNG, is damaged, too large, or in colours
   *     that the JDK does not decode
   */
  public static Image read(Path file, InputStage stage) throws IOException {
    if (!Files.exists(file)) {
      throw new NoSuchFileException(file.toString());
    }
    if (!Files.isRegularFile(file)) {
      throw new ImageException(file, "is not a regular file; name a JPEG or PNG");
    }
    try (ImageInputStream in = new FileImageInputStream(file.toFile())) {
      String format = format(file, in);
      Iterator<ImageReader> readers = ImageIO.getImageReadersByFormatName(format);
      if (!readers.hasNext()) {
        throw new ImageException(file, "this JDK has no reader for " + format + "; use another");
      }
      ImageReader reader = readers.next();
      try {
        return Pixels.of(file, decode(file, in, reader, format, stage), stage.channels());
      } finally {
        reader.dispose();
      }
    }
  }

  private static BufferedImage decode(
      Path file, ImageInputStream in, ImageReader reader, String format, InputStage stage)
      throws IOException {
    String[] damage = new String[1];
    try {
      // Without metadata, whose oddities are no reason to refuse the pixels.
      reader.setInput(in, true, true);
      int height = reader.getHeight(0);
      int width = reader.getWidth(0);
      String problem = stage.sizeProblem(height, width);
      if (problem != null) {
        throw new ImageException(file, "this is " + problem);
      }
      reader.addIIOReadWarningListener((source, warning) -> damage[0] = worse(damage[0], warning));
      BufferedImage image = reader.read(0);
      if (damage[0] != null) {
        throw new ImageException(
            file, "is cut off or damaged (" + damage[0] + "); get it again or leave it out");
      }
      return image;
    } catch (ImageException e) {
      throw e;
    } catch (EOFException e) {
      throw new ImageException(file, "is cut off; get it again or leave it out", e);
    } catch (IOException | RuntimeException e) {
      if (String.valueOf(e.getMessage()).contains("Unsupported Image Type")) {
        throw new ImageException(
            file,
            "is a "
                + format.toUpperCase(Locale.ROOT)
                + " in CMYK or other colours that the JDK does not decode; convert it to RGB",
            e);
      }
      throw new ImageException(
          file,
          "is damaged, or no "
              + format.toUpperCase(Locale.ROOT)
              + " that the JDK decodes ("
              + e.getMessage()
              + "); get it again or leave it out",
          e);
    } catch (OutOfMemoryError e) {
      throw new ImageException(file, "does not fit the Java heap; raise it with -Xmx", e);
    }
  }

  /** The JDK fills what is missing of a JPEG with grey and only warns. */
  private static String worse(String known, String warning) {
    String text = warning.toLowerCase(Locale.ROOT);
    boolean bad =
        text.contains("premature end")
            || text.contains("bad huffman code")
            || text.contains("invalid jpeg file structure");
    return known == null && bad ? warning : known;
  }

  private static String format(Path file, ImageInputStream in) throws IOException {
    byte[] head = new byte[12];
    int length = Math.max(0, in.read(head));
    in.seek(0);
    if (length == 0) {
      throw new ImageException(file, "is empty; get it again or leave it out");
    }
    if (head[0] == (byte) 0xff && head[1] == (byte) 0xd8 && head[2] == (byte) 0xff) {
      return "jpeg";
    }
    if (head[0] == (byte) 0x89 && head[1] == 'P' && head[2] == 'N' && head[3] == 'G') {
      return "png";
    }
    throw new ImageException(
        file, "is neither a JPEG nor a PNG" + resemblance(head) + "; convert it to one of them");
  }

  private static String resemblance(byte[] head) {
    String start = new String(head, StandardCharsets.ISO_8859_1);
    if (start.startsWith("GIF8")) {
      return ", but a GIF";
    }
    if (start.startsWith("RIFF") && start.startsWith("WEBP", 8)) {
      return ", but a WebP";
    }
    if (start.startsWith("BM")) {
      return ", but a BMP";
    }
    return start.startsWith("ftyp", 4) ? ", but a HEIF or AVIF" : "";
  }
}
