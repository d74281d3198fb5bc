package dev.sluice.bindings.tensorrt;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.bindings.cuda.StandInLibrary;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DestructorTest {
  /** Shaped as TensorRT's: a hidden copy, a destructor declared first, then other functions. */
  private static final String SOURCE =
      """
      #include <cstddef>
      #include <cstdlib>
      static int destroyed, freed;
      class NoCopy { protected: NoCopy() = default; virtual ~NoCopy() = default; };
      class Runtime : public NoCopy {
      public:
        virtual ~Runtime() noexcept { destroyed++; }
        virtual int answer() { return 42; }
        static void *operator new(size_t n) { return malloc(n); }
        static void operator delete(void *p) { freed++; free(p); }
      };
      extern "C" void *make() { return new Runtime; }
      extern "C" int count() { return destroyed * 10 + freed; }
      """;

  @TempDir private Path folder;

  @Test
  void destroysAndFreesOnce() throws Throwable {
    Path file = StandInLibrary.compile("g++", folder.resolve("libruntime.so"), SOURCE);
    try (Arena arena = Arena.ofConfined()) {
      SymbolLookup library = SymbolLookup.libraryLookup(file, arena);
      MethodHandle count = function(library, "count", JAVA_INT);
      long address = (long) function(library, "make", JAVA_LONG).invokeExact();

      assertThat((int) count.invokeExact()).isZero();
      Destructor.delete(address);

      assertThat((int) count.invokeExact()).isEqualTo(11);
    }
  }

  private static MethodHandle function(SymbolLookup library, String name, MemoryLayout result) {
    return Linker.nativeLinker()
        .downcallHandle(library.findOrThrow(name), FunctionDescriptor.of(result));
  }
}
