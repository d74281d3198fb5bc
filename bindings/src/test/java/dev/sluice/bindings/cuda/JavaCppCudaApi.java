package dev.sluice.bindings.cuda;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.Parameter;
import java.lang.reflect.Proxy;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import org.bytedeco.javacpp.FunctionPointer;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.annotation.ByPtrPtr;

/**
 * A second {@link CudaApi}, over the JavaCPP presets of CUDA: made by other hands from the same
 * header, it is the independent oracle of the first. Slow, since it finds its functions by
 * reflection.
 *
 * <p>An opaque handle of the presets is a {@link Pointer} whose address is the handle; where a
 * function writes one, the presets change that address, and it is copied to where the caller wants
 * it.
 */
final class JavaCppCudaApi {
  private static final String PRESETS = "org.bytedeco.cuda.global.cudart";
  private static final String OPAQUE = "_st";

  /** Where the header's macro gives a function another name. */
  private static final Map<String, String> RENAMED =
      Map.of("cuGraphInstantiateWithFlags", "cuGraphInstantiate");

  private JavaCppCudaApi() {}

  /** An address as a pointer that owns nothing. */
  private static final class At extends Pointer {
    At(long address) {
      this.address = address;
    }
  }

  /**
   * Over the presets; loads them, and so CUDA's libraries. Call it only after a driver answered.
   *
   * @throws ReflectiveOperationException where they don't load
   */
  static CudaApi load() throws ReflectiveOperationException {
    Class<?> presets = Class.forName(PRESETS);
    Map<Method, Method> functions = new HashMap<>();
    for (Method ours : CudaApi.class.getMethods()) {
      functions.put(ours, find(presets, ours).orElseThrow());
    }
    return (CudaApi)
        Proxy.newProxyInstance(
            CudaApi.class.getClassLoader(),
            new Class<?>[] {CudaApi.class},
            (_, method, arguments) ->
                call(functions.get(method), arguments == null ? new Object[0] : arguments));
  }

  /** The presets' class, not initialised, so that no library is loaded. */
  static Class<?> unloaded() throws ClassNotFoundException {
    return Class.forName(PRESETS, false, JavaCppCudaApi.class.getClassLoader());
  }

  /** The presets' overload that takes what ours does. */
  static Optional<Method> find(Class<?> presets, Method ours) {
    String name = RENAMED.getOrDefault(ours.getName(), ours.getName().replaceFirst("_v\\d$", ""));
    return Arrays.stream(presets.getMethods())
        .filter(method -> method.getName().equals(name))
        .filter(method -> Modifier.isNative(method.getModifiers()))
        .filter(method -> fits(method.getParameterTypes(), ours.getParameterTypes()))
        // Overloads that write the address of an object of Java's, but for handles, are of no use.
        .filter(method ->
            Arrays.stream(method.getParameters())
                .allMatch(one -> !isChanged(one) || isHandle(one.getType())))
        .findFirst();
  }

  /** Whether the presets change the address of the object that is passed. */
  private static boolean isChanged(Parameter parameter) {
    return parameter.isAnnotationPresent(ByPtrPtr.class);
  }

  private static boolean fits(Class<?>[] theirs, Class<?>[] ours) {
    boolean fits = theirs.length == ours.length;
    for (int i = 0; fits && i < ours.length; i++) {
      boolean pointer = Pointer.class.isAssignableFrom(theirs[i]);
      fits =
          ours[i] == MemorySegment.class
              ? pointer
              : ours[i] == theirs[i] || (ours[i] == long.class && pointer);
    }
    return fits;
  }

  private static Object call(Method function, Object[] ours) throws Throwable {
    Parameter[] parameters = function.getParameters();
    Object[] theirs = new Object[ours.length];
    for (int i = 0; i < ours.length; i++) {
      theirs[i] = convert(ours[i], parameters[i]);
    }
    Object result;
    try {
      result = function.invoke(null, theirs);
    } catch (InvocationTargetException e) {
      throw e.getCause();
    }
    for (int i = 0; i < ours.length; i++) {
      if (ours[i] instanceof MemorySegment out && isChanged(parameters[i]) && theirs[i] != null) {
        out.set(ValueLayout.JAVA_LONG, 0, ((Pointer) theirs[i]).address());
      }
    }
    return result;
  }

  private static boolean isHandle(Class<?> type) {
    return type.getName().endsWith(OPAQUE);
  }

  private static Object convert(Object ours, Parameter parameter)
      throws ReflectiveOperationException {
    Class<?> type = parameter.getType();
    if (!Pointer.class.isAssignableFrom(type)) {
      return ours;
    }
    boolean out = ours instanceof MemorySegment;
    long address = out ? ((MemorySegment) ours).address() : (long) ours;
    if (out && isChanged(parameter) && address != 0) {
      // Starts as what is there, so that a refused call leaves it.
      address = ((MemorySegment) ours).get(ValueLayout.JAVA_LONG, 0);
      return wrap(type, address);
    }
    return address == 0 ? null : wrap(type, address);
  }

  private static Object wrap(Class<?> type, long address) throws ReflectiveOperationException {
    if (type == Pointer.class) {
      return new At(address);
    }
    if (FunctionPointer.class.isAssignableFrom(type)) {
      // The presets' object of a function starts with the function's address. It stays for ever, as
      // the function may be called later.
      return type.getConstructor(Pointer.class)
          .newInstance(
              new At(Arena.global().allocateFrom(ValueLayout.JAVA_LONG, address, 0).address()));
    }
    Constructor<?> constructor = type.getConstructor(Pointer.class);
    return constructor.newInstance(new At(address));
  }
}
