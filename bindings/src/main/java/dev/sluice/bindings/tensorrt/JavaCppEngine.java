package dev.sluice.bindings.tensorrt;

import dev.sluice.bindings.NativeHandle;
import java.lang.foreign.MemorySegment;
import java.util.List;
import org.bytedeco.tensorrt.global.nvinfer;
import org.bytedeco.tensorrt.global.nvonnxparser;
import org.bytedeco.tensorrt.nvinfer.ICudaEngine;
import org.bytedeco.tensorrt.nvinfer.IEngineInspector;
import org.bytedeco.tensorrt.nvinfer.IExecutionContext;
import org.bytedeco.tensorrt.nvinfer.IRefitter;
import org.bytedeco.tensorrt.nvonnxparser.IParserRefitter;

/**
 * {@code nvinfer1::ICudaEngine}.
 *
 * <p>Thread safety: any thread, but for {@link #refit}, during which nothing else uses it.
 */
final class JavaCppEngine extends JavaCppObject<ICudaEngine> implements TensorRtApi.Engine {
  private final JavaCppLogger logger;

  /**
   * Owns an engine.
   *
   * @param logger its runtime's
   */
  JavaCppEngine(ICudaEngine engine, JavaCppLogger logger) {
    super(engine, () -> {});
    this.logger = logger;
  }

  @Override
  public int getNbIOTensors() {
    return use().getNbIOTensors();
  }

  @Override
  public String getIOTensorName(int index) {
    return use().getIOTensorName(index);
  }

  @Override
  public TensorRtApi.TensorIOMode getTensorIOMode(String name) {
    return PresetEnums.ours(TensorRtApi.TensorIOMode.class, use().getTensorIOMode(name).intern());
  }

  @Override
  public TensorRtApi.DataType getTensorDataType(String name) {
    return PresetEnums.ours(TensorRtApi.DataType.class, use().getTensorDataType(name).intern());
  }

  @Override
  public long[] getTensorShape(String name) {
    return Dimensions.take(use().getTensorShape(name));
  }

  @Override
  public boolean isHostTensor(String name) {
    return use().getTensorLocation(name).intern() == nvinfer.TensorLocation.kHOST;
  }

  @Override
  public boolean isLinear(String name, int profile) {
    return use().getTensorFormat(name, profile).intern() == nvinfer.TensorFormat.kLINEAR;
  }

  @Override
  public int getNbLayers() {
    return use().getNbLayers();
  }

  @Override
  public int getNbOptimizationProfiles() {
    return use().getNbOptimizationProfiles();
  }

  @Override
  public long[] getProfileShape(String input, int profile, TensorRtApi.OptProfileSelector select) {
    return Dimensions.take(
        use()
            .getProfileShape(
                input, profile, PresetEnums.theirs(nvinfer.OptProfileSelector.class, select)));
  }

  @Override
  public long getDeviceMemorySizeForProfileV2(int profile) {
    return use().getDeviceMemorySizeForProfileV2(profile);
  }

  @Override
  public boolean isRefittable() {
    return use().isRefittable();
  }

  /**
   * {@inheritDoc}
   *
   * <p>What reads the model stays in memory to the end of the process, as a {@link JavaCppParser}
   * does, and for the same reason.
   */
  @Override
  public boolean refit(MemorySegment model, List<TensorRtApi.Initializer> initializers) {
    ICudaEngine engine = use();
    IRefitter refitter = logger.within(() -> nvinfer.createInferRefitter(engine, logger));
    if (!isObject(refitter)) {
      return false;
    }
    try (NativeHandle _ = own("IRefitter", refitter.address())) {
      IParserRefitter parser =
          logger.within(() -> nvonnxparser.createParserRefitter(refitter, logger));
      if (!isObject(parser)) {
        return false;
      }
      if (!read(parser, model, initializers)) {
        for (int i = 0; i < parser.getNbErrors(); i++) {
          logger.error(parser.getError(i).desc());
        }
        return false;
      }
      return logger.within(refitter::refitCudaEngine);
    }
  }

  private static boolean read(
      IParserRefitter parser, MemorySegment model, List<TensorRtApi.Initializer> initializers) {
    if (!parser.loadModelProto(Address.of(model), model.byteSize())) {
      return false;
    }
    for (TensorRtApi.Initializer initializer : initializers) {
      MemorySegment data = initializer.data();
      if (!parser.loadInitializer(initializer.name(), Address.of(data), data.byteSize())) {
        return false;
      }
    }
    return parser.refitModelProto();
  }

  @Override
  public TensorRtApi.ExecutionContext createExecutionContext() {
    ICudaEngine engine = use();
    IExecutionContext made =
        logger.within(() ->
            engine.createExecutionContext(
                nvinfer.ExecutionContextAllocationStrategy.kUSER_MANAGED));
    return isObject(made) ? new JavaCppContext(made, logger) : null;
  }

  @Override
  public String getEngineInformation() {
    return inspect(null);
  }

  @Override
  public String getEngineInformation(TensorRtApi.ExecutionContext context) {
    return inspect(((JavaCppContext) context).use());
  }

  private String inspect(IExecutionContext context) {
    IEngineInspector inspector = use().createEngineInspector();
    if (!isObject(inspector)) {
      return null;
    }
    try (NativeHandle _ = own("IEngineInspector", inspector.address())) {
      if (context != null && !inspector.setExecutionContext(context)) {
        return null;
      }
      return inspector.getEngineInformation(nvinfer.LayerInformationFormat.kJSON);
    }
  }

  private static NativeHandle own(String kind, long address) {
    return NativeHandle.own(kind, "", address, Destructor::delete);
  }
}
