package dev.sluice.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.sluice.bindings.cuda.RealGpu;
import dev.sluice.engine.cuda.CudaOptions;
import dev.sluice.engine.cuda.GpuLibraries;
import java.util.Random;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** The same on this machine's GPU. */
class CudaEngineIT extends CudaEngineContract {
  private static GpuLibraries libraries;

  @BeforeAll
  static void load() throws Exception {
    // Nothing of JavaCPP may be touched before a driver has answered.
    RealGpu.driverWithNvrtc();
    libraries = GpuLibraries.ofMachine().require();
  }

  @Override
  GpuLibraries gpu() {
    return libraries;
  }

  @Override
  float tolerance() {
    return 1e-3f;
  }

  @Override
  void assertClean() {}

  @Test
  void tf32StaysWithinWhatTheEngineAllows() throws Exception {
    Random random = new Random(SEED);
    try (Engine cpu = Engine.open(file, EngineOptions.builder().device("cpu").tune(false).build());
        Engine engine = Engine.open(file, onGpu().cuda(CudaOptions.defaults()).build())) {
      for (int i = 0; i < 50; i++) {
        float[] x = draw(random, 1 + random.nextInt(8));
        float[] expected = cpu.run(x);
        float largest = 0;
        for (float y : expected) {
          largest = Math.max(largest, Math.abs(y));
        }
        assertThat(engine.run(x))
            .as("seed %d", SEED)
            .containsExactly(expected, within((float) (engine.relTolerance() * largest)));
      }
    }
  }

  @Test
  void theTuningOfTheDeviceServes() throws Exception {
    try (Engine engine = Engine.open(file, onGpu().tune(true).build())) {
      assertThat(engine.tuning().measured()).isTrue();
      assertThat(engine.run(draw(new Random(SEED), 1))).hasSize(OUT);
    }
  }
}
