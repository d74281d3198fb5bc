package dev.sluice.bindings.sim;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.sluice.bindings.nvrtc.NvrtcApi;
import dev.sluice.bindings.nvrtc.NvrtcStatus;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.regex.Pattern;

/**
 * A compiler for {@link SimulatedCuda}: of a source it makes a module with those kernels that the
 * source mentions. A source with the word {@code #error} does not compile.
 *
 * <p>Thread safety: any thread may call.
 */
public final class SimulatedNvrtc implements NvrtcApi {
  private final Set<String> kernels;
  private final int[] architectures;
  private final Map<Long, byte[]> programs = new ConcurrentHashMap<>();
  private final Map<Long, String> sources = new ConcurrentHashMap<>();
  private final AtomicLong handles = new AtomicLong();
  private final AtomicInteger compilations = new AtomicInteger();

  /**
   * A compiler.
   *
   * @param kernels names of functions
   * @param architectures that it knows, ascending
   */
  public SimulatedNvrtc(Set<String> kernels, int... architectures) {
    this.kernels = new TreeSet<>(kernels);
    this.architectures = architectures.clone();
  }

  /** How often something was compiled. */
  public int compilations() {
    return compilations.get();
  }

  @Override
  public long nvrtcGetErrorString(int result) {
    return 0;
  }

  @Override
  public int nvrtcVersion(MemorySegment major, MemorySegment minor) {
    major.set(JAVA_INT, 0, 13);
    minor.set(JAVA_INT, 0, 0);
    return 0;
  }

  @Override
  public int nvrtcGetNumSupportedArchs(MemorySegment numArchs) {
    numArchs.set(JAVA_INT, 0, architectures.length);
    return 0;
  }

  @Override
  public int nvrtcGetSupportedArchs(MemorySegment supportedArchs) {
    MemorySegment.copy(architectures, 0, supportedArchs, JAVA_INT, 0, architectures.length);
    return 0;
  }

  @Override
  public int nvrtcCreateProgram(
      MemorySegment prog,
      MemorySegment src,
      MemorySegment name,
      int numHeaders,
      MemorySegment headers,
      MemorySegment includeNames) {
    long handle = handles.incrementAndGet();
    sources.put(handle, src.reinterpret(Long.MAX_VALUE).getString(0));
    prog.set(JAVA_LONG, 0, handle);
    return 0;
  }

  @Override
  public int nvrtcDestroyProgram(MemorySegment prog) {
    long handle = prog.get(JAVA_LONG, 0);
    programs.remove(handle);
    prog.set(JAVA_LONG, 0, 0);
    return sources.remove(handle) == null ? NvrtcStatus.INVALID_PROGRAM.code() : 0;
  }

  @Override
  public int nvrtcCompileProgram(long prog, int numOptions, MemorySegment options) {
    String source = sources.get(prog);
    if (source == null) {
      return NvrtcStatus.INVALID_PROGRAM.code();
    }
    compilations.incrementAndGet();
    if (source.contains("#error")) {
      return NvrtcStatus.COMPILATION.code();
    }
    StringBuilder image = new StringBuilder(SimModule.MAGIC).append('\n');
    for (String kernel : kernels) {
      if (Pattern.compile("\\b" + Pattern.quote(kernel) + "\\b").matcher(source).find()) {
        image.append(kernel).append('\n');
      }
    }
    programs.put(prog, image.append('\0').toString().getBytes(StandardCharsets.UTF_8));
    return 0;
  }

  private int size(byte[] bytes, MemorySegment out) {
    if (bytes == null) {
      return NvrtcStatus.INVALID_PROGRAM.code();
    }
    out.set(JAVA_LONG, 0, bytes.length);
    return 0;
  }

  private int write(byte[] bytes, MemorySegment out) {
    if (bytes == null) {
      return NvrtcStatus.INVALID_PROGRAM.code();
    }
    MemorySegment.copy(bytes, 0, out, JAVA_BYTE, 0, bytes.length);
    return 0;
  }

  private byte[] log(long prog) {
    String text = sources.containsKey(prog) && !programs.containsKey(prog) ? "error: #error" : "";
    return (text + '\0').getBytes(StandardCharsets.UTF_8);
  }

  @Override
  public int nvrtcGetCUBINSize(long prog, MemorySegment cubinSizeRet) {
    return size(programs.get(prog), cubinSizeRet);
  }

  @Override
  public int nvrtcGetCUBIN(long prog, MemorySegment cubin) {
    return write(programs.get(prog), cubin);
  }

  @Override
  public int nvrtcGetPTXSize(long prog, MemorySegment ptxSizeRet) {
    return size(programs.get(prog), ptxSizeRet);
  }

  @Override
  public int nvrtcGetPTX(long prog, MemorySegment ptx) {
    return write(programs.get(prog), ptx);
  }

  @Override
  public int nvrtcGetProgramLogSize(long prog, MemorySegment logSizeRet) {
    return size(log(prog), logSizeRet);
  }

  @Override
  public int nvrtcGetProgramLog(long prog, MemorySegment log) {
    return write(log(prog), log);
  }
}
