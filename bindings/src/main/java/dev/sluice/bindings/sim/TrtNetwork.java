package dev.sluice.bindings.sim;

import dev.sluice.bindings.tensorrt.TensorRtApi;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Map;

/**
 * A network: what a parser made of a model, and the memory of its initializers, which is read when
 * the plan is built.
 *
 * <p>Thread safety: as its builder.
 */
final class TrtNetwork extends TrtObject implements TensorRtApi.Network {
  private OnnxFile file;
  private Map<String, MemorySegment> initializers = Map.of();
  private List<TrtTensor> tensors = List.of();

  TrtNetwork(TrtBuilder builder) {
    super(builder.owner, builder.log, "INetworkDefinition", builder);
  }

  void define(OnnxFile parsed, Map<String, MemorySegment> data, List<TrtTensor> io) {
    file = parsed;
    initializers = Map.copyOf(data);
    tensors = io;
  }

  List<TrtTensor> tensors() {
    return tensors;
  }

  List<OnnxFile.Node> nodes() {
    return file == null ? List.of() : file.nodes();
  }

  /** The model with its initializers inside. */
  byte[] model() {
    return file.with(initializers);
  }

  private TrtTensor input(int index) {
    use();
    return tensors.stream().filter(TrtTensor::isInput).toList().get(index);
  }

  @Override
  public int getNbLayers() {
    use();
    return nodes().size();
  }

  @Override
  public int getNbInputs() {
    use();
    return (int) tensors.stream().filter(TrtTensor::isInput).count();
  }

  @Override
  public String getInputName(int index) {
    return input(index).name();
  }

  @Override
  public long[] getInputDimensions(int index) {
    return input(index).dimensions();
  }

  @Override
  public boolean isShapeTensor(int index) {
    use();
    return false;
  }
}
