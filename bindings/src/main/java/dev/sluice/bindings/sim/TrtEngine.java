package dev.sluice.bindings.sim;

import dev.sluice.bindings.NativeException;
import dev.sluice.bindings.onnxruntime.OrtEnvironment;
import dev.sluice.bindings.onnxruntime.OrtSession;
import dev.sluice.bindings.onnxruntime.OrtValue;
import dev.sluice.bindings.tensorrt.TensorRtApi;
import dev.sluice.bindings.tensorrt.TensorRtApi.DataType;
import dev.sluice.bindings.tensorrt.TensorRtApi.OptProfileSelector;
import dev.sluice.bindings.tensorrt.TensorRtApi.ProfilingVerbosity;
import dev.sluice.bindings.tensorrt.TensorRtApi.TensorIOMode;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;

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
  private final TrtShapes shapes;

  /** Outputs of the session that the model does not declare. */
  private final List<String> inner;

  private final ReadWriteLock lock = new ReentrantReadWriteLock();
  private OrtSession session;

  TrtEngine(TrtRuntime runtime, TrtPlan plan, SimDevice device) {
    super(runtime.owner, runtime.log, "ICudaEngine", runtime);
    this.device = device;
    this.plan = plan;
    name = "enqueueV3 of engine " + owner.ids.incrementAndGet();
    OnnxFile file = new OnnxFile(MemorySegment.ofArray(plan.model()));
    nodes = file.nodes();
    OrtSession declared = TrtParser.open(plan.model());
    tensors = TrtTensor.of(declared, List.of());
    shapes = new TrtShapes(tensors, nodes);
    inner = TrtShapes.inner(tensors, file);
    if (inner.isEmpty()) {
      session = declared;
    } else {
      declared.close();
      session = TrtParser.open(file.withOutputs(inner));
    }
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

  /** How the profiler and the inspector name the layers. */
  List<String> layerNames() {
    return nodes.stream()
        .map(node -> plan.verbosity() == ProfilingVerbosity.NONE ? "" + node.index() : node.label())
        .toList();
  }

  /** Runs; the values are the outputs, then what else the session gives. */
  List<OrtValue> run(List<OrtValue> inputs) {
    lock.readLock().lock();
    try {
      return session.run(inputs);
    } finally {
      lock.readLock().unlock();
    }
  }

  /**
   * The outputs' shapes by name.
   *
   * @param inputs the inputs' shapes by name, all of them
   * @throws IllegalArgumentException where the inputs don't fit one another
   */
  Map<String, TrtShapes.Shape> outputShapes(Map<String, long[]> inputs) {
    return shapes.of(inputs, () -> shapesOf(inputs, null));
  }

  /**
   * The shapes of all that a session gives.
   *
   * @param inputs the inputs' shapes by name
   * @param data the inputs' bytes by name; null for zeros
   * @throws IllegalArgumentException where the inputs don't fit one another
   */
  Map<String, long[]> shapesOf(
      OrtSession of, Map<String, long[]> inputs, Map<String, MemorySegment> data) {
    List<OrtValue> values = new ArrayList<>();
    try (Arena arena = Arena.ofConfined()) {
      for (TrtTensor tensor : tensors) {
        if (tensor.isInput()) {
          long[] shape = inputs.get(tensor.name());
          MemorySegment bytes = arena.allocate(Math.max(1, tensor.sizeBytes(shape)), 64);
          if (data != null) {
            bytes.copyFrom(data.get(tensor.name()));
          }
          values.add(OrtValue.tensor(OrtEnvironment.shared(), bytes, tensor.type(), shape));
        }
      }
      List<OrtValue> results = of.run(List.copyOf(values));
      values.addAll(results);
      Map<String, long[]> found = new HashMap<>();
      for (int i = 0; i < results.size(); i++) {
        List<Long> dims = results.get(i).info().dims();
        found.put(of.outputs().get(i).name(), dims.stream().mapToLong(Long::longValue).toArray());
      }
      return found;
    } catch (NativeException e) {
      throw new IllegalArgumentException(e.getMessage(), e);
    } finally {
      values.forEach(OrtValue::close);
    }
  }

  /** The shapes of the outputs, and of what bounds them, by name. */
  Map<String, long[]> shapesOf(Map<String, long[]> inputs, Map<String, MemorySegment> data) {
    lock.readLock().lock();
    try {
      return shapesOf(session, inputs, data);
    } finally {
      lock.readLock().unlock();
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
      OnnxFile whole = new OnnxFile(MemorySegment.ofArray(file.with(data)));
      OrtSession made = TrtParser.open(whole.withOutputs(inner));
      boolean alike = false;
      try {
        alike = TrtTensor.of(made, inner).equals(tensors);
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
    return TrtInspector.json(this, plan, null);
  }

  @Override
  public String getEngineInformation(TensorRtApi.ExecutionContext context) {
    use();
    return TrtInspector.json(this, plan, ((TrtContext) context).inputShapes());
  }

  @Override
  void release() {
    session.close();
  }
}
