package dev.sluice.bench.gpu;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.bench.models.GeneratedModel;
import dev.sluice.bench.models.TinyModels;
import dev.sluice.bindings.cuda.CudaDriverLoader;
import dev.sluice.bindings.sim.SimulatedCuda;
import dev.sluice.bindings.sim.SimulatedTensorRt;
import dev.sluice.engine.cuda.GpuLibraries;
import dev.sluice.kernels.SimulatedKernels;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The table on the simulated GPU: that it is measured and checked, not what it says. */
class SideBySideTest {
  private static final SideBySide.Effort SHORT =
      new SideBySide.Effort(List.of(1, 3), 2, 3, Duration.ofMillis(20), Duration.ofMillis(300));

  @TempDir private Path folder;
  private String before;

  @BeforeEach
  void useOwnCache() {
    before = System.getProperty("sluice.cache", "");
    System.setProperty("sluice.cache", folder.resolve("cache").toString());
  }

  @AfterEach
  void restore() {
    System.setProperty("sluice.cache", before);
  }

  @Test
  void everyModelIsMeasuredAndItsAnswersHeld() throws Exception {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (SimulatedCuda cuda =
            SimulatedCuda.builder().kernels(SimulatedKernels.all()).threaded().build();
        PrintStream out = new PrintStream(bytes, true, StandardCharsets.UTF_8)) {
      SimulatedTensorRt tensorRt = SimulatedTensorRt.builder(cuda).build();
      GpuLibraries gpu = GpuLibraries.simulated(cuda, tensorRt);
      for (GeneratedModel model : TinyModels.table()) {
        SideBySide.print(gpu, model, folder, SHORT, out);
      }
      assertThat(tensorRt.builds()).as("plans that were built").isEqualTo(3);
      assertThat(tensorRt.leaks()).isEmpty();
      assertThat(cuda.leaks()).isEmpty();
      assertThat(cuda.failures()).isEmpty();
      assertThat(cuda.races()).isEmpty();
    }
    List<String> lines = bytes.toString(StandardCharsets.UTF_8).lines().toList();
    assertThat(lines).hasSize(15);
    assertThat(lines)
        .filteredOn(line -> line.contains("on Simulated GPU, TensorRT 11.2"))
        .hasSize(3);
    assertThat(lines)
        .filteredOn(line -> line.startsWith("  batch  1") && line.contains("latency"))
        .hasSize(3);
    assertThat(lines)
        .filteredOn(line -> line.startsWith("  batch  3") && !line.contains("latency"))
        .hasSize(3);
    assertThat(lines)
        .filteredOn(line -> line.startsWith("  64 callers") && line.contains("0 errors"))
        .hasSize(3);
  }

  @Test
  void aMissedBarIsSeen() {
    assertThat(new TableLine.Runs(8, 100, 100.9, 1.009, 0, 120, 0, 10, true).ok()).isTrue();
    assertThat(new TableLine.Runs(8, 100, 101.1, 1.011, 0, 120, 0, 10, true).ok()).isFalse();
    assertThat(new TableLine.Runs(1, 100, 100, 1, 0, 120, 129, 10, true).ok()).isTrue();
    assertThat(new TableLine.Runs(1, 100, 100, 1, 0, 120, 131, 10, true).ok()).isFalse();
    assertThat(new TableLine.Load(64, 91, 100, 32, 30, 0, 0, null).ok()).isTrue();
    assertThat(new TableLine.Load(64, 89, 100, 32, 30, 0, 0, null).ok()).isFalse();
    assertThat(new TableLine.Load(64, 91, 100, 32, 30, 0, 1, "wrong").ok()).isFalse();
    assertThat(new TableLine.Load(64, 91, 100, 32, 30, 24, 0, null).ok()).isFalse();
    assertThat(new TableLine.Load(64, 91, 100, 32, 30, 24, 0, null))
        .hasToString(
            "  64 callers  91 rows/s, best of the plan 100 at 32 rows, ratio 0.910 (bar 0.90); mean"
                + " batch 30.0; heap 24.00 bytes a request; 0 errors  MISSED");
  }

  @Test
  void withoutAGpuItSaysSo() throws Exception {
    Assumptions.assumeTrue(CudaDriverLoader.load().api().isEmpty(), "there is a driver");
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (PrintStream out = new PrintStream(bytes, true, StandardCharsets.UTF_8)) {
      assertThat(new SideBySide(out).call()).isZero();
    }
    assertThat(bytes.toString(StandardCharsets.UTF_8)).startsWith("skipped, no GPU: ");
  }
}
