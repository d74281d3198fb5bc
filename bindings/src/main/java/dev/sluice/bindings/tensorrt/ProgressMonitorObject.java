package dev.sluice.bindings.tensorrt;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BOOLEAN;
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
import java.lang.invoke.MethodType;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * A C++ object of class {@code nvinfer1::IProgressMonitor} whose functions are Java's; the presets
 * can't make one.
 *
 * <p>Layout, by the Itanium C++ ABI (sections 2.5.2 and 2.5.3), which GCC and Clang follow on
 * Linux. The object is one word, the address of entry 0 of its table. Before entry 0 lie the offset
 * to the whole object, 0, and the type information, null: {@code IVersionedInterface} tells classes
 * apart by {@code getInterfaceInfo} instead. The entries, in the order of their declaration in
 * {@code NvInferRuntimeBase.h} and {@code NvInfer.h}:
 *
 * <pre>
 * 0 getAPILanguage     1 getInterfaceInfo    2 complete destructor    3 deleting destructor
 * 4 phaseStart         5 stepComplete        6 phaseFinish
 * </pre>
 *
 * <p>The destructors do nothing: TensorRT deletes no monitor, and {@link #close} frees it.
 *
 * <p>Thread safety: TensorRT calls it from any of its threads, several at once.
 */
final class ProgressMonitorObject implements AutoCloseable {
  /** {@code nvinfer1::InterfaceInfo}. */
  private static final StructLayout INFO =
      MemoryLayout.structLayout(
          ADDRESS.withName("kind"), JAVA_INT.withName("major"), JAVA_INT.withName("minor"));

  /** {@code APILanguage::kCPP}. */
  private static final int CPP = 0;

  /** Entries before the one that an object points to. */
  private static final int BEFORE = 2;

  private static final System.Logger LOG = System.getLogger("dev.sluice.tensorrt");

  private final TensorRtApi.ProgressMonitor listener;
  private final Arena arena = Arena.ofShared();
  private final MemorySegment info = arena.allocate(INFO);
  private final Map<String, Integer> stepsOfPhase = new ConcurrentHashMap<>();
  private final NativeHandle handle;
  private volatile boolean cancelled;

  ProgressMonitorObject(TensorRtApi.ProgressMonitor listener) {
    this.listener = listener;
    info.set(ADDRESS, 0, arena.allocateFrom("IProgressMonitor"));
    info.set(JAVA_INT, INFO.byteOffset(MemoryLayout.PathElement.groupElement("major")), 1);
    info.set(JAVA_INT, INFO.byteOffset(MemoryLayout.PathElement.groupElement("minor")), 0);
    MemorySegment nothing = stub("nothing", FunctionDescriptor.ofVoid(JAVA_LONG));
    List<MemorySegment> entries =
        List.of(
            stub("getApiLanguage", FunctionDescriptor.of(JAVA_INT, JAVA_LONG)),
            stub("getInterfaceInfo", FunctionDescriptor.of(INFO, JAVA_LONG)),
            nothing,
            nothing,
            stub("phaseStart", FunctionDescriptor.ofVoid(JAVA_LONG, ADDRESS, ADDRESS, JAVA_INT)),
            stub("stepComplete", FunctionDescriptor.of(JAVA_BOOLEAN, JAVA_LONG, ADDRESS, JAVA_INT)),
            stub("phaseFinish", FunctionDescriptor.ofVoid(JAVA_LONG, ADDRESS)));
    MemorySegment table = arena.allocate(ADDRESS, BEFORE + entries.size());
    for (int i = 0; i < entries.size(); i++) {
      table.setAtIndex(ADDRESS, BEFORE + i, entries.get(i));
    }
    MemorySegment object = arena.allocate(ADDRESS);
    object.set(ADDRESS, 0, table.asSlice(BEFORE * ADDRESS.byteSize()));
    handle = NativeHandle.own("IProgressMonitor", "", object.address(), _ -> arena.close());
  }

  private MemorySegment stub(String method, FunctionDescriptor type) {
    MethodType java = type.toMethodType();
    try {
      MethodHandle target =
          MethodHandles.lookup()
              .findVirtual(ProgressMonitorObject.class, method, java)
              .bindTo(this);
      return Linker.nativeLinker().upcallStub(target, type, arena);
    } catch (ReflectiveOperationException e) {
      throw new LinkageError("a method of this class", e);
    }
  }

  /** The object's address, valid until {@link #close}. */
  long address() {
    return handle.raw();
  }

  /** Frees it; TensorRT does not use it any more. */
  @Override
  public void close() {
    handle.close();
  }

  @SuppressWarnings("unused") // a stub
  private void nothing(long self) {}

  @SuppressWarnings("unused") // a stub
  private int getApiLanguage(long self) {
    return CPP;
  }

  @SuppressWarnings("unused") // a stub
  private MemorySegment getInterfaceInfo(long self) {
    return info;
  }

  @SuppressWarnings("unused") // a stub
  private void phaseStart(long self, MemorySegment phase, MemorySegment parent, int steps) {
    String name = text(phase);
    stepsOfPhase.put(name, steps);
    // What starts a phase can't end the build; the next step does.
    tell(name, 0, steps);
  }

  @SuppressWarnings("unused") // a stub
  private boolean stepComplete(long self, MemorySegment phase, int step) {
    String name = text(phase);
    // TensorRT counts steps from 0.
    return tell(name, step + 1, stepsOfPhase.getOrDefault(name, step + 1));
  }

  @SuppressWarnings("unused") // a stub
  private void phaseFinish(long self, MemorySegment phase) {
    stepsOfPhase.remove(text(phase));
  }

  /** Asks the listener, until it has once said no. */
  private boolean tell(String phase, int step, int steps) {
    if (cancelled) {
      return false;
    }
    try {
      if (!listener.step(phase, step, steps)) {
        cancelled = true;
      }
    } catch (RuntimeException | Error e) {
      // TensorRT's code lets no exception through: the process would end.
      LOG.log(
          System.Logger.Level.ERROR,
          "the build is cancelled: its progress monitor failed at " + phase,
          e);
      cancelled = true;
    }
    return !cancelled;
  }

  private static String text(MemorySegment cString) {
    return cString.equals(MemorySegment.NULL)
        ? ""
        : cString.reinterpret(Long.MAX_VALUE).getString(0);
  }
}
