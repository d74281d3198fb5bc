package dev.sluice.bindings;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.MessageDigest;
import java.time.Instant;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class NativeLibraryCacheTest {
  private static final byte[] CONTENT =
      "not much of a library".repeat(10_000).getBytes(StandardCharsets.UTF_8);

  @TempDir private Path folder;
  private String sha256;
  private Path root;

  @BeforeEach
  void useAnEmptyCache() throws Exception {
    sha256 = HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(CONTENT));
    root = folder.resolve("some").resolve("cache");
    System.setProperty("sluice.cache", root.toString());
  }

  @AfterEach
  void useTheUsersCache() {
    System.clearProperty("sluice.cache");
  }

  private Path unpack() throws IOException {
    return NativeLibraryCache.unpack("lib.so", sha256, () -> new ByteArrayInputStream(CONTENT));
  }

  private static List<Path> files(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.toList();
    }
  }

  @Test
  void unpacksOnceIntoAPrivateFolderNamedByTheHash() throws IOException {
    Path library = unpack();
    assertThat(library).isEqualTo(root.resolve("native").resolve(sha256).resolve("lib.so"));
    assertThat(library).hasBinaryContent(CONTENT);
    assertThat(files(library.getParent())).containsExactly(library);
    assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(library.getParent())))
        .isEqualTo("rwx------");
    Path again =
        NativeLibraryCache.unpack(
            "lib.so",
            sha256,
            () -> {
              throw new AssertionError("the library is there already");
            });
    assertThat(again).isEqualTo(library);
  }

  @Test
  void replacesADamagedFile() throws IOException {
    Path library = unpack();
    byte[] damaged = CONTENT.clone();
    damaged[damaged.length / 2] ^= 1;
    for (byte[] bytes : List.of(damaged, new byte[0], new byte[] {1})) {
      Files.write(library, bytes);
      assertThat(unpack()).hasBinaryContent(CONTENT);
    }
    Files.delete(library);
    Path elsewhere = Files.write(folder.resolve("elsewhere"), CONTENT);
    Files.createSymbolicLink(library, elsewhere);
    assertThat(unpack()).isRegularFile();
    assertThat(Files.isSymbolicLink(library)).isFalse();
  }

  @Test
  void refusesASourceWithAnotherContentAndLeavesNothing() {
    assertThatThrownBy(() ->
            NativeLibraryCache.unpack(
                "lib.so", sha256, () -> new ByteArrayInputStream(new byte[7])))
        .isInstanceOf(IOException.class)
        .hasMessageContaining(sha256)
        .hasMessageContaining("another version or damaged");
    assertThat(root.resolve("native").resolve(sha256)).isEmptyDirectory();
  }

  @Test
  void removesOldTemporaryFilesOnly() throws IOException {
    Path library = unpack();
    Files.delete(library);
    Path old = Files.createFile(library.resolveSibling("lib.so.1.tmp"));
    Path fresh = Files.createFile(library.resolveSibling("lib.so.2.tmp"));
    Files.setLastModifiedTime(old, FileTime.from(Instant.now().minusSeconds(7200)));
    unpack();
    assertThat(files(library.getParent())).containsExactlyInAnyOrder(library, fresh);
  }

  @Test
  void makesAFolderPrivateThatIsOpenToOthers() throws IOException {
    Path library = unpack();
    Files.setPosixFilePermissions(
        library.getParent(), PosixFilePermissions.fromString("rwxrwxrwx"));
    unpack();
    assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(library.getParent())))
        .isEqualTo("rwx------");
  }

  @Test
  void refusesAFolderOfAnotherUser() throws IOException {
    assertThatThrownBy(() -> CacheDirectory.checkOwner(root, 1000, 1001))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("belongs to user 1000, not to user 1001")
        .hasMessageContaining("sluice.cache");
    Path library = unpack();
    assumeTrue(
        Files.getAttribute(Path.of("/proc/self"), "unix:uid").equals(0),
        "only root can give a folder away");
    Files.setAttribute(library.getParent(), "unix:uid", 12345);
    assertThatThrownBy(this::unpack)
        .isInstanceOf(IOException.class)
        .hasMessageContaining("belongs to user 12345");
  }

  @Test
  void saysWhatToDoWhereTheCacheCannotBeWritten() throws IOException {
    // Not even root can make a folder there.
    System.setProperty("sluice.cache", "/proc/sluice-cache");
    assertThatThrownBy(this::unpack)
        .isInstanceOf(IOException.class)
        .hasMessageContaining("/proc/sluice-cache")
        .hasMessageContaining("set the system property sluice.cache");
    System.setProperty("sluice.cache", root.toString());
    Files.createDirectories(root);
    Files.createFile(root.resolve("native"));
    assertThatThrownBy(this::unpack)
        .isInstanceOf(IOException.class)
        .hasMessageContaining("should be a cache folder but is something else");
  }
}
