package dev.sluice.bindings;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Arrays;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SealedFileTest {
  private static final System.Logger LOG = System.getLogger(SealedFileTest.class.getName());
  private static final String MAGIC = "Sealed1\n";

  @TempDir Path folder;

  private Optional<String> read(Path file) throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      return SealedFile.find(file, MAGIC, arena, LOG)
          .map(content ->
              new String(content.toArray(ValueLayout.JAVA_BYTE), StandardCharsets.US_ASCII));
    }
  }

  private Path written(String content) throws IOException {
    Path file = folder.resolve("a.file");
    SealedFile.write(
        file,
        MAGIC,
        MemorySegment.ofArray(content.getBytes(StandardCharsets.US_ASCII)).asReadOnly());
    return file;
  }

  @Test
  void whatIsWrittenIsFoundAndNobodyElseReadsIt() throws IOException {
    Path file = written("first");
    assertThat(read(written("second"))).contains("second");
    assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
        .isEqualTo("rw-------");
    try (Stream<Path> files = Files.list(folder)) {
      assertThat(files).containsExactly(file);
    }
  }

  @Test
  void whatDoesNotHoldIsRemoved() throws IOException {
    byte[] good = Files.readAllBytes(written("content"));
    Path file = folder.resolve("a.file");
    for (int i = 0; i < good.length; i++) {
      byte[] bad = good.clone();
      bad[i] ^= 1;
      Files.write(file, bad);
      assertThat(read(file)).as("byte %d", i).isEmpty();
      assertThat(file).doesNotExist();
      Files.write(file, Arrays.copyOf(good, i));
      assertThat(read(file)).as("length %d", i).isEmpty();
      assertThat(file).doesNotExist();
    }
    Path other = Files.write(folder.resolve("b.file"), good);
    assertThat(read(other)).isEmpty();
    Path link = Files.createSymbolicLink(folder.resolve("link"), written("content"));
    assertThat(read(link)).isEmpty();
    assertThat(link).doesNotExist();
    assertThat(read(file)).contains("content");
    assertThat(read(Files.createDirectory(folder.resolve("folder")))).isEmpty();
  }

  @Test
  void anInterruptNeitherStopsAReaderNorLosesTheFile() throws IOException {
    Path file = written("content");
    Thread.currentThread().interrupt();
    assertThat(read(file)).contains("content");
    assertThat(Thread.interrupted()).isTrue();
  }

  @Test
  void nothingIsLeftOfAFileThatCouldNotBeWritten() throws IOException {
    Path file = written("content");
    Thread.currentThread().interrupt();
    assertThatThrownBy(() -> written("other")).isInstanceOf(IOException.class);
    assertThat(Thread.interrupted()).isTrue();
    assertThat(read(file)).contains("content");
    try (Stream<Path> files = Files.list(folder)) {
      assertThat(files).containsExactly(file);
    }
  }
}
