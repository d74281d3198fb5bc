package dev.sluice.engine.format;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.US_ASCII;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.regex.Pattern;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Each file here is refused with a message: no crash, no hang, no other exception. */
class HostilePackageTest {
  @TempDir Path folder;
  private Path file;
  private byte[] whole;

  @BeforeEach
  void writeOne() throws IOException {
    file = folder.resolve("tiny.sluice");
    TestPackages.write(file);
    whole = Files.readAllBytes(file);
  }

  private interface Attempt {
    void run() throws IOException;
  }

  /** Opens and verifies; returns the refusal's message. */
  private String refusal(byte[] bytes) throws IOException {
    Path broken = TestPackages.put(folder.resolve("broken.sluice"), bytes);
    return refusal(() -> {
      try (SluicePackage opened = PackageReader.open(broken)) {
        opened.verify();
      }
    });
  }

  /** The same without a file, for tests that go through thousands. */
  private static String quickRefusal(byte[] bytes) throws IOException {
    Path name = Path.of("broken.sluice");
    return refusal(() ->
        PackageReader.read(name, null, MemorySegment.ofArray(bytes), Arena.global()).verify());
  }

  private static String refusal(Attempt attempt) throws IOException {
    try {
      attempt.run();
    } catch (PackageException e) {
      assertThat(e).hasMessageContaining("broken.sluice: ").hasMessageContaining("; ");
      return e.getMessage();
    }
    throw new AssertionError("opened and verified, though it is broken");
  }

  @Test
  void truncatedAtEveryLength() throws IOException {
    for (int length = 0; length < whole.length; length++) {
      String message = refusal(Arrays.copyOf(whole, length));
      if (length > 100) {
        assertThat(message).contains("copy it again");
      }
    }
  }

  @Test
  void everyFlippedBitIsFound() throws IOException {
    for (int at = 0; at < whole.length; at++) {
      // All bits where they may mean something; one of each byte inside the long padding.
      boolean padding = at > 64 && at < 4000;
      for (int bit = padding ? at % 8 : 0; bit < 8; bit += padding ? 8 : 1) {
        byte[] flipped = whole.clone();
        flipped[at] ^= (byte) (1 << bit);
        quickRefusal(flipped);
      }
    }
  }

  @Test
  void everyFlippedBitOfTheZip64RecordsIsFound() throws IOException {
    TestPackages.write(file, 0);
    byte[] zip64 = Files.readAllBytes(file);
    int tail = zip64.length - 1200;
    for (int at = tail; at < zip64.length; at++) {
      for (int bit = 0; bit < 8; bit++) {
        byte[] flipped = zip64.clone();
        flipped[at] ^= (byte) (1 << bit);
        quickRefusal(flipped);
      }
    }
  }

