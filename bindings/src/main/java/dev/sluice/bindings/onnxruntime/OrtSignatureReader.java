package dev.sluice.bindings.onnxruntime;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.sluice.bindings.NativeHandle;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * Reads the inputs or the outputs of a session.
 *
 * <p>Thread safety: stateless.
 */
final class OrtSignatureReader {
  private OrtSignatureReader() {}

  /** {@code SessionGetInputCount} or {@code SessionGetOutputCount}. */
  @FunctionalInterface
  interface Count {
    long call(long session, long out);
  }

  /** {@code SessionGetInputName} or {@code SessionGetOutputName}. */
  @FunctionalInterface
  interface Name {
    long call(long session, long index, long allocator, long out);
  }

  /** {@code SessionGetInputTypeInfo} or {@code SessionGetOutputTypeInfo}. */
  @FunctionalInterface
  interface Type {
    long call(long session, long index, long out);
  }

  static List<OrtValueInfo> read(
      OrtEnvironment environment, long session, String prefix, Count count, Name name, Type type) {
    OrtApi api = environment.api();
    List<OrtValueInfo> infos = new ArrayList<>();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(JAVA_LONG);
      OrtErrorCode.check(api, count.call(session, out.address()), prefix + "Count", "");
      long size = out.get(JAVA_LONG, 0);
      for (long i = 0; i < size; i++) {
        OrtErrorCode.check(
            api,
            name.call(session, i, environment.allocator(), out.address()),
            prefix + "Name",
            "index=" + i);
        long address = out.get(JAVA_LONG, 0);
        String text = OrtTypeReader.text(address);
        OrtErrorCode.check(
            api, api.AllocatorFree(environment.allocator(), address), "AllocatorFree", text);
        OrtErrorCode.check(
            api, type.call(session, i, out.address()), prefix + "TypeInfo", "index=" + i);
        try (NativeHandle info =
            OrtEnvironment.own("OrtTypeInfo", text, out, api::ReleaseTypeInfo)) {
          infos.add(OrtTypeReader.read(api, text, info.raw()));
        }
      }
    }
    return List.copyOf(infos);
  }
}
