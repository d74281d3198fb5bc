package dev.sluice.converter.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.sluice.bindings.ElementType;
import dev.sluice.engine.Shape;
import dev.sluice.engine.TensorSpec;
import dev.sluice.engine.stage.InputStage;
import dev.sluice.engine.stage.InputStageSpec;
import java.awt.Point;
import java.awt.image.BufferedImage;
import java.awt.image.DataBuffer;
import java.awt.image.Raster;
import java.awt.image.WritableRaster;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.zip.CRC32;
import javax.imageio.IIOImage;
import javax.imageio.ImageIO;
import javax.imageio.ImageWriter;
import javax.imageio.stream.ImageOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Images that the JDK wrote come back as they are; what is none is refused by name. */
class ImageFileTest {
  private static final long SEED = Long.getLong("sluice.seed", 20261124L);

  @TempDir Path folder;

  private static InputStage stage(int channels, String size) {
    TensorSpec spec = new TensorSpec("x", ElementType.FLOAT, Shape.of(-1, channels, 8, 8));
    return InputStageSpec.parse("x=u8,resize=8x8," + size).resolve(spec);
  }

  private static final InputStage COLOUR = stage(3, "max=64x64");
  private static final InputStage GREY = stage(1, "max=64x64");

  private Path write(String name, BufferedImage image) throws IOException {
    return TestImages.write(folder.resolve(name), image);
  }

  @ParameterizedTest
  @ValueSource(
      ints = {
        BufferedImage.TYPE_INT_RGB,
        BufferedImage.TYPE_3BYTE_BGR,
        BufferedImage.TYPE_BYTE_INDEXED,
      })
  void pngGivesItsOwnPixels(int type) throws IOException {
    BufferedImage image = TestImages.noise(13, 29, type, SEED);
    Image read = ImageFile.read(write("a.png", image), COLOUR);
    assertThat(read.height()).isEqualTo(13);
    assertThat(read.width()).isEqualTo(29);
    for (int y = 0; y < 13; y++) {
      for (int x = 0; x < 29; x++) {
        int rgb = image.getRGB(x, y);
        int at = (y * 29 + x) * 3;
        assertThat(Arrays.copyOfRange(read.pixels(), at, at + 3))
            .containsExactly(rgb >> 16, rgb >> 8, rgb);
      }
    }
  }

  @Test
  void alphaIsDropped() throws IOException {
    BufferedImage image = new BufferedImage(1, 1, BufferedImage.TYPE_INT_ARGB);
    image.setRGB(0, 0, 0x40102030);
    assertThat(ImageFile.read(write("a.png", image), COLOUR).pixels()).containsExactly(16, 32, 48);
  }

  @Test
  void greyIsNotBrightened() throws IOException {
    BufferedImage image = TestImages.noise(5, 6, BufferedImage.TYPE_BYTE_GRAY, SEED);
    BufferedImage deep = TestImages.noise(5, 6, BufferedImage.TYPE_USHORT_GRAY, SEED);
    Image eight = ImageFile.read(write("8.png", image), GREY);
    Image colour = ImageFile.read(write("8.png", image), COLOUR);
    Image sixteen = ImageFile.read(write("16.png", deep), GREY);
    for (int i = 0; i < 30; i++) {
      byte value = (byte) image.getRaster().getSample(i % 6, i / 6, 0);
      assertThat(eight.pixels()[i]).isEqualTo(value);
      assertThat(colour.pixels()[3 * i + 2]).isEqualTo(value);
      double exact = deep.getRaster().getSample(i % 6, i / 6, 0) * 255.0 / 65_535;
      assertThat((double) (sixteen.pixels()[i] & 0xff)).isCloseTo(exact, within(0.5));
    }
  }

  @Test
  void coloursBecomeGreyAsInJpeg() throws IOException {
    BufferedImage image = TestImages.plain(2, 2, 0xff8000);
    byte[] pixels = ImageFile.read(write("a.png", image), GREY).pixels();
    // 0.299 * 255 + 0.587 * 128 = 151.4
    assertThat(pixels).hasSize(4).containsOnly(151);
  }

  @Test
  void jpegIsCloseAndGreyOnesAreReadToo() throws IOException {
    Image read = ImageFile.read(write("a.jpg", TestImages.plain(33, 17, 0x3264c8)), COLOUR);
    for (int i = 0; i < 33 * 17; i++) {
      assertThat(read.pixels()[3 * i] & 0xff).isCloseTo(0x32, within(3));
      assertThat(read.pixels()[3 * i + 1] & 0xff).isCloseTo(0x64, within(3));
      assertThat(read.pixels()[3 * i + 2] & 0xff).isCloseTo(0xc8, within(3));
    }
    BufferedImage grey = new BufferedImage(4, 4, BufferedImage.TYPE_BYTE_GRAY);
    grey.getRaster()
        .setSamples(0, 0, 4, 4, 0, new int[] {9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9});
    assertThat(ImageFile.read(write("g.jpg", grey), COLOUR).pixels()).hasSize(48).containsOnly(9);
  }

