package dev.sluice.bindings.tensorrt;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.bindings.cuda.CudaApi;
import dev.sluice.bindings.cuda.CudaGraph;
import dev.sluice.bindings.cuda.CudaStatus;
import dev.sluice.bindings.cuda.CudaStream;
import dev.sluice.bindings.cuda.DeviceMemory;
import dev.sluice.bindings.cuda.PrimaryContext;
import dev.sluice.bindings.tensorrt.TensorRtApi.OptProfileSelector;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What holds for every TensorRT: the simulated one here, the real one where there is a GPU. */
abstract class TensorRtContract {
  private static final int MAX_ROWS = ProbeModel.MAX_ROWS;

  protected final ProbeModel model = new ProbeModel();
  protected final TensorRtLog log = new TensorRtLog("contract");
  protected CudaApi cuda;
  protected TensorRtApi api;
  private PrimaryContext context;
  private final Arena arena = Arena.ofConfined();

  /** A driver, called before {@link #tensorRt}. */
  protected abstract CudaApi driver();

  /** TensorRT on that driver. */
  protected abstract TensorRtApi tensorRt();

  /** Called after each test, when all was given back. */
  protected void nothingIsLeft() {}

  @BeforeEach
  void enter() {
    cuda = driver();
    CudaStatus.check(cuda, cuda.cuInit(0), "cuInit", "0");
    context = PrimaryContext.enter(cuda, 0);
    api = tensorRt();
  }

  @AfterEach
  void leave() {
    context.close();
    arena.close();
    nothingIsLeft();
  }

  /** Has something changed in how a plan is built. */
  interface Setup {
    void apply(TensorRtApi.Builder builder, TensorRtApi.BuilderConfig config);
  }

  /** A range of rows. */
  static Setup rows(long min, long opt, long max) {
    return rows(ProbeModel.INPUT, ProbeModel.INPUT_WIDTH, min, opt, max);
  }

  private static Setup rows(String input, int width, long min, long opt, long max) {
    return (builder, config) -> {
      TensorRtApi.OptimizationProfile profile = builder.createOptimizationProfile();
      profile.setDimensions(input, OptProfileSelector.MIN, min, width);
      profile.setDimensions(input, OptProfileSelector.OPT, opt, width);
      profile.setDimensions(input, OptProfileSelector.MAX, max, width);
      config.addOptimizationProfile(profile);
    };
  }

  /** The inspector is to tell all that it can. */
  static final Setup DETAILED =
      (_, config) -> config.setProfilingVerbosity(TensorRtApi.ProfilingVerbosity.DETAILED);

  /** The plan, or null where the builder refuses. */
  final byte[] build(Setup... setups) {
    return build(
        model.onnx(),
        parser -> {},
        network -> {
          assertThat(network.getNbInputs()).isEqualTo(1);
          assertThat(network.getInputName(0)).isEqualTo(ProbeModel.INPUT);
          assertThat(network.getInputDimensions(0)).containsExactly(-1, ProbeModel.INPUT_WIDTH);
          assertThat(network.isShapeTensor(0)).isFalse();
          assertThat(network.getNbLayers()).isPositive();
        },
        setups);
  }

  private byte[] build(
      byte[] model,
      Consumer<TensorRtApi.Parser> weights,
      Consumer<TensorRtApi.Network> check,
      Setup... setups) {
    MemorySegment onnx = arena.allocateFrom(ValueLayout.JAVA_BYTE, model);
    try (TensorRtApi.Builder builder = made(api.createInferBuilder(log), "createInferBuilder");
        TensorRtApi.Network network = builder.createNetworkV2();
        TensorRtApi.Parser parser = builder.createParser(network);
        TensorRtApi.BuilderConfig config = builder.createBuilderConfig()) {
      log.check(parser.loadModelProto(onnx), "loadModelProto", "", "");
      weights.accept(parser);
      log.check(parser.parseModelProto(), "parseModelProto", "" + parser.errors(), "");
      check.accept(network);
      // The answers are held against a bound for 32-bit arithmetic, which TF32 would not keep.
      config.clearFlag(TensorRtApi.BuilderFlag.TF32);
      for (Setup setup : setups) {
        setup.apply(builder, config);
      }
      try (TensorRtApi.HostMemory plan = builder.buildSerializedNetwork(network, config)) {
        return plan == null ? null : plan.data().toArray(ValueLayout.JAVA_BYTE);
      }
    }
  }

  final byte[] plan() {
    return made(build(rows(1, 4, MAX_ROWS)), "buildSerializedNetwork");
  }

