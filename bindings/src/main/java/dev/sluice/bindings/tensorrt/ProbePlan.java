package dev.sluice.bindings.tensorrt;

import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.tensorrt.global.nvinfer;
import org.bytedeco.tensorrt.global.nvonnxparser;
import org.bytedeco.tensorrt.nvinfer.Dims2;
import org.bytedeco.tensorrt.nvinfer.IBuilder;
import org.bytedeco.tensorrt.nvinfer.IBuilderConfig;
import org.bytedeco.tensorrt.nvinfer.IHostMemory;
import org.bytedeco.tensorrt.nvinfer.INetworkDefinition;
import org.bytedeco.tensorrt.nvinfer.IOptimizationProfile;
import org.bytedeco.tensorrt.nvonnxparser.IParser;
import org.bytedeco.tensorrt.nvonnxparser.IParserError;

/**
 * From ONNX bytes to a plan: builder, network, parser, profile, build; one method a step.
 *
 * <p>Thread safety: one thread.
 */
final class ProbePlan {
  private static final long WORKSPACE_BYTES = 64L << 20;

  private final CollectingLogger logger;
  private IBuilder builder;
  private INetworkDefinition network;
  private IBuilderConfig config;
  private IHostMemory plan;

  ProbePlan(CollectingLogger logger) {
    this.logger = logger;
  }

  String createBuilder() throws ProbeSteps.Failure {
    IBuilder created = nvinfer.createInferBuilder(logger);
    logger.check(
        "createInferBuilder()",
        !isNull(created),
        "check that libnvinfer and its builder resource are of the same release, and that the"
            + " driver answers");
    builder = created;
    return "made";
  }

  String parse(byte[] onnx) throws ProbeSteps.Failure {
    // No flag: every network of TensorRT 11 is strongly typed.
    network = builder.createNetworkV2(0);
    logger.check("createNetworkV2(0)", !isNull(network), "this is a bug of the probe");
    IParser parser = nvonnxparser.createParser(network, logger);
    logger.check(
        "createParser()", !isNull(parser), "check that libnvonnxparser is of TensorRT's release");
    boolean parsed;
    try (BytePointer bytes = new BytePointer(onnx)) {
      parsed = parser.parse(bytes, onnx.length);
    }
    logger.check("parse(" + onnx.length + " bytes)", parsed, "the parser says:" + errors(parser));
    return network.getNbLayers() + " layers from " + onnx.length + " bytes of ONNX";
  }

  private static String errors(IParser parser) {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < parser.getNbErrors(); i++) {
      IParserError error = parser.getError(i);
      text.append("\nnode ").append(error.node()).append(": ").append(error.desc());
    }
    return text.toString();
  }

  String build() throws ProbeSteps.Failure {
    config = builder.createBuilderConfig();
    logger.check("createBuilderConfig()", !isNull(config), "this is a bug of the probe");
    config.setMemoryPoolLimit(nvinfer.MemoryPoolType.kWORKSPACE, WORKSPACE_BYTES);
    // The answers are held against a bound for 32-bit arithmetic, which TF32 would not keep.
    config.clearFlag(nvinfer.BuilderFlag.kTF32);
    IOptimizationProfile profile = builder.createOptimizationProfile();
    boolean profiled =
        setRows(profile, nvinfer.OptProfileSelector.kMIN, 1)
            && setRows(profile, nvinfer.OptProfileSelector.kOPT, ProbeModel.MAX_ROWS)
            && setRows(profile, nvinfer.OptProfileSelector.kMAX, ProbeModel.MAX_ROWS)
            && config.addOptimizationProfile(profile) >= 0;
    logger.check("addOptimizationProfile(1 to 8 rows)", profiled, "this is a bug of the probe");
    IHostMemory built = builder.buildSerializedNetwork(network, config);
    logger.check(
        "buildSerializedNetwork()",
        !isNull(built),
        "where an error names a missing builder resource, add the one for this GPU from NVIDIA's own"
            + " TensorRT package to LD_LIBRARY_PATH");
    plan = built;
    return "plan of " + plan.size() + " bytes";
  }

  private static boolean setRows(
      IOptimizationProfile profile, nvinfer.OptProfileSelector selector, long rows) {
    try (Dims2 dims = new Dims2(rows, ProbeModel.INPUT_WIDTH)) {
      return profile.setDimensions(ProbeModel.INPUT, selector, dims);
    }
  }

  /** The plan; only after {@link #build} succeeded. */
  IHostMemory plan() {
    return plan;
  }

  /** What must be destroyed, in this order. The parser is left to the end of the process. */
  Pointer[] owned() {
    return new Pointer[] {plan, config, network, builder};
  }

  static boolean isNull(Pointer pointer) {
    return pointer == null || pointer.isNull();
  }
}
