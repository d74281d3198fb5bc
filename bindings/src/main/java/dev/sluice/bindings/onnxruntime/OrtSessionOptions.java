package dev.sluice.bindings.onnxruntime;

import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * How a session is made.
 *
 * <p>Thread safety: immutable.
 *
 * @param intraOpThreads threads that share the work of one operator, the caller's among them; 0 for
 *     one per physical core
 * @param spinning whether idle threads of the session spin: faster by some microseconds, at the
 *     price of a core; matters with more than one thread only
 * @param optimization how much the graph is rewritten
 * @param externalWeightsFolder the folder that the {@code location} of external weights is relative
 *     to, or null; the files there are mapped, not copied
 * @param externalFiles bytes of files of external weights by their {@code location}; copied while
 *     the session is made
 * @param customOps shared libraries with operators of their own, each with the entry point {@code
 *     RegisterCustomOps}; native code that ONNX Runtime loads and never unloads
 * @param arena whether the values of a run lie in an arena, as a plan for the shapes at hand has
 *     it; else each comes from the C library: callers whose runs are short then do not wait for
 *     each other at the locks of the arena and of the plans
 * @param config entries of {@code onnxruntime_session_options_config_keys.h}
 */
public record OrtSessionOptions(
    int intraOpThreads,
    boolean spinning,
    Optimization optimization,
    Path externalWeightsFolder,
    Map<String, MemorySegment> externalFiles,
    List<Path> customOps,
    boolean arena,
    Map<String, String> config) {

  /**
   * The config that leaves FP32 weights and biases as they are where their node's input comes from
   * a DequantizeLinear. Without it ONNX Runtime 1.29 may quantize them by itself, weights with one
   * scale for all channels: what was kept in FP32 for its accuracy would lose it.
   */
  public static final Map<String, String> NO_OWN_QUANTIZATION =
      Map.of("optimization.disable_specified_optimizers", "WeightBiasQuantization");

  /** {@code GraphOptimizationLevel}. */
  public enum Optimization {
    /** The graph as it is. */
    NONE(0),
    /** Constant folding and the like. */
    BASIC(1),
    /** And fusions. */
    EXTENDED(2),
    /** And memory layouts: the default. */
    ALL(99);

    final int code;

    Optimization(int code) {
      this.code = code;
    }
  }

  /** Copies the maps and checks the values. */
  public OrtSessionOptions {
    if (intraOpThreads < 0) {
      throw new IllegalArgumentException(
          "intraOpThreads is " + intraOpThreads + ", but must be at least 0");
    }
    Objects.requireNonNull(optimization, "optimization");
    externalFiles = Map.copyOf(externalFiles);
    customOps = List.copyOf(customOps);
    config = Map.copyOf(config);
  }

  /** One thread, no spinning, all optimizations, weights inside the model. */
  public static OrtSessionOptions defaults() {
    return new OrtSessionOptions(
        1, false, Optimization.ALL, null, Map.of(), List.of(), true, Map.of());
  }

  /** These options with other threads. */
  public OrtSessionOptions withThreads(int newIntraOpThreads, boolean newSpinning) {
    return new OrtSessionOptions(
        newIntraOpThreads,
        newSpinning,
        optimization,
        externalWeightsFolder,
        externalFiles,
        customOps,
        arena,
        config);
  }

  /** These options with another optimization level. */
  public OrtSessionOptions withOptimization(Optimization newOptimization) {
    return new OrtSessionOptions(
        intraOpThreads,
        spinning,
        newOptimization,
        externalWeightsFolder,
        externalFiles,
        customOps,
        arena,
        config);
  }

  /** These options with external weights below a folder. */
  public OrtSessionOptions withExternalWeightsFolder(Path folder) {
    return new OrtSessionOptions(
        intraOpThreads, spinning, optimization, folder, externalFiles, customOps, arena, config);
  }

  /** These options with the bytes of files of external weights. */
  public OrtSessionOptions withExternalFiles(Map<String, MemorySegment> files) {
    return new OrtSessionOptions(
        intraOpThreads,
        spinning,
        optimization,
        externalWeightsFolder,
        files,
        customOps,
        arena,
        config);
  }

  /** These options with other config entries. */
  public OrtSessionOptions withConfig(Map<String, String> newConfig) {
    return new OrtSessionOptions(
        intraOpThreads,
        spinning,
        optimization,
        externalWeightsFolder,
        externalFiles,
        customOps,
        arena,
        newConfig);
  }

  /** These options with libraries of operators. */
  public OrtSessionOptions withCustomOps(List<Path> libraries) {
    return new OrtSessionOptions(
        intraOpThreads,
        spinning,
        optimization,
        externalWeightsFolder,
        externalFiles,
        libraries,
        arena,
        config);
  }

  /** These options with or without an arena. */
  public OrtSessionOptions withArena(boolean newArena) {
    return new OrtSessionOptions(
        intraOpThreads,
        spinning,
        optimization,
        externalWeightsFolder,
        externalFiles,
        customOps,
        newArena,
        config);
  }
}
