package dev.sluice.bindings.nvrtc;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.sluice.bindings.library.Downcalls;
import dev.sluice.bindings.library.SharedLibrary;
import dev.sluice.bindings.nvrtc.generated.NvrtcHeader;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.util.ArrayList;
import java.util.List;

/**
 * {@link NvrtcApi} on a loaded library. A function that it lacks returns NVRTC_ERROR_INTERNAL_ERROR
 * and is named by {@link #missingSymbols}.
 *
 * <p>Thread safety: immutable; see {@link NvrtcApi}.
 */
@SuppressWarnings("MemberName") // the library's own names
final class FfmNvrtcApi implements NvrtcApi {
  private static final MethodHandle NVRTC_GET_ERROR_STRING =
      Downcalls.type(FunctionDescriptor.of(JAVA_LONG, JAVA_INT), JAVA_INT);
  private static final MethodHandle NVRTC_VERSION =
      Downcalls.type(NvrtcHeader.nvrtcVersion$descriptor(), ADDRESS, ADDRESS);
  private static final MethodHandle NVRTC_GET_NUM_SUPPORTED_ARCHS =
      Downcalls.type(NvrtcHeader.nvrtcGetNumSupportedArchs$descriptor(), ADDRESS);
  private static final MethodHandle NVRTC_GET_SUPPORTED_ARCHS =
      Downcalls.type(NvrtcHeader.nvrtcGetSupportedArchs$descriptor(), ADDRESS);
  private static final MethodHandle NVRTC_CREATE_PROGRAM =
      Downcalls.type(
          NvrtcHeader.nvrtcCreateProgram$descriptor(),
          ADDRESS,
          ADDRESS,
          ADDRESS,
          JAVA_INT,
          ADDRESS,
          ADDRESS);
  private static final MethodHandle NVRTC_DESTROY_PROGRAM =
      Downcalls.type(NvrtcHeader.nvrtcDestroyProgram$descriptor(), ADDRESS);
  private static final MethodHandle NVRTC_COMPILE_PROGRAM =
      Downcalls.type(NvrtcHeader.nvrtcCompileProgram$descriptor(), JAVA_LONG, JAVA_INT, ADDRESS);
  private static final MethodHandle NVRTC_GET_CUBINSIZE =
      Downcalls.type(NvrtcHeader.nvrtcGetCUBINSize$descriptor(), JAVA_LONG, ADDRESS);
  private static final MethodHandle NVRTC_GET_CUBIN =
      Downcalls.type(NvrtcHeader.nvrtcGetCUBIN$descriptor(), JAVA_LONG, ADDRESS);
  private static final MethodHandle NVRTC_GET_PTXSIZE =
      Downcalls.type(NvrtcHeader.nvrtcGetPTXSize$descriptor(), JAVA_LONG, ADDRESS);
  private static final MethodHandle NVRTC_GET_PTX =
      Downcalls.type(NvrtcHeader.nvrtcGetPTX$descriptor(), JAVA_LONG, ADDRESS);
  private static final MethodHandle NVRTC_GET_PROGRAM_LOG_SIZE =
      Downcalls.type(NvrtcHeader.nvrtcGetProgramLogSize$descriptor(), JAVA_LONG, ADDRESS);
  private static final MethodHandle NVRTC_GET_PROGRAM_LOG =
      Downcalls.type(NvrtcHeader.nvrtcGetProgramLog$descriptor(), JAVA_LONG, ADDRESS);

  private final MemorySegment nvrtcGetErrorString;
  private final MemorySegment nvrtcVersion;
  private final MemorySegment nvrtcGetNumSupportedArchs;
  private final MemorySegment nvrtcGetSupportedArchs;
  private final MemorySegment nvrtcCreateProgram;
  private final MemorySegment nvrtcDestroyProgram;
  private final MemorySegment nvrtcCompileProgram;
  private final MemorySegment nvrtcGetCUBINSize;
  private final MemorySegment nvrtcGetCUBIN;
  private final MemorySegment nvrtcGetPTXSize;
  private final MemorySegment nvrtcGetPTX;
  private final MemorySegment nvrtcGetProgramLogSize;
  private final MemorySegment nvrtcGetProgramLog;
  private final List<String> missing = new ArrayList<>();

