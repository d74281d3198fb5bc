package dev.sluice.bindings.tensorrt;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.tuple;

import dev.sluice.bindings.NativeException;
import dev.sluice.bindings.cuda.CudaEvent;
import dev.sluice.bindings.cuda.CudaStatus;
import dev.sluice.bindings.cuda.CudaStream;
import dev.sluice.bindings.cuda.DeviceMemory;
import dev.sluice.bindings.cuda.PrimaryContext;
import dev.sluice.bindings.sim.SimulatedCuda;
import dev.sluice.bindings.sim.SimulatedTensorRt;
import dev.sluice.bindings.sim.TensorRtFaults;
import dev.sluice.bindings.tensorrt.TensorRtApi.BuilderFlag;
import dev.sluice.bindings.tensorrt.TensorRtApi.HardwareCompatibilityLevel;
import dev.sluice.bindings.tensorrt.TensorRtApi.OptProfileSelector;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What the simulated TensorRT refuses, catches and breaks on demand. */
class SimulatedTensorRtTest {
  private static final int MAX_ROWS = 4;
  private static final long BYTES = 4L * MAX_ROWS * ScaleModel.WIDTH;

  /** A device and a simulated TensorRT on it; the context is current until closed. */
  static final class Rig implements AutoCloseable {
    final Arena arena = Arena.ofConfined();
    final TensorRtLog log = new TensorRtLog("test");
    final SimulatedCuda cuda;
    final PrimaryContext context;
    final SimulatedTensorRt api;

    Rig(SimulatedCuda cuda, Consumer<SimulatedTensorRt.Builder> options) {
      this.cuda = cuda;
      CudaStatus.check(cuda, cuda.cuInit(0), "cuInit", "0");
      context = PrimaryContext.enter(cuda, 0);
      SimulatedTensorRt.Builder builder = SimulatedTensorRt.builder(cuda);
      options.accept(builder);
      api = builder.build();
    }

    Rig() {
      this(SimulatedCuda.builder().build(), _ -> {});
    }

    Rig(TensorRtFaults faults) {
      this(SimulatedCuda.builder().build(), options -> options.faults(faults));
    }

    MemorySegment bytes(byte[] bytes) {
      return arena.allocateFrom(JAVA_BYTE, bytes);
    }

    MemorySegment weights(float... w) {
      return arena.allocateFrom(JAVA_FLOAT, w);
    }

    /** A plan of {@code f(x * (2, 3))}, or null. */
    byte[] plan(String f, Consumer<TensorRtApi.BuilderConfig> setup) {
      return plan(ScaleModel.onnx(f), setup);
    }

    byte[] plan(byte[] model, Consumer<TensorRtApi.BuilderConfig> setup) {
      try (TensorRtApi.Builder builder = api.createInferBuilder(log);
          TensorRtApi.Network network = builder.createNetworkV2();
          TensorRtApi.Parser parser = builder.createParser(network);
          TensorRtApi.BuilderConfig config = builder.createBuilderConfig()) {
        assertThat(parser.loadModelProto(bytes(model))).isTrue();
        assertThat(parser.loadInitializer("w", weights(2, 3))).isTrue();
        log.check(parser.parseModelProto(), "parseModelProto", "", "");
        TensorRtApi.OptimizationProfile profile = builder.createOptimizationProfile();
        profile.setDimensions("x", OptProfileSelector.MIN, 1, ScaleModel.WIDTH);
        profile.setDimensions("x", OptProfileSelector.OPT, 2, ScaleModel.WIDTH);
        profile.setDimensions("x", OptProfileSelector.MAX, MAX_ROWS, ScaleModel.WIDTH);
        assertThat(config.addOptimizationProfile(profile)).isZero();
        setup.accept(config);
        try (TensorRtApi.HostMemory plan = builder.buildSerializedNetwork(network, config)) {
          return plan == null ? null : plan.data().toArray(JAVA_BYTE);
        }
      }
    }

    byte[] plan() {
      return plan("Relu", _ -> {});
    }