  final <T> T made(T object, String function) {
    return log.made(object, function, "", "");
  }

  final TensorRtApi.Engine load(TensorRtApi.Runtime runtime, byte[] plan) {
    return runtime.deserializeCudaEngine(arena.allocateFrom(ValueLayout.JAVA_BYTE, plan));
  }

  /** An execution context with all that it needs, on a stream. */
  final class Lane implements AutoCloseable {
    final CudaStream stream = CudaStream.create(cuda, "lane", 0);
    final TensorRtApi.ExecutionContext execution;
    final DeviceMemory input =
        DeviceMemory.allocate(cuda, "x", 4L * MAX_ROWS * ProbeModel.INPUT_WIDTH);
    final DeviceMemory output =
        DeviceMemory.allocate(cuda, "y", 4L * MAX_ROWS * ProbeModel.OUTPUT_WIDTH);
    final DeviceMemory memory;

    Lane(TensorRtApi.Engine engine) {
      execution = made(engine.createExecutionContext(), "createExecutionContext");
      long sizeBytes = engine.getDeviceMemorySizeForProfileV2(0);
      memory = DeviceMemory.allocate(cuda, "activations", Math.max(sizeBytes, 256));
      execution.setDeviceMemoryV2(memory.raw(), memory.sizeBytes());
      log.check(
          execution.setOptimizationProfileAsync(0, stream.raw()),
          "setOptimizationProfileAsync",
          "0",
          "");
    }

    void addresses() {
      assertThat(execution.setTensorAddress(ProbeModel.INPUT, input.raw())).isTrue();
      assertThat(execution.setTensorAddress(ProbeModel.OUTPUT, output.raw())).isTrue();
    }

    void shape(int rows) {
      log.check(
          execution.setInputShape(ProbeModel.INPUT, rows, ProbeModel.INPUT_WIDTH),
          "setInputShape",
          "" + rows,
          "");
      assertThat(execution.getTensorShape(ProbeModel.OUTPUT))
          .containsExactly(rows, ProbeModel.OUTPUT_WIDTH);
      assertThat(execution.getMaxOutputSize(ProbeModel.OUTPUT))
          .isGreaterThanOrEqualTo(4L * rows * ProbeModel.OUTPUT_WIDTH);
    }

    void enqueue() {
      log.check(execution.enqueueV3(stream.raw()), "enqueueV3", "", "");
    }

    /** Writes a seeded input, has the work done and compares the answers. */
    void answers(int rows, long seed, Runnable work) {
      float[] x = ProbeModel.input(rows, seed);
      MemorySegment host = arena.allocateFrom(JAVA_FLOAT, x);
      check(cuda.cuMemcpyHtoDAsync_v2(input.raw(), host.address(), host.byteSize(), stream.raw()));
      work.run();
      MemorySegment result = arena.allocate(JAVA_FLOAT, (long) rows * ProbeModel.OUTPUT_WIDTH);
      check(
          cuda.cuMemcpyDtoHAsync_v2(
              result.address(), output.raw(), result.byteSize(), stream.raw()));
      stream.await(CudaStream.Wait.BLOCK);
      ProbeModel.Expected expected = model.expected(x);
      assertThat(expected.largestError(result.toArray(JAVA_FLOAT)))
          .as("%s rows", rows)
          .isLessThanOrEqualTo(expected.tolerance());
    }

    @Override
    public void close() {
      stream.await(CudaStream.Wait.BLOCK);
      execution.close();
      memory.close();
      output.close();
      input.close();
      stream.close();
    }
  }

  private void check(int status) {
    CudaStatus.check(cuda, status, "a copy", "");
  }

