package dev.sluice.engine.plan;

import dev.sluice.bindings.SealedFile;
import dev.sluice.bindings.tensorrt.TensorRtApi;
import dev.sluice.bindings.tensorrt.TensorRtApi.BuilderConfig;
import dev.sluice.bindings.tensorrt.TensorRtApi.BuilderFlag;
import dev.sluice.bindings.tensorrt.TensorRtApi.HostMemory;
import dev.sluice.bindings.tensorrt.TensorRtApi.Network;
import dev.sluice.bindings.tensorrt.TensorRtApi.OptimizationProfile;
import dev.sluice.bindings.tensorrt.TensorRtApi.Parser;
import dev.sluice.bindings.tensorrt.TensorRtApi.ProfilingVerbosity;
import dev.sluice.bindings.tensorrt.TensorRtApi.ProgressMonitor;
import dev.sluice.bindings.tensorrt.TensorRtApi.TimingCache;
import dev.sluice.bindings.tensorrt.TensorRtException;
import dev.sluice.bindings.tensorrt.TensorRtLog;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Builds plans: parse, check the profiles, build, hand the bytes over. Nothing is left of a build
 * that fails or is cancelled. The timings of kernels are kept between builds, per user, TensorRT
 * version and device.
 *
 * <p>The primary context of the key's device is current on the thread that builds.
 *
 * <p>Thread safety: immutable; any thread. Builds at the same time disturb each other's timings.
 */
public final class PlanBuilder {
  private static final String DAMAGED = "this is a fault of TensorRT; look for what it logged";

  private final TensorRtApi api;
  private final Timings kept;

  /** Takes the bytes of a plan. */
  @FunctionalInterface
  public interface Sink {
    /**
     * Keeps the plan.
     *
     * @param plan valid during the call only
     */
    void take(MemorySegment plan) throws PlanException, IOException;
  }

  /** A builder over a TensorRT that keeps timings in the user's cache. */
  public PlanBuilder(TensorRtApi api) {
    this(api, new TimingCaches());
  }

  private PlanBuilder(TensorRtApi api, Timings kept) {
    this.api = api;
    this.kept = kept;
  }

  /**
   * This builder with timings in a file: TensorRT's own bytes, as {@code trtexec --timingCacheFile}
   * has them, of one version and one device. A build reads the file where it is there, and replaces
   * it; one that TensorRT does not take ends the build, and stays.
   *
   * @param file its folder is there
   */
  public PlanBuilder withTimingCache(Path file) {
    return new PlanBuilder(api, new TimingFile(file.toAbsolutePath()));
  }

  /**
   * Builds a plan into a file, which appears when it is whole; it is readable by this user alone.
   *
   * @see #build(PlanModel, PlanKey, PlanWatch, Sink)
   */
  public void build(PlanModel model, PlanKey key, PlanWatch watch, Path file)
      throws PlanException, IOException {
    Path target = file.toAbsolutePath();
    build(model, key, watch, plan -> SealedFile.replace(target, List.of(plan)));
  }

  /**
   * Builds a plan. Takes seconds to minutes.
   *
   * @param key its profiles, options and target say what to build
   * @param watch hears of progress and may cancel
   * @param sink takes the plan; not called where the build fails or is cancelled
   * @throws UnsupportedNodesException where TensorRT does not know operators of the graph
   * @throws PlanCancelledException where the thread was interrupted or the watch says so
   * @throws PlanException where the profiles do not fit the graph
   * @throws TensorRtException where TensorRT fails
   * @throws IOException of the sink, or of a file of timings
   */
  public void build(PlanModel model, PlanKey key, PlanWatch watch, Sink sink)
      throws PlanException, IOException {
    BuildMonitor monitor = new BuildMonitor("the plan of " + model.label(), watch);
    monitor.check();
    TensorRtLog log = new TensorRtLog("plan of " + model.label());
    String remedy = "check that the driver answers and libnvinfer is whole: sluice doctor";
    try (TensorRtApi.Builder builder =
            log.made(api.createInferBuilder(log), "createInferBuilder", "", remedy);
        Network network = log.made(builder.createNetworkV2(), "createNetworkV2", "", DAMAGED);
        Parser parser = log.made(builder.createParser(network), "createParser", "", DAMAGED);
        BuilderConfig config =
            log.made(builder.createBuilderConfig(), "createBuilderConfig", "", DAMAGED)) {
      monitor.step("parse", 0, 1);
      parse(model, builder, parser, log);
      monitor.step("parse", 1, 1);
      new ProfileSetter(model.label(), network).check(key.profiles());
      configure(config, key.options());
      addProfiles(builder, config, key, log);
      monitor.check();
      buildTimed(builder, network, config, key, monitor, log, sink);
    }
  }

  private static void parse(
      PlanModel model, TensorRtApi.Builder builder, Parser parser, TensorRtLog log)
      throws PlanException {
    boolean parsed = parser.loadModelProto(model.graph());
    for (TensorRtApi.Initializer initializer : model.initializers()) {
      parsed = parsed && parser.loadInitializer(initializer.name(), initializer.data());
    }
    if (parsed && parser.parseModelProto()) {
      log.check(true, "parseModelProto", "", "");
      return;
    }
    List<TensorRtApi.ParserError> errors = parser.errors();
    List<UnsupportedNodesException.Node> nodes = unsupported(model, builder, errors, log);
    if (!nodes.isEmpty()) {
      throw new UnsupportedNodesException(model.label(), nodes);
    }
    log.check(
        false,
        "parseModelProto",
        model.label() + ", " + model.graph().byteSize() + " bytes",
        "the parser says "
            + errors.stream().map(error -> error.code() + ": " + error.description()).toList()
            + "; build the package again");
  }