  @Test
  void noise() throws IOException {
    long seed = Long.getLong("sluice.seed", 20261122L);
    Random random = new Random(seed);
    for (int i = 0; i < 500; i++) {
      byte[] noise = new byte[random.nextInt(6000)];
      random.nextBytes(noise);
      assertThat(refusal(noise)).as("seed %d, file %d", seed, i).isNotEmpty();
      // The ends of a true package around noise reach deeper checks.
      byte[] sandwich = whole.clone();
      int from = random.nextInt(whole.length);
      int to = from + random.nextInt(whole.length - from) + 1;
      byte[] filling = new byte[to - from];
      random.nextBytes(filling);
      System.arraycopy(filling, 0, sandwich, from, filling.length);
      if (!Arrays.equals(sandwich, whole)) {
        assertThat(refusal(sandwich)).as("seed %d, file %d", seed, i).isNotEmpty();
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"4,made by a newer", "0,format '0'", "10,format '10'", "999999999,format '99999"})
  void anotherFormatVersion(String version, String expected) throws IOException {
    String newer = Seal.MAGIC + version + Seal.MIDDLE + "0".repeat(Seal.DIGITS);
    int end = whole.length - Seal.commentBytes(1) - ZipLayout.END_BYTES;
    ByteBuffer bytes = ByteBuffer.allocate(end + ZipLayout.END_BYTES + newer.length());
    bytes.order(ByteOrder.LITTLE_ENDIAN).put(whole, 0, end + ZipLayout.END_BYTES);
    bytes.putShort(end + 20, (short) newer.length()).put(newer.getBytes(US_ASCII));
    assertThat(refusal(bytes.array()))
        .contains(expected.replace("made by a newer", "a newer Sluice made it"))
        .contains("reads up to format 3")
        .contains("update");
  }

  @Test
  void whatIsNoPackageIsNamed() throws IOException {
    assertThat(refusal(new byte[0])).contains("the file is empty");
    assertThat(refusal("hello, world\n".getBytes(UTF_8))).contains("this is a text");
    assertThat(refusal(new byte[] {8, 7, 0x12, 7, 'p', 'y', 't', 'o', 'r', 'c', 'h'}))
        .contains("looks like an ONNX model");
    assertThat(refusal(new byte[] {(byte) 0x7f, 'E', 'L', 'F', 2, 1, 1, 0}))
        .contains("this is no package");
    ByteArrayOutputStream zip = new ByteArrayOutputStream();
    try (ZipOutputStream out = new ZipOutputStream(zip)) {
      out.putNextEntry(new ZipEntry("readme.txt"));
    }
    assertThat(refusal(zip.toByteArray())).contains("a ZIP file, but no package");
    assertThatThrownBy(() -> PackageReader.open(folder)).hasMessageContaining("not a regular file");
    assertThatThrownBy(() -> PackageReader.open(folder.resolve("none")))
        .isInstanceOf(NoSuchFileException.class)
        .hasMessageContaining("check the path");
  }

  @Test
  void somethingAppended() throws IOException {
    assertThat(refusal(Arrays.copyOf(whole, whole.length + 1))).contains("copy it again");
  }

  @Test
  void flippedWeightsAreFoundByVerifyAndNamed() throws IOException {
    byte[] flipped = whole.clone();
    flipped[4096 + 50] ^= 1;
    Path broken = TestPackages.put(folder.resolve("broken.sluice"), flipped);
    try (SluicePackage opened = PackageReader.open(broken)) {
      assertThatThrownBy(opened::verify)
          .isInstanceOf(PackageException.class)
          .hasMessageContaining("broken.sluice: byte 4096: entry 'weights.bin' (300 bytes)");
    }
  }

  /** Lies in the directory that a fitting seal would not stop are stopped by the parser. */
  @ParameterizedTest
  @CsvSource({
    "8,1,is encrypted",
    "8,8,has the flags 8",
    "10,8,is compressed",
    "20,7,has two sizes",
    "28,4000,reaches past the directory",
    "28,0,has the name ''",
    "30,4,unknown extra field",
    "34,1,another disk",
    "42,1,outside the file",
    "44,30000,outside the file",
    "46,12079,has the name '//",
    "46,12129,local header of something else",
  })
  void liesInTheDirectory(int field, int value, String expected) throws IOException {
    ByteBuffer bytes = ByteBuffer.wrap(whole.clone()).order(ByteOrder.LITTLE_ENDIAN);
    int directory = directoryOffset(bytes);
    bytes.putShort(directory + field, (short) value);
    if (field == 42) {
      bytes.putInt(directory + field, bytes.capacity());
    }
    assertThat(refusal(bytes.array())).contains(expected);
  }

  @Test
  void absurdSizesAndCounts() throws IOException {
    ByteBuffer bytes = ByteBuffer.wrap(whole.clone()).order(ByteOrder.LITTLE_ENDIAN);
    int directory = directoryOffset(bytes);
    bytes.putInt(directory + 20, 0x7fff_ffff).putInt(directory + 24, 0x7fff_ffff);
    assertThat(refusal(bytes.array())).contains("2147483647 bytes reaches past the entries");
    int end = whole.length - Seal.commentBytes(1) - ZipLayout.END_BYTES;
    bytes = ByteBuffer.wrap(whole.clone()).order(ByteOrder.LITTLE_ENDIAN);
    bytes.putShort(end + 8, (short) 60_000).putShort(end + 10, (short) 60_000);
    assertThat(refusal(bytes.array())).contains("claims 60000 entries");
    bytes = ByteBuffer.wrap(whole.clone()).order(ByteOrder.LITTLE_ENDIAN);
    bytes.putInt(end + 16, 0x7fff_ffff);
    assertThat(refusal(bytes.array())).contains("said to lie at 2147483647");
    TestPackages.write(file, 0);
    bytes = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN);
    int zip64End = bytes.capacity() - Seal.commentBytes(1) - ZipLayout.END_BYTES - 20 - 56;
    bytes.putLong(zip64End + 32, -1L);
    assertThat(refusal(bytes.array())).contains("claims 18446744073709551615 entries");
    bytes.putLong(zip64End + 32, 4).putLong(zip64End + 48, Long.MIN_VALUE);
    assertThat(refusal(bytes.array())).contains("said to lie at 9223372036854775808");
  }