  @Test
  void aPlanTellsItsTensorsAndRanges() {
    byte[] plan = plan();
    try (TensorRtApi.Runtime runtime = made(api.createInferRuntime(log), "createInferRuntime");
        TensorRtApi.Engine engine = made(load(runtime, plan), "deserializeCudaEngine")) {
      List<String> names = new ArrayList<>();
      for (int i = 0; i < engine.getNbIOTensors(); i++) {
        names.add(engine.getIOTensorName(i));
      }
      assertThat(names).containsExactlyInAnyOrder(ProbeModel.INPUT, ProbeModel.OUTPUT);
      assertThat(engine.getTensorIOMode(ProbeModel.INPUT))
          .isEqualTo(TensorRtApi.TensorIOMode.INPUT);
      assertThat(engine.getTensorIOMode(ProbeModel.OUTPUT))
          .isEqualTo(TensorRtApi.TensorIOMode.OUTPUT);
      assertThat(engine.getTensorDataType(ProbeModel.INPUT)).isEqualTo(TensorRtApi.DataType.FLOAT);
      assertThat(engine.getTensorShape(ProbeModel.OUTPUT))
          .containsExactly(-1, ProbeModel.OUTPUT_WIDTH);
      assertThat(engine.isHostTensor(ProbeModel.INPUT)).isFalse();
      assertThat(engine.isLinear(ProbeModel.OUTPUT, 0)).isTrue();
      assertThat(engine.getNbOptimizationProfiles()).isEqualTo(1);
      assertThat(engine.getProfileShape(ProbeModel.INPUT, 0, OptProfileSelector.MIN))
          .containsExactly(1, ProbeModel.INPUT_WIDTH);
      assertThat(engine.getProfileShape(ProbeModel.INPUT, 0, OptProfileSelector.OPT))
          .containsExactly(4, ProbeModel.INPUT_WIDTH);
      assertThat(engine.getProfileShape(ProbeModel.INPUT, 0, OptProfileSelector.MAX))
          .containsExactly(MAX_ROWS, ProbeModel.INPUT_WIDTH);
      assertThat(engine.getNbLayers()).isPositive();
      assertThat(engine.isRefittable()).isFalse();
      assertThat(engine.getEngineInformation()).startsWith("{").contains("\"Layers\"");
    }
  }

  @Test
  void everyNumberOfRowsIsAnswered() {
    byte[] plan = plan();
    try (TensorRtApi.Runtime runtime = made(api.createInferRuntime(log), "createInferRuntime");
        TensorRtApi.Engine engine = made(load(runtime, plan), "deserializeCudaEngine");
        Lane lane = new Lane(engine)) {
      lane.addresses();
      for (int rows = 1; rows <= MAX_ROWS; rows++) {
        lane.shape(rows);
        lane.answers(rows, rows, lane::enqueue);
      }
    }
  }

  @Test
  void aCaptureIsReplayedOnOtherInputs() {
    byte[] plan = plan();
    try (TensorRtApi.Runtime runtime = made(api.createInferRuntime(log), "createInferRuntime");
        TensorRtApi.Engine engine = made(load(runtime, plan), "deserializeCudaEngine");
        Lane lane = new Lane(engine)) {
      lane.addresses();
      lane.shape(3);
      lane.answers(3, 1, lane::enqueue);
      try (CudaGraph graph = lane.stream.capture(lane::enqueue);
          CudaGraph.Ready ready = graph.instantiate()) {
        lane.answers(3, 2, () -> ready.launch(lane.stream));
        lane.answers(3, 3, () -> ready.launch(lane.stream));
      }
    }
  }

  @Test
  void shapesOutOfTheRangeAreRefused() {
    byte[] plan = made(build(rows(2, 4, 6)), "buildSerializedNetwork");
    try (TensorRtApi.Runtime runtime = made(api.createInferRuntime(log), "createInferRuntime");
        TensorRtApi.Engine engine = made(load(runtime, plan), "deserializeCudaEngine");
        Lane lane = new Lane(engine)) {
      lane.addresses();
      for (int rows : new int[] {1, 7}) {
        assertThat(lane.execution.setInputShape(ProbeModel.INPUT, rows, ProbeModel.INPUT_WIDTH))
            .as("%s rows", rows)
            .isFalse();
        assertRefused("Set dimension");
      }
      assertThat(lane.execution.setInputShape(ProbeModel.INPUT, 4, ProbeModel.INPUT_WIDTH + 1))
          .isFalse();
      log.check(true, "setInputShape", "", "");
      lane.shape(6);
      lane.answers(6, 1, lane::enqueue);
    }
  }

  @Test
  void aRunWithoutAddressesIsRefused() {
    byte[] plan = plan();
    try (TensorRtApi.Runtime runtime = made(api.createInferRuntime(log), "createInferRuntime");
        TensorRtApi.Engine engine = made(load(runtime, plan), "deserializeCudaEngine");
        Lane lane = new Lane(engine)) {
      lane.shape(2);
      assertThat(lane.execution.setTensorAddress("no such tensor", lane.input.raw())).isFalse();
      log.check(true, "setTensorAddress", "", "");
      assertThat(lane.execution.setTensorAddress(ProbeModel.INPUT, lane.input.raw())).isTrue();
      assertThat(lane.execution.enqueueV3(lane.stream.raw())).isFalse();
      assertRefused("");
      lane.addresses();
      lane.answers(2, 1, lane::enqueue);
    }
  }

