package dev.sluice.bindings.nvrtc;

import java.lang.foreign.MemorySegment;

/**
 * The part of NVRTC, the run-time compiler of CUDA C++, that this project calls, with the names of
 * {@code nvrtc.h}. Every function but the first returns the raw {@code nvrtcResult}; see {@link
 * NvrtcStatus}. A {@code long} is an {@code nvrtcProgram}; a {@link MemorySegment} is used during
 * the call only.
 *
 * <p>Thread safety: any thread may call; one program belongs to one thread at a time.
 */
public interface NvrtcApi {
  /** The address of a static string. */
  long nvrtcGetErrorString(int result);

  /** Writes NVRTC's version. */
  int nvrtcVersion(MemorySegment major, MemorySegment minor);

  /** Writes how many architectures NVRTC compiles for. */
  int nvrtcGetNumSupportedArchs(MemorySegment numArchs);

  /** Writes them, ascending, as major * 10 + minor. */
  int nvrtcGetSupportedArchs(MemorySegment supportedArchs);

  /** Makes a program of a source and its headers, all C strings. */
  int nvrtcCreateProgram(
      MemorySegment prog,
      MemorySegment src,
      MemorySegment name,
      int numHeaders,
      MemorySegment headers,
      MemorySegment includeNames);

  /** Frees the program that {@code prog} points to, and writes 0 there. */
  int nvrtcDestroyProgram(MemorySegment prog);

  /** Compiles; what it says is in the program's log. */
  int nvrtcCompileProgram(long prog, int numOptions, MemorySegment options);

  /** Writes the bytes of the cubin; 0 where the target was virtual. */
  int nvrtcGetCUBINSize(long prog, MemorySegment cubinSizeRet);

  /** Writes the cubin. */
  int nvrtcGetCUBIN(long prog, MemorySegment cubin);

  /** Writes the bytes of the PTX, the closing 0 included. */
  int nvrtcGetPTXSize(long prog, MemorySegment ptxSizeRet);

  /** Writes the PTX. */
  int nvrtcGetPTX(long prog, MemorySegment ptx);

  /** Writes the bytes of the log, the closing 0 included. */
  int nvrtcGetProgramLogSize(long prog, MemorySegment logSizeRet);

  /** Writes the log. */
  int nvrtcGetProgramLog(long prog, MemorySegment log);
}
