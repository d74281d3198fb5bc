package dev.sluice.bindings.tensorrt;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.management.ThreadMXBean;
import dev.sluice.bindings.cuda.CudaApi;
import dev.sluice.bindings.cuda.CudaStatus;
import dev.sluice.bindings.cuda.PrimaryContext;
import dev.sluice.bindings.cuda.RealGpu;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.management.ManagementFactory;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** TensorRT itself, on this machine's GPU, with {@link ProbeModel}. */
class TensorRtIT {
  private static final int ROWS = 5;
  private static final int WARMUP_RUNS = 20_000;
  private static final int COUNTED_RUNS = 1_000;

  private static CudaApi driver;
  private static TensorRtApi api;

  private final ProbeModel model = new ProbeModel();
  private final Arena arena = Arena.ofConfined();
  private PrimaryContext context;

  @BeforeAll
  static void load() {
    // Nothing of JavaCPP may be touched before a driver has answered.
    driver = RealGpu.driver();
    TensorRtLoader.Result loaded = TensorRtLoader.load();
    api =
        loaded
            .api()
            .orElseThrow(() -> new AssertionError(loaded.missing() + "; " + loaded.remedies()));
  }

  @BeforeEach
  void enter() {
    MemorySegment device = arena.allocate(JAVA_INT);
    CudaStatus.check(driver, driver.cuDeviceGet(device, 0), "cuDeviceGet", "0");
    context = PrimaryContext.enter(driver, device.get(JAVA_INT, 0));
  }

  @AfterEach
  void leave() {
    context.close();
    arena.close();
  }

  private ProbePlan parsed() {
    ProbePlan plan = new ProbePlan(api);
    plan.createBuilder();
    plan.parse(model.onnx());
    return plan;
  }

  /** A copy of a plan, which outlives its builder. */
  private MemorySegment plan(Consumer<TensorRtApi.BuilderConfig> options) {
    try (ProbePlan plan = parsed()) {
      plan.build(options);
      return copy(plan.plan());
    }
  }

  private MemorySegment copy(MemorySegment bytes) {
    return arena.allocate(bytes.byteSize(), 16).copyFrom(bytes);
  }

  private static ProbeEngine deserialize(MemorySegment plan) {
    ProbeEngine engine = new ProbeEngine(api);
    engine.createRuntime();
    engine.deserialize(plan);
    return engine;
  }

  private void assertAnswersAsPlainJava(ProbeEngine engine, DeviceRun device, long seed)
      throws ProbeSteps.Failure {
    float[] x = ProbeModel.input(ROWS, seed);
    ProbeModel.Expected expected = model.expected(x);

    float[] actual = device.run(x, expected.count(), engine::enqueue);

    assertThat(expected.largestError(actual)).isLessThanOrEqualTo(expected.tolerance());
  }

  @Test
  void aPlanAnswersAsPlainJavaDoesAndItsRunsTakeNoHeap() throws Exception {
    MemorySegment plan = plan(_ -> {});
    try (ProbeEngine engine = deserialize(plan);
        DeviceRun device = new DeviceRun(driver)) {
      engine.createContext();
      engine.bind(device, ROWS);
      for (long seed = 1; seed <= 20; seed++) {
        assertAnswersAsPlainJava(engine, device, seed);
      }
      device.deviceUs(WARMUP_RUNS, engine::enqueue);
      assertThat(allocatedBy(engine)).isZero();
    }
  }

  private static long allocatedBy(ProbeEngine engine) {
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    threads.getCurrentThreadAllocatedBytes();
    long before = threads.getCurrentThreadAllocatedBytes();
    for (int i = 0; i < COUNTED_RUNS; i++) {
      engine.enqueue();
    }
    return threads.getCurrentThreadAllocatedBytes() - before;
  }

  @Test
  void anEngineTellsWhatItIs() {
    MemorySegment plan = plan(_ -> {});
    try (ProbeEngine owner = deserialize(plan)) {
      TensorRtApi.Engine engine = owner.engine();

      assertThat(engine.getNbIOTensors()).isEqualTo(2);
      assertThat(List.of(engine.getIOTensorName(0), engine.getIOTensorName(1)))
          .containsExactlyInAnyOrder(ProbeModel.INPUT, ProbeModel.OUTPUT);
      assertThat(engine.getTensorIOMode(ProbeModel.INPUT))
          .isEqualTo(TensorRtApi.TensorIOMode.INPUT);
      assertThat(engine.getTensorIOMode(ProbeModel.OUTPUT))
          .isEqualTo(TensorRtApi.TensorIOMode.OUTPUT);
      assertThat(engine.getTensorDataType(ProbeModel.OUTPUT)).isEqualTo(TensorRtApi.DataType.FLOAT);
      assertThat(engine.getTensorShape(ProbeModel.INPUT))
          .containsExactly(-1, ProbeModel.INPUT_WIDTH);
      assertThat(engine.getNbOptimizationProfiles()).isEqualTo(1);
      assertThat(engine.getProfileShape(ProbeModel.INPUT, 0, TensorRtApi.OptProfileSelector.MIN))
          .containsExactly(1, ProbeModel.INPUT_WIDTH);
      assertThat(engine.getProfileShape(ProbeModel.INPUT, 0, TensorRtApi.OptProfileSelector.MAX))
          .containsExactly(ProbeModel.MAX_ROWS, ProbeModel.INPUT_WIDTH);
      assertThat(engine.isHostTensor(ProbeModel.INPUT)).isFalse();
      assertThat(engine.isLinear(ProbeModel.INPUT, 0)).isTrue();
      assertThat(engine.isRefittable()).isFalse();
      assertThat(engine.getNbLayers()).isPositive();
      assertThat(engine.getEngineInformation()).contains("Layers");
    }
  }

