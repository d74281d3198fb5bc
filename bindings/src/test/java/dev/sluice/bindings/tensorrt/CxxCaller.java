package dev.sluice.bindings.tensorrt;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.sluice.bindings.cuda.StandInLibrary;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.nio.file.Path;

/** A library of C++ that calls objects as ones of classes that TensorRT declares. */
final class CxxCaller {
  /** What TensorRT 11 declares of all of them, in {@code NvInferRuntimeBase.h}. */
  private static final String BASE =
      """
      #include <cstdint>
      #include <cstring>
      #include <thread>
      namespace nvinfer1 {
      class InterfaceInfo { public: char const *kind; int32_t major; int32_t minor; };
      enum class APILanguage : int32_t { kCPP = 0, kPYTHON = 1 };
      class IVersionedInterface {
      public:
        virtual APILanguage getAPILanguage() const noexcept { return APILanguage::kPYTHON; }
        virtual InterfaceInfo getInterfaceInfo() const noexcept = 0;
        virtual ~IVersionedInterface() noexcept = default;
      };
      }
      extern "C" int language(nvinfer1::IVersionedInterface *m) { return (int) m->getAPILanguage(); }
      extern "C" int version(nvinfer1::IVersionedInterface *m, char *kind) {
        nvinfer1::InterfaceInfo info = m->getInterfaceInfo();
        strcpy(kind, info.kind);
        return info.major * 100 + info.minor;
      }
      extern "C" int destroy(nvinfer1::IVersionedInterface *m) {
        m->~IVersionedInterface();
        delete m;
        return 1;
      }
      """;

  private final SymbolLookup library;

  /** Compiles. */
  CxxCaller(Path folder, String source) throws IOException, InterruptedException {
    Path file =
        StandInLibrary.compile(
            "g++", folder.resolve("libcaller.so"), BASE + source, "-O1", "-pthread");
    library = SymbolLookup.libraryLookup(file, Arena.global());
  }

  /** A function that returns an int. */
  MethodHandle function(String name, MemoryLayout... arguments) {
    return Linker.nativeLinker()
        .downcallHandle(library.findOrThrow(name), FunctionDescriptor.of(JAVA_INT, arguments));
  }

  /** Calls a function that takes the object alone. */
  int call(String name, InterfaceObject object) throws Throwable {
    return (int) function(name, JAVA_LONG).invokeExact(object.address());
  }

  /** The object's kind, and its version. */
  String version(InterfaceObject object) throws Throwable {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment kind = arena.allocate(64);
      int version =
          (int) function("version", JAVA_LONG, ADDRESS).invokeExact(object.address(), kind);
      return kind.getString(0) + " " + version;
    }
  }
}
