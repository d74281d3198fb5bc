package dev.sluice.engine.format;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A package of each format version is committed and opens for ever. */
class GoldenPackageTest {
  @TempDir Path folder;

  @ParameterizedTest
  @ValueSource(ints = {1})
  void opens(int version) throws IOException {
    Path file = folder.resolve("format-" + version + ".sluice");
    try (InputStream in =
        GoldenPackageTest.class.getResourceAsStream("/golden/" + file.getFileName())) {
      Files.copy(in, file);
    }
    try (SluicePackage opened = PackageReader.open(file)) {
      opened.verify();
      assertThat(opened.manifest().formatVersion()).isEqualTo(version);
      assertThat(opened.weightsByName()).isTrue();
      assertThat(opened.manifest().graphs()).containsKey(Manifest.CPU);
    }
  }
}
