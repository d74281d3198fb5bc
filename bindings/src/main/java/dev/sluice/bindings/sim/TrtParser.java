package dev.sluice.bindings.sim;

import dev.sluice.bindings.NativeException;
import dev.sluice.bindings.onnxruntime.OrtEnvironment;
import dev.sluice.bindings.onnxruntime.OrtSession;
import dev.sluice.bindings.onnxruntime.OrtSessionOptions;
import dev.sluice.bindings.tensorrt.TensorRtApi;
import dev.sluice.bindings.tensorrt.TensorRtApi.ParserError;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Reads ONNX into a network.
 *
 * <p>Thread safety: as its builder.
 */
final class TrtParser extends TrtObject implements TensorRtApi.Parser {
  private final TrtNetwork network;
  private final List<ParserError> errors = new ArrayList<>();
  private final Map<String, MemorySegment> initializers = new HashMap<>();
  private OnnxFile file;

  TrtParser(TrtNetwork network) {
    super(network.owner, network.log, "IParser", network);
    this.network = network;
  }

  /** Makes a session of a model with its initializers inside. */
  static OrtSession open(byte[] model) {
    return OrtSession.open(
        OrtEnvironment.shared(),
        MemorySegment.ofArray(model),
        OrtSessionOptions.defaults(),
        "simulated TensorRT");
  }

  private boolean error(String code, String description, int node, String name, String operator) {
    errors.add(new ParserError(code, description, node, name, operator));
    return refuse(code + ": " + description);
  }

  private boolean error(String code, String description) {
    return error(code, description, -1, "", "");
  }

  private OnnxFile read(MemorySegment model) {
    try {
      return new OnnxFile(model);
    } catch (IllegalArgumentException | ArithmeticException e) {
      error("MODEL_DESERIALIZE_FAILED", "the model can't be read: " + e.getMessage());
      return null;
    }
  }

  @Override
  public boolean loadModelProto(MemorySegment model) {
    use();
    initializers.clear();
    file = read(model);
    return file != null;
  }

  @Override
  public boolean loadInitializer(String name, MemorySegment data) {
    use();
    if (file == null) {
      return error("INVALID_VALUE", "loadInitializer before loadModelProto");
    }
    OnnxFile.Weights weights = file.weights().get(name);
    if (weights == null || !weights.external()) {
      return error("INVALID_VALUE", "the model has no external initializer " + name);
    }
    if (weights.sizeBytes() != data.byteSize()) {
      return error(
          "INVALID_VALUE",
          "the initializer "
              + name
              + " takes "
              + weights.sizeBytes()
              + " bytes, not "
              + data.byteSize());
    }
    initializers.put(name, data);
    return true;
  }

  @Override
  public boolean parseModelProto() {
    use();
    network.use();
    if (file == null) {
      return error("INVALID_VALUE", "parseModelProto before loadModelProto");
    }
    if (!allSupported(file)) {
      return false;
    }
    try (OrtSession session = open(file.with(initializers))) {
      network.define(file, initializers, TrtTensor.of(session, List.of()));
      return true;
    } catch (NativeException | UnsupportedOperationException | IllegalArgumentException e) {
      return error("INVALID_GRAPH", e.getMessage());
    }
  }

  @Override
  public boolean supportsModelV2(MemorySegment model) {
    use();
    OnnxFile read = read(model);
    return read != null && allSupported(read);
  }

  /** Reports all nodes that are not. */
  private boolean allSupported(OnnxFile model) {
    boolean all = true;
    for (OnnxFile.Node node : model.nodes()) {
      if (owner.unsupported.contains(node.operator())) {
        String description = "node " + node.label() + ": no importer for " + node.operator();
        all = error("UNSUPPORTED_NODE", description, node.index(), node.name(), node.operator());
      }
    }
    return all;
  }

  @Override
  public List<ParserError> errors() {
    use();
    return List.copyOf(errors);
  }

  @Override
  public void clearErrors() {
    use();
    errors.clear();
  }
}
