package dev.sluice.bindings.tensorrt;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.sluice.bindings.library.Downcalls;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/**
 * Runs {@code delete} on a TensorRT object, which the presets do not offer. Every class below
 * {@code nvinfer1::INoCopy} declares its virtual destructor first, so by the Itanium C++ ABI
 * (section 2.5.2) entry 0 of its table is the complete and entry 1 the deleting destructor.
 *
 * <p>Thread safety: any thread may call, once per object.
 */
final class Destructor {
  private static final MethodHandle DELETE =
      Linker.nativeLinker().downcallHandle(FunctionDescriptor.ofVoid(JAVA_LONG));

  private Destructor() {}

  /**
   * Deletes an object; nothing may use it afterwards.
   *
   * @param address of an object of a class below {@code INoCopy}
   */
  static void delete(long address) {
    MemorySegment table =
        MemorySegment.ofAddress(address).reinterpret(ADDRESS.byteSize()).get(ADDRESS, 0);
    MemorySegment deleting = table.reinterpret(2 * ADDRESS.byteSize()).getAtIndex(ADDRESS, 1);
    try {
      DELETE.invokeExact(deleting, address);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }
}
