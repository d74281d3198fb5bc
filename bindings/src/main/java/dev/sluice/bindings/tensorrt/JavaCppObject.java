package dev.sluice.bindings.tensorrt;

import dev.sluice.bindings.NativeHandle;
import java.util.function.LongConsumer;
import org.bytedeco.javacpp.Pointer;

/**
 * The owner of one of TensorRT's objects.
 *
 * <p>Thread safety: as the object's own; {@link #close} as {@link NativeHandle#close}.
 *
 * @param <P> the presets' class
 */
abstract class JavaCppObject<P extends Pointer> implements TensorRtApi.Resource {
  /** No object lies below: Linux maps nothing there. */
  private static final long FIRST_ADDRESS = 1 << 16;

  private final P pointer;
  private final NativeHandle handle;

  /**
   * Owns an object of a class below {@code INoCopy}.
   *
   * @param pointer an {@linkplain #isObject object}
   * @param afterwards done when the object was deleted
   */
  JavaCppObject(P pointer, Runnable afterwards) {
    this(
        pointer,
        address -> {
          Destructor.delete(address);
          afterwards.run();
        });
  }

  /** Owns an object that is given back in a way of its own. */
  JavaCppObject(P pointer, LongConsumer release) {
    this.pointer = pointer;
    this.handle =
        NativeHandle.own(pointer.getClass().getSimpleName(), "", pointer.address(), release);
  }

  /** Whether a call made an object. A failed one may also return what is no address at all. */
  static boolean isObject(Pointer returned) {
    return returned != null && Long.compareUnsigned(returned.address(), FIRST_ADDRESS) >= 0;
  }

  /** The object, for a call. Takes no heap memory. */
  final P use() {
    handle.raw();
    return pointer;
  }

  @Override
  public void close() {
    handle.close();
  }

  @Override
  public final String toString() {
    return handle.toString();
  }
}
