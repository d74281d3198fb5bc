package dev.sluice.bindings.onnxruntime;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.sluice.bindings.ElementType;
import dev.sluice.bindings.NativeHandle;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Objects;

/**
 * A value that goes into or comes out of a model: the owner of one {@code OrtValue}.
 *
 * <p>Thread safety: as a plain object; a value is not closed while a run uses it.
 */
public final class OrtValue implements AutoCloseable {
  private static final String KIND = "OrtValue";

  private final OrtEnvironment environment;
  private final NativeHandle handle;

  private OrtValue(OrtEnvironment environment, NativeHandle handle) {
    this.environment = environment;
    this.handle = handle;
  }

  /**
   * A tensor over the caller's memory; nothing is copied. The memory must stay open until the value
   * and every binding that holds it are closed.
   *
   * @param data the elements, C order, little endian: native memory, at least as many bytes as the
   *     shape needs
   * @param type any type but STRING
   * @param dims the shape; empty for a scalar
   * @throws IllegalArgumentException when the memory does not fit
   */
  public static OrtValue tensor(
      OrtEnvironment environment, MemorySegment data, ElementType type, long... dims) {
    long bytes = type.byteSize(elementCount(dims));
    if (!data.isNative() || data.byteSize() < bytes) {
      throw new IllegalArgumentException(
          "a tensor "
              + type
              + Arrays.toString(dims)
              + " takes "
              + bytes
              + " bytes of native memory, but this is "
              + data);
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment shape = arena.allocateFrom(JAVA_LONG, dims);
      MemorySegment out = arena.allocate(JAVA_LONG);
      OrtApi api = environment.api();
      OrtErrorCode.check(
          api,
          api.CreateTensorWithDataAsOrtValue(
              environment.cpuMemory(),
              data.address(),
              bytes,
              shape.address(),
              dims.length,
              type.code(),
              out.address()),
          "CreateTensorWithDataAsOrtValue",
          type + Arrays.toString(dims) + ", " + bytes + " bytes");
      return owned(environment, out);
    }
  }

  /**
   * A tensor of strings, in memory of ONNX Runtime.
   *
   * @param values the elements in C order
   * @param dims the shape; empty for a scalar
   * @throws IllegalArgumentException when the number of values does not fit the shape
   */
  public static OrtValue strings(OrtEnvironment environment, String[] values, long... dims) {
    if (values.length != elementCount(dims)) {
      throw new IllegalArgumentException(
          "a tensor STRING"
              + Arrays.toString(dims)
              + " takes "
              + elementCount(dims)
              + " strings, but these are "
              + values.length);
    }
    OrtApi api = environment.api();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment shape = arena.allocateFrom(JAVA_LONG, dims);
      MemorySegment out = arena.allocate(JAVA_LONG);
      OrtErrorCode.check(
          api,
          api.CreateTensorAsOrtValue(
              environment.allocator(),
              shape.address(),
              dims.length,
              ElementType.STRING.code(),
              out.address()),
          "CreateTensorAsOrtValue",
          "STRING" + Arrays.toString(dims));
      OrtValue value = owned(environment, out);
      try {
        for (int i = 0; i < values.length; i++) {
          value.setString(i, Objects.requireNonNull(values[i], "a string"), out);
        }
      } catch (RuntimeException e) {
        value.close();
        throw e;
      }
      return value;
    }
  }

  private void setString(int index, String text, MemorySegment out) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    OrtErrorCode.check(
        environment.api(),
        environment
            .api()
            .GetResizedStringTensorElementBuffer(handle.raw(), index, bytes.length, out.address()),
        "GetResizedStringTensorElementBuffer",
        "index=" + index + ", bytes=" + bytes.length);
    MemorySegment target = MemorySegment.ofAddress(out.get(JAVA_LONG, 0));
    MemorySegment.copy(bytes, 0, target.reinterpret(bytes.length), JAVA_BYTE, 0, bytes.length);
  }

  /** Takes ownership of a value that a call wrote to {@code out}. */
  static OrtValue owned(OrtEnvironment environment, MemorySegment out) {
    return new OrtValue(
        environment, OrtEnvironment.own(KIND, "", out, environment.api()::ReleaseValue));
  }

  /** The raw {@code OrtValue}. */
  public long raw() {
    return handle.raw();
  }

  /** Tensor or something else. */
  public OnnxType kind() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(JAVA_INT);
      OrtApi api = environment.api();
      OrtErrorCode.check(
          api, api.GetValueType(handle.raw(), out.address()), "GetValueType", toString());
      return OnnxType.ofCode(out.get(JAVA_INT, 0));
    }
  }

  /** Element type and shape of a tensor; the name is empty. */
  public OrtValueInfo info() {
    OrtApi api = environment.api();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(JAVA_LONG);
      OrtErrorCode.check(
          api,
          api.GetTensorTypeAndShape(handle.raw(), out.address()),
          "GetTensorTypeAndShape",
          toString());
      try (NativeHandle tensorInfo =
          OrtEnvironment.own(
              "OrtTensorTypeAndShapeInfo", "", out, api::ReleaseTensorTypeAndShapeInfo)) {
        return OrtTypeReader.tensor(api, "", tensorInfo.raw());
      }
    }
  }

  /**
   * The elements of a tensor that is not of strings, in place: valid until this value is closed,
   * and the memory's scope does not watch over that.
   */
  public MemorySegment data() {
    OrtApi api = environment.api();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(JAVA_LONG);
      OrtErrorCode.check(
          api,
          api.GetTensorSizeInBytes(handle.raw(), out.address()),
          "GetTensorSizeInBytes",
          toString());
      long bytes = out.get(JAVA_LONG, 0);
      OrtErrorCode.check(
          api,
          api.GetTensorMutableData(handle.raw(), out.address()),
          "GetTensorMutableData",
          toString());
      return MemorySegment.ofAddress(out.get(JAVA_LONG, 0)).reinterpret(bytes);
    }
  }

  /** A copy of the elements of a tensor of strings. */
  public String[] strings() {
    int count = Math.toIntExact(elementCount(info().dims().stream().mapToLong(d -> d).toArray()));
    String[] strings = new String[count];
    if (count == 0) {
      return strings;
    }
    OrtApi api = environment.api();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(JAVA_LONG);
      OrtErrorCode.check(
          api,
          api.GetStringTensorDataLength(handle.raw(), out.address()),
          "GetStringTensorDataLength",
          toString());
      long byteCount = out.get(JAVA_LONG, 0);
      MemorySegment bytes = arena.allocate(Math.max(byteCount, 1));
      MemorySegment offsets = arena.allocate(JAVA_LONG, count);
      OrtErrorCode.check(
          api,
          api.GetStringTensorContent(
              handle.raw(), bytes.address(), byteCount, offsets.address(), count),
          "GetStringTensorContent",
          this + ", bytes=" + byteCount + ", strings=" + count);
      for (int i = 0; i < count; i++) {
        long start = offsets.getAtIndex(JAVA_LONG, i);
        long end = i + 1 < count ? offsets.getAtIndex(JAVA_LONG, i + 1L) : byteCount;
        byte[] text = bytes.asSlice(start, end - start).toArray(JAVA_BYTE);
        strings[i] = new String(text, StandardCharsets.UTF_8);
      }
      return strings;
    }
  }

  private static long elementCount(long... dims) {
    long count = 1;
    for (long dim : dims) {
      if (dim < 0) {
        throw new IllegalArgumentException("a value has no dynamic shape " + Arrays.toString(dims));
      }
      count = Math.multiplyExact(count, dim);
    }
    return count;
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
