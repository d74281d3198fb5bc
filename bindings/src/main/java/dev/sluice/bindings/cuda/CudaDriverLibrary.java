package dev.sluice.bindings.cuda;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.util.ArrayList;
import java.util.List;

/**
 * The driver API on a loaded {@code libcuda.so.1}. A function that the library lacks returns {@link
 * #CUDA_ERROR_SHARED_OBJECT_SYMBOL_NOT_FOUND} and is named by {@link #missingSymbols}, so that an
 * old driver can still be asked for its version.
 *
 * <p>Long because each function takes a field, a binding and a call; nothing else is in here.
 *
 * <p>Thread safety: immutable; see {@link CudaDriverApi}.
 */
final class CudaDriverLibrary implements CudaDriverApi {
  /** What a missing function returns; the driver's own status for the same thing. */
  static final int CUDA_ERROR_SHARED_OBJECT_SYMBOL_NOT_FOUND = 302;

  private final MethodHandle cuGetErrorName;
  private final MethodHandle cuGetErrorString;
  private final MethodHandle cuInit;
  private final MethodHandle cuDriverGetVersion;
  private final MethodHandle cuDeviceGetCount;
  private final MethodHandle cuDeviceGet;
  private final MethodHandle cuDeviceGetName;
  private final MethodHandle cuDeviceTotalMem_v2;
  private final MethodHandle cuDeviceGetAttribute;
  private final MethodHandle cuDevicePrimaryCtxRetain;
  private final MethodHandle cuDevicePrimaryCtxRelease_v2;
  private final MethodHandle cuCtxSetCurrent;
  private final MethodHandle cuCtxGetCurrent;
  private final MethodHandle cuMemGetInfo_v2;
  private final MethodHandle cuMemAlloc_v2;
  private final MethodHandle cuMemFree_v2;
  private final MethodHandle cuMemcpyHtoD_v2;
  private final MethodHandle cuMemcpyDtoH_v2;
  private final MethodHandle cuMemcpyHtoDAsync_v2;
  private final MethodHandle cuMemcpyDtoHAsync_v2;
  private final MethodHandle cuStreamCreate;
  private final MethodHandle cuStreamSynchronize;
  private final MethodHandle cuStreamDestroy_v2;
  private final MethodHandle cuStreamBeginCapture_v2;
  private final MethodHandle cuStreamEndCapture;
  private final MethodHandle cuEventCreate;
  private final MethodHandle cuEventRecord;
  private final MethodHandle cuEventSynchronize;
  private final MethodHandle cuEventElapsedTime_v2;
  private final MethodHandle cuEventDestroy_v2;
  private final MethodHandle cuGraphInstantiateWithFlags;
  private final MethodHandle cuGraphLaunch;
  private final MethodHandle cuGraphExecDestroy;
  private final MethodHandle cuGraphDestroy;
  private final List<String> missing = new ArrayList<>();