  @Test
  void aDynamicInputNeedsARangeInOrder() {
    assertThat(build()).isNull();
    assertRefused("profile");
    try (TensorRtApi.Builder builder = made(api.createInferBuilder(log), "createInferBuilder")) {
      TensorRtApi.OptimizationProfile profile = builder.createOptimizationProfile();
      profile.setDimensions(ProbeModel.INPUT, OptProfileSelector.MIN, 1, ProbeModel.INPUT_WIDTH);
      assertThat(profile.isValid()).isFalse();
      profile.setDimensions(ProbeModel.INPUT, OptProfileSelector.OPT, 1, ProbeModel.INPUT_WIDTH);
      profile.setDimensions(ProbeModel.INPUT, OptProfileSelector.MAX, 8, ProbeModel.INPUT_WIDTH);
      assertThat(profile.isValid()).isTrue();
    }
  }

  @Test
  void aDamagedPlanIsRefused() {
    byte[] plan = plan();
    byte[] cut = Arrays.copyOf(plan, plan.length / 2);
    byte[] foreign = plan.clone();
    Arrays.fill(foreign, 0, 64, (byte) 0x11);
    try (TensorRtApi.Runtime runtime = made(api.createInferRuntime(log), "createInferRuntime")) {
      for (byte[] damaged : List.of(cut, foreign)) {
        assertThat(load(runtime, damaged)).isNull();
        assertRefused("");
      }
      try (TensorRtApi.Engine engine = made(load(runtime, plan), "deserializeCudaEngine")) {
        assertThat(engine.getNbIOTensors()).isEqualTo(2);
      }
    }
  }

  @Test
  void bytesThatAreNoModelAreRefused() {
    try (TensorRtApi.Builder builder = made(api.createInferBuilder(log), "createInferBuilder");
        TensorRtApi.Network network = builder.createNetworkV2();
        TensorRtApi.Parser parser = builder.createParser(network)) {
      MemorySegment onnx = arena.allocateFrom(ValueLayout.JAVA_BYTE, model.onnx());
      assertThat(parser.supportsModelV2(onnx)).as("%s", parser.errors()).isTrue();
      MemorySegment noise = arena.allocate(64).fill((byte) 0xFF);
      assertThat(parser.loadModelProto(noise) && parser.parseModelProto()).isFalse();
      assertThat(parser.errors()).isNotEmpty();
      parser.clearErrors();
      assertThat(parser.errors()).isEmpty();
    }
  }

  @Test
  void progressIsToldAndEndsABuild() {
    AtomicInteger steps = new AtomicInteger();
    Setup counted =
        (_, config) ->
            config.setProgressMonitor((_, _, _) -> {
              steps.incrementAndGet();
              return true;
            });
    assertThat(build(rows(1, 4, MAX_ROWS), counted)).isNotNull();
    assertThat(steps.get()).isPositive();

    assertThat(
            build(
                rows(1, 4, MAX_ROWS), (_, config) -> config.setProgressMonitor((_, _, _) -> false)))
        .isNull();
  }

  @Test
  void aTimingCacheIsFilledAndReadAgain() {
    byte[][] saved = new byte[1][];
    try (TensorRtApi.Builder builder = made(api.createInferBuilder(log), "createInferBuilder");
        TensorRtApi.Network network = builder.createNetworkV2();
        TensorRtApi.Parser parser = builder.createParser(network);
        TensorRtApi.BuilderConfig config = builder.createBuilderConfig();
        TensorRtApi.TimingCache cache =
            made(config.createTimingCache(MemorySegment.NULL), "createTimingCache")) {
      MemorySegment onnx = arena.allocateFrom(ValueLayout.JAVA_BYTE, model.onnx());
      log.check(parser.loadModelProto(onnx), "loadModelProto", "", "");
      log.check(parser.parseModelProto(), "parseModelProto", "", "");
      rows(1, 4, MAX_ROWS).apply(builder, config);
      assertThat(config.setTimingCache(cache)).isTrue();
      made(builder.buildSerializedNetwork(network, config), "buildSerializedNetwork").close();
      try (TensorRtApi.HostMemory bytes = cache.serialize()) {
        saved[0] = bytes.data().toArray(ValueLayout.JAVA_BYTE);
      }
    }
    assertThat(saved[0]).isNotEmpty();
    try (TensorRtApi.Builder builder = made(api.createInferBuilder(log), "createInferBuilder");
        TensorRtApi.BuilderConfig config = builder.createBuilderConfig();
        TensorRtApi.TimingCache cache =
            config.createTimingCache(arena.allocateFrom(ValueLayout.JAVA_BYTE, saved[0]))) {
      assertThat(cache).isNotNull();
    }
  }

