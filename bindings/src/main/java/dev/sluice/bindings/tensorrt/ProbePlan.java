package dev.sluice.bindings.tensorrt;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.function.Consumer;

/**
 * From ONNX bytes to a plan: builder, network, parser, profile, build; one method a step.
 *
 * <p>Thread safety: one thread.
 */
final class ProbePlan implements AutoCloseable {
  private static final long WORKSPACE_BYTES = 64L << 20;
  private static final String BUG = "this is a bug of the probe";

  private final TensorRtApi api;
  private final TensorRtLog log = new TensorRtLog("probe's builder");
  private final Arena arena = Arena.ofConfined();
  private final Deque<TensorRtApi.Resource> owned = new ArrayDeque<>();
  private TensorRtApi.Builder builder;
  private TensorRtApi.Network network;
  private TensorRtApi.HostMemory plan;

  ProbePlan(TensorRtApi api) {
    this.api = api;
  }

  String createBuilder() {
    builder =
        own(
            log.made(
                api.createInferBuilder(log),
                "createInferBuilder",
                "",
                "check that libnvinfer and its builder resource are of the same release, and that"
                    + " the driver answers"));
    return "made";
  }

  String parse(byte[] onnx) {
    network = own(log.made(builder.createNetworkV2(), "createNetworkV2", "", BUG));
    TensorRtApi.Parser parser =
        own(
            log.made(
                builder.createParser(network),
                "createParser",
                "",
                "check that libnvonnxparser is of TensorRT's release"));
    MemorySegment model = arena.allocate(onnx.length).copyFrom(MemorySegment.ofArray(onnx));
    boolean parsed = parser.loadModelProto(model) && parser.parseModelProto();
    log.check(
        parsed, "parseModelProto", onnx.length + " bytes", "the parser says: " + parser.errors());
    return network.getNbLayers() + " layers from " + onnx.length + " bytes of ONNX";
  }

  /**
   * Builds.
   *
   * @param options sets what the probe has no wish for
   */
  String build(Consumer<TensorRtApi.BuilderConfig> options) {
    TensorRtApi.BuilderConfig config =
        own(log.made(builder.createBuilderConfig(), "createBuilderConfig", "", BUG));
    config.setWorkspaceLimit(WORKSPACE_BYTES);
    // The answers are held against a bound for 32-bit arithmetic, which TF32 would not keep.
    config.clearFlag(TensorRtApi.BuilderFlag.TF32);
    config.setProfilingVerbosity(TensorRtApi.ProfilingVerbosity.DETAILED);
    options.accept(config);
    TensorRtApi.OptimizationProfile profile = builder.createOptimizationProfile();
    boolean profiled =
        profile.setDimensions(
                ProbeModel.INPUT, TensorRtApi.OptProfileSelector.MIN, 1, ProbeModel.INPUT_WIDTH)
            && setMostRows(profile, TensorRtApi.OptProfileSelector.OPT)
            && setMostRows(profile, TensorRtApi.OptProfileSelector.MAX)
            && profile.isValid()
            && config.addOptimizationProfile(profile) == 0;
    log.check(profiled, "addOptimizationProfile", "1 to " + ProbeModel.MAX_ROWS + " rows", BUG);
    plan =
        own(
            log.made(
                builder.buildSerializedNetwork(network, config),
                "buildSerializedNetwork",
                "",
                "where an error names a missing builder resource, add the one for this GPU from"
                    + " NVIDIA's own TensorRT package to LD_LIBRARY_PATH"));
    return "plan of " + plan.data().byteSize() + " bytes";
  }

  private static boolean setMostRows(
      TensorRtApi.OptimizationProfile profile, TensorRtApi.OptProfileSelector select) {
    return profile.setDimensions(
        ProbeModel.INPUT, select, ProbeModel.MAX_ROWS, ProbeModel.INPUT_WIDTH);
  }

  /** The plan, valid until close; only after {@link #build} succeeded. */
  MemorySegment plan() {
    return plan.data();
  }

  private <T extends TensorRtApi.Resource> T own(T made) {
    owned.push(made);
    return made;
  }

  /** Deletes everything, the youngest first. */
  @Override
  public void close() {
    while (!owned.isEmpty()) {
      owned.pop().close();
    }
    if (arena.scope().isAlive()) {
      arena.close();
    }
  }
}
