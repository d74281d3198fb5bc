package dev.sluice.bindings.library;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.util.List;

/**
 * Makes downcalls of the descriptors that jextract wrote, with two changes: a pointer that outlives
 * the call travels as a {@code long}, since address-typed arguments allocate where the call site
 * stays cold; and the function's address is the first argument, so that the handle is a constant
 * while the library may differ.
 *
 * <p>Thread safety: stateless.
 */
public final class Downcalls {
  private Downcalls() {}

  /**
   * For the {@code catch} around a downcall: throws what the call's preparation throws, as where a
   * segment was closed or is on the heap. Native code itself throws nothing.
   *
   * @return what to throw for anything else, which does not occur
   */
  public static AssertionError rethrow(Throwable thrown) {
    if (thrown instanceof RuntimeException e) {
      throw e;
    }
    if (thrown instanceof Error e) {
      throw e;
    }
    return new AssertionError("a downcall throws nothing that is checked", thrown);
  }

  /**
   * A handle of type (address of the function, arguments...).
   *
   * @param header what jextract read
   * @param arguments the same, where a pointer may have become a {@code JAVA_LONG}
   * @throws IllegalArgumentException where they differ in anything else
   */
  public static MethodHandle type(FunctionDescriptor header, MemoryLayout... arguments) {
    List<MemoryLayout> expected = header.argumentLayouts();
    boolean same = expected.size() == arguments.length;
    for (int i = 0; same && i < arguments.length; i++) {
      Class<?> wanted = FunctionDescriptor.ofVoid(expected.get(i)).toMethodType().parameterType(0);
      Class<?> given = FunctionDescriptor.ofVoid(arguments[i]).toMethodType().parameterType(0);
      same = wanted == given || (wanted == MemorySegment.class && given == long.class);
    }
    if (!same) {
      throw new IllegalArgumentException(header + " is not " + List.of(arguments));
    }
    FunctionDescriptor type =
        header
            .returnLayout()
            .map(result -> FunctionDescriptor.of(result, arguments))
            .orElseGet(() -> FunctionDescriptor.ofVoid(arguments));
    return Linker.nativeLinker().downcallHandle(type);
  }

  /**
   * The address of a function; where the library lacks it, that of one that takes anything and
   * returns {@code status}, and its name is added to {@code missing}.
   */
  public static MemorySegment symbol(
      SharedLibrary library, String name, int status, List<String> missing) {
    MemorySegment symbol = library.find(name);
    if (!symbol.equals(MemorySegment.NULL)) {
      return symbol;
    }
    missing.add(name);
    // A C function may be called with more arguments than it reads, under the calling conventions
    // of x86-64 and AArch64.
    return Linker.nativeLinker()
        .upcallStub(
            MethodHandles.constant(int.class, status),
            FunctionDescriptor.of(JAVA_INT),
            Arena.global());
  }
}