  @Test
  void aDamagedPlanIsRefusedWithTensorRtsWords() {
    MemorySegment whole = plan(_ -> {});
    MemorySegment flipped = copy(whole);
    flipped.set(JAVA_BYTE, 0, (byte) ~flipped.get(JAVA_BYTE, 0));
    for (MemorySegment damaged : List.of(flipped, copy(whole.asSlice(0, whole.byteSize() / 2)))) {
      try (ProbeEngine engine = new ProbeEngine(api)) {
        engine.createRuntime();

        assertThatThrownBy(() -> engine.deserialize(damaged))
            .isInstanceOfSatisfying(
                TensorRtException.class, e -> assertThat(e.libraryMessage()).isNotEmpty());
      }
    }
  }

  @Test
  void aMonitorHearsOfABuildAndEndsIt() {
    AtomicInteger heard = new AtomicInteger();
    plan(config -> config.setProgressMonitor((_, _, _) -> heard.incrementAndGet() > 0));
    assertThat(heard).hasPositiveValue();

    try (ProbePlan plan = parsed()) {
      assertThatThrownBy(
              () -> plan.build(config -> config.setProgressMonitor((_, step, _) -> step == 0)))
          .isInstanceOf(TensorRtException.class)
          .hasMessageStartingWith("buildSerializedNetwork(");
    }
  }

  @Test
  void timingsAreKeptForTheNextBuild() {
    try (TensorRtApi.Builder builder = api.createInferBuilder(new TensorRtLog("test"));
        TensorRtApi.BuilderConfig config = builder.createBuilderConfig();
        TensorRtApi.TimingCache empty = config.createTimingCache(MemorySegment.NULL)) {
      assertThat(config.setTimingCache(empty)).isTrue();
      try (TensorRtApi.HostMemory bytes = empty.serialize();
          TensorRtApi.BuilderConfig next = builder.createBuilderConfig();
          TensorRtApi.TimingCache read = next.createTimingCache(bytes.data())) {
        assertThat(bytes.data().byteSize()).isPositive();
        assertThat(next.setTimingCache(read)).isTrue();
      }
    }
  }

  @Test
  void aRefittablePlanTakesAModelsWeights() throws Exception {
    MemorySegment plan = plan(config -> config.setFlag(TensorRtApi.BuilderFlag.REFIT));
    byte[] onnx = model.onnx();
    try (ProbeEngine engine = deserialize(plan);
        DeviceRun device = new DeviceRun(driver)) {
      assertThat(engine.engine().isRefittable()).isTrue();
      assertThat(engine.engine().refit(copy(MemorySegment.ofArray(onnx)), List.of())).isTrue();
      engine.createContext();
      engine.bind(device, ROWS);
      assertAnswersAsPlainJava(engine, device, 3);
    }
  }

  @Test
  void aModelThatIsNoneIsRefusedByTheParser() {
    MemorySegment nonsense = arena.allocateFrom("this is no model");
    byte[] onnx = model.onnx();
    try (TensorRtApi.Builder builder = api.createInferBuilder(new TensorRtLog("test"));
        TensorRtApi.Network network = builder.createNetworkV2();
        TensorRtApi.Parser parser = builder.createParser(network)) {
      assertThat(parser.supportsModelV2(copy(MemorySegment.ofArray(onnx)))).isTrue();
      parser.clearErrors();
      assertThat(parser.supportsModelV2(nonsense)).isFalse();
      assertThat(parser.errors()).isNotEmpty();
    }
  }

  @Test
  void useAfterCloseIsNamed() {
    TensorRtApi.Runtime runtime = api.createInferRuntime(new TensorRtLog("test"));
    runtime.close();
    runtime.close();
    assertThatThrownBy(() -> runtime.deserializeCudaEngine(arena.allocate(8)))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("IRuntime@");
  }
}
