package dev.sluice.bindings.nvml;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.bindings.cuda.CudaApi;
import dev.sluice.bindings.cuda.CudaStatus;
import dev.sluice.bindings.cuda.RealGpu;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.OptionalLong;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** NVML's readings of this machine's GPUs, beside what CUDA says of them. */
class NvmlIT {
  private static final int TEXT_BYTES = 256;

  private static CudaApi cuda;

  @BeforeAll
  static void load() {
    cuda = RealGpu.driver();
  }

  private static void ok(int status, String function) {
    CudaStatus.check(cuda, status, function, "");
  }

  @Test
  void readsEachDeviceOfCuda() {
    try (Nvml nvml = Nvml.load();
        Arena arena = Arena.ofConfined()) {
      assertThat(nvml.version()).isNotBlank();
      assertThat(nvml.driverRelease()).matches("\\d+\\.\\d[\\d.]*");
      MemorySegment out = arena.allocate(JAVA_LONG);
      ok(cuda.cuDeviceGetCount(out), "cuDeviceGetCount");
      int devices = out.get(JAVA_INT, 0);
      assertThat(nvml.count()).isGreaterThanOrEqualTo(1);
      for (int ordinal = 0; ordinal < devices; ordinal++) {
        ok(cuda.cuDeviceGet(out, ordinal), "cuDeviceGet");
        check(nvml, arena, out.get(JAVA_INT, 0));
      }
    }
  }

  private static void check(Nvml nvml, Arena arena, int device) {
    MemorySegment text = arena.allocate(TEXT_BYTES);
    ok(cuda.cuDeviceGetPCIBusId(text, TEXT_BYTES, device), "cuDeviceGetPCIBusId");
    String pci = text.getString(0);
    ok(cuda.cuDeviceGetName(text, TEXT_BYTES, device), "cuDeviceGetName");
    MemorySegment out = arena.allocate(JAVA_LONG);
    ok(cuda.cuDeviceTotalMem_v2(out, device), "cuDeviceTotalMem_v2");
    long cudaBytes = out.get(JAVA_LONG, 0);

    GpuReading first = nvml.readPci(pci);
    GpuReading second = nvml.readPci(pci);
    System.out.println(second);

    assertThat(second.uuid()).startsWith("GPU-").isEqualTo(first.uuid());
    if (second.migEnabled().orElse(0) == 0) {
      // Under MIG a device of CUDA is a part of the GPU.
      assertThat(second.name()).isEqualTo(text.getString(0));
      second
          .memoryTotalBytes()
          .ifPresent(total ->
              // CUDA leaves out what the driver reserves.
              assertThat(total).isBetween(cudaBytes, cudaBytes + cudaBytes / 8));
    }
    assertIn(second.temperatureC(), 1, 110);
    assertIn(second.smClockMhz(), 1, 10_000);
    assertIn(second.smClockMaxMhz(), 1, 10_000);
    assertIn(second.memoryClockMhz(), 1, 30_000);
    assertIn(second.busyPercent(), 0, 100);
    assertIn(second.powerMw(), 1, 5_000_000);
    first
        .energyMj()
        .ifPresent(
            before -> assertThat(second.energyMj().orElseThrow()).isGreaterThanOrEqualTo(before));
    assertThat(second.computeMode()).isPresent();
  }

  /** What a GPU tells is plausible; a virtual one does not tell everything. */
  private static void assertIn(OptionalLong value, long least, long most) {
    value.ifPresent(number -> assertThat(number).isBetween(least, most));
  }
}
