package dev.sluice.bindings.onnxruntime;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.sluice.bindings.NativeHandle;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.function.LongConsumer;

/**
 * ONNX Runtime in this process: the loaded library, its environment, and what all sessions share.
 *
 * <p>A loaded copy of the library has one environment; whoever asks first decides its log and
 * thread pools, and later ones share it. Sessions made here have thread pools of their own, so they
 * do not depend on who was first. ONNX Runtime's own Java API unpacks the library elsewhere: where
 * it comes second, its glue finds the copy that is loaded already (by its SONAME) and shares this
 * environment; where it comes first, the process holds two copies that know nothing of each other.
 * Both work.
 *
 * <p>The environment lives as long as the process, and is no handle in the ledger.
 *
 * <p>ONNX Runtime writes its log to stderr; the system property {@code sluice.onnxruntime.log}
 * ({@code verbose}, {@code info}, {@code warning}, {@code error}, {@code fatal}) sets from which
 * severity. The default is {@code fatal}, since every error is in an exception too.
 *
 * <p>Thread safety: any thread.
 */
public final class OrtEnvironment {
  private static final List<String> SEVERITIES =
      List.of("verbose", "info", "warning", "error", "fatal");
  private static final int ORT_DEVICE_ALLOCATOR = 0;
  private static final int ORT_MEM_TYPE_DEFAULT = 0;

  private static OrtEnvironment shared;

  private final OrtApi api;
  private final long env;
  private final long allocator;
  private final long cpuMemory;
  private final long runOptions;

  private OrtEnvironment(OrtApi api) {
    this.api = api;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(JAVA_LONG);
      int severity = severity();
      OrtErrorCode.check(
          api,
          api.CreateEnv(severity, arena.allocateFrom("sluice").address(), out.address()),
          "CreateEnv",
          "level=" + severity + ", logId=sluice");
      env = out.get(JAVA_LONG, 0);
      OrtErrorCode.check(
          api,
          api.GetAllocatorWithDefaultOptions(out.address()),
          "GetAllocatorWithDefaultOptions",
          "");
      allocator = out.get(JAVA_LONG, 0);
      OrtErrorCode.check(
          api,
          api.CreateCpuMemoryInfo(ORT_DEVICE_ALLOCATOR, ORT_MEM_TYPE_DEFAULT, out.address()),
          "CreateCpuMemoryInfo",
          "OrtDeviceAllocator, OrtMemTypeDefault");
      cpuMemory = out.get(JAVA_LONG, 0);
      OrtErrorCode.check(api, api.CreateRunOptions(out.address()), "CreateRunOptions", "");
      runOptions = out.get(JAVA_LONG, 0);
    }
  }

  /**
   * The environment of this process; the first call unpacks and loads the library.
   *
   * @throws UnsupportedOperationException on a platform without a library, naming it
   * @throws java.io.UncheckedIOException when the library can't be unpacked
   * @throws OrtUnavailableException when the library can't be loaded
   * @throws dev.sluice.bindings.NativeException when ONNX Runtime refuses
   */
  public static synchronized OrtEnvironment shared() {
    if (shared == null) {
      shared = new OrtEnvironment(OnnxRuntimeLibrary.load());
    }
    return shared;
  }

  /** The raw functions. */
  public OrtApi api() {
    return api;
  }

  /** The version that the loaded library tells. */
  public String version() {
    return OnnxRuntimeLibrary.version();
  }

  /** The file that the library was loaded from. */
  public Path libraryPath() {
    return OnnxRuntimeLibrary.path();
  }

  /** The raw {@code OrtEnv}. */
  public long raw() {
    return env;
  }

  /** The raw {@code OrtAllocator} of the CPU. */
  long allocator() {
    return allocator;
  }

  /** The raw {@code OrtMemoryInfo} of the CPU. */
  long cpuMemory() {
    return cpuMemory;
  }

  /** Raw {@code OrtRunOptions} with the defaults, shared by all runs. */
  long runOptions() {
    return runOptions;
  }

  /** Takes ownership of a handle that a call wrote to {@code out}. */
  static NativeHandle own(String kind, String label, MemorySegment out, LongConsumer release) {
    return NativeHandle.own(kind, label, out.get(JAVA_LONG, 0), release);
  }

  private static int severity() {
    String name = System.getProperty("sluice.onnxruntime.log", "fatal").toLowerCase(Locale.ROOT);
    int severity = SEVERITIES.indexOf(name);
    if (severity < 0) {
      throw new OrtUnavailableException(
          "the system property sluice.onnxruntime.log is '" + name + "'; it takes " + SEVERITIES);
    }
    return severity;
  }
}
