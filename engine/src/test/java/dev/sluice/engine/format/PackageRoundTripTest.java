package dev.sluice.engine.format;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PackageRoundTripTest {
  private static final long ALL_ZIP64 = 0;

  @TempDir Path folder;

  @ParameterizedTest
  @ValueSource(longs = {ZipLayout.IN_ZIP64, ALL_ZIP64, 250})
  void whatIsWrittenIsRead(long zip64FromBytes) throws IOException {
    Path file = folder.resolve("tiny.sluice");
    Manifest written = TestPackages.write(file, zip64FromBytes);
    try (SluicePackage opened = PackageReader.open(file)) {
      opened.verify();
      assertThat(opened.manifest()).isEqualTo(written);
      assertThat(opened.weights().toArray(ValueLayout.JAVA_BYTE)).isEqualTo(TestPackages.weights());
      assertThat(opened.graph(Manifest.CPU).toArray(ValueLayout.JAVA_BYTE))
          .isEqualTo(TestPackages.GRAPH);
      assertThat(opened.entry("golden/0/input_0.npy").toArray(ValueLayout.JAVA_BYTE))
          .isEqualTo(TestPackages.GOLDEN);
      assertThat(opened.bytes().byteSize()).isEqualTo(Files.size(file));
      long base = opened.bytes().address();
      assertThat(opened.weights().address() - base).isEqualTo(4096);
      assertThat((opened.graph(Manifest.CPU).address() - base) % 64).isZero();
      assertThat(opened.packageHash()).matches("[0-9a-f]{64}");
      assertThat(opened.weightsByName()).isTrue();
      assertThatThrownBy(() -> opened.entry("nothing")).hasMessageContaining("golden/0");
      assertThatThrownBy(() -> opened.graph(Manifest.TENSORRT)).hasMessageContaining("[cpu]");
    }
  }

  @ParameterizedTest
  @ValueSource(longs = {ZipLayout.IN_ZIP64, ALL_ZIP64})
  void everyZipToolReadsIt(long zip64FromBytes) throws IOException {
    Path file = folder.resolve("tiny.sluice");
    TestPackages.write(file, zip64FromBytes);
    try (ZipFile zip = new ZipFile(file.toFile())) {
      List<String> names = new ArrayList<>();
      zip.stream().map(ZipEntry::getName).forEach(names::add);
      assertThat(names)
          .containsExactly(
              "weights.bin", "graphs/cpu.onnx", "golden/0/input_0.npy", "manifest.json");
      // Reading to the end checks the CRC-32.
      assertThat(zip.getInputStream(zip.getEntry("weights.bin")).readAllBytes())
          .isEqualTo(TestPackages.weights());
      assertThat(
              new String(zip.getInputStream(zip.getEntry("manifest.json")).readAllBytes(), UTF_8))
          .contains("\"x:0\"", "\"float\"");
    }
  }

  /** Opt-in, since it writes and hashes more than 4 GiB. */
  @Test
  void moreThanFourGigabytes() throws IOException {
    assumeTrue(
        Integer.getInteger("sluice.effort", 1) >= 10, "writes 4.1 GB: needs sluice.effort >= 10");
    Path file = folder.resolve("huge.sluice");
    long far = (1L << 32) + 12_288;
    MemorySegment data = MemorySegment.ofArray(new byte[] {1, 2, 3});
    try (PackageWriter writer = PackageWriter.create(file)) {
      writer.weights(List.of(new PackageWriter.Piece(far, data)));
      writer.entry("graphs/cpu.onnx", MemorySegment.ofArray(TestPackages.GRAPH));
      writer.finish(TestPackages.emptied(file, far + 3 - 4096));
    }
    try (SluicePackage opened = PackageReader.open(file);
        ZipFile zip = new ZipFile(file.toFile())) {
      opened.verify();
      assertThat(opened.bytes().get(ValueLayout.JAVA_BYTE, far + 2)).isEqualTo((byte) 3);
      assertThat(zip.getInputStream(zip.getEntry("graphs/cpu.onnx")).readAllBytes())
          .isEqualTo(TestPackages.GRAPH);
    }
  }

  @Test
  void theSameInputGivesTheSameBytes() throws IOException {
    Files.createDirectories(folder.resolve("a"));
    Files.createDirectories(folder.resolve("b"));
    TestPackages.write(folder.resolve("a/p.sluice"));
    TestPackages.write(folder.resolve("b/p.sluice"));
    assertThat(folder.resolve("a/p.sluice")).hasSameBinaryContentAs(folder.resolve("b/p.sluice"));
  }

  @Test
  void nothingIsLeftOfAPackageThatWasNotFinished() throws IOException {
    Path file = folder.resolve("tiny.sluice");
    try (PackageWriter writer = PackageWriter.create(file)) {
      writer.weights(List.of());
      assertThat(writer.stagedFile()).exists().hasFileName("tiny.sluice");
      // The manifest names a graph that was not written.
      assertThatThrownBy(() -> writer.finish(TestPackages.manifest(file)))
          .isInstanceOf(IllegalArgumentException.class);
    }
    try (Stream<Path> left = Files.list(folder)) {
      assertThat(left).isEmpty();
    }
  }

  @Test
  void anOpenPackageSurvivesItsReplacement() throws IOException {
    Path file = folder.resolve("tiny.sluice");
    TestPackages.write(file);
    try (SluicePackage opened = PackageReader.open(file)) {
      TestPackages.write(file, ALL_ZIP64);
      opened.verify();
      try (SluicePackage second = PackageReader.open(file)) {
        assertThat(second.packageHash()).isNotEqualTo(opened.packageHash());
      }
    }
  }

  @Test
  void aRenamedPackageKnowsThatItsWeightsAreNamedOtherwise() throws IOException {
    TestPackages.write(folder.resolve("tiny.sluice"));
    Files.move(folder.resolve("tiny.sluice"), folder.resolve("other.sluice"));
    try (SluicePackage opened = PackageReader.open(folder.resolve("other.sluice"))) {
      assertThat(opened.weightsByName()).isFalse();
    }
  }

  @Test
  void aLinkIsFollowed() throws IOException {
    TestPackages.write(folder.resolve("tiny.sluice"));
    Path link = Files.createSymbolicLink(folder.resolve("latest"), Path.of("tiny.sluice"));
    try (SluicePackage opened = PackageReader.open(link)) {
      assertThat(opened.file()).hasFileName("tiny.sluice");
      assertThat(opened.weightsByName()).isTrue();
    }
  }

  @Test
  void theWriterRefusesWhatItCouldNotReadBack() throws IOException {
    MemorySegment data = MemorySegment.ofArray(new byte[1]);
    try (PackageWriter writer = PackageWriter.create(folder.resolve("p.sluice"))) {
      assertThatThrownBy(() -> writer.entry("a", data)).hasMessageContaining("weights first");
      assertThatThrownBy(() -> writer.weights(List.of(new PackageWriter.Piece(4095, data))))
          .hasMessageContaining("before byte 4096");
      writer.weights(List.of());
      for (String name : List.of("", "/a", "../a", "a/../b", "a//b", "a\\b", "é", "weights.bin")) {
        assertThatThrownBy(() -> writer.entry(name, data))
            .isInstanceOf(IllegalArgumentException.class);
      }
    }
    assertThatThrownBy(() -> PackageWriter.create(folder)).hasMessageContaining("is a folder");
    assertThatThrownBy(() -> PackageWriter.create(folder.resolve("no/p.sluice")))
        .hasMessageContaining("make it first");
  }

  @Test
  void anOpenPackageIsClosedOnce() throws IOException {
    TestPackages.write(folder.resolve("tiny.sluice"));
    SluicePackage opened = PackageReader.open(folder.resolve("tiny.sluice"));
    MemorySegment weights = opened.weights();
    opened.close();
    opened.close();
    assertThatThrownBy(() -> weights.get(ValueLayout.JAVA_BYTE, 0))
        .isInstanceOf(IllegalStateException.class);
  }
}