  @Test
  void overlappingAndDuplicateEntries() throws IOException {
    ByteBuffer bytes = ByteBuffer.wrap(whole.clone()).order(ByteOrder.LITTLE_ENDIAN);
    int second = directoryOffset(bytes) + ZipLayout.CENTRAL_BYTES + ZipLayout.WEIGHTS.length();
    bytes.putInt(second + 42, 0);
    assertThat(refusal(bytes.array())).contains("graphs/cpu.onnx");
    String first = "golden/0/input_0.npy";
    String other = "golden/0/input_1.npy";
    // A manifest that is consistent with itself, but has an entry that the file lacks.
    assertThat(refusal(resealed("\"" + first + "\" :", "\"" + other + "\" :")))
        .contains("it lists [weights.bin, graphs/cpu.onnx, golden/0/input_1.npy]");
    Path two = folder.resolve("two.sluice");
    try (PackageWriter writer = PackageWriter.create(two)) {
      writer.weights(List.of());
      writer.entry("graphs/cpu.onnx", MemorySegment.ofArray(TestPackages.GRAPH));
      writer.entry(first, MemorySegment.ofArray(TestPackages.GOLDEN));
      writer.entry(other, MemorySegment.ofArray(TestPackages.GOLDEN));
      writer.finish(TestPackages.emptied(two, 0));
    }
    String text = new String(Files.readAllBytes(two), ISO_8859_1).replace(other, first);
    assertThat(refusal(text.getBytes(ISO_8859_1))).contains("two entries are named " + first);
  }

  @Test
  void aManifestThatDoesNotHoldUnderAFittingSeal() throws IOException {
    assertThat(refusal(resealed("\"formatVersion\" : 1", "\"formatVersion\" : 2")))
        .contains("it says format 2");
    assertThat(refusal(resealed("\"producer\"", "\"producex\""))).contains("'producer'");
    assertThat(refusal(resealed("\"float\"", "\"floaf\""))).contains("'floaf'");
    assertThat(refusal(resealed("\"offset\" : 4096", "\"offset\" : 4097")))
        .contains("weights lie elsewhere");
    assertThat(refusal(resealed("\"axis\" : 0", "\"axis\" : 1"))).contains("batching.axis is 1");
    assertThat(refusal(resealed("{", "["))).contains("is not a manifest");
    assertThat(refusal(resealed("\"min\" : 1", "\"min\" : 9"))).contains("min <= opt");
    assertThat(refusal(resealed("\"parameters\" : 75,", ""))).contains("'parameters'");
    assertThat(refusal(resealed("\"proven\" : true,", ""))).contains("'proven'");
    assertThat(refusal(resealed("\"proven\" : true", "\"proven\" : 1"))).contains("is not a");
    assertThat(refusal(resealed("\"opset\" : 17", "\"opset\" : \"17\""))).contains("is not a");
    assertThat(refusal(resealed("[ -1, 3 ]", "[ -1, 3.5 ]"))).contains("is not a manifest");
  }

