package dev.sluice.engine.npy;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.sluice.bindings.ElementType;
import dev.sluice.bindings.Mutants;
import dev.sluice.engine.Shape;
import java.io.IOException;
import java.io.OutputStream;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Mutants of {@code .npy} and {@code .npz} files are taken for what they say, or refused. */
class NpyFuzzTest {
  private static final String[] WORDS = {
    "'descr'",
    "'fortran_order'",
    "'shape'",
    "True",
    "False",
    "None",
    "(",
    ")",
    "(,)",
    "()",
    "{",
    "}",
    ":",
    ",",
    " ",
    "\n",
    "\"",
    "'",
    "'<f4'",
    "'>f4'",
    "'|O'",
    "'<U8'",
    "'<i8'",
    "'|b1'",
    "'|V4'",
    "-1",
    "0",
    "1",
    "9223372036854775807",
    "99999999999999999999",
    "4294967296",
    "1e9",
    "3L",
    "[('a', '<f4')]",
    "\0",
    "\u00ff",
    "0x10"
  };

  @TempDir private Path folder;

  private static List<byte[]> whole() {
    List<byte[]> files = new ArrayList<>();
    SplittableRandom random = new SplittableRandom(3);
    for (ElementType type : ElementType.values()) {
      if (Npy.isSupported(type)) {
        for (Shape shape : List.of(Shape.of(), Shape.of(3), Shape.of(2, 0, 5), Shape.of(2, 3, 1))) {
          byte[] data = new byte[Math.toIntExact(type.byteSize(shape.elementCount()))];
          random.nextBytes(data);
          for (int i = 0; i < data.length; i++) {
            data[i] = type == ElementType.BOOL ? (byte) (data[i] & 1) : data[i];
          }
          files.add(Npy.encode(new NpyArray(type, shape, MemorySegment.ofArray(data))));
        }
      }
    }
    return files;
  }

  /** Another way to write the same header. */
  private static String alike(String header, SplittableRandom random) {
    String[] keys = header.substring(1, header.length() - 3).split(", (?=')", -1);
    if (random.nextBoolean()) {
      String first = keys[0];
      keys[0] = keys[2];
      keys[2] = first;
    }
    String alike = "{" + String.join(random.nextBoolean() ? "," : " , ", keys) + "}";
    return random.nextBoolean() ? alike.replace('\'', '"') : alike;
  }

  /** Other words in the header, whose length is made to fit again, in one of the versions. */
  private static byte[] words(byte[] whole, SplittableRandom random) {
    int length = (whole[8] & 0xff) | (whole[9] & 0xff) << 8;
    String header = alike(new String(whole, 10, length, ISO_8859_1).strip(), random);
    for (int n = random.nextInt(0, 3); n > 0 && !header.isEmpty(); n--) {
      int from = random.nextInt(header.length());
      int to = Math.min(header.length(), from + random.nextInt(0, 12));
      header =
          header.substring(0, from) + WORDS[random.nextInt(WORDS.length)] + header.substring(to);
    }
    int version = random.nextInt(10) == 0 ? random.nextInt(256) : random.nextInt(1, 4);
    int prefix = version < 2 ? 10 : 12;
    byte[] text = (header + " ".repeat(random.nextInt(64)) + "\n").getBytes(ISO_8859_1);
    byte[] bytes = new byte[prefix + text.length + whole.length - 10 - length];
    System.arraycopy(whole, 0, bytes, 0, 6);
    bytes[6] = (byte) version;
    bytes[8] = (byte) text.length;
    bytes[9] = (byte) (text.length >> 8);
    System.arraycopy(text, 0, bytes, prefix, text.length);
    System.arraycopy(whole, 10 + length, bytes, prefix + text.length, whole.length - 10 - length);
    return bytes;
  }

  private static boolean taken(MemorySegment bytes) {
    try {
      NpyArray array = Npy.read(bytes, "m.npy");
      long elements = array.shape().elementCount();
      assertThat(array.data().byteSize()).isEqualTo(array.type().byteSize(elements));
      NpyArray again = Npy.read(MemorySegment.ofArray(Npy.encode(array)), "again.npy");
      assertThat(again.shape()).isEqualTo(array.shape());
      assertThat(again.type()).isEqualTo(array.type());
      assertThat(again.data().mismatch(array.data())).isEqualTo(-1);
      return true;
    } catch (NpyException e) {
      assertThat(e).hasMessageStartingWith("m.npy: byte ");
      return false;
    }
  }

  /** As a file, and inside of an archive. */
  private boolean taken(Path file, boolean zipped) throws IOException {
    try {
      if (zipped) {
        return !Npy.readNpz(file).isEmpty();
      }
      return Npy.read(file).data().byteSize() >= 0;
    } catch (NpyException e) {
      assertThat(e).hasMessageContaining(file.toString());
      return false;
    }
  }

  private Path file(byte[] bytes, boolean zipped, SplittableRandom random) throws IOException {
    Path file = folder.resolve(zipped ? "m.npz" : "m.npy");
    if (!zipped) {
      return Files.write(file, bytes);
    }
    try (OutputStream to = Files.newOutputStream(file);
        ZipOutputStream out = new ZipOutputStream(to)) {
      for (String name : List.of("a.npy", "b")) {
        out.putNextEntry(new ZipEntry(name));
        out.write(bytes);
      }
    }
    if (random.nextBoolean()) {
      Files.write(file, Mutants.bytes(Files.readAllBytes(file), random));
    }
    return file;
  }

  @Test
  void mutants() {
    List<byte[]> whole = whole();
    Mutants.run(
        ".npy",
        (number, random) -> {
          byte[] one = whole.get(random.nextInt(whole.size()));
          byte[] mutant = random.nextInt(3) > 0 ? words(one, random) : Mutants.bytes(one, random);
          boolean taken = taken(MemorySegment.ofArray(mutant));
          if (number % 16 == 0) {
            boolean zipped = random.nextBoolean();
            boolean fromFile = taken(file(mutant, zipped, random), zipped);
            assertThat(fromFile || zipped || !taken).isTrue();
          }
          return taken;
        });
  }

  /** Found by a mutant. */
  @Test
  void anArchiveThatIsCutOffInsideOfAnEntry() throws IOException {
    Path file = folder.resolve("m.npz");
    byte[] noise = new byte[5_000];
    new SplittableRandom(1).nextBytes(noise);
    try (OutputStream to = Files.newOutputStream(file);
        ZipOutputStream out = new ZipOutputStream(to)) {
      out.putNextEntry(new ZipEntry("a.npy"));
      out.write(
          Npy.encode(
              new NpyArray(ElementType.UINT8, Shape.of(5_000), MemorySegment.ofArray(noise))));
    }
    byte[] bytes = Files.readAllBytes(file);
    // The directory says that the compressed data is shorter than it is.
    int directory = new String(bytes, ISO_8859_1).indexOf("PK\1\2");
    bytes[directory + 20] = 100;
    bytes[directory + 21] = 0;
    Files.write(file, bytes);
    assertThatExceptionOfType(NpyException.class)
        .isThrownBy(() -> Npy.readNpz(file))
        .withMessageContaining("m.npz");
  }

  @Test
  void withoutMutationAllAreTaken() {
    for (byte[] file : whole()) {
      assertThat(taken(MemorySegment.ofArray(file))).isTrue();
      assertThat(MemorySegment.ofArray(file).get(ValueLayout.JAVA_BYTE, 1)).isEqualTo((byte) 'N');
    }
  }
}
