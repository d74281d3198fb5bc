package dev.sluice.engine.cpu;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/**
 * How the CPU backend uses the machine.
 *
 * <p>Thread safety: immutable.
 *
 * @param intraOpThreads threads that share the work of one run, the caller's among them; 0 for one
 *     per physical core
 * @param spinning whether idle threads of the pool spin; one run then leaves them burning for tens
 *     of milliseconds, which slows every other session
 * @param prepacking whether weights are copied into the order that the kernels like best: faster
 *     runs of several rows, for as much memory again as the weights take and a longer opening
 * @param arena whether the values of a run lie in an arena: faster, but where runs are so short
 *     that their callers would meet at its lock
 * @param customOps libraries with operators of their own; native code, which stays loaded
 * @param sessionConfig further config entries of ONNX Runtime's session
 */
public record CpuOptions(
    int intraOpThreads,
    boolean spinning,
    boolean prepacking,
    boolean arena,
    List<Path> customOps,
    Map<String, String> sessionConfig) {
  /** Copies the map and checks the threads. */
  public CpuOptions {
    if (intraOpThreads < 0) {
      throw new IllegalArgumentException(
          "intraOpThreads is " + intraOpThreads + ", but must be at least 0");
    }
    customOps = List.copyOf(customOps);
    sessionConfig = Map.copyOf(sessionConfig);
  }

  /** The caller's thread alone. */
  public static CpuOptions defaults() {
    return ofThreads(1);
  }

  /** This many threads, not spinning. */
  public static CpuOptions ofThreads(int intraOpThreads) {
    return new CpuOptions(intraOpThreads, false, true, true, List.of(), Map.of());
  }

  /** These options with or without the copy of the weights. */
  public CpuOptions withPrepacking(boolean newPrepacking) {
    return new CpuOptions(intraOpThreads, spinning, newPrepacking, arena, customOps, sessionConfig);
  }

  /** These options with libraries of operators. */
  public CpuOptions withCustomOps(List<Path> libraries) {
    return new CpuOptions(intraOpThreads, spinning, prepacking, arena, libraries, sessionConfig);
  }

  /** These options with other config entries. */
  public CpuOptions withSessionConfig(Map<String, String> config) {
    return new CpuOptions(intraOpThreads, spinning, prepacking, arena, customOps, config);
  }

  /** These options with or without an arena for the values of a run. */
  public CpuOptions withArena(boolean newArena) {
    return new CpuOptions(intraOpThreads, spinning, prepacking, newArena, customOps, sessionConfig);
  }
}