  /** The name does not decide. */
  @Test
  void contentDecides() throws IOException {
    Path file = write("a.png", TestImages.plain(3, 3, 0x010203));
    Path other = Files.move(file, folder.resolve("a.jpg"));
    assertThat(ImageFile.read(other, COLOUR).pixels()).startsWith(1, 2, 3);
  }

  private void refused(Path file, InputStage stage, String... words) {
    assertThatThrownBy(() -> ImageFile.read(file, stage))
        .isInstanceOf(ImageException.class)
        .hasMessageStartingWith(file + ": ")
        .message()
        .contains(words)
        .contains("; ");
  }

  @Test
  void sizesThatDoNotFitAreRefused() throws IOException {
    Path file = write("a.png", TestImages.plain(64, 65, 0));
    assertThatThrownBy(() -> ImageFile.read(file, COLOUR))
        .isInstanceOf(ImageException.class)
        .hasMessageContaining("a.png: this is an image of 64x65 (height x width)")
        .hasMessageContaining("max=");
    assertThatThrownBy(() -> ImageFile.read(file, stage(3, "size=64x64")))
        .hasMessageContaining("images of 64x64 only: resize it");
    assertThat(ImageFile.read(write("b.png", TestImages.plain(1, 4096, 0)), COLOUR).width())
        .isEqualTo(4096);
  }

  /** 2^31 - 1 pixels in each direction, said by a header of 33 bytes. */
  @Test
  void hugeImagesAreRefusedBeforeAnythingIsDecoded() throws IOException {
    byte[] header = {
      (byte) 0x89,
      'P',
      'N',
      'G',
      13,
      10,
      26,
      10,
      0,
      0,
      0,
      13,
      'I',
      'H',
      'D',
      'R',
      0x7f,
      -1,
      -1,
      -1,
      0x7f,
      -1,
      -1,
      -1,
      8,
      2,
      0,
      0,
      0,
      0,
      0,
      0,
      0
    };
    CRC32 crc = new CRC32();
    crc.update(header, 12, 17);
    ByteBuffer.wrap(header).putInt(29, (int) crc.getValue());
    Path file = Files.write(folder.resolve("bomb.png"), header);
    assertThatThrownBy(() -> ImageFile.read(file, COLOUR))
        .isInstanceOf(ImageException.class)
        .hasMessageContaining("bomb.png")
        .hasMessageContaining("2147483647x2147483647");
  }

  @Test
  void whatIsNoImageIsNamed() throws IOException {
    refused(Files.write(folder.resolve("e.png"), new byte[0]), COLOUR, "is empty");
    refused(
        Files.writeString(folder.resolve("t.jpg"), "hello"), COLOUR, "neither a JPEG nor a PNG");
    refused(write("a.gif", TestImages.plain(2, 2, 0)), COLOUR, "but a GIF");
    refused(write("a.bmp", TestImages.plain(2, 2, 0)), COLOUR, "but a BMP");
    byte[] webp = "RIFF\0\0\0\0WEBPVP8 ".getBytes(StandardCharsets.ISO_8859_1);
    refused(Files.write(folder.resolve("a.webp"), webp), COLOUR, "but a WebP");
    refused(folder, COLOUR, "not a regular file");
    assertThatThrownBy(() -> ImageFile.read(folder.resolve("no.png"), COLOUR))
        .isInstanceOf(NoSuchFileException.class);
  }

  @Test
  void fourColoursAreRefused() throws IOException {
    Path file = folder.resolve("cmyk.jpg");
    ImageWriter writer = ImageIO.getImageWritersByFormatName("jpeg").next();
    try (ImageOutputStream out = ImageIO.createImageOutputStream(file.toFile())) {
      writer.setOutput(out);
      WritableRaster raster =
          Raster.createInterleavedRaster(DataBuffer.TYPE_BYTE, 8, 8, 4, new Point());
      writer.write(null, new IIOImage(raster, null, null), null);
    } finally {
      writer.dispose();
    }
    refused(file, COLOUR, "CMYK", "convert it to RGB");
  }