    boolean loads(byte[] plan) {
      try (TensorRtApi.Runtime runtime = api.createInferRuntime(log);
          TensorRtApi.Engine engine = runtime.deserializeCudaEngine(bytes(plan))) {
        return engine != null;
      }
    }

    void refused(String said) {
      assertThatThrownBy(() -> log.check(false, "the last call", "", ""))
          .isInstanceOf(TensorRtException.class)
          .hasMessageContaining(said);
    }

    @Override
    public void close() {
      assertThat(api.leaks()).isEmpty();
      context.close();
      cuda.close();
      arena.close();
    }
  }

  /** An engine with one context, ready to run two rows. */
  static final class Run implements AutoCloseable {
    final Rig rig;
    final TensorRtApi.Runtime runtime;
    final TensorRtApi.Engine engine;
    final TensorRtApi.ExecutionContext execution;
    final CudaStream stream;
    final DeviceMemory x;
    final DeviceMemory y;
    final DeviceMemory memory;

    Run(Rig rig, byte[] plan) {
      this.rig = rig;
      runtime = rig.api.createInferRuntime(rig.log);
      engine = runtime.deserializeCudaEngine(rig.bytes(plan));
      execution = engine.createExecutionContext();
      stream = CudaStream.create(rig.cuda, "run", 0);
      x = DeviceMemory.allocate(rig.cuda, "x", BYTES);
      y = DeviceMemory.allocate(rig.cuda, "y", BYTES);
      memory = DeviceMemory.allocate(rig.cuda, "m", engine.getDeviceMemorySizeForProfileV2(0));
      prepare(execution, memory);
    }

    void prepare(TensorRtApi.ExecutionContext of, DeviceMemory activations) {
      assertThat(of.setOptimizationProfileAsync(0, stream.raw())).isTrue();
      of.setDeviceMemoryV2(activations.raw(), activations.sizeBytes());
      of.setTensorAddress("x", x.raw());
      of.setTensorAddress("y", y.raw());
      assertThat(of.setInputShape("x", 2, ScaleModel.WIDTH)).isTrue();
    }

    /** The answers to (1, 2), (-3, 4). */
    float[] answer() {
      MemorySegment host = rig.weights(1, 2, -3, 4);
      rig.cuda.cuMemcpyHtoDAsync_v2(x.raw(), host.address(), 16, stream.raw());
      rig.log.check(execution.enqueueV3(stream.raw()), "enqueueV3", "", "");
      rig.cuda.cuMemcpyDtoHAsync_v2(host.address(), y.raw(), 16, stream.raw());
      stream.await(CudaStream.Wait.BLOCK);
      return host.toArray(JAVA_FLOAT);
    }

    boolean enqueues() {
      return execution.enqueueV3(stream.raw());
    }

    @Override
    public void close() {
      execution.close();
      engine.close();
      runtime.close();
      List.of(memory, y, x).forEach(DeviceMemory::close);
      stream.close();
    }
  }

  @Test
  void withoutAContextThereIsNothing() {
    try (Rig rig = new Rig()) {
      rig.cuda.cuCtxSetCurrent(0);
      assertThat(rig.api.createInferBuilder(rig.log)).isNull();
      rig.refused("createInferBuilder");
      assertThat(rig.api.createInferRuntime(rig.log)).isNull();
      rig.refused("createInferRuntime");
    }
  }

