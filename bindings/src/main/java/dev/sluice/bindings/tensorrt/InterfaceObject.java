package dev.sluice.bindings.tensorrt;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.sluice.bindings.NativeHandle;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;

/**
 * A C++ object of a class below {@code nvinfer1::IVersionedInterface} whose functions are Java's;
 * of these the presets can make loggers alone.
 *
 * <p>Layout, by the Itanium C++ ABI (sections 2.5.2 and 2.5.3), which GCC and Clang follow on
 * Linux. The object is one word, the address of entry 0 of its table. Before entry 0 lie the offset
 * to the whole object, 0, and the type information, null: {@code IVersionedInterface} tells classes
 * apart by {@code getInterfaceInfo} instead. The entries are in the order of their declaration,
 * first those of {@code IVersionedInterface} in {@code NvInferRuntimeBase.h}:
 *
 * <pre>
 * 0 getAPILanguage     1 getInterfaceInfo    2 complete destructor    3 deleting destructor
 * </pre>
 *
 * <p>From 4 on come the functions that the class declares itself; what it overrides keeps its
 * entry. The destructors do nothing: TensorRT deletes none of these objects, and {@link #close}
 * frees them.
 *
 * <p>Thread safety: as the functions are.
 */
abstract class InterfaceObject implements AutoCloseable {
  /** {@code nvinfer1::InterfaceInfo}. */
  private static final StructLayout INFO =
      MemoryLayout.structLayout(
          ADDRESS.withName("kind"), JAVA_INT.withName("major"), JAVA_INT.withName("minor"));

  /** {@code APILanguage::kCPP}. */
  private static final int CPP = 0;

  /** Entries before the one that an object points to. */
  private static final int BEFORE = 2;

  /** Entries that {@code IVersionedInterface} declares. */
  private static final int INHERITED = 4;

  private final Arena arena = Arena.ofShared();
  private final NativeHandle handle;

  /**
   * A function of the object's class: a method of this one, of that name, which takes the object's
   * address, then the arguments, and throws nothing: that would end the process.
   *
   * @param type with pointers as {@code JAVA_LONG}
   */
  record Function(String method, FunctionDescriptor type) {}

  /**
   * Makes an object.
   *
   * @param kind the class, as {@code getInterfaceInfo} names it; version 1.0
   * @param lookup the subclass's
   * @param own the functions that the class declares itself, in order
   */
  InterfaceObject(String kind, MethodHandles.Lookup lookup, Function... own) {
    MemorySegment info = arena.allocate(INFO);
    info.set(ADDRESS, 0, arena.allocateFrom(kind));
    info.set(JAVA_INT, INFO.byteOffset(MemoryLayout.PathElement.groupElement("major")), 1);
    FunctionDescriptor destructor = FunctionDescriptor.ofVoid(JAVA_LONG);
    MemorySegment nothing = stub(MethodHandles.empty(destructor.toMethodType()), destructor);
    MemorySegment table = arena.allocate(ADDRESS, BEFORE + INHERITED + own.length);
    table.setAtIndex(ADDRESS, BEFORE, stub(CPP, int.class, JAVA_INT));
    table.setAtIndex(ADDRESS, BEFORE + 1, stub(info, MemorySegment.class, INFO));
    table.setAtIndex(ADDRESS, BEFORE + 2, nothing);
    table.setAtIndex(ADDRESS, BEFORE + 3, nothing);
    for (int i = 0; i < own.length; i++) {
      table.setAtIndex(ADDRESS, BEFORE + INHERITED + i, stub(lookup, own[i]));
    }
    MemorySegment object = arena.allocate(ADDRESS);
    object.set(ADDRESS, 0, table.asSlice(BEFORE * ADDRESS.byteSize()));
    handle = NativeHandle.own(kind, "", object.address(), _ -> arena.close());
  }

  private MemorySegment stub(MethodHandle target, FunctionDescriptor type) {
    return Linker.nativeLinker().upcallStub(target, type, arena);
  }

  /** A function that returns a constant. */
  private MemorySegment stub(Object value, Class<?> type, MemoryLayout layout) {
    return stub(
        MethodHandles.dropArguments(MethodHandles.constant(type, value), 0, long.class),
        FunctionDescriptor.of(layout, JAVA_LONG));
  }

  private MemorySegment stub(MethodHandles.Lookup lookup, Function function) {
    try {
      return stub(lookup.bind(this, function.method, function.type.toMethodType()), function.type);
    } catch (ReflectiveOperationException e) {
      throw new LinkageError("a method of this class", e);
    }
  }

  /** The object's address, valid until {@link #close}. */
  final long address() {
    return handle.raw();
  }

  /** Frees it; TensorRT does not use it any more. */
  @Override
  public final void close() {
    handle.close();
  }

  /** A string of C++'s; empty where the pointer is null. */
  static String text(long cString) {
    return cString == 0
        ? ""
        : MemorySegment.ofAddress(cString).reinterpret(Long.MAX_VALUE).getString(0);
  }
}
