package dev.sluice.engine.cuda;

import dev.sluice.bindings.ElementType;
import dev.sluice.bindings.cuda.CudaStream;
import dev.sluice.bindings.tensorrt.TensorRtApi;
import dev.sluice.bindings.tensorrt.TensorRtApi.DataType;
import dev.sluice.bindings.tensorrt.TensorRtApi.ExecutionContext;
import dev.sluice.bindings.tensorrt.TensorRtApi.OptProfileSelector;
import dev.sluice.bindings.tensorrt.TensorRtApi.TensorIOMode;
import dev.sluice.bindings.tensorrt.TensorRtLog;
import dev.sluice.engine.Shape;
import dev.sluice.engine.Signature;
import dev.sluice.engine.TensorSpec;
import dev.sluice.engine.backend.BackendException;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * A plan that TensorRT loaded, held against the signature of the package that it serves, with its
 * ranges of shapes.
 *
 * <p>Every call is made with the context of its device current.
 *
 * <p>Thread safety: any thread; {@link #close} when no execution context of it is open.
 */
final class LoadedPlan implements AutoCloseable {
  private final String label;
  private final TensorRtLog log;
  private final Signature model;
  private final TensorRtApi.Runtime runtime;
  private final TensorRtApi.Engine engine;

  /** Whether the plan has an input of the signature: TensorRT may drop what nothing reads. */
  private final boolean[] bound;

  private final int profiles;

  private LoadedPlan(
      String label,
      TensorRtLog log,
      Signature model,
      TensorRtApi.Runtime runtime,
      TensorRtApi.Engine engine) {
    this.label = label;
    this.log = log;
    this.model = model;
    this.runtime = runtime;
    this.engine = engine;
    this.bound = new boolean[model.inputs().size()];
    this.profiles = engine.getNbOptimizationProfiles();
  }

  /**
   * Loads a plan.
   *
   * @param signature of the model itself, without stages
   * @throws dev.sluice.bindings.tensorrt.TensorRtException where TensorRT refuses it
   * @throws BackendException where it is not of this model, or has what is not served
   */
  static LoadedPlan load(TensorRtApi api, CudaModel opened, Signature signature)
      throws BackendException {
    TensorRtLog log = new TensorRtLog("plan of " + opened.label());
    TensorRtApi.Runtime runtime =
        log.made(
            api.createInferRuntime(log),
            "createInferRuntime",
            "",
            "check that the driver answers and libnvinfer is whole: sluice doctor");
    try {
      TensorRtApi.Engine engine =
          log.made(
              runtime.deserializeCudaEngine(opened.plan()),
              "deserializeCudaEngine",
              opened.label() + ", " + opened.plan().byteSize() + " bytes",
              "build the plan again on this device with this TensorRT: sluice build --device cuda");
      try {
        LoadedPlan plan = new LoadedPlan(opened.label(), log, signature, runtime, engine);
        plan.checkTensors();
        return plan;
      } catch (BackendException | RuntimeException e) {
        engine.close();
        throw e;
      }
    } catch (BackendException | RuntimeException e) {
      runtime.close();
      throw e;
    }
  }

  private void checkTensors() throws BackendException {
    Set<String> there = new HashSet<>();
    for (int i = 0; i < engine.getNbIOTensors(); i++) {
      there.add(engine.getIOTensorName(i));
    }
    for (int i = 0; i < bound.length; i++) {
      TensorSpec spec = model.inputs().get(i);
      bound[i] = there.remove(spec.name());
      if (bound[i]) {
        check(spec, TensorIOMode.INPUT);
      }
    }
    for (TensorSpec spec : model.outputs()) {
      if (!there.remove(spec.name())) {
        throw refused("has no output '" + spec.name() + "'");
      }
      check(spec, TensorIOMode.OUTPUT);
    }
    for (String name : there) {
      if (engine.getTensorIOMode(name) == TensorIOMode.INPUT) {
        throw refused("wants an input '" + name + "' that the package does not have");
      }
    }
  }

  private void check(TensorSpec spec, TensorIOMode mode) throws BackendException {
    String what = (mode == TensorIOMode.INPUT ? "input" : "output") + " '" + spec.name() + "'";
    if (engine.getTensorIOMode(spec.name()) != mode) {
      throw refused("has '" + spec.name() + "' on its other side, not as " + what);
    }
    DataType type = engine.getTensorDataType(spec.name());
    if (elementType(type) != spec.type()) {
      throw refused("has " + what + " of type " + type + ", but the package says " + spec.type());
    }
    if (engine.isHostTensor(spec.name())) {
      throw new BackendException(
          label
              + ": the values of "
              + what
              + " decide on shapes inside the model, which is not served on a GPU; use"
              + " --device cpu, or make them constants of the model",
          null);
    }
    for (int profile = 0; profile < profiles; profile++) {
      if (!engine.isLinear(spec.name(), profile)) {
        throw refused("has " + what + " in a layout that is not in C order");
      }
    }
  }

  private BackendException refused(String why) {
    return new BackendException(
        label + ": the plan " + why + "; build it again: sluice build --device cuda", null);
  }

  /** The ONNX type of the same bits; null where there is none. */
  private static ElementType elementType(DataType type) {
    return switch (type) {
      case FLOAT -> ElementType.FLOAT;
      case HALF -> ElementType.FLOAT16;
      case BF16 -> ElementType.BFLOAT16;
      case INT8 -> ElementType.INT8;
      case UINT8 -> ElementType.UINT8;
      case INT32 -> ElementType.INT32;
      case INT64 -> ElementType.INT64;
      case BOOL -> ElementType.BOOL;
      case FP8 -> ElementType.FLOAT8E4M3FN;
      case INT4 -> ElementType.INT4;
      case FP4, E8M0 -> null;
    };
  }

  TensorRtLog log() {
    return log;
  }

  Signature model() {
    return model;
  }

  /** Whether the plan reads input {@code index} of the signature. */
  boolean reads(int index) {
    return bound[index];
  }

  /** What a context needs beside inputs and outputs, for any shape of a range, in bytes. */
  long activationBytes(int profile) {
    return Math.max(1, engine.getDeviceMemorySizeForProfileV2(profile));
  }

  /**
   * The range of shapes that takes these inputs; of several the one whose optimum is nearest.
   *
   * @param inputs static shapes, in the order of the signature
   * @throws BackendException where none takes them
   */
  int profile(List<Shape> inputs) throws BackendException {
    int best = -1;
    double nearest = Double.POSITIVE_INFINITY;
    for (int profile = 0; profile < profiles; profile++) {
      double distance = distance(profile, inputs);
      if (distance < nearest) {
        nearest = distance;
        best = profile;
      }
    }
    if (best < 0) {
      throw new BackendException(
          label
              + ": no range of shapes of the plan takes the inputs "
              + inputs
              + "; it has "
              + describe()
              + "; build it with --batch and --shape that do",
          null);
    }
    return best;
  }

  /** How far shapes are from a range's optimum, in powers of e; infinite outside of the range. */
  private double distance(int profile, List<Shape> inputs) {
    double distance = 0;
    for (int i = 0; i < inputs.size(); i++) {
      if (!bound[i] || model.inputs().get(i).shape().isStatic()) {
        continue;
      }
      long[] least = bound(i, profile, OptProfileSelector.MIN);
      long[] opt = bound(i, profile, OptProfileSelector.OPT);
      long[] most = bound(i, profile, OptProfileSelector.MAX);
      for (int axis = 0; axis < least.length; axis++) {
        long dim = inputs.get(i).dim(axis);
        if (dim < least[axis] || dim > most[axis]) {
          return Double.POSITIVE_INFINITY;
        }
        distance += Math.abs(Math.log((double) Math.max(1, dim) / Math.max(1, opt[axis])));
      }
    }
    return distance;
  }

  private long[] bound(int input, int profile, OptProfileSelector select) {
    return engine.getProfileShape(model.inputs().get(input).name(), profile, select);
  }

  /**
   * The fewest rows of a run of a batched model, of the ranges that take such rows; 1 where none
   * does.
   *
   * @param row the inputs, in the order of the signature, with any number of rows
   */
  int leastRows(List<Shape> row) {
    long least = Long.MAX_VALUE;
    for (int profile = 0; profile < profiles; profile++) {
      long rows = leastRows(profile);
      List<Shape> inputs = row.stream().map(shape -> shape.withDim(0, rows)).toList();
      if (distance(profile, inputs) < Double.POSITIVE_INFINITY) {
        least = Math.min(least, rows);
      }
    }
    return least == Long.MAX_VALUE ? 1 : Math.toIntExact(least);
  }

  private long leastRows(int profile) {
    long least = 1;
    for (int i = 0; i < bound.length; i++) {
      if (bound[i] && !model.inputs().get(i).shape().isStatic()) {
        least = Math.max(least, bound(i, profile, OptProfileSelector.MIN)[0]);
      }
    }
    return least;
  }

  private String describe() {
    StringBuilder text = new StringBuilder();
    for (int profile = 0; profile < profiles; profile++) {
      for (int i = 0; i < bound.length; i++) {
        if (bound[i]) {
          text.append(text.isEmpty() ? "" : ", ")
              .append(model.inputs().get(i).name())
              .append(' ')
              .append(Arrays.toString(bound(i, profile, OptProfileSelector.MIN)))
              .append(" to ")
              .append(Arrays.toString(bound(i, profile, OptProfileSelector.MAX)));
        }
      }
    }
    return text.toString();
  }

  /**
   * A context without device memory, whose range and shapes of inputs are set.
   *
   * <p>Contexts of several lanes have the same range at the same time. TensorRT allows that from
   * 10.0 on, whose {@code NvInfer.h} says of {@code PreviewFeature::kPROFILE_SHARING_0806}, which
   * was to allow it: "The default value for this flag is on and can not be changed". TensorRT 11
   * has no such flag any more.
   */
  ExecutionContext newContext(int profile, List<Shape> inputs, CudaStream stream) {
    ExecutionContext context =
        log.made(
            engine.createExecutionContext(),
            "createExecutionContext",
            label,
            "free device memory: lower maxGraphs, lanes, or the largest batch");
    try {
      log.check(
          context.setOptimizationProfileAsync(profile, stream.raw()),
          "setOptimizationProfileAsync",
          label + ", profile " + profile,
          "see the log of dev.sluice.tensorrt");
      for (int i = 0; i < bound.length; i++) {
        if (bound[i]) {
          String name = model.inputs().get(i).name();
          log.check(
              context.setInputShape(name, inputs.get(i).dims()),
              "setInputShape",
              label + ", '" + name + "' " + inputs.get(i) + ", profile " + profile,
              "build the plan with --batch and --shape that take it");
        }
      }
      return context;
    } catch (RuntimeException e) {
      context.close();
      throw e;
    }
  }

  /**
   * The shapes of the outputs for those of the inputs, with a dynamic dimension where it depends on
   * data.
   */
  Shape[] outputShapes(List<Shape> inputs, CudaStream stream) throws BackendException {
    Shape[] shapes = new Shape[model.outputs().size()];
    try (ExecutionContext context = newContext(profile(inputs), inputs, stream)) {
      stream.await(CudaStream.Wait.BLOCK);
      for (int i = 0; i < shapes.length; i++) {
        String name = model.outputs().get(i).name();
        shapes[i] = Shape.of(context.getTensorShape(name));
      }
    }
    log.check(true, "getTensorShape", label, "");
    return shapes;
  }

  @Override
  public void close() {
    engine.close();
    runtime.close();
  }

  @Override
  public String toString() {
    return "plan of " + label;
  }
}
