package dev.sluice.engine.npy;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.bindings.ElementType;
import dev.sluice.engine.Shape;
import java.io.IOException;
import java.io.OutputStream;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class NpyTest {
  private static final String DICT = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }";

  @TempDir Path folder;

  static Stream<ElementType> types() {
    return Arrays.stream(ElementType.values()).filter(Npy::isSupported);
  }

  private static byte[] file(int major, String dict, int dataBytes) {
    int prefix = major == 1 ? 10 : 12;
    ByteBuffer out = ByteBuffer.allocate(prefix + dict.length() + dataBytes);
    out.order(ByteOrder.LITTLE_ENDIAN).put("\u0093NUMPY".getBytes(ISO_8859_1));
    out.put((byte) major).put((byte) 0);
    if (major == 1) {
      out.putShort((short) dict.length());
    } else {
      out.putInt(dict.length());
    }
    return out.put(dict.getBytes(ISO_8859_1)).array();
  }

  private NpyArray read(byte[] bytes) throws IOException {
    NpyArray mapped = Npy.read(MemorySegment.ofArray(bytes), "x.npy");
    Path file = Files.write(folder.resolve("x.npy"), bytes);
    NpyArray streamed = Npy.read(file);
    assertThat(streamed.shape()).isEqualTo(mapped.shape());
    assertThat(streamed.type()).isEqualTo(mapped.type());
    assertThat(streamed.data().mismatch(mapped.data())).isEqualTo(-1);
    return mapped;
  }

  private void refused(byte[] bytes, String expected) throws IOException {
    assertThatThrownBy(() -> Npy.read(MemorySegment.ofArray(bytes), "x.npy"))
        .isInstanceOf(NpyException.class)
        .hasMessageStartingWith("x.npy: byte ")
        .hasMessageContaining(expected);
    Path file = Files.write(folder.resolve("y.npy"), bytes);
    assertThatThrownBy(() -> Npy.read(file)).isInstanceOf(NpyException.class);
  }

  @ParameterizedTest
  @MethodSource("types")
  void everyTypeGoesThere(ElementType type) throws IOException {
    for (Shape shape :
        new Shape[] {
          Shape.of(), Shape.of(1), Shape.of(7), Shape.of(2, 3), Shape.of(4, 0, 2), Shape.of(1, 2, 3)
        }) {
      byte[] data = new byte[(int) type.byteSize(shape.elementCount())];
      Arrays.fill(data, (byte) 1);
      Path file = folder.resolve("a.npy");
      NpyArray array = new NpyArray(type, shape, MemorySegment.ofArray(data));
      Npy.write(file, array);
      byte[] bytes = Files.readAllBytes(file);
      assertThat(bytes).isEqualTo(Npy.encode(array));
      assertThat((bytes.length - data.length) % 64).isZero();
      NpyArray back = read(bytes);
      assertThat(back.type()).isEqualTo(type);
      assertThat(back.shape()).isEqualTo(shape);
      assertThat(back.data().toArray(ValueLayout.JAVA_BYTE)).isEqualTo(data);
    }
  }

  /** What numpy.save(numpy.zeros((2, 3), 'f4')) writes, byte for byte. */
  @Test
  void theHeaderIsNumPysOwn() {
    byte[] bytes =
        Npy.encode(
            new NpyArray(ElementType.FLOAT, Shape.of(2, 3), MemorySegment.ofArray(new byte[24])));
    assertThat(new String(bytes, 0, 128, ISO_8859_1))
        .isEqualTo(
            "\u0093NUMPY\1\0v\0{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }"
                + " ".repeat(58)
                + "\n");
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3})
  void everyVersionIsRead(int major) throws IOException {
    assertThat(read(file(major, DICT, 8)).shape()).isEqualTo(Shape.of(2));
    String other = "{\"shape\":(), \"fortran_order\" : True,\"descr\":\"|u1\"}   \n";
    assertThat(read(file(major, other, 1)).type()).isEqualTo(ElementType.UINT8);
  }

  @Test
  void whatIsNotTakenIsRefused() throws IOException {
    refused(new byte[0], "no .npy file");
    refused("some text that is no array".getBytes(ISO_8859_1), "no .npy file");
    refused(file(4, DICT, 8), "version 4.0");
    refused(file(1, DICT, 7), "takes 8 bytes, there are 7");
    refused(file(1, DICT, 9), "there are more");
    refused(file(1, DICT.replace("<f4", ">f4"), 8), "little endian");
    refused(file(1, DICT.replace("<f4", "|O"), 8), "type '|O'");
    refused(file(1, DICT.replace("<f4", "<c8"), 8), "type '<c8'");
    refused(file(1, DICT.replace("(2,)", "(2,-1)"), 8), "no number");
    refused(file(1, DICT.replace("(2,)", "(99999999999999999999,)"), 8), "no number");
    refused(file(1, DICT.replace("(2,)", "(4611686018427387904,4)"), 8), "absurd shape");
    refused(file(1, DICT.replace("(2,)", "(" + "1,".repeat(65) + ")"), 8), "64 dimensions");
    refused(file(1, DICT.replace("False", "True").replace("(2,)", "(2,1)"), 8), "Fortran");
    refused(file(1, DICT.replace("False", "1"), 8), "neither True nor False");
    refused(file(1, DICT.replace("'shape': (2,), ", ""), 8), "lacks one of");
    refused(file(1, DICT.replace("'shape'", "'descr'"), 8), "repeated key 'descr'");
    refused(file(1, DICT + "import os", 8), "after the dictionary");
    refused(file(1, "{'descr': '<f4", 8), "lacks a string");
    byte[] long2 = file(2, DICT, 8);
    long2[11] = 0x7f;
    refused(long2, "header of 2130");
    byte[] bool = file(1, DICT.replace("<f4", "|b1"), 2);
    bool[bool.length - 1] = 2;
    refused(bool, "2 is no bool");
  }

  @Test
  void noiseAndTruncation() throws IOException {
    long seed = Long.getLong("sluice.seed", 5L);
    Random random = new Random(seed);
    byte[] whole = file(2, DICT, 8);
    for (int length = 0; length < whole.length; length++) {
      refused(Arrays.copyOf(whole, length), "");
    }
    for (int i = 0; i < 2000; i++) {
      byte[] broken = whole.clone();
      broken[random.nextInt(whole.length - 8)] = (byte) random.nextInt();
      try {
        Npy.read(MemorySegment.ofArray(broken), "x.npy");
      } catch (NpyException e) {
        assertThat(e).as("seed %d", seed).hasMessageStartingWith("x.npy: byte ");
      }
    }
  }

  @Test
  void anNpzHoldsSeveral() throws IOException {
    Path file = folder.resolve("a.npz");
    try (OutputStream out = Files.newOutputStream(file);
        ZipOutputStream zip = new ZipOutputStream(out)) {
      zip.putNextEntry(new ZipEntry("b.npy"));
      zip.write(file(1, DICT, 8));
      zip.putNextEntry(new ZipEntry("a.npy"));
      zip.write(file(3, DICT.replace("<f4", "<i8"), 16));
    }
    assertThat(Npy.readNpz(file).keySet()).containsExactly("b", "a");
    assertThat(Npy.readNpz(file).get("a").type()).isEqualTo(ElementType.INT64);
    Path text = Files.writeString(folder.resolve("t.npz"), "no zip");
    assertThatThrownBy(() -> Npy.readNpz(text))
        .isInstanceOf(NpyException.class)
        .hasMessageContaining("numpy.savez");
  }
}