  /**
   * The nodes that the parser named, and those that it finds when it is asked for all of them. That
   * second parser has no external weights and complains about their lack, too: of its errors those
   * alone count whose code says that a node is not supported.
   */
  private static List<UnsupportedNodesException.Node> unsupported(
      PlanModel model,
      TensorRtApi.Builder builder,
      List<TensorRtApi.ParserError> errors,
      TensorRtLog log) {
    Map<String, UnsupportedNodesException.Node> nodes = new LinkedHashMap<>();
    errors.stream().filter(error -> error.node() >= 0).forEach(error -> add(nodes, error));
    try (Network network = log.made(builder.createNetworkV2(), "createNetworkV2", "", DAMAGED);
        Parser parser = log.made(builder.createParser(network), "createParser", "", DAMAGED)) {
      if (!parser.supportsModelV2(model.graph())) {
        parser.errors().stream()
            .filter(error -> error.node() >= 0 && error.code().startsWith("UNSUPPORTED"))
            .forEach(error -> add(nodes, error));
      }
    }
    return List.copyOf(nodes.values());
  }

  private static void add(
      Map<String, UnsupportedNodesException.Node> nodes, TensorRtApi.ParserError error) {
    nodes.putIfAbsent(
        error.node() + "/" + error.nodeName(),
        new UnsupportedNodesException.Node(
            error.nodeName(), error.nodeOperator(), error.code() + ": " + error.description()));
  }

  private static void configure(BuilderConfig config, PlanOptions options) {
    if (options.workspaceLimitBytes() > 0) {
      config.setWorkspaceLimit(options.workspaceLimitBytes());
    }
    config.setBuilderOptimizationLevel(options.optimizationLevel());
    config.setHardwareCompatibilityLevel(options.hardwareCompatibility());
    // For those who look into a package; costs no time when it runs.
    config.setProfilingVerbosity(ProfilingVerbosity.DETAILED);
    flag(config, BuilderFlag.REFIT, options.refittable());
    flag(config, BuilderFlag.TF32, options.tf32());
  }

  private static void flag(BuilderConfig config, BuilderFlag flag, boolean on) {
    if (on) {
      config.setFlag(flag);
    } else {
      config.clearFlag(flag);
    }
  }

  private static void addProfiles(
      TensorRtApi.Builder builder, BuilderConfig config, PlanKey key, TensorRtLog log) {
    for (int i = 0; i < key.profiles().size(); i++) {
      OptimizationProfile profile =
          log.made(builder.createOptimizationProfile(), "createOptimizationProfile", "", DAMAGED);
      ProfileSetter.set(key.profiles().get(i), profile, log);
      log.check(
          config.addOptimizationProfile(profile) == i,
          "addOptimizationProfile",
          key.profiles().get(i).toString(),
          "give shapes that the model is made for");
    }
  }

  private void buildTimed(
      TensorRtApi.Builder builder,
      Network network,
      BuilderConfig config,
      PlanKey key,
      BuildMonitor monitor,
      TensorRtLog log,
      Sink sink)
      throws PlanException, IOException {
    // A build that was cancelled may have threads that still tell of it until it is closed.
    try (Arena arena = Arena.ofConfined();
        TimingCache timings = timings(config, key.target(), arena, log)) {
      if (timings != null) {
        log.check(config.setTimingCache(timings), "setTimingCache", "", DAMAGED);
      }
      config.setProgressMonitor(monitor);
      try (HostMemory plan = builder.buildSerializedNetwork(network, config)) {
        config.setProgressMonitor(ProgressMonitor.NONE);
        monitor.check();
        log.made(
            plan,
            "buildSerializedNetwork",
            key.text(),
            "lower the workspace limit or the most rows where memory is short; see the log of"
                + " dev.sluice.tensorrt for the rest");
        monitor.step("write", 0, 1);
        monitor.check();
        write(plan, monitor, sink);
        monitor.step("write", 1, 1);
      }
      keep(timings, key.target());
    }
  }

  private static void write(HostMemory plan, BuildMonitor monitor, Sink sink)
      throws PlanException, IOException {
    try {
      sink.take(plan.data());
    } catch (IOException e) {
      // An interrupt ends the writing, too, and is no trouble with the disk.
      monitor.check();
      throw e;
    }
  }

  /** What was kept; else an empty one, or null where TensorRT makes none. */
  private TimingCache timings(BuilderConfig config, PlanTarget target, Arena arena, TensorRtLog log)
      throws PlanException, IOException {
    Optional<MemorySegment> found = kept.find(target, arena);
    TimingCache timings = found.map(config::createTimingCache).orElse(null);
    if (found.isPresent() && timings == null) {
      kept.refused(target);
    }
    if (timings == null) {
      timings = config.createTimingCache(arena.allocate(0));
    }
    log.check(true, "createTimingCache", "", "");
    return timings;
  }

  private void keep(TimingCache timings, PlanTarget target) throws IOException {
    if (timings != null) {
      try (HostMemory bytes = timings.serialize()) {
        if (bytes != null) {
          kept.keep(target, bytes.data());
        }
      }
    }
  }
}