  /** Binds the functions of a library that stays loaded for the life of the process. */
  CudaDriverLibrary(SharedLibrary library) {
    cuGetErrorName = bind(library, "cuGetErrorName", JAVA_INT, ADDRESS);
    cuGetErrorString = bind(library, "cuGetErrorString", JAVA_INT, ADDRESS);
    cuInit = bind(library, "cuInit", JAVA_INT);
    cuDriverGetVersion = bind(library, "cuDriverGetVersion", ADDRESS);
    cuDeviceGetCount = bind(library, "cuDeviceGetCount", ADDRESS);
    cuDeviceGet = bind(library, "cuDeviceGet", ADDRESS, JAVA_INT);
    cuDeviceGetName = bind(library, "cuDeviceGetName", ADDRESS, JAVA_INT, JAVA_INT);
    cuDeviceTotalMem_v2 = bind(library, "cuDeviceTotalMem_v2", ADDRESS, JAVA_INT);
    cuDeviceGetAttribute = bind(library, "cuDeviceGetAttribute", ADDRESS, JAVA_INT, JAVA_INT);
    cuDevicePrimaryCtxRetain = bind(library, "cuDevicePrimaryCtxRetain", ADDRESS, JAVA_INT);
    cuDevicePrimaryCtxRelease_v2 = bind(library, "cuDevicePrimaryCtxRelease_v2", JAVA_INT);
    cuCtxSetCurrent = bind(library, "cuCtxSetCurrent", JAVA_LONG);
    cuCtxGetCurrent = bind(library, "cuCtxGetCurrent", ADDRESS);
    cuMemGetInfo_v2 = bind(library, "cuMemGetInfo_v2", ADDRESS, ADDRESS);
    cuMemAlloc_v2 = bind(library, "cuMemAlloc_v2", ADDRESS, JAVA_LONG);
    cuMemFree_v2 = bind(library, "cuMemFree_v2", JAVA_LONG);
    cuMemcpyHtoD_v2 = bind(library, "cuMemcpyHtoD_v2", JAVA_LONG, ADDRESS, JAVA_LONG);
    cuMemcpyDtoH_v2 = bind(library, "cuMemcpyDtoH_v2", ADDRESS, JAVA_LONG, JAVA_LONG);
    cuMemcpyHtoDAsync_v2 =
        bind(library, "cuMemcpyHtoDAsync_v2", JAVA_LONG, ADDRESS, JAVA_LONG, JAVA_LONG);
    cuMemcpyDtoHAsync_v2 =
        bind(library, "cuMemcpyDtoHAsync_v2", ADDRESS, JAVA_LONG, JAVA_LONG, JAVA_LONG);
    cuStreamCreate = bind(library, "cuStreamCreate", ADDRESS, JAVA_INT);
    cuStreamSynchronize = bind(library, "cuStreamSynchronize", JAVA_LONG);
    cuStreamDestroy_v2 = bind(library, "cuStreamDestroy_v2", JAVA_LONG);
    cuStreamBeginCapture_v2 = bind(library, "cuStreamBeginCapture_v2", JAVA_LONG, JAVA_INT);
    cuStreamEndCapture = bind(library, "cuStreamEndCapture", JAVA_LONG, ADDRESS);
    cuEventCreate = bind(library, "cuEventCreate", ADDRESS, JAVA_INT);
    cuEventRecord = bind(library, "cuEventRecord", JAVA_LONG, JAVA_LONG);
    cuEventSynchronize = bind(library, "cuEventSynchronize", JAVA_LONG);
    cuEventElapsedTime_v2 = bind(library, "cuEventElapsedTime_v2", ADDRESS, JAVA_LONG, JAVA_LONG);
    cuEventDestroy_v2 = bind(library, "cuEventDestroy_v2", JAVA_LONG);
    cuGraphInstantiateWithFlags =
        bind(library, "cuGraphInstantiateWithFlags", ADDRESS, JAVA_LONG, JAVA_LONG);
    cuGraphLaunch = bind(library, "cuGraphLaunch", JAVA_LONG, JAVA_LONG);
    cuGraphExecDestroy = bind(library, "cuGraphExecDestroy", JAVA_LONG);
    cuGraphDestroy = bind(library, "cuGraphDestroy", JAVA_LONG);
  }

  private MethodHandle bind(SharedLibrary library, String name, MemoryLayout... arguments) {
    FunctionDescriptor type = FunctionDescriptor.of(JAVA_INT, arguments);
    MemorySegment symbol = library.find(name);
    if (symbol.equals(MemorySegment.NULL)) {
      missing.add(name);
      return MethodHandles.dropArguments(
          MethodHandles.constant(int.class, CUDA_ERROR_SHARED_OBJECT_SYMBOL_NOT_FOUND),
          0,
          type.toMethodType().parameterList());
    }
    return Linker.nativeLinker().downcallHandle(symbol, type);
  }

  /** The functions that the library does not have, in the order of the interface. */
  List<String> missingSymbols() {
    return List.copyOf(missing);
  }

  private static AssertionError impossible(Throwable e) {
    return new AssertionError("a downcall throws nothing of its own", e);
  }

  @Override
  public int cuGetErrorName(int error, MemorySegment pStr) {
    try {
      return (int) cuGetErrorName.invokeExact(error, pStr);
    } catch (Throwable e) {
      throw impossible(e);
    }
  }

