package dev.sluice.bindings.sim;

import dev.sluice.bindings.NativeException;
import dev.sluice.bindings.onnxruntime.OrtEnvironment;
import dev.sluice.bindings.onnxruntime.OrtSession;
import dev.sluice.bindings.onnxruntime.OrtValue;
import dev.sluice.bindings.tensorrt.TensorRtApi;
import dev.sluice.bindings.tensorrt.TensorRtApi.DataType;
import dev.sluice.bindings.tensorrt.TensorRtApi.OptProfileSelector;
import dev.sluice.bindings.tensorrt.TensorRtApi.TensorIOMode;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.stream.Collectors;

/**
 * A loaded plan: a session of ONNX Runtime, which a refit replaces.
 *
 * <p>Thread safety: any thread; runs go on at once, a refit waits for them.
 */
final class TrtEngine extends TrtObject implements TensorRtApi.Engine {
  /** What device memory for activations is a multiple of. */
  static final long MEMORY_UNIT_BYTES = 256;

  final SimDevice device;
  final String name;
  private final TrtPlan plan;
  private final List<OnnxFile.Node> nodes;
  private final List<TrtTensor> tensors;
  private final ReadWriteLock lock = new ReentrantReadWriteLock();
  private OrtSession session;

  TrtEngine(TrtRuntime runtime, TrtPlan plan, SimDevice device) {
    super(runtime.owner, runtime.log, "ICudaEngine", runtime);
    this.device = device;
    this.plan = plan;
    name = "enqueueV3 of engine " + owner.ids.incrementAndGet();
    nodes = new OnnxFile(MemorySegment.ofArray(plan.model())).nodes();
    session = TrtParser.open(plan.model());
    tensors = TrtTensor.of(session);
  }

  List<TrtTensor> tensors() {
    return tensors;
  }

  /** The input or output of a name, or null and an error. */
  TrtTensor tensor(String tensorName) {
    for (TrtTensor tensor : tensors) {
      if (tensor.name().equals(tensorName)) {
        return tensor;
      }
    }
    refuse("the engine has no tensor " + tensorName);
    return null;
  }

  /** A range of shapes; null and an error where there is no such one. */
  TrtProfile profile(int index) {
    if (index < 0 || index >= plan.profiles().size()) {
      refuse("the engine has no profile " + index + " of " + plan.profiles().size());
      return null;
    }
    return plan.profiles().get(index);
  }

  boolean isCapturable() {
    return nodes.stream().noneMatch(node -> owner.uncapturable.contains(node.operator()));
  }

  List<OrtValue> run(List<OrtValue> inputs) {
    lock.readLock().lock();
    try {
      return session.run(inputs);
    } finally {
      lock.readLock().unlock();
    }
  }

  /**
   * The outputs' shapes: by the names of dimensions, else those of a run on zeros.
   *
   * @param inputs the inputs' shapes by name, all of them
   * @throws IllegalArgumentException where the inputs don't fit one another
   */
  Map<String, long[]> outputShapes(Map<String, long[]> inputs) {
    Map<String, Long> known = new HashMap<>();
    for (TrtTensor tensor : tensors) {
      for (int i = 0; tensor.isInput() && i < tensor.dims().size(); i++) {
        String symbol = tensor.dims().get(i) == -1 ? tensor.symbols().get(i) : "";
        long dim = inputs.get(tensor.name())[i];
        Long other = symbol.isEmpty() ? null : known.put(symbol, dim);
        if (other != null && other != dim) {
          throw new IllegalArgumentException(symbol + " is " + other + " and " + dim);
        }
      }
    }
    Map<String, long[]> shapes = new HashMap<>();
    for (TrtTensor tensor : tensors) {
      if (!tensor.isInput()) {
        long[] dims = tensor.dimensions();
        for (int i = 0; i < dims.length; i++) {
          dims[i] = dims[i] == -1 ? known.getOrDefault(tensor.symbols().get(i), -1L) : dims[i];
          if (dims[i] == -1) {
            return shapesOfZeros(inputs);
          }
        }
        shapes.put(tensor.name(), dims);
      }
    }
    return shapes;
  }

  private Map<String, long[]> shapesOfZeros(Map<String, long[]> inputs) {
    List<OrtValue> values = new ArrayList<>();
    try (Arena arena = Arena.ofConfined()) {
      for (TrtTensor tensor : tensors) {
        if (tensor.isInput()) {
          long[] shape = inputs.get(tensor.name());
          MemorySegment zeros = arena.allocate(Math.max(1, tensor.sizeBytes(shape)), 64);
          values.add(OrtValue.tensor(OrtEnvironment.shared(), zeros, tensor.type(), shape));
        }
      }
      List<OrtValue> results = run(List.copyOf(values));
      values.addAll(results);
      Map<String, long[]> shapes = new HashMap<>();
      int next = 0;
      for (TrtTensor tensor : tensors) {
        if (!tensor.isInput()) {
          List<Long> dims = results.get(next++).info().dims();
          shapes.put(tensor.name(), dims.stream().mapToLong(Long::longValue).toArray());
        }
      }
      return shapes;
    } catch (NativeException e) {
      throw new IllegalArgumentException(e.getMessage(), e);
    } finally {
      values.forEach(OrtValue::close);
    }
  }

  @Override
  public int getNbIOTensors() {
    use();
    return tensors.size();
  }

  @Override
  public String getIOTensorName(int index) {
    use();
    return tensors.get(index).name();
  }

