package dev.sluice.kernels.compile;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.bindings.ForkedJvm;
import dev.sluice.bindings.NativeException;
import dev.sluice.bindings.nvrtc.Nvrtc;
import dev.sluice.bindings.sim.SimulatedNvrtc;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.logging.Level;
import java.util.logging.Logger;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class KernelCompilerTest {
  private static final KernelSource SOURCE =
      new KernelSource("a.cu", "#include \"h\"\n void one() {}", Map.of("h", "int h;"));

  @TempDir private Path root;
  private final SimulatedNvrtc nvrtc = new SimulatedNvrtc(Set.of("one", "two"), 75, 90);
  private final Logger log = Logger.getLogger(CubinCache.class.getName());
  private String before;

  @BeforeEach
  void useOwnCache() {
    // The log of what is removed would be long.
    log.setLevel(Level.OFF);
    before = System.getProperty("sluice.cache", "");
    System.setProperty("sluice.cache", root.resolve("cache").toString());
  }

  @AfterEach
  void restore() {
    log.setLevel(null);
    System.setProperty("sluice.cache", before);
  }

  private KernelCompiler compiler() {
    return new KernelCompiler(() -> new Nvrtc(nvrtc, "simulated"));
  }

  private static KernelCompiler withoutNvrtc() {
    return new KernelCompiler(() -> {
      throw new NativeException("dlopen", Nvrtc.LIBRARY, "no NVRTC", -1, "", "install it");
    });
  }

  private List<Path> files() throws IOException {
    try (Stream<Path> files = Files.list(root.resolve("cache/kernels"))) {
      return files.toList();
    }
  }

  @Test
  void compilesOnceForAllProcesses() throws IOException {
    KernelCompiler compiler = compiler();
    byte[] cubin = compiler.compile(SOURCE, 90);
    assertThat(compiler.compile(SOURCE, 90)).isEqualTo(cubin);
    assertThat(compiler().compile(SOURCE, 90)).isEqualTo(cubin);
    assertThat(nvrtc.compilations()).isEqualTo(1);
    assertThat(files()).hasSize(1);
    assertThat(Files.getPosixFilePermissions(files().getFirst())).hasSize(2);
  }

  @Test
  void whatDiffersIsCompiledAnew() {
    compiler().compile(SOURCE, 90);
    compiler().compile(SOURCE, 75);
    compiler().compile(new KernelSource("a.cu", SOURCE.text() + " ", SOURCE.headers()), 90);
    compiler().compile(new KernelSource("b.cu", SOURCE.text(), SOURCE.headers()), 90);
    compiler().compile(new KernelSource("a.cu", SOURCE.text(), Map.of("h", "int i;")), 90);
    compiler().compile(new KernelSource("a.cu", SOURCE.text(), Map.of("i", "int h;")), 90);
    assertThat(nvrtc.compilations()).isEqualTo(6);
  }

  @Test
  void anotherBuildOfTheSameVersionCompilesAnew() throws IOException {
    Path library = root.resolve("libnvrtc.so.13");
    for (String content : List.of("13.0.48", "13.0.88 ", "13.0.88 ")) {
      Files.writeString(library, content);
      new KernelCompiler(() -> new Nvrtc(nvrtc, library.toString())).compile(SOURCE, 90);
    }
    assertThat(nvrtc.compilations()).isEqualTo(2);
    assertThat(withoutNvrtc().compile(SOURCE, 90)).isNotEmpty();
    assertThat(files()).hasSize(2).allMatch(file -> file.toString().contains("-13.0-"));
    Files.delete(library);
    new KernelCompiler(() -> new Nvrtc(nvrtc, library.toString())).compile(SOURCE, 90);
    assertThat(nvrtc.compilations()).isEqualTo(3);
  }

  @Test
  void removesWhatKilledProcessesLeft() throws IOException {
    compiler().compile(SOURCE, 90);
    Path old = Files.writeString(root.resolve("cache/kernels/cubin1.tmp"), "half");
    Path young = Files.writeString(root.resolve("cache/kernels/cubin2.tmp"), "half");
    Files.setLastModifiedTime(old, FileTime.from(Instant.now().minus(2, ChronoUnit.HOURS)));
    compiler().compile(SOURCE, 75);
    assertThat(old).doesNotExist();
    assertThat(young).exists();
  }

  @Test
  void aDamagedFileIsMadeAnew() throws IOException {
    byte[] cubin = compiler().compile(SOURCE, 90);
    Path file = files().getFirst();
    byte[] good = Files.readAllBytes(file);
    for (int i = 0; i < good.length; i++) {
      byte[] bad = good.clone();
      bad[i] ^= 1;
      Files.write(file, bad);
      assertThat(compiler().compile(SOURCE, 90)).as("byte %d", i).isEqualTo(cubin);
      assertThat(Files.readAllBytes(file)).as("byte %d", i).isEqualTo(good);
    }
    for (int length = 0; length < good.length; length += 7) {
      Files.write(file, Arrays.copyOf(good, length));
      assertThat(compiler().compile(SOURCE, 90)).as("length %d", length).isEqualTo(cubin);
    }
    assertThat(nvrtc.compilations()).isEqualTo(1 + good.length + (good.length + 6) / 7);
  }

  @Test
  void anotherSourcesFileIsNotTaken() throws IOException {
    compiler().compile(SOURCE, 90);
    Path file = files().getFirst();
    KernelSource other = new KernelSource("b.cu", "void two() {}", Map.of());
    Files.copy(file, file.resolveSibling(KernelCompiler.key(other, 90) + "-13.0.cubin"));
    assertThat(new String(compiler().compile(other, 90), StandardCharsets.UTF_8))
        .contains("two")
        .doesNotContain("one");
  }

  @Test
  void aLinkIsNotFollowed() throws IOException {
    byte[] cubin = compiler().compile(SOURCE, 90);
    Path file = files().getFirst();
    Path elsewhere = root.resolve("elsewhere");
    Files.move(file, elsewhere);
    Files.createSymbolicLink(file, elsewhere);
    assertThat(compiler().compile(SOURCE, 90)).isEqualTo(cubin);
    assertThat(Files.isSymbolicLink(file)).isFalse();
    assertThat(nvrtc.compilations()).isEqualTo(2);
  }

  @Test
  void worksWithoutNvrtcWhereItWasThereBefore() {
    assertThatThrownBy(() -> withoutNvrtc().compile(SOURCE, 90))
        .isInstanceOf(NativeException.class)
        .hasMessageContaining("no NVRTC")
        .hasMessageContaining("install it");
    byte[] cubin = compiler().compile(SOURCE, 90);
    assertThat(withoutNvrtc().compile(SOURCE, 90)).isEqualTo(cubin);
    assertThatThrownBy(() -> withoutNvrtc().compile(SOURCE, 75))
        .isInstanceOf(NativeException.class);
  }

  @Test
  void worksWithoutAFolder() throws IOException {
    Files.writeString(root.resolve("cache"), "in the way");
    byte[] cubin = compiler().compile(SOURCE, 90);
    assertThat(compiler().compile(SOURCE, 90)).isEqualTo(cubin);
    assertThat(nvrtc.compilations()).isEqualTo(2);
  }

  /** Compiles the same again and again, and says what came of it. */
  static final class OtherProcess {
    private OtherProcess() {}

    public static void main(String[] args) {
      SimulatedNvrtc nvrtc = new SimulatedNvrtc(Set.of("one", "two"), 75, 90);
      byte[] first = null;
      for (int i = 0; i < 300; i++) {
        byte[] cubin = new KernelCompiler(() -> new Nvrtc(nvrtc, "simulated")).compile(SOURCE, 90);
        if (first != null && !Arrays.equals(first, cubin)) {
          throw new AssertionError("another cubin in round " + i);
        }
        first = cubin;
      }
      System.out.println(new String(first, StandardCharsets.UTF_8).lines().toList());
    }
  }

  @Test
  void processesShareTheFolder() throws Exception {
    List<String> options = List.of("-Dsluice.cache=" + root.resolve("cache"));
    List<ForkedJvm> processes = new ArrayList<>();
    for (int i = 0; i < 2; i++) {
      processes.add(ForkedJvm.start(root, options, OtherProcess.class));
    }
    byte[] expected = compiler().compile(SOURCE, 90);
    for (int i = 0; i < 300; i++) {
      Files.deleteIfExists(
          root.resolve("cache/kernels/" + KernelCompiler.key(SOURCE, 90) + "-13.0.cubin"));
      assertThat(compiler().compile(SOURCE, 90)).isEqualTo(expected);
    }
    for (ForkedJvm process : processes) {
      ForkedJvm.Result result = process.join();
      assertThat(result.status()).as(result.err()).isZero();
      assertThat(result.out()).contains("sluice-sim-module, one");
      assertThat(result.err()).doesNotContain("removing");
    }
  }

  @Test
  void saysWhatDoesNotCompile() {
    assertThatThrownBy(
            () -> compiler().compile(new KernelSource("bad.cu", "#error no", Map.of()), 90))
        .isInstanceOf(NativeException.class)
        .hasMessageContaining("nvrtcCompileProgram(bad.cu")
        .hasMessageContaining("NVRTC_ERROR_COMPILATION")
        .hasMessageContaining("error: #error");
    assertThatThrownBy(() -> compiler().compile(SOURCE, 120))
        .isInstanceOf(NativeException.class)
        .hasMessageContaining("sm_120")
        .hasMessageContaining("[75, 90]");
  }

  @Test
  void manyThreadsCompileOnce() throws Exception {
    KernelCompiler compiler = compiler();
    try (ExecutorService pool = Executors.newFixedThreadPool(16)) {
      List<Future<byte[]>> results = new ArrayList<>();
      for (int i = 0; i < 64; i++) {
        results.add(pool.submit(() -> compiler.compile(SOURCE, 90)));
      }
      byte[] first = results.getFirst().get();
      for (Future<byte[]> result : results) {
        assertThat(result.get()).isEqualTo(first);
      }
    }
    assertThat(nvrtc.compilations()).isEqualTo(1);
  }

  @Test
  void manyCompilersLeaveOneGoodFile() throws Exception {
    byte[] expected = compiler().compile(SOURCE, 90);
    try (ExecutorService pool = Executors.newFixedThreadPool(16)) {
      List<Future<?>> done = new ArrayList<>();
      for (int i = 0; i < 200; i++) {
        int turn = i;
        done.add(
            pool.submit(() -> {
              if (turn % 5 == 0) {
                Files.deleteIfExists(
                    root.resolve(
                        "cache/kernels/" + KernelCompiler.key(SOURCE, 90) + "-13.0.cubin"));
              }
              assertThat(compiler().compile(SOURCE, 90)).isEqualTo(expected);
              return null;
            }));
      }
      for (Future<?> future : done) {
        future.get();
      }
    }
    assertThat(files()).allMatch(file -> file.toString().endsWith(".cubin"));
  }
}
