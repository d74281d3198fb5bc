package dev.sluice.bindings.tensorrt;

import org.bytedeco.tensorrt.global.nvinfer;
import org.bytedeco.tensorrt.global.nvonnxparser;
import org.bytedeco.tensorrt.nvinfer.Dims64;
import org.bytedeco.tensorrt.nvinfer.IBuilder;
import org.bytedeco.tensorrt.nvinfer.IBuilderConfig;
import org.bytedeco.tensorrt.nvinfer.IHostMemory;
import org.bytedeco.tensorrt.nvinfer.INetworkDefinition;
import org.bytedeco.tensorrt.nvinfer.IOptimizationProfile;
import org.bytedeco.tensorrt.nvonnxparser.IParser;

/**
 * {@code nvinfer1::IBuilder}, with its networks and profiles.
 *
 * <p>Thread safety: one thread at a time.
 */
final class JavaCppBuilder extends JavaCppObject<IBuilder> implements TensorRtApi.Builder {
  private final JavaCppLogger logger;

  /**
   * Owns a builder.
   *
   * @param logger the one that it was made with, given back when it is closed
   */
  JavaCppBuilder(IBuilder builder, JavaCppLogger logger) {
    super(builder, logger::giveBack);
    this.logger = logger;
  }

  @Override
  public TensorRtApi.Network createNetworkV2() {
    // No flag: every network of TensorRT 11 is strongly typed.
    INetworkDefinition made = use().createNetworkV2(0);
    return isObject(made) ? new Network(made) : null;
  }

  @Override
  public TensorRtApi.BuilderConfig createBuilderConfig() {
    IBuilderConfig made = use().createBuilderConfig();
    return isObject(made) ? new JavaCppBuilderConfig(made) : null;
  }

  @Override
  public TensorRtApi.OptimizationProfile createOptimizationProfile() {
    IOptimizationProfile made = use().createOptimizationProfile();
    return isObject(made) ? new Profile(this, made) : null;
  }

  @Override
  public TensorRtApi.Parser createParser(TensorRtApi.Network network) {
    use();
    INetworkDefinition into = ((Network) network).use();
    IParser made = logger.within(() -> nvonnxparser.createParser(into, logger));
    return isObject(made) ? new JavaCppParser(made) : null;
  }

  @Override
  public TensorRtApi.HostMemory buildSerializedNetwork(
      TensorRtApi.Network network, TensorRtApi.BuilderConfig config) {
    IBuilder builder = use();
    INetworkDefinition what = ((Network) network).use();
    IBuilderConfig how = ((JavaCppBuilderConfig) config).use();
    IHostMemory built = logger.within(() -> builder.buildSerializedNetwork(what, how));
    return isObject(built) ? new JavaCppHostMemory(built) : null;
  }

  /**
   * {@code nvinfer1::INetworkDefinition}.
   *
   * <p>Thread safety: one thread at a time.
   */
  private static final class Network extends JavaCppObject<INetworkDefinition>
      implements TensorRtApi.Network {
    Network(INetworkDefinition network) {
      super(network, () -> {});
    }

    @Override
    public int getNbLayers() {
      return use().getNbLayers();
    }

    @Override
    public int getNbInputs() {
      return use().getNbInputs();
    }

    @Override
    public String getInputName(int index) {
      return use().getInput(index).getName();
    }

    @Override
    public long[] getInputDimensions(int index) {
      return Dimensions.take(use().getInput(index).getDimensions());
    }

    @Override
    public boolean isShapeTensor(int index) {
      return use().getInput(index).isShapeTensor();
    }
  }

  /**
   * {@code nvinfer1::IOptimizationProfile}, which lives as long as its builder.
   *
   * <p>Thread safety: one thread at a time.
   */
  static final class Profile implements TensorRtApi.OptimizationProfile {
    private final JavaCppBuilder owner;
    private final IOptimizationProfile pointer;

    private Profile(JavaCppBuilder owner, IOptimizationProfile pointer) {
      this.owner = owner;
      this.pointer = pointer;
    }

    IOptimizationProfile use() {
      owner.use();
      return pointer;
    }

    @Override
    public boolean setDimensions(
        String input, TensorRtApi.OptProfileSelector select, long... dims) {
      try (Dims64 to = Dimensions.of(dims)) {
        return use().setDimensions(input, theirs(select), to);
      }
    }

    @Override
    public boolean setShapeValuesV2(
        String input, TensorRtApi.OptProfileSelector select, long... values) {
      return use().setShapeValuesV2(input, theirs(select), values, values.length);
    }

    @Override
    public boolean isValid() {
      return use().isValid();
    }

    private static nvinfer.OptProfileSelector theirs(TensorRtApi.OptProfileSelector select) {
      return PresetEnums.theirs(nvinfer.OptProfileSelector.class, select);
    }
  }
}