  @Override
  public TensorIOMode getTensorIOMode(String tensorName) {
    use();
    TrtTensor tensor = tensor(tensorName);
    return tensor == null ? TensorIOMode.NONE : tensor.mode();
  }

  @Override
  public DataType getTensorDataType(String tensorName) {
    use();
    TrtTensor tensor = tensor(tensorName);
    return tensor == null ? DataType.FLOAT : tensor.dataType();
  }

  @Override
  public long[] getTensorShape(String tensorName) {
    use();
    TrtTensor tensor = tensor(tensorName);
    return tensor == null ? new long[0] : tensor.dimensions();
  }

  @Override
  public boolean isHostTensor(String tensorName) {
    use();
    return false;
  }

  @Override
  public boolean isLinear(String tensorName, int profile) {
    use();
    return tensor(tensorName) != null;
  }

  @Override
  public int getNbLayers() {
    use();
    return nodes.size();
  }

  @Override
  public int getNbOptimizationProfiles() {
    use();
    return plan.profiles().size();
  }

  @Override
  public long[] getProfileShape(String input, int profile, OptProfileSelector select) {
    use();
    TrtProfile range = profile(profile);
    long[] bound = range == null ? null : range.bound(input, select);
    if (range != null && bound == null) {
      refuse("ICudaEngine::getProfileShape: no input " + input);
    }
    return bound == null ? new long[0] : bound;
  }

  /** Twice what the largest inputs take, in whole units: as good as any that grows with them. */
  @Override
  public long getDeviceMemorySizeForProfileV2(int profile) {
    use();
    TrtProfile range = profile(profile);
    if (range == null) {
      return 0;
    }
    long sizeBytes = 1;
    for (TrtTensor tensor : tensors) {
      if (tensor.isInput()) {
        sizeBytes += 2 * tensor.sizeBytes(range.bound(tensor.name(), OptProfileSelector.MAX));
      }
    }
    return Math.ceilDiv(sizeBytes, MEMORY_UNIT_BYTES) * MEMORY_UNIT_BYTES;
  }

  @Override
  public boolean isRefittable() {
    use();
    return plan.refittable();
  }

  @Override
  public boolean refit(MemorySegment model, List<TensorRtApi.Initializer> initializers) {
    use();
    if (!plan.refittable() || owner.faults.fails(TensorRtFaults.Call.REFIT)) {
      return refuse(
          "IRefitter: the engine was not built to be refitted, or the fault plan says so");
    }
    if (owner.contextOf(log, "IRefitter::refitCudaEngine", device) == null) {
      return false;
    }
    OrtSession made = openLike(model, initializers);
    if (made == null) {
      return false;
    }
    lock.writeLock().lock();
    try {
      session.close();
      session = made;
    } finally {
      lock.writeLock().unlock();
    }
    return true;
  }

  /** A session of a model that differs from this engine's in weights only; else null, an error. */
  private OrtSession openLike(MemorySegment model, List<TensorRtApi.Initializer> initializers) {
    try {
      OnnxFile file = new OnnxFile(model);
      if (!file.nodes().equals(nodes)) {
        refuse("IParserRefitter: the model has other nodes than the engine");
        return null;
      }
      Map<String, MemorySegment> data = new HashMap<>();
      initializers.forEach(initializer -> data.put(initializer.name(), initializer.data()));
      if (!file.weights().keySet().containsAll(data.keySet())) {
        refuse("IParserRefitter: the model has not all of " + data.keySet());
        return null;
      }
      OrtSession made = TrtParser.open(file.with(data));
      boolean alike = false;
      try {
        alike = TrtTensor.of(made).equals(tensors);
      } finally {
        if (!alike) {
          made.close();
        }
      }
      if (!alike) {
        refuse("IParserRefitter: the model has other inputs or outputs than the engine");
      }
      return alike ? made : null;
    } catch (NativeException | UnsupportedOperationException | IllegalArgumentException e) {
      refuse("IParserRefitter: " + e.getMessage());
      return null;
    }
  }

  @Override
  public TensorRtApi.ExecutionContext createExecutionContext() {
    use();
    SimContext context = owner.contextOf(log, "ICudaEngine::createExecutionContext", device);
    if (context == null) {
      return null;
    }
    if (owner.faults.fails(TensorRtFaults.Call.CREATE_CONTEXT)) {
      refuse("ICudaEngine::createExecutionContext: out of memory, says the fault plan");
      return null;
    }
    return new TrtContext(this, context);
  }

  @Override
  public String getEngineInformation() {
    use();
    String layers =
        switch (plan.verbosity()) {
          case NONE -> "";
          case LAYER_NAMES_ONLY ->
              nodes.stream().map(node -> quote(node.label())).collect(Collectors.joining(", "));
          case DETAILED ->
              nodes.stream()
                  .map(node ->
                      "{\"Name\": "
                          + quote(node.label())
                          + ", \"LayerType\": "
                          + quote(node.operator())
                          + "}")
                  .collect(Collectors.joining(", "));
        };
    return "{\"Layers\": [" + layers + "]}";
  }

  private static String quote(String text) {
    StringBuilder out = new StringBuilder("\"");
    text.chars()
        .forEach(c -> {
          if (c == '"' || c == '\\') {
            out.append('\\').append((char) c);
          } else if (c < ' ') {
            out.append(String.format("\\u%04x", c));
          } else {
            out.append((char) c);
          }
        });
    return out.append('"').toString();
  }

  @Override
  void release() {
    session.close();
  }
}