  @ParameterizedTest
  @ValueSource(strings = {"a.png", "a.jpg"})
  void cutFilesAreRefused(String name) throws IOException {
    byte[] whole =
        Files.readAllBytes(write(name, TestImages.noise(40, 40, BufferedImage.TYPE_INT_RGB, SEED)));
    for (int length : new int[] {3, 8, 20, 200, whole.length / 2, whole.length - 40}) {
      Path file = Files.write(folder.resolve(length + name), Arrays.copyOf(whole, length));
      refused(file, COLOUR, name);
    }
  }

  /** Whatever comes: an image or a message, nothing else. */
  @ParameterizedTest
  @ValueSource(strings = {"a.png", "a.jpg"})
  void flippedBytesDoNoHarm(String name) throws IOException {
    byte[] whole =
        Files.readAllBytes(write(name, TestImages.noise(20, 20, BufferedImage.TYPE_INT_RGB, SEED)));
    Random random = new Random(SEED);
    int refusals = 0;
    for (int i = 0; i < 300; i++) {
      byte[] bytes = whole.clone();
      for (int flips = 0; flips < 3; flips++) {
        bytes[random.nextInt(i % 2 == 0 ? Math.min(600, bytes.length) : bytes.length)] =
            (byte) random.nextInt();
      }
      Path file = Files.write(folder.resolve("flipped-" + name), bytes);
      try {
        Image image = ImageFile.read(file, COLOUR);
        assertThat(image.pixels()).hasSize(image.height() * image.width() * 3);
      } catch (ImageException e) {
        assertThat(e).as("seed %d, trial %d", SEED, i).hasMessageContaining("flipped-" + name);
        refusals++;
      }
    }
    assertThat(refusals).isPositive();
  }

  @Test
  void linksAreFollowed() throws IOException {
    write("real/a.png", TestImages.plain(2, 2, 0));
    write("real/b/c.png", TestImages.plain(2, 2, 0));
    Path linked = Files.createSymbolicLink(folder.resolve("linked"), folder.resolve("real"));
    assertThat(ImageFolder.isOne(linked)).isTrue();
    ImageFolder images = ImageFolder.of(linked);
    assertThat(List.of(images.name(0), images.name(1))).containsExactly("a.png", "b/c.png");
    Path outer = Files.createDirectory(folder.resolve("outer"));
    Files.createSymbolicLink(outer.resolve("z"), folder.resolve("real"));
    Files.createSymbolicLink(outer.resolve("a.png"), folder.resolve("real/a.png"));
    ImageFolder behind = ImageFolder.of(outer);
    assertThat(IntStream.range(0, 3).mapToObj(behind::name))
        .containsExactly("a.png", "z/a.png", "z/b/c.png");
    Files.createSymbolicLink(outer.resolve("lost.png"), folder.resolve("nothing"));
    assertThatThrownBy(() -> ImageFolder.of(outer).read(1, COLOUR))
        .isInstanceOf(NoSuchFileException.class)
        .hasMessageContaining("lost.png");
    // A loop in what is hidden is nobody's business.
    Path hidden = Files.createDirectory(folder.resolve("real/.hidden"));
    Files.createSymbolicLink(hidden.resolve("round"), folder.resolve("real"));
    assertThat(ImageFolder.of(linked).count()).isEqualTo(2);
    Files.createSymbolicLink(folder.resolve("real/round"), folder.resolve("real"));
    assertThatThrownBy(() -> ImageFolder.of(linked))
        .isInstanceOf(ImageException.class)
        .hasMessageContaining("round: is a link to a folder that it lies in");
  }

  @Test
  void foldersAreListedInTheOrderOfTheirPaths() throws IOException {
    for (String name :
        new String[] {"b.PNG", "a/z.jpg", "a/b.jpeg", "c.png", ".d.png", ".e/f.png"}) {
      write(name.replace("PNG", "png"), TestImages.plain(2, 2, 0));
    }
    Files.writeString(folder.resolve("labels.tsv"), "x");
    ImageFolder images = ImageFolder.of(folder);
    assertThat(images.count()).isEqualTo(4);
    assertThat(IntStream.range(0, 4).mapToObj(images::name))
        .containsExactly("a/b.jpeg", "a/z.jpg", "b.png", "c.png");
    assertThat(ImageFolder.of(folder.resolve("c.png")).name(0)).isEqualTo("c.png");
    Path empty = Files.createDirectory(folder.resolve("empty"));
    assertThat(ImageFolder.isOne(empty)).isFalse();
    assertThatThrownBy(() -> ImageFolder.of(empty))
        .isInstanceOf(ImageException.class)
        .hasMessageContaining("has no images");
    assertThatThrownBy(() -> ImageFolder.of(folder.resolve("none")))
        .isInstanceOf(NoSuchFileException.class);
  }
}
