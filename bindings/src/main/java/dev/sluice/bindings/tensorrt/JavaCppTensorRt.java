package dev.sluice.bindings.tensorrt;

import org.bytedeco.javacpp.Loader;
import org.bytedeco.tensorrt.global.nvinfer;
import org.bytedeco.tensorrt.global.nvonnxparser;
import org.bytedeco.tensorrt.nvinfer.IBuilder;
import org.bytedeco.tensorrt.nvinfer.IRuntime;

/**
 * TensorRT through the JavaCPP presets. Loading this class loads JavaCPP's: only {@link
 * TensorRtLoader} does that, after the driver has answered.
 *
 * <p>Thread safety: as {@link TensorRtApi}.
 */
final class JavaCppTensorRt implements TensorRtApi {
  /**
   * Loads the libraries.
   *
   * @throws LinkageError where one is missing or does not load
   */
  JavaCppTensorRt() {
    Loader.load(nvinfer.class);
    Loader.load(nvonnxparser.class);
  }

  @Override
  public int getInferLibVersion() {
    return nvinfer.getInferLibVersion();
  }

  /** The release of the headers that the presets are made from. */
  int presetsVersion() {
    return nvinfer.NV_TENSORRT_VERSION;
  }

  @Override
  public Builder createInferBuilder(TensorRtLog log) {
    JavaCppLogger logger = JavaCppLogger.take(log);
    IBuilder made = logger.within(() -> nvinfer.createInferBuilder(logger));
    if (!JavaCppObject.isObject(made)) {
      logger.giveBack();
      return null;
    }
    return new JavaCppBuilder(made, logger);
  }

  @Override
  public Runtime createInferRuntime(TensorRtLog log) {
    JavaCppLogger logger = JavaCppLogger.take(log);
    IRuntime made = logger.within(() -> nvinfer.createInferRuntime(logger));
    // Where it fails it returns a pointer that is not null and must not be used: the errors tell.
    if (!JavaCppObject.isObject(made) || logger.errors() > 0) {
      logger.giveBack();
      return null;
    }
    return new JavaCppRuntime(made, logger);
  }

  /** The versions of the library, of the presets and of the parser. */
  @Override
  public String toString() {
    return "TensorRT "
        + TensorRtLoader.versionText(getInferLibVersion())
        + ", presets for "
        + TensorRtLoader.versionText(presetsVersion())
        + ", ONNX parser "
        + TensorRtLoader.versionText(nvonnxparser.getNvOnnxParserVersion());
  }
}
