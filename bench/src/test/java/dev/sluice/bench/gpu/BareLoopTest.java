package dev.sluice.bench.gpu;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.sluice.bench.models.GeneratedModel;
import dev.sluice.bench.models.ModelCheck;
import dev.sluice.bench.models.ModelInput;
import dev.sluice.bench.models.TinyModels;
import dev.sluice.bindings.cuda.CudaDevice;
import dev.sluice.bindings.cuda.CudaException;
import dev.sluice.bindings.cuda.CudaStatus;
import dev.sluice.bindings.cuda.PrimaryContext;
import dev.sluice.bindings.sim.FaultPlan;
import dev.sluice.bindings.sim.SimulatedCuda;
import dev.sluice.bindings.sim.SimulatedTensorRt;
import dev.sluice.bindings.sim.TensorRtFaults;
import dev.sluice.bindings.tensorrt.TensorRtException;
import dev.sluice.converter.build.BuildOptions;
import dev.sluice.converter.build.ModelBuilder;
import dev.sluice.engine.Shape;
import dev.sluice.engine.format.Manifest;
import dev.sluice.engine.format.PackageReader;
import dev.sluice.engine.format.SluicePackage;
import dev.sluice.engine.plan.PlanBuilder;
import dev.sluice.engine.plan.PlanKey;
import dev.sluice.engine.plan.PlanModel;
import dev.sluice.engine.plan.PlanOptions;
import dev.sluice.engine.plan.PlanProfile;
import dev.sluice.engine.plan.PlanTarget;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The loop on the simulated GPU. */
class BareLoopTest {
  private static final long SEED = 3;

  @TempDir private Path folder;
  private final Arena arena = Arena.ofConfined();
  private String cacheBefore;

  /** What a test does with a plan. */
  private interface Body {
    void run(SimulatedCuda cuda, SimulatedTensorRt tensorRt, MemorySegment plan) throws Exception;
  }

  @BeforeEach
  void useOwnCache() {
    cacheBefore = System.getProperty("sluice.cache", "");
    System.setProperty("sluice.cache", folder.resolve("cache").toString());
  }

  @AfterEach
  void restore() {
    System.setProperty("sluice.cache", cacheBefore);
    arena.close();
  }

  private Path file(GeneratedModel model) {
    return folder.resolve(model.name() + ".onnx");
  }

  /** Writes a model, packs it, builds its plan, and looks for leaks after the body. */
  private void withPlan(GeneratedModel model, FaultPlan faults, Set<String> uncapturable, Body body)
      throws Exception {
    Path packed = folder.resolve("packed.sluice");
    ModelBuilder.build(model.write(folder, SEED), packed, BuildOptions.defaults());
    try (SimulatedCuda cuda = SimulatedCuda.builder().faults(faults).build()) {
      CudaStatus.check(cuda, cuda.cuInit(0), "cuInit", "0");
      SimulatedTensorRt tensorRt =
          SimulatedTensorRt.builder(cuda).uncapturable(uncapturable).build();
      CudaDevice device = new CudaDevice(0, "simulated", 9, 0, 1, 1L << 30, 1L << 30, "", "");
      try (SluicePackage opened = PackageReader.open(packed);
          PrimaryContext _ = PrimaryContext.enter(cuda, 0)) {
        Manifest manifest = opened.manifest();
        PlanKey key =
            PlanKey.of(
                manifest,
                PlanProfile.of(manifest.signature().inputs(), manifest.profile()),
                PlanOptions.defaults(),
                PlanTarget.of(tensorRt, device));
        MemorySegment[] plan = new MemorySegment[1];
        new PlanBuilder(tensorRt)
            .build(
                PlanModel.of(opened),
                key,
                (_, _, _) -> {},
                bytes -> plan[0] = arena.allocate(bytes.byteSize(), 16).copyFrom(bytes));
        body.run(cuda, tensorRt, plan[0]);
      }
      assertThat(tensorRt.leaks()).isEmpty();
      assertThat(cuda.leaks()).isEmpty();
      assertThat(cuda.failures()).isEmpty();
      assertThat(cuda.races()).isEmpty();
    }
  }

  private void withPlan(GeneratedModel model, Body body) throws Exception {
    withPlan(model, FaultPlan.none(), Set.of(), body);
  }

  private List<BareLoop.Input> inputs(GeneratedModel model, int rows) {
    List<BareLoop.Input> inputs = new ArrayList<>();
    for (ModelInput input : model.inputs()) {
      inputs.add(
          new BareLoop.Input(input.name(), input.shape(rows), input.rows(arena, 0, rows, SEED)));
    }
    return inputs;
  }

  private void assertAnswers(GeneratedModel model, int rows, BareLoop loop) throws Exception {
    Map<String, float[]> expected = ModelCheck.answers(model, file(model), 0, rows, SEED);
    assertThat(loop.outputs()).containsOnlyKeys(expected.keySet());
    for (Map.Entry<String, float[]> answer : expected.entrySet()) {
      assertThat(loop.outputs().get(answer.getKey()).toArray(JAVA_FLOAT))
          .as(answer.getKey())
          .containsExactly(answer.getValue(), within(1e-4f));
    }
  }

  private static void assertPositive(BareLoop.Timing timing) {
    assertThat(timing.deviceUs()).isPositive();
    assertThat(timing.copyUs()).isPositive();
    assertThat(timing.endToEndUs()).isPositive();
    assertThat(timing.late()).isBetween(0, timing.repetitions());
  }

