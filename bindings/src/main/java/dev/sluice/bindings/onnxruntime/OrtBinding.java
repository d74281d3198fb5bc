package dev.sluice.bindings.onnxruntime;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.sluice.bindings.NativeHandle;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * Inputs and outputs bound to a session, to be run again and again: the owner of one {@code
 * OrtIoBinding}.
 *
 * <p>Thread safety: one thread at a time. Bindings of one session may run at once. A binding is not
 * closed while it runs, and is closed before its session.
 */
public final class OrtBinding implements AutoCloseable {
  private final OrtSession session;
  private final OrtApi api;
  private final NativeHandle handle;
  private final long runOptions;

  OrtBinding(OrtSession session, MemorySegment out) {
    OrtEnvironment environment = session.environment();
    this.session = session;
    this.api = environment.api();
    this.handle = OrtEnvironment.own("OrtIoBinding", session.label(), out, api::ReleaseIoBinding);
    this.runOptions = environment.runOptions();
  }

  /**
   * Binds input {@code index}. The binding shares the value: the caller may close its own, but has
   * to keep the memory below it.
   */
  public void bindInput(int index, OrtValue value) {
    OrtErrorCode.check(
        api,
        api.BindInput(handle.raw(), session.names().input(index), value.raw()),
        "BindInput",
        handle + ", " + session.inputs().get(index));
  }

  /** Binds output {@code index} to a value that takes the result; see {@link #bindInput}. */
  public void bindOutput(int index, OrtValue value) {
    OrtErrorCode.check(
        api,
        api.BindOutput(handle.raw(), session.names().output(index), value.raw()),
        "BindOutput",
        handle + ", " + session.outputs().get(index));
  }

  /**
   * Has the next run allocate output {@code index}. The result stays bound, and a later run would
   * write into it: bind again before each run.
   */
  public void bindOutputToCpu(int index) {
    OrtErrorCode.check(
        api,
        api.BindOutputToDevice(
            handle.raw(), session.names().output(index), session.environment().cpuMemory()),
        "BindOutputToDevice",
        handle + ", " + session.outputs().get(index));
  }

  /**
   * Runs the model. Allocates no heap memory.
   *
   * @throws dev.sluice.bindings.NativeException when the run fails
   */
  public void run() {
    long status = api.RunWithBinding(session.raw(), runOptions, handle.raw());
    if (status != 0) {
      throw OrtErrorCode.failure(api, status, "RunWithBinding", session + ", " + handle);
    }
  }

  /**
   * The values of all outputs, in the order in which they were bound; each is the caller's to
   * close.
   */
  public List<OrtValue> outputs() {
    OrtEnvironment environment = session.environment();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment array = arena.allocate(JAVA_LONG);
      MemorySegment count = arena.allocate(JAVA_LONG);
      OrtErrorCode.check(
          api,
          api.GetBoundOutputValues(
              handle.raw(), environment.allocator(), array.address(), count.address()),
          "GetBoundOutputValues",
          handle.toString());
      long address = array.get(JAVA_LONG, 0);
      long n = count.get(JAVA_LONG, 0);
      List<OrtValue> values = new ArrayList<>();
      if (n > 0) {
        MemorySegment raw = MemorySegment.ofAddress(address).reinterpret(n * JAVA_LONG.byteSize());
        for (long i = 0; i < n; i++) {
          values.add(OrtValue.owned(environment, raw.asSlice(i * JAVA_LONG.byteSize())));
        }
        OrtErrorCode.check(
            api,
            api.AllocatorFree(environment.allocator(), address),
            "AllocatorFree",
            "the array of GetBoundOutputValues");
      }
      return values;
    }
  }

  @Override
  public void close() {
    handle.close();
  }

  @Override
  public String toString() {
    return handle.toString();
  }
}
