package dev.sluice.bindings.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.bindings.sim.FaultPlan;
import dev.sluice.bindings.sim.SimulatedCuda;
import dev.sluice.bindings.sim.SimulatedDevices;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class DriverProbeTest {
  private static final String KERNEL =
      """
      NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.95.05  Release Build
      GCC version: gcc version 13.3.0
      """;

  private static DriverReport probe(FakeCudaDriver driver, String kernelText, String... missing) {
    return DriverProbe.probe(
        new CudaDriverLoader.Result(
            Optional.of(driver.api()), Optional.empty(), List.of(missing), List.of()),
        kernelText);
  }

  @Test
  void describesEveryDeviceAndLeavesNoTrace() {
    FakeCudaDriver driver = new FakeCudaDriver().devices(2);

    DriverReport report = probe(driver, KERNEL);

    assertThat(report.status()).isEqualTo(DriverReport.Status.READY);
    assertThat(report.cudaVersion()).isEqualTo(13_000);
    assertThat(report.kernelRelease()).contains("580.95.05");
    assertThat(report.missing()).isEmpty();
    assertThat(report.remedy()).isEmpty();
    assertThat(report.devices()).containsExactly(device(0), device(1));
    assertThat(report.devices().getFirst().architecture()).isEqualTo("sm90");
    assertThat(driver.retained()).isZero();
    assertThat(driver.currentContext()).isEqualTo(FakeCudaDriver.CALLERS_CONTEXT);
  }

  private static CudaDevice device(int ordinal) {
    return new CudaDevice(
        ordinal,
        "GPU of test",
        9,
        0,
        132,
        FakeCudaDriver.TOTAL_BYTES,
        FakeCudaDriver.FREE_BYTES,
        "",
        "");
  }

  @ParameterizedTest
  @CsvSource({
    "cuInit, 100, NO_DEVICE, CUDA_VISIBLE_DEVICES",
    "cuInit, 803, FAILED, reboot",
    "cuInit, 999, FAILED, dmesg",
    "cuInit, 34, FAILED, stubs",
    "cuInit, 302, FAILED, 580",
    "cuInit, 304, FAILED, /dev/nvidia*",
    "cuDriverGetVersion, 999, FAILED, dmesg",
    "cuDeviceGetCount, 3, FAILED, cuInit",
    "cuDeviceGetName, 101, FAILED, ordinal",
  })
  void namesTheFailedCallAndTheRemedy(
      String function, int status, DriverReport.Status expected, String remedy) {
    FakeCudaDriver driver = new FakeCudaDriver().fail(function, status);

    DriverReport report = probe(driver, "");

    assertThat(report.status()).isEqualTo(expected);
    assertThat(report.missing())
        .startsWith(function + "(")
        .contains(
            "failed with " + CudaStatus.of(status).orElseThrow().cName() + " (" + status + ")");
    assertThat(report.remedy()).contains(remedy);
    assertThat(report.ready()).isFalse();
  }

  @Test
  void worksWithADriverThatCannotEvenNameItsErrors() {
    FakeCudaDriver driver =
        new FakeCudaDriver()
            .fail("cuInit", 12_345)
            .fail("cuGetErrorName", 302)
            .fail("cuGetErrorString", 302);

    assertThat(probe(driver, "").missing()).isEqualTo("cuInit(0) failed with CUresult (12345)");
  }

  @Test
  void refusesAnOldDriverBeforeItStartsIt() {
    FakeCudaDriver driver = new FakeCudaDriver().version(12_040);

    DriverReport report = probe(driver, "", "cuEventElapsedTime_v2");

    assertThat(report.status()).isEqualTo(DriverReport.Status.TOO_OLD);
    assertThat(report.missing()).contains("CUDA 12.4").contains("CUDA 13.0");
    assertThat(report.remedy()).contains("580");
    assertThat(driver.calls()).doesNotContain("cuInit");
  }

  @Test
  void namesTheFunctionsThatANewDriverLacks() {
    DriverReport report = probe(new FakeCudaDriver(), "", "cuGraphLaunch");

    assertThat(report.status()).isEqualTo(DriverReport.Status.INCOMPLETE);
    assertThat(report.missing()).endsWith("lacks cuGraphLaunch");
  }

  @Test
  void saysThatNoDeviceIsShown() {
    DriverReport report = probe(new FakeCudaDriver().devices(0), "");

    assertThat(report.status()).isEqualTo(DriverReport.Status.NO_DEVICE);
    assertThat(report.remedy()).contains("--gpus all");
  }

  @ParameterizedTest
  @CsvSource({
    "cuMemGetInfo_v2, 0",
    "cuCtxSetCurrent, 0",
    "cuDevicePrimaryCtxRetain, 0",
    "cuCtxGetCurrent, 0"
  })
  void describesADeviceThatHasNoRoomForAContext(String function, int retainedAfterwards) {
    FakeCudaDriver driver = new FakeCudaDriver().fail(function, 2);

    DriverReport report = probe(driver, "");

    assertThat(report.status()).isEqualTo(DriverReport.Status.NO_USABLE_DEVICE);
    assertThat(report.missing()).startsWith("no device can be used: device 0: " + function + "(");
    assertThat(report.remedy()).contains("no memory left");
    CudaDevice device = report.devices().getFirst();
    assertThat(device.usable()).isFalse();
    assertThat(device.freeBytes()).isEqualTo(-1);
    assertThat(device.note()).startsWith(function + "(").contains("CUDA_ERROR_OUT_OF_MEMORY");
    assertThat(device.remedy()).isEqualTo(report.remedy());
    assertThat(driver.retained()).isEqualTo(retainedAfterwards);
    assertThat(driver.currentContext()).isEqualTo(FakeCudaDriver.CALLERS_CONTEXT);
  }

  @Test
  void withoutALibraryTellsAContainerFromAMachineWithoutDriver() {
    CudaDriverLoader.Result none =
        new CudaDriverLoader.Result(
            Optional.empty(),
            Optional.empty(),
            List.of(),
            List.of(new DriverReport.Tried("libcuda.so.1", "no such file")));

    DriverReport machine = DriverProbe.probe(none, "");
    DriverReport container = DriverProbe.probe(none, KERNEL);

    assertThat(machine.status()).isEqualTo(DriverReport.Status.NO_DRIVER);
    assertThat(machine.tried()).hasSize(1);
    assertThat(machine.missing()).contains("libcuda.so.1");
    assertThat(machine.remedy()).startsWith("install the NVIDIA driver 580");
    assertThat(container.remedy()).contains("580.95.05").contains("NVIDIA_DRIVER_CAPABILITIES");
  }

  private static DriverReport probe(SimulatedDevices devices) {
    try (SimulatedCuda cuda = devices.build()) {
      DriverReport report =
          DriverProbe.probe(
              new CudaDriverLoader.Result(
                  Optional.of(cuda), Optional.empty(), List.of(), List.of()),
              "");
      assertThat(cuda.leaks()).isEmpty();
      return report;
    }
  }

  @Test
  void namesADeviceThatNobodyMayUse() {
    DriverReport report =
        probe(
            SimulatedCuda.builder()
                .computeMode(CudaConstants.CU_COMPUTEMODE_PROHIBITED)
                .name("prohibited"));
    assertThat(report.devices())
        .singleElement()
        .satisfies(device -> {
          assertThat(device.name()).isEqualTo("prohibited");
          assertThat(device.note())
              .contains("cuDevicePrimaryCtxRetain")
              .contains("CUDA_ERROR_DEVICE_UNAVAILABLE");
          assertThat(device.remedy()).contains("nvidia-smi -c 0");
        });
    assertThat(report.status()).isEqualTo(DriverReport.Status.NO_USABLE_DEVICE);
    GpuReport gpu = new GpuReport(report, List.of(), List.of());
    assertThat(gpu.ok()).isFalse();
    assertThat(gpu.missing())
        .singleElement()
        .asString()
        .contains("device 0")
        .contains("CUDA_ERROR_DEVICE_UNAVAILABLE");
    assertThat(gpu.remedies()).singleElement().asString().contains("nvidia-smi -c 0");
  }

  @Test
  void oneDeviceOfTwoIsEnoughAndTheOtherIsNamed() {
    FaultPlan faults =
        FaultPlan.none().failCall("cuDevicePrimaryCtxRetain", 2, CudaStatus.OUT_OF_MEMORY);
    DriverReport report = probe(SimulatedCuda.builder().devices(2).faults(faults));
    assertThat(report.status()).isEqualTo(DriverReport.Status.READY);
    GpuReport gpu = new GpuReport(report, List.of(), List.of());
    assertThat(gpu.ok()).isTrue();
    assertThat(gpu.missing())
        .singleElement()
        .asString()
        .startsWith("device 1 can't be used: cuDevicePrimaryCtxRetain(device 1)");
    assertThat(gpu.remedies()).singleElement().asString().contains("no memory left");
  }

  @Test
  void saysWhatALostOrAnOldDriverSays() {
    DriverReport lost = probe(SimulatedCuda.builder().faults(FaultPlan.none().loseDevice(3)));
    assertThat(lost.status()).isEqualTo(DriverReport.Status.FAILED);
    assertThat(lost.missing()).contains("CUDA_ERROR_ECC_UNCORRECTABLE");
    assertThat(lost.remedy()).contains("restart the process");
    DriverReport old = probe(SimulatedCuda.builder().driverVersion(12_080));
    assertThat(old.status()).isEqualTo(DriverReport.Status.TOO_OLD);
    assertThat(old.missing()).contains("CUDA 12.8").contains("CUDA 13.0");
    DriverReport none = probe(SimulatedCuda.builder().devices(0));
    assertThat(none.status()).isEqualTo(DriverReport.Status.NO_DEVICE);
    assertThat(none.remedy()).contains("under MIG");
  }
}
