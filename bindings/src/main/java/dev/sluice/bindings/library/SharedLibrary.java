package dev.sluice.bindings.library;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/**
 * A shared library opened by {@code dlopen}, never closed: a CUDA driver does not survive it.
 * {@link java.lang.foreign.SymbolLookup} would do, but keeps the loader's reason to itself.
 *
 * <p>Thread safety: immutable.
 */
public final class SharedLibrary {
  /** {@code RTLD_LAZY} of {@code dlfcn.h} on Linux. */
  private static final int RTLD_LAZY = 1;

  private static final MethodHandle DLOPEN =
      libc("dlopen", FunctionDescriptor.of(ADDRESS, ADDRESS, JAVA_INT));
  private static final MethodHandle DLSYM =
      libc("dlsym", FunctionDescriptor.of(ADDRESS, ADDRESS, ADDRESS));
  private static final MethodHandle DLERROR = libc("dlerror", FunctionDescriptor.of(ADDRESS));

  private final MemorySegment handle;

  private SharedLibrary(MemorySegment handle) {
    this.handle = handle;
  }

  /**
   * Opens a library.
   *
   * @param name a path, or a name that the system's loader looks for
   * @throws OpenException with the loader's reason
   */
  public static SharedLibrary open(String name) throws OpenException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment cName = arena.allocateFrom(name);
      MemorySegment handle;
      MemorySegment reason;
      try {
        handle = (MemorySegment) DLOPEN.invokeExact(cName, RTLD_LAZY);
        reason =
            handle.equals(MemorySegment.NULL)
                ? (MemorySegment) DLERROR.invokeExact()
                : MemorySegment.NULL;
      } catch (Throwable e) {
        throw Downcalls.rethrow(e);
      }
      if (handle.equals(MemorySegment.NULL)) {
        throw new OpenException(name, text(reason));
      }
      return new SharedLibrary(handle);
    }
  }

  /** The address of a function, or {@link MemorySegment#NULL}. */
  public MemorySegment find(String symbol) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment cSymbol = arena.allocateFrom(symbol);
      try {
        return (MemorySegment) DLSYM.invokeExact(handle, cSymbol);
      } catch (Throwable e) {
        throw Downcalls.rethrow(e);
      }
    }
  }

  private static String text(MemorySegment cString) {
    return cString.equals(MemorySegment.NULL)
        ? "the loader gives no reason"
        : cString.reinterpret(Long.MAX_VALUE).getString(0);
  }

  private static MethodHandle libc(String name, FunctionDescriptor type) {
    Linker linker = Linker.nativeLinker();
    return linker.downcallHandle(linker.defaultLookup().findOrThrow(name), type);
  }

  /** The loader refused a library; the message is its reason. */
  public static final class OpenException extends Exception {
    private static final long serialVersionUID = 1L;

    OpenException(String name, String reason) {
      super(reason.startsWith(name + ": ") ? reason.substring(name.length() + 2) : reason);
    }
  }
}