  @Test
  void allNodesThatAreNotSupportedAreListed() {
    SimulatedCuda cuda = SimulatedCuda.builder().build();
    try (Rig rig = new Rig(cuda, options -> options.unsupported(Set.of("Relu", "Mul", "Abs")));
        TensorRtApi.Builder builder = rig.api.createInferBuilder(rig.log);
        TensorRtApi.Network network = builder.createNetworkV2();
        TensorRtApi.Parser parser = builder.createParser(network)) {
      assertThat(parser.supportsModelV2(rig.bytes(ScaleModel.onnx("Relu")))).isFalse();
      assertThat(parser.errors())
          .extracting(TensorRtApi.ParserError::node, TensorRtApi.ParserError::nodeOperator)
          .containsExactly(tuple(0, "Mul"), tuple(1, "Relu"));
      assertThat(parser.errors().get(1).nodeName()).isEqualTo("last \"f\"");
      assertThat(parser.errors().get(1).code()).isEqualTo("UNSUPPORTED_NODE");
      rig.refused("no importer for Relu");
      assertThat(parser.supportsModelV2(rig.bytes(ScaleModel.onnx("Neg")))).isFalse();
      assertThat(network.getNbLayers()).isZero();
    }
  }

  @Test
  void externalInitializersComeByNameAndOfTheirSize() {
    try (Rig rig = new Rig();
        TensorRtApi.Builder builder = rig.api.createInferBuilder(rig.log);
        TensorRtApi.Network network = builder.createNetworkV2();
        TensorRtApi.Parser parser = builder.createParser(network)) {
      assertThat(parser.loadInitializer("w", rig.weights(2, 3))).isFalse();
      assertThat(parser.loadModelProto(rig.bytes(ScaleModel.onnx("Relu")))).isTrue();
      assertThat(parser.parseModelProto()).isFalse();
      rig.refused("[w] have no data");
      assertThat(parser.loadInitializer("v", rig.weights(2, 3))).isFalse();
      rig.refused("no external initializer v");
      assertThat(parser.loadInitializer("w", rig.weights(2, 3, 4))).isFalse();
      rig.refused("takes 8 bytes, not 12");
      assertThat(parser.loadInitializer("w", rig.weights(2, 3))).isTrue();
      assertThat(parser.parseModelProto()).isTrue();
      assertThat(network.getNbLayers()).isEqualTo(2);
    }
  }

  @Test
  void aRefitChangesTheAnswers() {
    try (Rig rig = new Rig()) {
      byte[] plan = rig.plan("Relu", config -> config.setFlag(BuilderFlag.REFIT));
      try (Run run = new Run(rig, plan)) {
        assertThat(run.answer()).containsExactly(2, 6, 0, 12);
        MemorySegment model = rig.bytes(ScaleModel.onnx("Relu"));
        List<TensorRtApi.Initializer> others =
            List.of(new TensorRtApi.Initializer("w", rig.weights(-1, 10)));
        assertThat(run.engine.refit(model, List.of())).isFalse();
        rig.refused("[w] have no data");
        assertThat(run.engine.refit(rig.bytes(ScaleModel.onnx("Neg")), others)).isFalse();
        rig.refused("other nodes");
        assertThat(run.engine.refit(model, others)).isTrue();
        assertThat(run.answer()).containsExactly(0, 20, 3, 40);
      }
      try (Run run = new Run(rig, rig.plan())) {
        assertThat(run.engine.refit(rig.bytes(ScaleModel.onnx("Relu")), List.of())).isFalse();
        rig.refused("not built to be refitted");
      }
    }
  }

  @Test
  void plansOfOtherVersionsAndDevicesAreRefused() {
    byte[] plan;
    byte[] compatible;
    try (Rig rig = new Rig()) {
      plan = rig.plan();
      compatible =
          rig.plan(
              "Relu",
              config ->
                  config.setHardwareCompatibilityLevel(HardwareCompatibilityLevel.AMPERE_PLUS));
      assertThat(rig.loads(plan)).isTrue();
    }
    try (Rig rig = new Rig(SimulatedCuda.builder().build(), options -> options.version(110_300))) {
      assertThat(rig.loads(plan)).isFalse();
      rig.refused("of TensorRT 110200, and this is 110300");
    }
    for (int[] device : new int[][] {{8, 6}, {7, 5}}) {
      SimulatedCuda cuda = SimulatedCuda.builder().architecture(device[0], device[1], 40).build();
      try (Rig rig = new Rig(cuda, _ -> {})) {
        assertThat(rig.loads(plan)).isFalse();
        rig.refused("compute capability 9.0");
        assertThat(rig.loads(compatible)).isEqualTo(device[0] >= 8);
      }
    }
  }