  @Override
  public int cuGetErrorString(int error, MemorySegment pStr) {
    try {
      return (int) cuGetErrorString.invokeExact(error, pStr);
    } catch (Throwable e) {
      throw impossible(e);
    }
  }

  @Override
  public int cuInit(int flags) {
    try {
      return (int) cuInit.invokeExact(flags);
    } catch (Throwable e) {
      throw impossible(e);
    }
  }

  @Override
  public int cuDriverGetVersion(MemorySegment driverVersion) {
    try {
      return (int) cuDriverGetVersion.invokeExact(driverVersion);
    } catch (Throwable e) {
      throw impossible(e);
    }
  }

  @Override
  public int cuDeviceGetCount(MemorySegment count) {
    try {
      return (int) cuDeviceGetCount.invokeExact(count);
    } catch (Throwable e) {
      throw impossible(e);
    }
  }

  @Override
  public int cuDeviceGet(MemorySegment device, int ordinal) {
    try {
      return (int) cuDeviceGet.invokeExact(device, ordinal);
    } catch (Throwable e) {
      throw impossible(e);
    }
  }

  @Override
  public int cuDeviceGetName(MemorySegment name, int len, int dev) {
    try {
      return (int) cuDeviceGetName.invokeExact(name, len, dev);
    } catch (Throwable e) {
      throw impossible(e);
    }
  }

  @Override
  public int cuDeviceTotalMem_v2(MemorySegment bytes, int dev) {
    try {
      return (int) cuDeviceTotalMem_v2.invokeExact(bytes, dev);
    } catch (Throwable e) {
      throw impossible(e);
    }
  }

  @Override
  public int cuDeviceGetAttribute(MemorySegment pi, int attrib, int dev) {
    try {
      return (int) cuDeviceGetAttribute.invokeExact(pi, attrib, dev);
    } catch (Throwable e) {
      throw impossible(e);
    }
  }

  @Override
  public int cuDevicePrimaryCtxRetain(MemorySegment pctx, int dev) {
    try {
      return (int) cuDevicePrimaryCtxRetain.invokeExact(pctx, dev);
    } catch (Throwable e) {
      throw impossible(e);
    }
  }

  @Override
  public int cuDevicePrimaryCtxRelease_v2(int dev) {
    try {
      return (int) cuDevicePrimaryCtxRelease_v2.invokeExact(dev);
    } catch (Throwable e) {
      throw impossible(e);
    }
  }

  @Override
  public int cuCtxSetCurrent(long ctx) {
    try {
      return (int) cuCtxSetCurrent.invokeExact(ctx);
    } catch (Throwable e) {
      throw impossible(e);
    }
  }

  @Override
  public int cuCtxGetCurrent(MemorySegment pctx) {
    try {
      return (int) cuCtxGetCurrent.invokeExact(pctx);
    } catch (Throwable e) {
      throw impossible(e);
    }
  }

  @Override
  public int cuMemGetInfo_v2(MemorySegment free, MemorySegment total) {
    try {
      return (int) cuMemGetInfo_v2.invokeExact(free, total);
    } catch (Throwable e) {
      throw impossible(e);
    }
  }

  @Override
  public int cuMemAlloc_v2(MemorySegment dptr, long bytesize) {
    try {
      return (int) cuMemAlloc_v2.invokeExact(dptr, bytesize);
    } catch (Throwable e) {
      throw impossible(e);
    }
  }

  @Override
  public int cuMemFree_v2(long dptr) {
    try {
      return (int) cuMemFree_v2.invokeExact(dptr);
    } catch (Throwable e) {
      throw impossible(e);
    }
  }

  @Override
  public int cuMemcpyHtoD_v2(long dstDevice, MemorySegment srcHost, long byteCount) {
    try {
      return (int) cuMemcpyHtoD_v2.invokeExact(dstDevice, srcHost, byteCount);
    } catch (Throwable e) {
      throw impossible(e);
    }
  }

  @Override
  public int cuMemcpyDtoH_v2(MemorySegment dstHost, long srcDevice, long byteCount) {
    try {
      return (int) cuMemcpyDtoH_v2.invokeExact(dstHost, srcDevice, byteCount);
    } catch (Throwable e) {
      throw impossible(e);
    }
  }