  /** What a newer Sluice only tells does no harm; what its stages do would change the answers. */
  @Test
  void unknownFieldsOutsideOfStagesAreSkipped() throws IOException {
    byte[] told = resealed("\"parameters\" : 75,", "\"parameters\" : 75, \"author\" : [ { } ],");
    Path other = TestPackages.put(folder.resolve("told.sluice"), told);
    try (SluicePackage opened = PackageReader.open(other)) {
      opened.verify();
      assertThat(opened.manifest().parameters()).isEqualTo(75);
    }
  }

  /** Each of these would make a stage read or write where nothing is, were it believed. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "\"formatVersion\" : 2|\"formatVersion\" : 1|format 1 has no stages",
        "\"formatVersion\" : 2|\"formatVersion\" : 3|padding",
        "\"stage\" : \"input\"|\"stage\" : \"inputs\"|'inputs'",
        "\"stage\" : \"output\"|\"stage\" : \"crop\"|'crop'",
        "\"fill\" : 114,|''|Missing creator property 'fill'",
        "\"scale\" : 0.00392156862745098,|''|Missing creator property 'scale'",
        "\"anySize\" : true|\"antialias\" : true, \"anySize\" : true|\"antialias\"",
        "\"k\" : 1|\"k\" : 1, \"temperature\" : 2|\"temperature\"",
        "\"fill\" : 114|\"fill\" : 114.7|is not a manifest",
        "\"fill\" : 114|\"fill\" : \"114\"|is not a manifest",
        "\"anySize\" : true|\"anySize\" : 1|is not a manifest",
        "\"kind\" : \"ARGMAX\"|\"kind\" : 1|is not a manifest",
        "\"tensor\" : \"y\"|\"tensor\" : 1|is not a manifest",
        "\"stage\" : \"input\",|\"stagf\" : \"input\",|is not a manifest",
        "\"channels\" : 3|\"channels\" : 2|2 channels",
        "\"channels\" : 3|\"channels\" : 1|does not have 1 values",
        "\"height\" : 8|\"height\" : 0|height is 0",
        "\"height\" : 8|\"height\" : -|is not a manifest",
        "\"width\" : 8,|\"width\":99999,|width is 99999",
        "\"fit\" : \"LETTERBOX\"|\"fit\" : \"NONE\"|must have the model's size",
        "\"fit\" : \"LETTERBOX\"|\"fit\" : \"LETTERBOY\"|is not a manifest",
        "\"fit\" : \"LETTERBOX\"|\"fit\" : null|fit is missing",
        "\"fill\" : 114|\"fill\" : 256|fill is 256",
        "\"scale\" : 0.00|\"scale\" :-0.00|not positive",
        "\"scale\" : 0.00392156862745098|\"scale\" : 3e38|FLOAT holds numbers up to",
        "\"scale\" : 0.00392156862745098|\"scale\" : 1e-50|it makes the same of all",
        "\"mean\" : [ 0.5, 0.5, 0.5 ]|\"mean\" : [ 0.5, 0.5 ]|does not have 3 values",
        "\"mean\" : [ 0.5, 0.5, 0.5 ]|\"mean\" : [ 0.5, 1e39, 0 ]|mean is 1.0E39",
        "\"mean\" : [ 0.5, 0.5, 0.5 ]|\"mean\" : [ 0.5, null, 0 ]|does not have 3 values",
        "\"std\" : [ 1.0, 1.0, 1.0 ]|\"std\" : [ 1.0, 0.0, 1.0 ]|std is 0.0",
        "\"std\" : [ 1.0, 1.0, 1.0 ]|\"std\" : [ 1.0, -1.0, 1 ]|std is -1.0",
        "\"std\" : [ 1.0, 1.0, 1.0 ]|\"std\" : [ 1.0, 1e-40, 1]|std is 1.0E-40",
        "\"order\" : \"RGB\"|\"order\" : \"GBR\"|is not a manifest",
        "\"sourceHeight\" : 10|\"sourceHeight\" : 11|does not have what the stage",
        "\"sourceHeight\" : 10|\"sourceHeight\" : 0|sourceHeight is 0",
        "\"anySize\" : true|\"anySize\":false|does not have what the stage",
        "\"tensor\" : \"x:0\"|\"tensor\" : \"x:1\"|does not have what the stage",
        "\"name\" : \"x:0.size\"|\"name\" : \"x:0.sizf\"|does not have what the stage",
        "\"type\" : \"uint8\"|\"type\" : \"int8\"|does not have what the stage",
        "\"tensor\" : \"y\"|\"tensor\" : \"z\"|does not have what the stage",
        "\"columns\" : 9|\"columns\" : 0|0 columns",
        "\"kind\" : \"ARGMAX\"|\"kind\" : \"ARGMIN\"|is not a manifest",
        "\"k\" : 1|\"k\" : 2|k is 2",
        "\"k\" : 1|\"k\" : 0|k is 0",
      })
  void stagesThatDoNotHoldUnderAFittingSeal(String from, String to, String problem)
      throws IOException {
    TestPackages.write(file, ZipLayout.IN_ZIP64, TestPackages.staged(file));
    whole = Files.readAllBytes(file);
    assertThat(refusal(resealed(from, to))).contains(problem);
  }

  @Test
  void aReaderOfFormat1WouldSayThatAStagedPackageIsNewer() throws IOException {
    Manifest written = TestPackages.write(file, ZipLayout.IN_ZIP64, TestPackages.staged(file));
    assertThat(written.formatVersion()).isEqualTo(2);
    assertThat(new String(Files.readAllBytes(file), ISO_8859_1))
        .contains("Sluice package, format 2, sha256 ");
    assertThat(new String(whole, ISO_8859_1)).contains("Sluice package, format 1, sha256 ");
    try (SluicePackage opened = PackageReader.open(file)) {
      opened.verify();
      assertThat(opened.manifest()).isEqualTo(written);
    }
  }

  /** The package with a change of the manifest's text and a seal that fits again. */
  private byte[] resealed(String from, String to) throws IOException {
    byte[] bytes = whole.clone();
    int directory = directoryOffset(ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN));
    byte[] json = "{\n  \"formatVersion\"".getBytes(UTF_8);
    int start = indexOf(bytes, new String(json, UTF_8));
    String text = new String(bytes, start, directory - start, UTF_8);
    assertThat(text).contains(from);
    String other = text.replaceFirst(Pattern.quote(from), to);
    // The text keeps its length, or what follows would move.
    int longer = other.length() - text.length();
    for (; longer > 0; longer--) {
      other = other.replaceFirst("\n ", "\n");
    }
    other += " ".repeat(-longer);
    byte[] changed = other.getBytes(UTF_8);
    assertThat(changed).hasSize(text.getBytes(UTF_8).length);
    System.arraycopy(changed, 0, bytes, start, changed.length);
    return reseal(bytes);
  }

  private byte[] reseal(byte[] bytes) throws IOException {
    MessageDigest digest = Seal.sha256();
    try (SluicePackage opened = PackageReader.open(file)) {
      // The data of all entries but the manifest stays out of the seal.
      MemorySegment segment = MemorySegment.ofArray(bytes);
      long at = 0;
      for (String name : opened.manifest().entries().keySet()) {
        long data = opened.entry(name).address() - opened.bytes().address();
        Seal.update(digest, segment.asSlice(at, data - at));
        at = data + opened.entry(name).byteSize();
      }
      Seal.update(digest, segment.asSlice(at, bytes.length - Seal.DIGITS - at));
    }
    byte[] seal = Seal.hex(digest).getBytes(US_ASCII);
    System.arraycopy(seal, 0, bytes, bytes.length - seal.length, seal.length);
    return bytes;
  }

  private static int directoryOffset(ByteBuffer bytes) {
    return bytes.getInt(bytes.capacity() - Seal.commentBytes(1) - ZipLayout.END_BYTES + 16);
  }

  private static int indexOf(byte[] bytes, String text) {
    return new String(bytes, ISO_8859_1).indexOf(text);
  }
}