  @Test
  void aDamageAnywhereInAPlanIsNoticed() {
    try (Rig rig = new Rig()) {
      byte[] plan = rig.plan();
      for (int i = 0; i < plan.length; i += i < 64 ? 1 : 13) {
        byte[] damaged = plan.clone();
        damaged[i] ^= 0x10;
        assertThat(rig.loads(damaged)).as("byte %s", i).isFalse();
        rig.refused("deserializeCudaEngine");
      }
    }
  }

  @Test
  void faultsComeWhenThePlanSays() {
    TensorRtFaults faults =
        TensorRtFaults.none()
            .fail(TensorRtFaults.Call.BUILD, 1)
            .fail(TensorRtFaults.Call.DESERIALIZE, 1)
            .fail(TensorRtFaults.Call.ENQUEUE, 2)
            .fail(TensorRtFaults.Call.CREATE_CONTEXT, 2);
    try (Rig rig = new Rig(faults)) {
      assertThat(rig.plan()).isNull();
      rig.refused("could not find any implementation");
      byte[] plan = rig.plan();
      assertThat(rig.loads(plan)).isFalse();
      rig.refused("another version");
      try (Run run = new Run(rig, plan)) {
        assertThat(run.enqueues()).isTrue();
        assertThat(run.enqueues()).isFalse();
        rig.refused("the fault plan");
        assertThat(run.answer()).containsExactly(2, 6, 0, 12);
        assertThat(run.engine.createExecutionContext()).isNull();
        rig.refused("out of memory");
      }
      assertThat(rig.api.builds()).isEqualTo(1);
    }
  }

  @Test
  void faultsAtRandomAreTheSameForTheSameSeed() {
    boolean[][] seen = new boolean[2][50];
    for (boolean[] answers : seen) {
      TensorRtFaults faults =
          TensorRtFaults.none().failAtRandom(TensorRtFaults.Call.ENQUEUE, 7, 0.5);
      assertThat(faults).hasToString("ENQUEUE fails at a rate of 0.5, seed 7");
      try (Rig rig = new Rig(faults);
          Run run = new Run(rig, rig.plan())) {
        for (int i = 0; i < answers.length; i++) {
          answers[i] = run.enqueues();
        }
        run.stream.await(CudaStream.Wait.BLOCK);
      }
    }
    assertThat(seen[0]).isEqualTo(seen[1]).contains(true).contains(false);
  }

  @ParameterizedTest
  @ValueSource(strings = {"profile", "memory", "shape", "address"})
  void aRunThatLacksSomethingIsRefused(String lacking) {
    try (Rig rig = new Rig();
        Run run = new Run(rig, rig.plan());
        TensorRtApi.ExecutionContext bare = run.engine.createExecutionContext()) {
      if (!lacking.equals("profile")) {
        bare.setOptimizationProfileAsync(0, run.stream.raw());
      }
      if (!lacking.equals("memory")) {
        bare.setDeviceMemoryV2(run.memory.raw(), run.memory.sizeBytes());
      }
      if (!lacking.equals("shape") && !lacking.equals("profile")) {
        bare.setInputShape("x", 2, ScaleModel.WIDTH);
      }
      if (!lacking.equals("address")) {
        bare.setTensorAddress("x", run.x.raw());
      }
      bare.setTensorAddress("y", run.y.raw());
      assertThat(bare.enqueueV3(run.stream.raw())).isFalse();
      rig.refused(lacking);
      assertThat(rig.cuda.streamLength(run.stream.raw())).isZero();
    }
  }