  // 20 rows lie in another profile than 1.
  @ParameterizedTest
  @ValueSource(ints = {1, 20})
  void launchesAGraphAndAnswersAsOnnxRuntimeDoes(int rows) throws Exception {
    GeneratedModel model = TinyModels.resNet().model();
    withPlan(
        model,
        (cuda, tensorRt, plan) -> {
          try (BareLoop loop = BareLoop.open(cuda, tensorRt, plan, inputs(model, rows))) {
            BareLoop.Timing timing = loop.measure(5);
            assertThat(timing.noGraph()).isEmpty();
            assertThat(timing.repetitions()).isEqualTo(5);
            assertPositive(timing);
            assertAnswers(model, rows, loop);
          }
        });
  }

  @Test
  void takesSeveralInputsAndOutputs() throws Exception {
    GeneratedModel model = TinyModels.bert().model();
    withPlan(
        model,
        (cuda, tensorRt, plan) -> {
          try (BareLoop loop = BareLoop.open(cuda, tensorRt, plan, inputs(model, 3))) {
            assertPositive(loop.measure(3));
            assertAnswers(model, 3, loop);
          }
        });
  }

  @Test
  void saysWhyThereIsNoGraphAndEnqueuesInstead() throws Exception {
    GeneratedModel model = TinyModels.mobileNet().model();
    withPlan(
        model,
        FaultPlan.none(),
        Set.of("Clip"),
        (cuda, tensorRt, plan) -> {
          try (BareLoop loop = BareLoop.open(cuda, tensorRt, plan, inputs(model, 2))) {
            BareLoop.Timing timing = loop.measure(3);
            assertThat(timing.noGraph()).contains("enqueueV3").contains("can't be captured");
            assertPositive(timing);
            assertAnswers(model, 2, loop);
          }
        });
  }

  @Test
  void refusesInputsThatAreNotThePlans() throws Exception {
    GeneratedModel model = TinyModels.resNet().model();
    withPlan(
        model,
        (cuda, tensorRt, plan) -> {
          BareLoop.Input input = inputs(model, 1).getFirst();
          MemorySegment data = input.data();
          BareLoop.Input other = new BareLoop.Input("picture", input.shape(), data);
          assertThatThrownBy(() -> BareLoop.open(cuda, tensorRt, plan, List.of(other)))
              .isInstanceOf(IllegalArgumentException.class)
              .hasMessageContaining("[image]")
              .hasMessageContaining("[picture]");
          BareLoop.Input wide =
              new BareLoop.Input("image", Shape.of(1, 3, 32, 33), arena.allocate(4 * 3 * 32 * 33));
          assertThatThrownBy(() -> BareLoop.open(cuda, tensorRt, plan, List.of(wide)))
              .isInstanceOf(IllegalArgumentException.class)
              .hasMessageContaining("no profile");
          BareLoop.Input cut =
              new BareLoop.Input("image", input.shape(), data.asSlice(0, data.byteSize() - 4));
          assertThatThrownBy(() -> BareLoop.open(cuda, tensorRt, plan, List.of(cut)))
              .isInstanceOf(IllegalArgumentException.class)
              .hasMessageContaining("12288 bytes");
        });
  }

  @Test
  void holdsNothingWhereTensorRtRefuses() throws Exception {
    GeneratedModel model = TinyModels.resNet().model();
    withPlan(
        model,
        (cuda, tensorRt, plan) -> {
          assertThatThrownBy(
                  () -> BareLoop.open(cuda, tensorRt, arena.allocate(64), inputs(model, 1)))
              .isInstanceOf(TensorRtException.class)
              .hasMessageContaining("deserializeCudaEngine");
          for (TensorRtFaults.Call call :
              List.of(TensorRtFaults.Call.CREATE_CONTEXT, TensorRtFaults.Call.ENQUEUE)) {
            SimulatedTensorRt refusing =
                SimulatedTensorRt.builder(cuda).faults(TensorRtFaults.none().fail(call, 1)).build();
            assertThatThrownBy(() -> BareLoop.open(cuda, refusing, plan, inputs(model, 1)))
                .as("%s", call)
                .isInstanceOf(TensorRtException.class);
            assertThat(refusing.leaks()).isEmpty();
          }
        });
  }

  @Test
  void holdsNothingWhereTheDriverRefuses() throws Exception {
    GeneratedModel model = TinyModels.resNet().model();
    // In the order in which they are called first, so that each ends an opening of its own.
    List<String> functions =
        List.of(
            "cuStreamCreateWithPriority", "cuMemAlloc_v2", "cuMemHostRegister_v2", "cuEventCreate");
    FaultPlan faults = FaultPlan.none();
    functions.forEach(function -> faults.failCall(function, 1, CudaStatus.OUT_OF_MEMORY));
    faults.failCall("cuGraphInstantiateWithFlags", 1, CudaStatus.NOT_SUPPORTED);
    withPlan(
        model,
        faults,
        Set.of(),
        (cuda, tensorRt, plan) -> {
          for (String function : functions) {
            assertThatThrownBy(() -> BareLoop.open(cuda, tensorRt, plan, inputs(model, 1)))
                .isInstanceOf(CudaException.class)
                .hasMessageContaining(function);
            assertThat(tensorRt.leaks()).as(function).isEmpty();
          }
          try (BareLoop loop = BareLoop.open(cuda, tensorRt, plan, inputs(model, 1))) {
            assertThat(loop.measure(1).noGraph()).contains("cuGraphInstantiateWithFlags");
            assertAnswers(model, 1, loop);
          }
        });
  }
}
