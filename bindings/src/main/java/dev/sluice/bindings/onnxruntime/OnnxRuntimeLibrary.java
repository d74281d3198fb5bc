package dev.sluice.bindings.onnxruntime;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import ai.onnxruntime.OnnxJavaType;
import dev.sluice.bindings.NativeLibraryCache;
import dev.sluice.bindings.onnxruntime.generated.OnnxRuntimeHeader;
import dev.sluice.bindings.onnxruntime.generated.OrtApiBase;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout.PathElement;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Finds and loads the native library of ONNX Runtime, once per process.
 *
 * <p>It comes out of the Maven artifact {@code com.microsoft.onnxruntime:onnxruntime}, whose
 * libraries are pinned here by their SHA-256; the system property {@code
 * sluice.onnxruntime.library} names another file to load instead.
 *
 * <p>Thread safety: any thread.
 */
public final class OnnxRuntimeLibrary {
  /** The release whose libraries are pinned. */
  public static final String PINNED_VERSION = "1.29.0";

  private static final String FILE_NAME = "libonnxruntime.so";

  private static Path path;
  private static String version;
  private static MemorySegment table;

  private OnnxRuntimeLibrary() {}

  /** A platform that the artifact has a library for. */
  enum Platform {
    LINUX_X64("linux-x64", "5715f06d8992ca8eeeddcce43df3a7d38f97d537052126f558e912cb312460ca"),
    LINUX_AARCH64(
        "linux-aarch64", "a27d21126db312aa8f02f3d5eaebe466e991f51f469882e6d0407d5a8b64afda");

    final String folder;
    final String sha256;

    Platform(String folder, String sha256) {
      this.folder = folder;
      this.sha256 = sha256;
    }

    /** The resource of the artifact that holds the library. */
    String resource() {
      return "ai/onnxruntime/native/" + folder + "/" + FILE_NAME;
    }

    static Platform of(String osName, String osArch) {
      if (osName.equals("Linux")) {
        switch (osArch) {
          case "amd64", "x86_64" -> {
            return LINUX_X64;
          }
          case "aarch64" -> {
            return LINUX_AARCH64;
          }
          default -> {}
        }
      }
      throw new UnsupportedOperationException(
          "Sluice runs on Linux on x86_64 and on aarch64, not on "
              + osName
              + " on "
              + osArch
              + "; to try ONNX Runtime there, name its library by the system property"
              + " sluice.onnxruntime.library");
    }
  }

  /**
   * Loads the library where that was not done yet.
   *
   * @throws UnsupportedOperationException on a platform without a library, naming it
   * @throws UncheckedIOException when the library can't be unpacked
   * @throws OrtUnavailableException when the file is no ONNX Runtime, or an older one
   */
  static synchronized OrtApi load() {
    if (table == null) {
      Path file;
      try {
        file = locate();
      } catch (IOException e) {
        throw new UncheckedIOException(e.getMessage(), e);
      }
      table = open(file);
      path = file;
    }
    return Loaded.API;
  }

  /** The file that the library was loaded from. */
  static synchronized Path path() {
    return path;
  }

  /** The version that the loaded library tells. */
  static synchronized String version() {
    return version;
  }

  /** The loaded library's {@code OrtApi}. */
  static synchronized MemorySegment table() {
    return table;
  }

  private static Path locate() throws IOException {
    String override = System.getProperty("sluice.onnxruntime.library", "");
    if (!override.isEmpty()) {
      Path file = Path.of(override).toAbsolutePath();
      if (!Files.isReadable(file)) {
        throw new IOException(
            "the system property sluice.onnxruntime.library names "
                + file
                + ", which is not a readable file; name one, or none for the one that comes with Sluice");
      }
      return file;
    }
    Platform platform = Platform.of(System.getProperty("os.name"), System.getProperty("os.arch"));
    return NativeLibraryCache.unpack(FILE_NAME, platform.sha256, () -> resource(platform));
  }

  static InputStream resource(Platform platform) throws IOException {
    // The name has a '-', so it is in no package, and no module hides it.
    InputStream in = OnnxJavaType.class.getResourceAsStream("/" + platform.resource());
    if (in == null) {
      throw new IOException(
          "com.microsoft.onnxruntime:onnxruntime has no "
              + platform.resource()
              + "; use version "
              + PINNED_VERSION
              + " as it is published, or name a library by the system property"
              + " sluice.onnxruntime.library");
    }
    return in;
  }

  private static MemorySegment open(Path file) {
    SymbolLookup symbols;
    try {
      symbols = SymbolLookup.libraryLookup(file, Arena.global());
    } catch (IllegalArgumentException e) {
      throw new OrtUnavailableException(
          "the system's loader refuses "
              + file
              + " ("
              + e.getMessage()
              + "); it needs glibc and libstdc++, a file for this processor, and a file system"
              + " that is not mounted noexec (the system property sluice.cache moves it)",
          e);
    }
    MemorySegment entry =
        symbols
            .find("OrtGetApiBase")
            .orElseThrow(() ->
                new OrtUnavailableException(
                    file
                        + " is not ONNX Runtime: it has no function OrtGetApiBase; name"
                        + " libonnxruntime.so "
                        + PINNED_VERSION
                        + " or later by the system property sluice.onnxruntime.library, or none"));
    MemorySegment base = callForAddress(entry, OrtApiBase.layout().byteSize());
    version = versionOf(base);
    MemorySegment found = apiTable(base, OnnxRuntimeHeader.ORT_API_VERSION());
    if (found.address() == 0) {
      throw new OrtUnavailableException(
          file
              + " is ONNX Runtime "
              + version
              + ", older than "
              + PINNED_VERSION
              + ", whose C API is needed; use that or a later one");
    }
    return found;
  }

  private static MemorySegment callForAddress(MemorySegment function, long resultBytes) {
    var handle = Linker.nativeLinker().downcallHandle(function, FunctionDescriptor.of(ADDRESS));
    try {
      return ((MemorySegment) handle.invokeExact()).reinterpret(resultBytes);
    } catch (Throwable e) {
      throw new AssertionError(e);
    }
  }

  private static String versionOf(MemorySegment base) {
    MemorySegment function =
        base.get(
            ADDRESS, OrtApiBase.layout().byteOffset(PathElement.groupElement("GetVersionString")));
    return callForAddress(function, Long.MAX_VALUE).getString(0);
  }

  private static MemorySegment apiTable(MemorySegment base, int apiVersion) {
    MemorySegment function =
        base.get(ADDRESS, OrtApiBase.layout().byteOffset(PathElement.groupElement("GetApi")));
    var handle =
        Linker.nativeLinker().downcallHandle(function, FunctionDescriptor.of(ADDRESS, JAVA_INT));
    long bytes = dev.sluice.bindings.onnxruntime.generated.OrtApi.layout().byteSize();
    try {
      return ((MemorySegment) handle.invokeExact(apiVersion)).reinterpret(bytes);
    } catch (Throwable e) {
      throw new AssertionError(e);
    }
  }

  /** Initialised after the table is there: its method handles are constants. */
  private static final class Loaded {
    static final OrtApi API = new FfmOrtApi();
  }
}
