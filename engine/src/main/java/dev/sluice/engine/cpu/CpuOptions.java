package dev.sluice.engine.cpu;

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
 * @param sessionConfig further config entries of ONNX Runtime's session
 */
public record CpuOptions(int intraOpThreads, boolean spinning, Map<String, String> sessionConfig) {
  /** Copies the map and checks the threads. */
  public CpuOptions {
    if (intraOpThreads < 0) {
      throw new IllegalArgumentException(
          "intraOpThreads is " + intraOpThreads + ", but must be at least 0");
    }
    sessionConfig = Map.copyOf(sessionConfig);
  }

  /** The caller's thread alone. */
  public static CpuOptions defaults() {
    return ofThreads(1);
  }

  /** This many threads, not spinning. */
  public static CpuOptions ofThreads(int intraOpThreads) {
    return new CpuOptions(intraOpThreads, false, Map.of());
  }
}
