package dev.sluice.bindings.onnxruntime;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.sluice.bindings.NativeHandle;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * A model made ready to run: the owner of one {@code OrtSession}.
 *
 * <p>Thread safety: any thread; runs go on at once. It is closed after its bindings, when nothing
 * runs any more.
 */
public final class OrtSession implements AutoCloseable {
  private final OrtEnvironment environment;
  private final String label;
  private final NativeHandle handle;
  private final OrtNames names;
  private final List<OrtValueInfo> inputs;
  private final List<OrtValueInfo> outputs;

  private OrtSession(OrtEnvironment environment, String label, NativeHandle handle) {
    this.environment = environment;
    this.label = label;
    this.handle = handle;
    OrtApi api = environment.api();
    this.inputs =
        OrtSignatureReader.read(
            environment,
            handle.raw(),
            "SessionGetInput",
            api::SessionGetInputCount,
            api::SessionGetInputName,
            api::SessionGetInputTypeInfo);
    this.outputs =
        OrtSignatureReader.read(
            environment,
            handle.raw(),
            "SessionGetOutput",
            api::SessionGetOutputCount,
            api::SessionGetOutputName,
            api::SessionGetOutputTypeInfo);
    this.names = OrtNames.of(label, inputs, outputs);
  }

  /**
   * Makes a session.
   *
   * @param model the bytes of an ONNX model; needed during this call only
   * @param options how
   * @param label tells this session from others in messages
   * @throws dev.sluice.bindings.NativeException when ONNX Runtime refuses the model
   * @throws UnsupportedOperationException when an input or output has an unknown element type
   */
  public static OrtSession open(
      OrtEnvironment environment, MemorySegment model, OrtSessionOptions options, String label) {
    OrtApi api = environment.api();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment bytes = model;
      if (!model.isNative()) {
        bytes = arena.allocate(Math.max(model.byteSize(), 1), 1);
        bytes.copyFrom(model);
      }
      MemorySegment out = arena.allocate(JAVA_LONG);
      try (NativeHandle rawOptions = OrtOptionsWriter.write(api, options)) {
        OrtErrorCode.check(
            api,
            api.CreateSessionFromArray(
                environment.raw(),
                bytes.address(),
                model.byteSize(),
                rawOptions.raw(),
                out.address()),
            "CreateSessionFromArray",
            label + ", " + model.byteSize() + " bytes, " + describe(options));
      }
      NativeHandle handle = OrtEnvironment.own("OrtSession", label, out, api::ReleaseSession);
      try {
        return new OrtSession(environment, label, handle);
      } catch (RuntimeException e) {
        handle.close();
        throw e;
      }
    }
  }

  private static String describe(OrtSessionOptions options) {
    return "threads="
        + options.intraOpThreads()
        + ", spinning="
        + options.spinning()
        + ", optimization="
        + options.optimization()
        + (options.externalWeightsFolder() == null
            ? ""
            : ", weights in " + options.externalWeightsFolder())
        + (options.externalFiles().isEmpty()
            ? ""
            : ", weights in memory " + options.externalFiles().keySet())
        + (options.customOps().isEmpty() ? "" : ", operators of " + options.customOps())
        + (options.config().isEmpty() ? "" : ", " + options.config());
  }

  /** What the model takes, in its order. */
  public List<OrtValueInfo> inputs() {
    return inputs;
  }

  /** What the model gives, in its order. */
  public List<OrtValueInfo> outputs() {
    return outputs;
  }

  /** An empty binding, to be closed before the session. */
  public OrtBinding newBinding() {
    OrtApi api = environment.api();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(JAVA_LONG);
      OrtErrorCode.check(
          api, api.CreateIoBinding(handle.raw(), out.address()), "CreateIoBinding", toString());
      return new OrtBinding(this, out);
    }
  }

  /**
   * Runs the model once, with outputs that ONNX Runtime allocates.
   *
   * @param values one per input, in the model's order
   * @return one value per output, the caller's to close
   * @throws IllegalArgumentException when the number of values is wrong
   * @throws dev.sluice.bindings.NativeException when the run fails
   */
  public List<OrtValue> run(List<OrtValue> values) {
    if (values.size() != inputs.size()) {
      throw new IllegalArgumentException(
          this + " takes " + inputs.size() + " inputs, but these are " + values.size());
    }
    OrtApi api = environment.api();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment in =
          arena.allocateFrom(JAVA_LONG, values.stream().mapToLong(OrtValue::raw).toArray());
      MemorySegment inNames = arena.allocateFrom(JAVA_LONG, names.inputs());
      MemorySegment outNames = arena.allocateFrom(JAVA_LONG, names.outputs());
      MemorySegment out = arena.allocate(JAVA_LONG, outputs.size());
      OrtErrorCode.check(
          api,
          api.Run(
              handle.raw(),
              environment.runOptions(),
              inNames.address(),
              in.address(),
              inputs.size(),
              outNames.address(),
              outputs.size(),
              out.address()),
          "Run",
          toString());
      List<OrtValue> results = new ArrayList<>();
      for (int i = 0; i < outputs.size(); i++) {
        results.add(OrtValue.owned(environment, out.asSlice(i * ADDRESS.byteSize())));
      }
      return results;
    }
  }

  /** The raw {@code OrtSession}. */
  public long raw() {
    return handle.raw();
  }

  OrtEnvironment environment() {
    return environment;
  }

  String label() {
    return label;
  }

  OrtNames names() {
    return names;
  }

  @Override
  public void close() {
    handle.close();
    names.close();
  }

  @Override
  public String toString() {
    return handle.toString();
  }
}