  @Test
  void theInspectorTellsOfEachLayer() {
    byte[] plan = made(build(rows(1, 4, MAX_ROWS), DETAILED), "buildSerializedNetwork");
    try (TensorRtApi.Runtime runtime = made(api.createInferRuntime(log), "createInferRuntime");
        TensorRtApi.Engine engine = made(load(runtime, plan), "deserializeCudaEngine");
        Lane lane = new Lane(engine)) {
      String keys = "\"Name\" \"LayerType\" \"Inputs\" \"Outputs\" \"Dimensions\" \"Bindings\"";
      assertThat(engine.getEngineInformation())
          .startsWith("{")
          .contains("\"Layers\"")
          .contains(keys.split(" "))
          .contains("\"" + ProbeModel.INPUT + "\"", "\"" + ProbeModel.OUTPUT + "\"")
          .containsPattern("\"(Format/)?Datatype\"");
      lane.shape(3);
      assertThat(engine.getEngineInformation(lane.execution).replaceAll("\\s", ""))
          .contains("[3," + ProbeModel.INPUT_WIDTH + "]");
    }
  }

  @Test
  void aProfilerHearsOfTheLayersOfTheInspector() {
    byte[] plan = made(build(rows(1, 4, MAX_ROWS), DETAILED), "buildSerializedNetwork");
    try (TensorRtApi.Runtime runtime = made(api.createInferRuntime(log), "createInferRuntime");
        TensorRtApi.Engine engine = made(load(runtime, plan), "deserializeCudaEngine");
        Lane lane = new Lane(engine)) {
      List<String> layers = new ArrayList<>();
      List<Float> times = new ArrayList<>();
      TensorRtApi.Profiler profiler =
          (layer, ms) -> {
            layers.add(layer);
            times.add(ms);
          };
      lane.addresses();
      lane.shape(3);
      lane.execution.setProfiler(profiler);
      lane.answers(3, 1, lane::enqueue);
      String information = engine.getEngineInformation();
      assertThat(layers)
          .isNotEmpty()
          .allSatisfy(layer -> assertThat(information).contains("\"" + layer + "\""));
      assertThat(times).allMatch(ms -> ms >= 0).anyMatch(ms -> ms > 0);

      int perRun = layers.size();
      lane.execution.setEnqueueEmitsProfile(false);
      lane.answers(3, 2, lane::enqueue);
      assertThat(layers).hasSize(perRun);
      assertThat(lane.execution.reportToProfiler()).isTrue();
      assertThat(layers).hasSize(2 * perRun);

      lane.execution.setProfiler(TensorRtApi.Profiler.NONE);
      lane.answers(3, 3, lane::enqueue);
      assertThat(lane.execution.reportToProfiler()).isFalse();
      log.check(true, "reportToProfiler", "", "");
      assertThat(layers).hasSize(2 * perRun);
    }
  }

  /** An allocator over one block. */
  private static final class Block implements TensorRtApi.OutputAllocator {
    private final long address;
    private long sizeBytes;
    private long[] dims;

    Block(long address) {
      this.address = address;
    }

    @Override
    public long reallocate(long currentAddress, long size, long alignment, long stream) {
      sizeBytes = size;
      return address;
    }

    @Override
    public void notifyShape(long... told) {
      dims = told.clone();
    }
  }

  /** A plan of {@link ScaleModel#nonZero}. */
  private byte[] nonZero() {
    return made(
        build(
            ScaleModel.nonZero(),
            parser ->
                log.check(
                    parser.loadInitializer("w", arena.allocateFrom(JAVA_FLOAT, 2, 3)),
                    "loadInitializer",
                    "w",
                    ""),
            network -> {},
            rows("x", ScaleModel.WIDTH, 1, 4, MAX_ROWS)),
        "buildSerializedNetwork");
  }

