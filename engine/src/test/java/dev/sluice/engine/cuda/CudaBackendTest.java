package dev.sluice.engine.cuda;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;

/** The lanes on the simulated GPU. */
class CudaBackendTest extends CudaBackendContract {
  private SimulatedGpu gpu;

  @BeforeEach
  void start() {
    gpu = new SimulatedGpu();
  }

  @AfterEach
  void stop() {
    try (SimulatedGpu ended = gpu) {
      ended.assertClean();
    }
  }

  @Override
  GpuLibraries gpu() {
    return gpu.libraries;
  }
}