  @Override
  public int cuMemcpyHtoDAsync_v2(
      long dstDevice, MemorySegment srcHost, long byteCount, long hStream) {
    try {
      return (int) cuMemcpyHtoDAsync_v2.invokeExact(dstDevice, srcHost, byteCount, hStream);
    } catch (Throwable e) {
      throw impossible(e);
    }
  }

  @Override
  public int cuMemcpyDtoHAsync_v2(
      MemorySegment dstHost, long srcDevice, long byteCount, long hStream) {
    try {
      return (int) cuMemcpyDtoHAsync_v2.invokeExact(dstHost, srcDevice, byteCount, hStream);
    } catch (Throwable e) {
      throw impossible(e);
    }
  }

  @Override
  public int cuStreamCreate(MemorySegment phStream, int flags) {
    try {
      return (int) cuStreamCreate.invokeExact(phStream, flags);
    } catch (Throwable e) {
      throw impossible(e);
    }
  }

  @Override
  public int cuStreamSynchronize(long hStream) {
    try {
      return (int) cuStreamSynchronize.invokeExact(hStream);
    } catch (Throwable e) {
      throw impossible(e);
    }
  }

  @Override
  public int cuStreamDestroy_v2(long hStream) {
    try {
      return (int) cuStreamDestroy_v2.invokeExact(hStream);
    } catch (Throwable e) {
      throw impossible(e);
    }
  }

  @Override
  public int cuStreamBeginCapture_v2(long hStream, int mode) {
    try {
      return (int) cuStreamBeginCapture_v2.invokeExact(hStream, mode);
    } catch (Throwable e) {
      throw impossible(e);
    }
  }

  @Override
  public int cuStreamEndCapture(long hStream, MemorySegment phGraph) {
    try {
      return (int) cuStreamEndCapture.invokeExact(hStream, phGraph);
    } catch (Throwable e) {
      throw impossible(e);
    }
  }

  @Override
  public int cuEventCreate(MemorySegment phEvent, int flags) {
    try {
      return (int) cuEventCreate.invokeExact(phEvent, flags);
    } catch (Throwable e) {
      throw impossible(e);
    }
  }

  @Override
  public int cuEventRecord(long hEvent, long hStream) {
    try {
      return (int) cuEventRecord.invokeExact(hEvent, hStream);
    } catch (Throwable e) {
      throw impossible(e);
    }
  }

  @Override
  public int cuEventSynchronize(long hEvent) {
    try {
      return (int) cuEventSynchronize.invokeExact(hEvent);
    } catch (Throwable e) {
      throw impossible(e);
    }
  }

  @Override
  public int cuEventElapsedTime_v2(MemorySegment pMilliseconds, long hStart, long hEnd) {
    try {
      return (int) cuEventElapsedTime_v2.invokeExact(pMilliseconds, hStart, hEnd);
    } catch (Throwable e) {
      throw impossible(e);
    }
  }

  @Override
  public int cuEventDestroy_v2(long hEvent) {
    try {
      return (int) cuEventDestroy_v2.invokeExact(hEvent);
    } catch (Throwable e) {
      throw impossible(e);
    }
  }

  @Override
  public int cuGraphInstantiateWithFlags(MemorySegment phGraphExec, long hGraph, long flags) {
    try {
      return (int) cuGraphInstantiateWithFlags.invokeExact(phGraphExec, hGraph, flags);
    } catch (Throwable e) {
      throw impossible(e);
    }
  }

  @Override
  public int cuGraphLaunch(long hGraphExec, long hStream) {
    try {
      return (int) cuGraphLaunch.invokeExact(hGraphExec, hStream);
    } catch (Throwable e) {
      throw impossible(e);
    }
  }

  @Override
  public int cuGraphExecDestroy(long hGraphExec) {
    try {
      return (int) cuGraphExecDestroy.invokeExact(hGraphExec);
    } catch (Throwable e) {
      throw impossible(e);
    }
  }

  @Override
  public int cuGraphDestroy(long hGraph) {
    try {
      return (int) cuGraphDestroy.invokeExact(hGraph);
    } catch (Throwable e) {
      throw impossible(e);
    }
  }
}