  @Test
  void memoryOfAnotherContextIsRefused() {
    try (Rig rig = new Rig();
        Run run = new Run(rig, rig.plan())) {
      MemorySegment out = rig.arena.allocate(JAVA_LONG);
      rig.cuda.cuCtxGetCurrent(out);
      long primary = out.get(JAVA_LONG, 0);
      CudaStatus.check(rig.cuda, rig.cuda.cuCtxCreate_v4(out, 0, 0, 0), "cuCtxCreate_v4", "");
      long other = out.get(JAVA_LONG, 0);
      assertThat(run.enqueues()).isFalse();
      rig.refused("the execution context is of the primary context");
      rig.cuda.cuMemAlloc_v2(out, BYTES);
      run.execution.setTensorAddress("y", out.get(JAVA_LONG, 0));
      rig.cuda.cuCtxSetCurrent(primary);
      assertThat(run.enqueues()).isFalse();
      rig.refused("y lies in memory of another CUDA context");
      rig.cuda.cuCtxDestroy_v2(other);
    }
  }

  @Test
  void contextsThatShareMemoryAtTheSameTimeAreARace() {
    try (Rig rig = new Rig();
        Run run = new Run(rig, rig.plan());
        TensorRtApi.ExecutionContext second = run.engine.createExecutionContext();
        DeviceMemory otherY = DeviceMemory.allocate(rig.cuda, "y", BYTES);
        CudaStream other = CudaStream.create(rig.cuda, "other", 0);
        CudaEvent done = CudaEvent.create(rig.cuda, "done", false)) {
      run.prepare(second, run.memory);
      second.setTensorAddress("y", otherY.raw());
      assertThat(run.enqueues()).isTrue();
      done.record(run.stream);
      other.waitFor(done);
      assertThat(second.enqueueV3(other.raw())).isTrue();
      other.await(CudaStream.Wait.BLOCK);
      assertThat(rig.cuda.races()).isEmpty();

      assertThat(run.enqueues()).isTrue();
      assertThat(second.enqueueV3(other.raw())).isTrue();
      other.await(CudaStream.Wait.BLOCK);
      run.stream.await(CudaStream.Wait.BLOCK);
      assertThat(rig.cuda.races()).isNotEmpty();
      assertThat(rig.cuda.failures()).isEmpty();
    }
  }

  @Test
  void theFirstRunOfNewShapesCannotBeCaptured() {
    try (Rig rig = new Rig();
        Run run = new Run(rig, rig.plan())) {
      assertThatThrownBy(() -> run.stream.capture(run::enqueues))
          .isInstanceOf(NativeException.class)
          .hasMessageContaining("INVALIDATED");
      rig.refused("the first run of new shapes");
      assertThat(run.answer()).containsExactly(2, 6, 0, 12);
      run.stream.capture(() -> assertThat(run.enqueues()).isTrue()).close();
    }
  }

  @Test
  void aPlanThatCannotBeCapturedStillRuns() {
    SimulatedCuda cuda = SimulatedCuda.builder().build();
    try (Rig rig = new Rig(cuda, options -> options.uncapturable(Set.of("Relu")));
        Run run = new Run(rig, rig.plan())) {
      assertThat(run.answer()).containsExactly(2, 6, 0, 12);
      assertThatThrownBy(() -> run.stream.capture(run::enqueues))
          .isInstanceOf(NativeException.class);
      rig.refused("can't be captured");
      assertThat(run.answer()).containsExactly(2, 6, 0, 12);
    }
  }

  @Test
  void aRunHasTheShapeAndTheAddressesOfItsEnqueue() {
    SimulatedCuda cuda = SimulatedCuda.builder().stepped(1).build();
    try (Rig rig = new Rig(cuda, _ -> {});
        Run run = new Run(rig, rig.plan())) {
      cuda.cuMemsetD32Async(run.x.raw(), Float.floatToIntBits(1), 8, run.stream.raw());
      cuda.cuMemsetD32Async(run.y.raw(), Float.floatToIntBits(-1), 8, run.stream.raw());
      assertThat(run.enqueues()).isTrue();
      assertThat(run.execution.setInputShape("x", 4, ScaleModel.WIDTH)).isTrue();
      assertThat(run.execution.setTensorAddress("y", run.x.raw())).isTrue();
      MemorySegment host = rig.arena.allocate(BYTES, 4);
      cuda.cuMemcpyDtoHAsync_v2(host.address(), run.y.raw(), BYTES, run.stream.raw());
      run.stream.await(CudaStream.Wait.BLOCK);
      assertThat(host.toArray(JAVA_FLOAT)).containsExactly(2, 3, 2, 3, -1, -1, -1, -1);
    }
  }

