package dev.sluice.bindings.nvml;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.bindings.NativeException;
import dev.sluice.bindings.cuda.CudaDriverLoader;
import dev.sluice.bindings.cuda.StandInLibrary;
import dev.sluice.bindings.nvml.generated.NvmlHeader;
import java.lang.reflect.Method;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class NvmlTest {
  /** A GPU of a data centre, as nvml.h lays its answers out. */
  private static final String GPU =
      """
      #include <string.h>
      typedef unsigned u; typedef unsigned long long ull; typedef void *D;
      static int users;
      int nvmlInit_v2(void) { users++; return INIT; }
      int nvmlShutdown(void) { users--; return 0; }
      int users_now(void) { return users; }
      const char *nvmlErrorString(int r) { return r == 15 ? "words of the library" : "others"; }
      int nvmlSystemGetNVMLVersion(char *v, u n) { strncpy(v, "13.580.65.06", n); return 0; }
      int nvmlSystemGetDriverVersion(char *v, u n) { strncpy(v, "580.65.06", n); return 0; }
      int nvmlDeviceGetCount_v2(u *n) { *n = 2; return 0; }
      int nvmlDeviceGetHandleByIndex_v2(u i, D *d) { *d = (D) (i + 10ul); return i < 2 ? 0 : 2; }
      int nvmlDeviceGetHandleByPciBusId_v2(const char *p, D *d) {
        *d = (D) 11; return strcmp(p, "0000:3B:00.0") ? 6 : 0;
      }
      int nvmlDeviceGetName(D d, char *v, u n) { strncpy(v, "GPU of test", n); return 0; }
      int nvmlDeviceGetUUID(D d, char *v, u n) { strncpy(v, "GPU-1234", n); return 0; }
      """;

  private static final String ALL =
      """
      int nvmlDeviceGetUtilizationRates(D d, u *r) { r[0] = 42; r[1] = 7; return 0; }
      int nvmlDeviceGetMemoryInfo(D d, ull *m) { m[0] = 80ull << 30; m[1] = 70ull << 30; m[2] = 10ull << 30; return 0; }
      int nvmlDeviceGetTemperature(D d, int s, u *t) { *t = s == 0 ? 61 : 0; return 0; }
      int nvmlDeviceGetPowerUsage(D d, u *p) { *p = 350123; return LOST; }
      int nvmlDeviceGetEnforcedPowerLimit(D d, u *p) { *p = 700000; return 0; }
      int nvmlDeviceGetTotalEnergyConsumption(D d, ull *e) { *e = 5000000000ull; return 0; }
      int nvmlDeviceGetClockInfo(D d, int t, u *c) { *c = t == 1 ? 1755 : 2619; return 0; }
      int nvmlDeviceGetMaxClockInfo(D d, int t, u *c) { *c = 1980; return 0; }
      int REASONS(D d, ull *r) { *r = 0x4 | 0x40 | 0x1; return 0; }
      int nvmlDeviceGetEccMode(D d, u *c, u *p) { *c = 1; *p = 1; return 0; }
      int nvmlDeviceGetTotalEccErrors(D d, int t, int k, ull *e) { *e = t == 1 && k == 0 ? 3 : 0; return 0; }
      int nvmlDeviceGetComputeMode(D d, u *m) { *m = 3; return 0; }
      int nvmlDeviceGetMigMode(D d, u *c, u *p) { *c = 0; *p = 0; return 0; }
      int nvmlDeviceGetPersistenceMode(D d, u *m) { *m = 1; return 0; }
      struct P { u pid; ull used; u gpu, compute; };
      int nvmlDeviceGetComputeRunningProcesses_v3(D d, u *n, struct P *p) {
        u room = *n; *n = PROCESSES;
        if (room < *n) return 7;
        for (u i = 0; i < *n; i++) p[i].pid = 4711 + i;
        return 0;
      }
      """;

  @TempDir private Path folder;

  private Path library(String source, int init, int lost, String reasons) throws Exception {
    return library(source, init, lost, reasons, 2);
  }

  private Path library(String source, int init, int lost, String reasons, int processes)
      throws Exception {
    return StandInLibrary.compile(
        "gcc",
        folder.resolve("libnvidia-ml.so.1"),
        "#define PROCESSES "
            + processes
            + "\n#define INIT "
            + init
            + "\n#define LOST "
            + lost
            + "\n#define REASONS "
            + reasons
            + "\n"
            + source);
  }

  private static final String EVENTS = "nvmlDeviceGetCurrentClocksEventReasons";

  @Test
  void readsAGpu() throws Exception {
    try (Nvml nvml = Nvml.load(library(GPU + ALL, 0, 0, EVENTS))) {
      assertThat(nvml.driverRelease()).isEqualTo("580.65.06");
      assertThat(nvml.version()).isEqualTo("13.580.65.06");
      assertThat(nvml.count()).isEqualTo(2);
      for (int round = 0; round < 3; round++) {
        GpuReading gpu = nvml.readPci("0000:3B:00.0");
        assertThat(gpu.name()).isEqualTo("GPU of test");
        assertThat(gpu.uuid()).isEqualTo("GPU-1234");
        assertThat(gpu.busyPercent()).hasValue(42);
        assertThat(gpu.memoryBusyPercent()).hasValue(7);
        assertThat(gpu.memoryTotalBytes()).hasValue(80L << 30);
        assertThat(gpu.memoryUsedBytes()).hasValue(10L << 30);
        assertThat(gpu.temperatureC()).hasValue(61);
        assertThat(gpu.powerMw()).hasValue(350_123);
        assertThat(gpu.powerLimitMw()).hasValue(700_000);
        assertThat(gpu.energyMj()).hasValue(5_000_000_000L);
        assertThat(gpu.smClockMhz()).hasValue(1755);
        assertThat(gpu.smClockMaxMhz()).hasValue(1980);
        assertThat(gpu.memoryClockMhz()).hasValue(2619);
        assertThat(gpu.slowedBy())
            .containsExactly("software power cap", "hardware thermal slowdown");
        assertThat(gpu.eccEnabled()).hasValue(1);
        assertThat(gpu.eccUncorrected()).hasValue(3);
        assertThat(gpu.computeMode()).contains("exclusive process");
        assertThat(gpu.migEnabled()).hasValue(0);
        assertThat(gpu.persistent()).hasValue(1);
        assertThat(gpu.processes()).containsExactly(4711L, 4712L);
      }
      assertThat(nvml.readIndex(0).uuid()).isEqualTo("GPU-1234");
      assertThatThrownBy(() -> nvml.readIndex(2))
          .isInstanceOf(NativeException.class)
          .hasMessageContaining("nvmlDeviceGetHandleByIndex_v2(index 2)")
          .hasMessageContaining("NVML_ERROR_INVALID_ARGUMENT");
      assertThatThrownBy(() -> nvml.readPci("0000:00:00.0"))
          .isInstanceOf(NativeException.class)
          .hasMessageContaining("NVML_ERROR_NOT_FOUND");
    }
  }

  @Test
  void whatALibraryDoesNotKnowIsMissing() throws Exception {
    Nvml closed;
    try (Nvml nvml = Nvml.load(library(GPU, 0, 0, EVENTS))) {
      closed = nvml;
      GpuReading gpu = nvml.readIndex(1);
      assertThat(gpu.name()).isEqualTo("GPU of test");
      assertThat(gpu.busyPercent()).isEmpty();
      assertThat(gpu.memoryTotalBytes()).isEmpty();
      assertThat(gpu.energyMj()).isEmpty();
      assertThat(gpu.computeMode()).isEmpty();
      assertThat(gpu.slowedBy()).isEmpty();
      assertThat(gpu.processes()).isEmpty();
    }
    assertThatThrownBy(closed::count)
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("NVML");
  }

  @Test
  void asksAnOlderDriverByTheOlderName() throws Exception {
    String older = "nvmlDeviceGetCurrentClocksThrottleReasons";
    try (Nvml nvml = Nvml.load(library(GPU + ALL, 0, 0, older))) {
      assertThat(nvml.readIndex(0).slowedBy()).hasSize(2);
    }
  }

  @Test
  void saysThatAGpuIsLost() throws Exception {
    try (Nvml nvml = Nvml.load(library(GPU + ALL, 0, 15, EVENTS))) {
      assertThatThrownBy(() -> nvml.readIndex(0))
          .isInstanceOf(NativeException.class)
          .hasMessageContaining(
              "nvmlDeviceGetPowerUsage(index 0) failed with NVML_ERROR_GPU_IS_LOST (15): words of"
                  + " the library")
          .hasMessageContaining("dmesg");
      assertThatThrownBy(() -> nvml.readPci("0000:3B:00.0"))
          .isInstanceOf(NativeException.class)
          .hasMessageContaining("nvmlDeviceGetPowerUsage(0000:3B:00.0)");
    }
  }

  @Test
  void namesAllProcessesHoweverMany() throws Exception {
    try (Nvml nvml = Nvml.load(library(GPU + ALL, 0, 0, EVENTS, 1000))) {
      assertThat(nvml.readIndex(0).processes()).hasSize(1000).contains(4711L, 5710L);
    }
  }

  /** A GPU on which more processes start between any two questions. */
  @Test
  void processesThatNeverFitAreAnError() throws Exception {
    String more = ALL.replace("*n = PROCESSES", "*n = room + 1000");
    try (Nvml nvml = Nvml.load(library(GPU + more, 0, 0, EVENTS))) {
      assertThatThrownBy(() -> nvml.readIndex(0))
          .isInstanceOf(NativeException.class)
          .hasMessageContaining("nvmlDeviceGetComputeRunningProcesses_v3(index 0)")
          .hasMessageContaining("NVML_ERROR_INSUFFICIENT_SIZE");
    }
  }

  @Test
  void looksWhereTheDriverIsAndSaysWhatItTried() throws Exception {
    assertThat(CudaDriverLoader.candidates(Nvml.LIBRARY))
        .contains(Nvml.LIBRARY, "/usr/lib/x86_64-linux-gnu/" + Nvml.LIBRARY);
    Path driver = StandInLibrary.driver(folder.resolve("libcuda.so.1"), 13_000, 0, "");
    assertThat(CudaDriverLoader.load(driver).api()).isPresent();
    assertThat(CudaDriverLoader.candidates(Nvml.LIBRARY).getFirst()).endsWith("/" + Nvml.LIBRARY);
    Path broken = Files.writeString(folder.resolve("broken.so"), "x".repeat(4096));
    Path good = library(GPU, 0, 0, EVENTS);
    try (Nvml nvml = Nvml.load(List.of(broken.toString(), good.toString()))) {
      assertThat(nvml.count()).isEqualTo(2);
    }
    assertThatThrownBy(() -> Nvml.load(List.of(broken.toString(), "/nowhere/n.so")))
        .isInstanceOf(NativeException.class)
        .hasMessageContaining(broken + ": invalid ELF header; /nowhere/n.so: cannot open");
  }

  @Test
  void anEndThatIsRefusedStaysOpen() throws Exception {
    String again = GPU.replace("users--; return 0;", "return --users < 0 ? 0 : 999;");
    Nvml nvml = Nvml.load(library(again, 0, 0, EVENTS));
    nvml.close();
    assertThat(nvml.count()).isEqualTo(2);
    nvml.close();
    nvml.close();
    assertThatThrownBy(nvml::count).isInstanceOf(IllegalStateException.class);
  }

  @Test
  void saysThatItDoesNotStart() throws Exception {
    Path library = library(GPU, 9, 0, EVENTS);
    assertThatThrownBy(() -> Nvml.load(library))
        .isInstanceOf(NativeException.class)
        .hasMessageContaining("NVML_ERROR_DRIVER_NOT_LOADED")
        .hasMessageContaining("kernel module");
    assertThatThrownBy(() -> Nvml.load(folder.resolve("nothing.so")))
        .isInstanceOf(NativeException.class)
        .hasMessageContaining("no NVML")
        .hasMessageContaining("it comes with the NVIDIA driver");
  }

  @Test
  void everyResultHasAStatus() throws ReflectiveOperationException {
    Map<String, Object> header = new TreeMap<>();
    for (Method method : NvmlHeader.class.getMethods()) {
      if (method.getName().matches("NVML_(SUCCESS|ERROR_.*)")) {
        header.put(method.getName(), method.invoke(null));
      }
    }
    Map<String, Object> ours =
        Arrays.stream(NvmlStatus.values())
            .collect(Collectors.toMap(NvmlStatus::cName, NvmlStatus::code));
    assertThat(ours).isNotEmpty().isEqualTo(header);
  }
}