  @Test
  void anOutputWhoseShapeDependsOnDataIsAllocated() {
    byte[] plan = nonZero();
    long mostBytes = 2L * 3 * ScaleModel.WIDTH * Long.BYTES;
    try (TensorRtApi.Runtime runtime = made(api.createInferRuntime(log), "createInferRuntime");
        TensorRtApi.Engine engine = made(load(runtime, plan), "deserializeCudaEngine");
        TensorRtApi.ExecutionContext execution =
            made(engine.createExecutionContext(), "createExecutionContext");
        CudaStream stream = CudaStream.create(cuda, "stream", 0);
        DeviceMemory memory =
            DeviceMemory.allocate(
                cuda, "activations", Math.max(256, engine.getDeviceMemorySizeForProfileV2(0)));
        DeviceMemory x = DeviceMemory.allocate(cuda, "x", 4L * 3 * ScaleModel.WIDTH);
        DeviceMemory y = DeviceMemory.allocate(cuda, "y", 4096)) {
      assertThat(engine.getTensorDataType("y")).isEqualTo(TensorRtApi.DataType.INT64);
      execution.setDeviceMemoryV2(memory.raw(), memory.sizeBytes());
      log.check(execution.setOptimizationProfileAsync(0, stream.raw()), "profile", "", "");
      log.check(execution.setInputShape("x", 3, ScaleModel.WIDTH), "setInputShape", "", "");
      assertThat(execution.setTensorAddress("x", x.raw())).isTrue();
      assertThat(execution.getTensorShape("y")).containsExactly(2, -1);
      assertThat(execution.getMaxOutputSize("y")).isGreaterThanOrEqualTo(mostBytes);
      assertThat(execution.setOutputAllocator("no such tensor", new Block(1))).isFalse();
      log.check(true, "setOutputAllocator", "", "");
      assertThat(execution.enqueueV3(stream.raw())).as("neither address nor allocator").isFalse();
      assertRefused("");

      Block block = new Block(y.raw());
      assertThat(execution.setOutputAllocator("y", block)).isTrue();
      float[][] inputs = {{1, 0, 0, 0, 5, 6}, {0, 0, 0, 0, 0, 9}, {1, 2, 3, 4, 5, 6}};
      long[][] found = {{0, 2, 2, 0, 0, 1}, {2, 1}, {0, 0, 1, 1, 2, 2, 0, 1, 0, 1, 0, 1}};
      for (int i = 0; i < inputs.length; i++) {
        MemorySegment from = arena.allocateFrom(JAVA_FLOAT, inputs[i]);
        check(cuda.cuMemcpyHtoDAsync_v2(x.raw(), from.address(), from.byteSize(), stream.raw()));
        log.check(execution.enqueueV3(stream.raw()), "enqueueV3", "", "");
        assertThat(block.dims).containsExactly(2, found[i].length / 2);
        assertThat(block.sizeBytes).isBetween((long) Long.BYTES * found[i].length, y.sizeBytes());
        MemorySegment to = arena.allocate(ValueLayout.JAVA_LONG, found[i].length);
        check(cuda.cuMemcpyDtoHAsync_v2(to.address(), y.raw(), to.byteSize(), stream.raw()));
        stream.await(CudaStream.Wait.BLOCK);
        assertThat(to.toArray(ValueLayout.JAVA_LONG)).containsExactly(found[i]);
      }

      assertThat(execution.setOutputAllocator("y", new Block(0))).isTrue();
      assertThat(execution.enqueueV3(stream.raw())).as("no memory").isFalse();
      assertRefused("");
      stream.await(CudaStream.Wait.BLOCK);
    }
  }

  @Test
  void closingTwiceIsSafeAndUseAfterCloseNamesTheObject() {
    byte[] plan = plan();
    TensorRtApi.Runtime runtime = made(api.createInferRuntime(log), "createInferRuntime");
    TensorRtApi.Engine engine = made(load(runtime, plan), "deserializeCudaEngine");
    TensorRtApi.ExecutionContext execution =
        made(engine.createExecutionContext(), "createExecutionContext");
    for (AutoCloseable each : List.of(execution, engine, runtime)) {
      assertThatCode(each::close).doesNotThrowAnyException();
      assertThatCode(each::close).doesNotThrowAnyException();
    }
    assertThatThrownBy(() -> execution.enqueueV3(0)).isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(engine::getNbIOTensors)
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("after it was closed");
    assertThatThrownBy(() -> load(runtime, plan)).isInstanceOf(IllegalStateException.class);
  }

  /** The last call left an error; forgets it. */
  final void assertRefused(String said) {
    assertThatThrownBy(() -> log.check(false, "the last call", "", ""))
        .isInstanceOf(TensorRtException.class)
        .satisfies(e -> assertThat(((TensorRtException) e).libraryMessage()).isNotEmpty())
        .hasMessageContaining(said);
  }
}