  @Test
  void aShapeThatNoNameTellsIsFoundByARun() {
    try (Rig rig = new Rig();
        Run run = new Run(rig, rig.plan(ScaleModel.onnx("Relu", "others"), _ -> {}))) {
      assertThat(run.execution.getTensorShape("y")).containsExactly(2, 2);
      assertThat(run.execution.getMaxOutputSize("y")).isEqualTo(16);
      assertThat(run.answer()).containsExactly(2, 6, 0, 12);
    }
  }

  @Test
  void aContextThatIsClosedUnderItsRunAndMemoryThatIsTooSmallFailLate() {
    SimulatedCuda stepped = SimulatedCuda.builder().stepped(1).build();
    try (Rig rig = new Rig(stepped, _ -> {});
        Run run = new Run(rig, rig.plan())) {
      assertThat(run.enqueues()).isTrue();
      run.execution.close();
      stepped.runAll();
      assertThat(stepped.failures()).singleElement().asString().contains("after it was closed");
    }
    try (Rig rig = new Rig();
        Run run = new Run(rig, rig.plan());
        DeviceMemory small = DeviceMemory.allocate(rig.cuda, "small", 15)) {
      run.execution.setTensorAddress("y", small.raw());
      assertThat(run.enqueues()).isTrue();
      assertThatThrownBy(() -> run.stream.await(CudaStream.Wait.BLOCK))
          .isInstanceOf(NativeException.class)
          .hasMessageContaining("CUDA_ERROR_ILLEGAL_ADDRESS");
    }
  }

  @Test
  void whatIsOpenIsListedAndClosedInOrder() {
    try (Rig rig = new Rig()) {
      byte[] plan = rig.plan();
      TensorRtApi.Runtime runtime = rig.api.createInferRuntime(rig.log);
      TensorRtApi.Engine engine = runtime.deserializeCudaEngine(rig.bytes(plan));
      assertThat(rig.api.leaks()).hasSize(2);
      assertThatThrownBy(runtime::close)
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("close these first");
      engine.close();
      runtime.close();
    }
  }

  @Test
  void aTimingCacheSavesTimingsOfItsVersionOnly() {
    byte[] saved;
    try (Rig rig = new Rig()) {
      saved = timed(rig, new byte[0]);
      assertThat(rig.api.timings()).isEqualTo(2);
      assertThat(timed(rig, saved)).isEqualTo(saved);
      assertThat(rig.api.timings()).isEqualTo(2);
    }
    SimulatedCuda cuda = SimulatedCuda.builder().build();
    try (Rig rig = new Rig(cuda, options -> options.version(110_300));
        TensorRtApi.Builder builder = rig.api.createInferBuilder(rig.log);
        TensorRtApi.BuilderConfig config = builder.createBuilderConfig()) {
      assertThat(config.createTimingCache(rig.bytes(saved))).isNull();
      rig.refused("createTimingCache");
    }
  }

  private static byte[] timed(Rig rig, byte[] blob) {
    byte[][] out = new byte[1][];
    TensorRtApi.TimingCache[] cache = new TensorRtApi.TimingCache[1];
    assertThat(
            rig.plan(
                "Relu",
                config -> {
                  cache[0] = config.createTimingCache(rig.bytes(blob));
                  config.setTimingCache(cache[0]);
                }))
        .isNotNull();
    try (TensorRtApi.HostMemory bytes = cache[0].serialize()) {
      out[0] = bytes.data().toArray(JAVA_BYTE);
    }
    cache[0].close();
    return out[0];
  }
}
