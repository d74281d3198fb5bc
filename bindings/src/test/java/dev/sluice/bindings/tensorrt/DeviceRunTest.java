package dev.sluice.bindings.tensorrt;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.bindings.NativeException;
import dev.sluice.bindings.cuda.FakeCudaDriver;
import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The probe's use of streams, memory and graphs, on a driver that keeps count. */
class DeviceRunTest {
  private static final int COUNT = 3;

  private final FakeCudaDriver driver = new FakeCudaDriver();

  /** Stands in for a network: each output is twice its input. */
  private void enqueueDoubling(DeviceRun device) {
    long input = device.input();
    long output = device.output();
    driver.enqueue(() -> {
      MemorySegment from = MemorySegment.ofAddress(input).reinterpret(COUNT * Float.BYTES);
      MemorySegment to = MemorySegment.ofAddress(output).reinterpret(COUNT * Float.BYTES);
      for (int i = 0; i < COUNT; i++) {
        to.setAtIndex(JAVA_FLOAT, i, 2 * from.getAtIndex(JAVA_FLOAT, i));
      }
    });
  }

  @Test
  void runsOnTheInputAndReadsTheOutput() throws Exception {
    try (DeviceRun device = new DeviceRun(driver.api())) {
      float[] y = device.run(new float[] {1, 2, 3}, COUNT, () -> enqueueDoubling(device));

      assertThat(y).containsExactly(2, 4, 6);
      assertThat(device.deviceUs(10, () -> enqueueDoubling(device))).isEqualTo(200.0);
      assertThat(device.roundTripUs(10, () -> enqueueDoubling(device))).isPositive();
    }
    assertThat(driver.live()).isEmpty();
  }

  @Test
  void aCaptureRunsNothingAndEveryLaunchRunsOnTheInputOfTheMoment() throws Exception {
    try (DeviceRun device = new DeviceRun(driver.api())) {
      device.run(new float[] {1, 2, 3}, COUNT, () -> enqueueDoubling(device));
      device.capture(() -> enqueueDoubling(device));

      assertThat(device.run(new float[] {5, 6, 7}, COUNT, () -> {})).containsExactly(2, 4, 6);
      assertThat(device.run(new float[] {5, 6, 7}, COUNT, device::launchGraph))
          .containsExactly(10, 12, 14);
    }
    assertThat(driver.live()).isEmpty();
  }

  @Test
  void activationsAreAllocatedWhereThereAreAnyAndFreed() {
    try (DeviceRun device = new DeviceRun(driver.api())) {
      int before = driver.live().size();

      assertThat(device.activations(0)).isZero();
      assertThat(driver.live()).hasSize(before);
      assertThat(driver.live()).containsKey(device.activations(256));
    }
    assertThat(driver.live()).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "cuStreamCreateWithPriority",
        "cuMemAlloc_v2",
        "cuEventCreate",
        "cuMemcpyHtoDAsync_v2",
        "cuMemcpyDtoHAsync_v2",
        "cuStreamSynchronize",
        "cuStreamBeginCapture_v2",
        "cuStreamEndCapture",
        "cuGraphInstantiateWithFlags",
        "cuGraphLaunch",
        "cuEventRecord",
        "cuEventSynchronize",
        "cuEventElapsedTime_v2"
      })
  void aFailedCallIsNamedAndNothingStays(String function) {
    driver.fail(function, 999);

    assertThatThrownBy(this::everything)
        .isInstanceOf(NativeException.class)
        .hasMessageStartingWith(function + "(")
        .hasMessageContaining("CUDA_ERROR_UNKNOWN (999): description of 999; the driver gives");
    assertThat(driver.live()).isEmpty();
  }

  private void everything() throws Exception {
    try (DeviceRun device = new DeviceRun(driver.api())) {
      device.run(new float[] {1, 2, 3}, COUNT, () -> enqueueDoubling(device));
      device.capture(() -> enqueueDoubling(device));
      device.run(new float[] {1, 2, 3}, COUNT, device::launchGraph);
      device.deviceUs(2, device::launchGraph);
    }
  }

  @Test
  void workThatFailsDuringACaptureLeavesNoGraph() {
    assertThatThrownBy(
            () -> {
              try (DeviceRun device = new DeviceRun(driver.api())) {
                device.capture(() -> {
                  throw new ProbeSteps.Failure("enqueueV3() failed");
                });
              }
            })
        .isInstanceOf(ProbeSteps.Failure.class);
    assertThat(driver.live()).isEmpty();
  }
}