  /** Binds the functions of a library that stays loaded for the life of the process. */
  FfmNvrtcApi(SharedLibrary library) {
    nvrtcGetErrorString = symbol(library, "nvrtcGetErrorString");
    nvrtcVersion = symbol(library, "nvrtcVersion");
    nvrtcGetNumSupportedArchs = symbol(library, "nvrtcGetNumSupportedArchs");
    nvrtcGetSupportedArchs = symbol(library, "nvrtcGetSupportedArchs");
    nvrtcCreateProgram = symbol(library, "nvrtcCreateProgram");
    nvrtcDestroyProgram = symbol(library, "nvrtcDestroyProgram");
    nvrtcCompileProgram = symbol(library, "nvrtcCompileProgram");
    nvrtcGetCUBINSize = symbol(library, "nvrtcGetCUBINSize");
    nvrtcGetCUBIN = symbol(library, "nvrtcGetCUBIN");
    nvrtcGetPTXSize = symbol(library, "nvrtcGetPTXSize");
    nvrtcGetPTX = symbol(library, "nvrtcGetPTX");
    nvrtcGetProgramLogSize = symbol(library, "nvrtcGetProgramLogSize");
    nvrtcGetProgramLog = symbol(library, "nvrtcGetProgramLog");
  }

  private MemorySegment symbol(SharedLibrary library, String name) {
    return Downcalls.symbol(library, name, NvrtcStatus.INTERNAL_ERROR.code(), missing);
  }

  /** The functions that the library does not have. */
  List<String> missingSymbols() {
    return List.copyOf(missing);
  }

  @Override
  public long nvrtcGetErrorString(int result) {
    try {
      return (long) NVRTC_GET_ERROR_STRING.invokeExact(nvrtcGetErrorString, result);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int nvrtcVersion(MemorySegment major, MemorySegment minor) {
    try {
      return (int) NVRTC_VERSION.invokeExact(nvrtcVersion, major, minor);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int nvrtcGetNumSupportedArchs(MemorySegment numArchs) {
    try {
      return (int) NVRTC_GET_NUM_SUPPORTED_ARCHS.invokeExact(nvrtcGetNumSupportedArchs, numArchs);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int nvrtcGetSupportedArchs(MemorySegment supportedArchs) {
    try {
      return (int) NVRTC_GET_SUPPORTED_ARCHS.invokeExact(nvrtcGetSupportedArchs, supportedArchs);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int nvrtcCreateProgram(
      MemorySegment prog,
      MemorySegment src,
      MemorySegment name,
      int numHeaders,
      MemorySegment headers,
      MemorySegment includeNames) {
    try {
      return (int)
          NVRTC_CREATE_PROGRAM.invokeExact(
              nvrtcCreateProgram, prog, src, name, numHeaders, headers, includeNames);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int nvrtcDestroyProgram(MemorySegment prog) {
    try {
      return (int) NVRTC_DESTROY_PROGRAM.invokeExact(nvrtcDestroyProgram, prog);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int nvrtcCompileProgram(long prog, int numOptions, MemorySegment options) {
    try {
      return (int)
          NVRTC_COMPILE_PROGRAM.invokeExact(nvrtcCompileProgram, prog, numOptions, options);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int nvrtcGetCUBINSize(long prog, MemorySegment cubinSizeRet) {
    try {
      return (int) NVRTC_GET_CUBINSIZE.invokeExact(nvrtcGetCUBINSize, prog, cubinSizeRet);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int nvrtcGetCUBIN(long prog, MemorySegment cubin) {
    try {
      return (int) NVRTC_GET_CUBIN.invokeExact(nvrtcGetCUBIN, prog, cubin);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int nvrtcGetPTXSize(long prog, MemorySegment ptxSizeRet) {
    try {
      return (int) NVRTC_GET_PTXSIZE.invokeExact(nvrtcGetPTXSize, prog, ptxSizeRet);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int nvrtcGetPTX(long prog, MemorySegment ptx) {
    try {
      return (int) NVRTC_GET_PTX.invokeExact(nvrtcGetPTX, prog, ptx);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int nvrtcGetProgramLogSize(long prog, MemorySegment logSizeRet) {
    try {
      return (int) NVRTC_GET_PROGRAM_LOG_SIZE.invokeExact(nvrtcGetProgramLogSize, prog, logSizeRet);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int nvrtcGetProgramLog(long prog, MemorySegment log) {
    try {
      return (int) NVRTC_GET_PROGRAM_LOG.invokeExact(nvrtcGetProgramLog, prog, log);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }
}
