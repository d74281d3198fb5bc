package dev.sluice.bindings.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Real shared libraries that are drivers, nearly drivers, or nothing of the kind. */
class CudaDriverLoaderTest {
  @TempDir private Path folder;

  @Test
  void asksALibraryThroughItsRealAbi() throws Exception {
    Path file = StandInLibrary.driver(folder.resolve("libcuda.so.580.95.05"), 13_010, 0, "");
    Path link = Files.createSymbolicLink(folder.resolve("libcuda.so.1"), file);

    DriverReport report = DriverProbe.probe(CudaDriverLoader.load(link));

    assertThat(report.status()).as(report.missing()).isEqualTo(DriverReport.Status.READY);
    assertThat(report.library()).contains(link);
    assertThat(report.release()).contains("580.95.05");
    assertThat(report.cudaVersion()).isEqualTo(13_010);
    // The stand-in answers an attribute with its own number, and memory beyond 32 bits.
    assertThat(report.devices())
        .containsExactly(
            new CudaDevice(0, "Stand-in", 75, 76, 16, 5_368_709_123L, 4_294_967_301L, "", ""));
  }

  @Test
  void reportsNoDevice() throws Exception {
    Path file = StandInLibrary.driver(folder.resolve("libcuda.so.1"), 13_000, 100, "");

    DriverReport report = DriverProbe.probe(CudaDriverLoader.load(file));

    assertThat(report.status()).isEqualTo(DriverReport.Status.NO_DEVICE);
    assertThat(report.missing()).isEqualTo("cuInit(0) failed with CUDA_ERROR_NO_DEVICE (100)");
  }

  @Test
  void reportsAnOldDriverThoughItLacksFunctions() throws Exception {
    Path file =
        StandInLibrary.driver(folder.resolve("libcuda.so.1"), 12_040, 0, "cuEventElapsedTime_v2");

    DriverReport report = DriverProbe.probe(CudaDriverLoader.load(file));

    assertThat(report.status()).isEqualTo(DriverReport.Status.TOO_OLD);
    assertThat(report.missing()).contains("CUDA 12.4");
  }

  @Test
  void namesAMissingFunctionAndReturnsAStatusForIt() throws Exception {
    Path file = StandInLibrary.driver(folder.resolve("libcuda.so.1"), 13_000, 0, "cuGraphLaunch");

    CudaDriverLoader.Result loaded = CudaDriverLoader.load(file);

    assertThat(loaded.missingSymbols()).containsExactly("cuGraphLaunch");
    assertThat(loaded.api().orElseThrow().cuGraphLaunch(1, 2))
        .isEqualTo(CudaStatus.SHARED_OBJECT_SYMBOL_NOT_FOUND.code());
    assertThat(loaded.api().orElseThrow().cuGraphDestroy(1)).isEqualTo(801);
    assertThat(DriverProbe.probe(loaded).status()).isEqualTo(DriverReport.Status.INCOMPLETE);
  }

  @Test
  void saysWhyAFileIsNoLibrary() throws Exception {
    Path file = Files.writeString(folder.resolve("libcuda.so.1"), "x".repeat(4096));

    DriverReport report = DriverProbe.probe(CudaDriverLoader.load(file));

    assertThat(report.status()).isEqualTo(DriverReport.Status.NO_DRIVER);
    assertThat(report.tried())
        .containsExactly(new DriverReport.Tried(file.toString(), "invalid ELF header"));
  }

  @Test
  void saysThatAFileIsNotThere() {
    Path file = folder.resolve("libcuda.so.1");

    assertThat(DriverProbe.probe(CudaDriverLoader.load(file)).tried())
        .containsExactly(new DriverReport.Tried(file.toString(), "no such file"));
  }

  @Test
  void aSegmentThatCannotBePassedIsNamedAsSuch() throws Exception {
    Path file = StandInLibrary.driver(folder.resolve("libcuda.so.1"), 13_000, 0, "");
    CudaApi api = CudaDriverLoader.load(file).api().orElseThrow();
    MemorySegment closed;
    try (Arena arena = Arena.ofConfined()) {
      closed = arena.allocate(8);
    }
    assertThatThrownBy(() -> api.cuDriverGetVersion(closed))
        .isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(() -> api.cuDriverGetVersion(MemorySegment.ofArray(new long[1])))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
