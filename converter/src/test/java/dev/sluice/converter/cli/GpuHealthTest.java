package dev.sluice.converter.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.bindings.cuda.DriverReport;
import dev.sluice.bindings.cuda.GpuReport;
import dev.sluice.bindings.nvml.GpuReading;
import dev.sluice.bindings.tensorrt.TensorRtLoader;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;

class GpuHealthTest {
  private static final Map<String, Object> NVRTC = Map.of("version", "13.0", "library", "l");

  @Test
  void leavesOutWhatAGpuDoesNotTell() {
    OptionalLong none = OptionalLong.empty();
    GpuReading reading =
        new GpuReading(
            "GPU of test",
            "GPU-1",
            none,
            none,
            OptionalLong.of(5),
            none,
            OptionalLong.of(61),
            none,
            none,
            none,
            none,
            none,
            none,
            List.of("software power cap"),
            none,
            none,
            Optional.of("exclusive process"),
            OptionalLong.of(1),
            none,
            List.of());
    Map<String, Object> facts = GpuHealth.facts(reading);
    assertThat(facts)
        .containsOnlyKeys(
            "name",
            "uuid",
            "memoryUsedBytes",
            "temperatureC",
            "slowedBy",
            "computeMode",
            "migEnabled",
            "processes")
        .containsEntry("temperatureC", 61L);
    TextTable table = new TextTable();
    new GpuHealth(NVRTC, List.of(facts), "13.580.65.06", "", "").rows(table);
    StringWriter text = new StringWriter();
    table.print(new PrintWriter(text, true));
    assertThat(text.toString())
        .contains("NVRTC 13.0", "13.580.65.06", "temperatureC 61", "slowedBy [software power cap]")
        .doesNotContain("processes");
  }

  /** People are told as much of what is missing as machines. */
  @Test
  void saysWhyThereIsNoNvmlAndWhereADriverWasLookedFor() {
    GpuHealth health = new GpuHealth(NVRTC, List.of(), "", "dlopen(n.so) failed", "install that");
    DriverReport driver =
        new DriverReport(
            DriverReport.Status.NO_DRIVER,
            Optional.empty(),
            Optional.empty(),
            Optional.empty(),
            0,
            List.of(),
            List.of(new DriverReport.Tried("/usr/lib64/libcuda.so.1", "no such file")),
            "no CUDA driver",
            "install a driver");
    StringWriter text = new StringWriter();
    DoctorCommand.text(
        TensorRtLoader.load(new GpuReport(driver, List.of(), List.of())),
        health,
        new PrintWriter(text, true));
    assertThat(text.toString())
        .containsPattern("nvml +none: dlopen\\(n.so\\) failed")
        .containsPattern("tried +/usr/lib64/libcuda.so.1: no such file")
        .contains("cuda: not usable")
        .containsPattern("builder +0 builder resources.*not measured yet")
        .containsPattern("remedy +install a driver")
        .containsPattern("remedy +install that");
  }
}
