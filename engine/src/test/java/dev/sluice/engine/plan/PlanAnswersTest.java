package dev.sluice.engine.plan;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.sluice.bindings.cuda.CudaDevice;
import dev.sluice.bindings.cuda.CudaStatus;
import dev.sluice.bindings.cuda.CudaStream;
import dev.sluice.bindings.cuda.DeviceMemory;
import dev.sluice.bindings.cuda.PrimaryContext;
import dev.sluice.bindings.sim.SimulatedCuda;
import dev.sluice.bindings.sim.SimulatedTensorRt;
import dev.sluice.bindings.tensorrt.TensorRtApi;
import dev.sluice.bindings.tensorrt.TensorRtApi.OptProfileSelector;
import dev.sluice.bindings.tensorrt.TensorRtLog;
import dev.sluice.engine.format.Manifest;
import dev.sluice.engine.format.PackageReader;
import dev.sluice.engine.format.SluicePackage;
import dev.sluice.engine.npy.Npy;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** From a package to a plan to its golden answers, on the simulated GPU. */
class PlanAnswersTest {
  private static final int ROWS = 2;
  private static final int IN = 20;
  private static final int OUT = 16;

  @TempDir private Path folder;
  private String cacheBefore;
  private final TensorRtLog log = new TensorRtLog("test");

  @BeforeEach
  void useOwnCache() {
    cacheBefore = PlanTests.useCache(folder.resolve("cache"));
  }

  @AfterEach
  void restoreCache() {
    System.setProperty("sluice.cache", cacheBefore);
  }

  private SluicePackage golden() throws Exception {
    Path file = folder.resolve("format-1.sluice");
    try (InputStream in = PlanAnswersTest.class.getResourceAsStream("/golden/format-1.sluice")) {
      Files.copy(in, file);
    }
    return PackageReader.open(file);
  }

  @Test
  void aPlanOfAPackageGivesItsGoldenAnswers() throws Exception {
    try (SimulatedCuda cuda = SimulatedCuda.builder().build()) {
      CudaStatus.check(cuda, cuda.cuInit(0), "cuInit", "0");
      SimulatedTensorRt tensorRt = SimulatedTensorRt.builder(cuda).build();
      CudaDevice device = new CudaDevice(0, "simulated", 9, 0, 1, 1L << 30, 1L << 30, "", "");
      try (SluicePackage opened = golden();
          PrimaryContext _ = PrimaryContext.enter(cuda, 0);
          Arena arena = Arena.ofConfined()) {
        Manifest manifest = opened.manifest();
        PlanKey key =
            PlanKey.of(
                manifest,
                PlanProfile.of(manifest.signature().inputs(), manifest.profile()),
                PlanOptions.defaults(),
                PlanTarget.of(tensorRt, device));
        List<String> phases = new ArrayList<>();
        MemorySegment[] plan = new MemorySegment[1];
        new PlanBuilder(tensorRt)
            .build(
                PlanModel.of(opened),
                key,
                (phase, _, _) -> phases.add(phase),
                bytes -> plan[0] = arena.allocate(bytes.byteSize(), 16).copyFrom(bytes));
        assertThat(phases).contains("parse", "write");
        assertAnswers(cuda, tensorRt, plan[0], opened, arena);
      }
      assertThat(tensorRt.leaks()).isEmpty();
      assertThat(cuda.leaks()).isEmpty();
      assertThat(cuda.failures()).isEmpty();
      assertThat(cuda.races()).isEmpty();
    }
  }

  private void assertAnswers(
      SimulatedCuda cuda,
      TensorRtApi tensorRt,
      MemorySegment plan,
      SluicePackage opened,
      Arena arena)
      throws Exception {
    MemorySegment x = arena.allocate(JAVA_FLOAT, ROWS * IN);
    MemorySegment y = arena.allocate(JAVA_FLOAT, ROWS * OUT);
    float[] expected = new float[ROWS * OUT];
    for (int row = 0; row < ROWS; row++) {
      Manifest.GoldenSample sample = opened.manifest().golden().get(row);
      String in = sample.inputs().get("x");
      x.asSlice(4L * row * IN, 4L * IN).copyFrom(Npy.read(opened.entry(in), in).data());
      String out = sample.outputs().get("y");
      float[] answer = Npy.read(opened.entry(out), out).data().toArray(JAVA_FLOAT_UNALIGNED);
      System.arraycopy(answer, 0, expected, row * OUT, OUT);
    }
    try (TensorRtApi.Runtime runtime =
            log.made(tensorRt.createInferRuntime(log), "createInferRuntime", "", "");
        TensorRtApi.Engine engine =
            log.made(runtime.deserializeCudaEngine(plan), "deserializeCudaEngine", "", "");
        TensorRtApi.ExecutionContext execution =
            log.made(engine.createExecutionContext(), "createExecutionContext", "", "");
        CudaStream stream = CudaStream.create(cuda, "stream", 0);
        DeviceMemory input = DeviceMemory.allocate(cuda, "x", x.byteSize());
        DeviceMemory output = DeviceMemory.allocate(cuda, "y", y.byteSize())) {
      int profile = profileOf(engine);
      long neededBytes = engine.getDeviceMemorySizeForProfileV2(profile);
      try (DeviceMemory activations = DeviceMemory.allocate(cuda, "activations", neededBytes)) {
        execution.setDeviceMemoryV2(activations.raw(), neededBytes);
        boolean ready =
            execution.setOptimizationProfileAsync(profile, stream.raw())
                && execution.setInputShape("x", ROWS, IN)
                && execution.setTensorAddress("x", input.raw())
                && execution.setTensorAddress("y", output.raw());
        log.check(ready, "the setters", "", "");
        ok(cuda, cuda.cuMemcpyHtoD_v2(input.raw(), x, x.byteSize()));
        log.check(execution.enqueueV3(stream.raw()), "enqueueV3", "", "");
        stream.await(CudaStream.Wait.BLOCK);
        ok(cuda, cuda.cuMemcpyDtoH_v2(y, output.raw(), y.byteSize()));
      }
    }
    assertThat(y.toArray(JAVA_FLOAT)).containsExactly(expected, within(1e-4f));
  }

  private static int profileOf(TensorRtApi.Engine engine) {
    for (int i = 0; i < engine.getNbOptimizationProfiles(); i++) {
      if (engine.getProfileShape("x", i, OptProfileSelector.MIN)[0] <= ROWS
          && engine.getProfileShape("x", i, OptProfileSelector.MAX)[0] >= ROWS) {
        return i;
      }
    }
    throw new AssertionError("no profile takes " + ROWS + " rows");
  }

  private static void ok(SimulatedCuda cuda, int status) {
    CudaStatus.check(cuda, status, "a copy", "");
  }
}
