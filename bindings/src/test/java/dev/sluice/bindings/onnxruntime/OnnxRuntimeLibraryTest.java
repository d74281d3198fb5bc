package dev.sluice.bindings.onnxruntime;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.bindings.ForkedJvm;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class OnnxRuntimeLibraryTest {
  @TempDir private Path folder;

  /** Loads the library and tells its version. */
  static final class Load {
    private Load() {}

    public static void main(String[] args) {
      System.out.println(OrtEnvironment.shared().version());
    }
  }

  private ForkedJvm load(String... options) throws Exception {
    return ForkedJvm.start(folder, List.of(options), Load.class);
  }

  @ParameterizedTest
  @EnumSource
  void pinnedHashesAreThoseOfTheArtifact(OnnxRuntimeLibrary.Platform platform) throws Exception {
    MessageDigest digest = MessageDigest.getInstance("SHA-256");
    try (InputStream in = OnnxRuntimeLibrary.resource(platform)) {
      byte[] chunk = new byte[1 << 16];
      for (int n = in.read(chunk); n >= 0; n = in.read(chunk)) {
        digest.update(chunk, 0, n);
      }
    }
    assertThat(HexFormat.of().formatHex(digest.digest())).isEqualTo(platform.sha256);
  }

  @ParameterizedTest
  @CsvSource({"Linux,amd64,LINUX_X64", "Linux,x86_64,LINUX_X64", "Linux,aarch64,LINUX_AARCH64"})
  void knowsThePlatforms(String os, String arch, OnnxRuntimeLibrary.Platform expected) {
    assertThat(OnnxRuntimeLibrary.Platform.of(os, arch)).isEqualTo(expected);
  }

  @ParameterizedTest
  @CsvSource({"Mac OS X,aarch64", "Windows 11,amd64", "Linux,riscv64"})
  void refusesOtherPlatformsByName(String os, String arch) {
    assertThatThrownBy(() -> OnnxRuntimeLibrary.Platform.of(os, arch))
        .isInstanceOf(UnsupportedOperationException.class)
        .hasMessageContaining(os + " on " + arch)
        .hasMessageContaining("sluice.onnxruntime.library");
  }

  @Test
  void processesThatUnpackAtOnceAllGetTheLibrary() throws Exception {
    String cache = "-Dsluice.cache=" + folder.resolve("cache");
    List<ForkedJvm> jvms = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      jvms.add(load(cache));
    }
    for (ForkedJvm jvm : jvms) {
      assertThat(jvm.join())
          .isEqualTo(new ForkedJvm.Result(0, OnnxRuntimeLibrary.PINNED_VERSION + "\n", ""));
    }
    Path library = onlyFile(folder.resolve("cache").resolve("native"));
    byte[] whole = Files.readAllBytes(library);
    Files.write(library, new byte[] {1, 2, 3});
    assertThat(load(cache).join().status()).isZero();
    assertThat(library).hasBinaryContent(whole);
  }

  private static Path onlyFile(Path folder) throws Exception {
    try (Stream<Path> files = Files.walk(folder).filter(Files::isRegularFile)) {
      List<Path> all = files.toList();
      assertThat(all).hasSize(1);
      return all.getFirst();
    }
  }

  @Test
  void anotherLibraryCanBeNamed() throws Exception {
    Path copy = folder.resolve("moved.so");
    Files.copy(OrtEnvironment.shared().libraryPath(), copy);
    // The cache is not even looked at.
    String cache = "-Dsluice.cache=/proc/sluice-cache";
    assertThat(load("-Dsluice.onnxruntime.library=" + copy, cache).join().status()).isZero();

    Path missing = folder.resolve("missing.so");
    ForkedJvm.Result result = load("-Dsluice.onnxruntime.library=" + missing, cache).join();
    assertThat(result.status()).isNotZero();
    assertThat(result.err()).contains(missing + ", which is not a readable file");

    Path text = Files.writeString(folder.resolve("text.so"), "no ELF file");
    result = load("-Dsluice.onnxruntime.library=" + text, cache).join();
    assertThat(result.status()).isNotZero();
    assertThat(result.err()).contains("the system's loader refuses " + text);
  }

  @Test
  void aCacheThatCannotBeMadeIsNamed() throws Exception {
    ForkedJvm.Result result = load("-Dsluice.cache=/proc/sluice-cache").join();
    assertThat(result.status()).isNotZero();
    assertThat(result.err())
        .contains("/proc/sluice-cache")
        .contains("set the system property sluice.cache");
  }
}
