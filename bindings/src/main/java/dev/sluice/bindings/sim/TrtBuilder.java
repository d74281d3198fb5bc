package dev.sluice.bindings.sim;

import dev.sluice.bindings.tensorrt.TensorRtApi;
import dev.sluice.bindings.tensorrt.TensorRtApi.BuilderFlag;
import dev.sluice.bindings.tensorrt.TensorRtApi.OptProfileSelector;
import dev.sluice.bindings.tensorrt.TensorRtLog;
import java.util.Arrays;
import java.util.List;

/**
 * Builds plans.
 *
 * <p>Thread safety: one thread at a time.
 */
final class TrtBuilder extends TrtObject implements TensorRtApi.Builder {
  private static final String BUILD = "IBuilder::buildSerializedNetwork";
  private static final String PHASE = "Building the simulated engine";

  private final SimDevice device;

  TrtBuilder(SimulatedTensorRt owner, TensorRtLog log, SimDevice device) {
    super(owner, log, "IBuilder", null);
    this.device = device;
  }

  @Override
  public TensorRtApi.Network createNetworkV2() {
    use();
    return new TrtNetwork(this);
  }

  @Override
  public TensorRtApi.BuilderConfig createBuilderConfig() {
    use();
    return new TrtConfig(this);
  }

  @Override
  public TensorRtApi.OptimizationProfile createOptimizationProfile() {
    use();
    return new TrtProfile(this);
  }

  @Override
  public TensorRtApi.Parser createParser(TensorRtApi.Network network) {
    use();
    return new TrtParser((TrtNetwork) network);
  }

  @Override
  public TensorRtApi.HostMemory buildSerializedNetwork(
      TensorRtApi.Network network, TensorRtApi.BuilderConfig config) {
    use();
    TrtNetwork source = (TrtNetwork) network;
    TrtConfig how = (TrtConfig) config;
    source.use();
    how.use();
    if (owner.contextOf(log, BUILD, device) == null || !isBuildable(source, how)) {
      return null;
    }
    if (owner.faults.fails(TensorRtFaults.Call.BUILD)) {
      refuse(BUILD + ": could not find any implementation for a node, says the fault plan");
      return null;
    }
    if (!time(source, how)) {
      refuse(BUILD + ": the progress monitor ended the build");
      return null;
    }
    owner.builds.incrementAndGet();
    return new TrtBytes(this, plan(source, how).write(owner.getInferLibVersion()));
  }

  private boolean isBuildable(TrtNetwork network, TrtConfig how) {
    if (network.tensors().isEmpty()) {
      return refuse(BUILD + ": the network is empty: parse a model first");
    }
    if (how.profiles.isEmpty()
        && network.tensors().stream().anyMatch(t -> t.isInput() && t.isDynamic())) {
      return refuse(BUILD + ": the network has dynamic inputs, but no profile has been defined");
    }
    for (int i = 0; i < how.profiles.size(); i++) {
      String fault = how.profiles.get(i).fault(network.tensors());
      if (fault != null) {
        return refuse(BUILD + ": profile " + i + ": " + fault);
      }
    }
    return true;
  }

  /** Goes through the layers; false where the monitor ends it. */
  private boolean time(TrtNetwork network, TrtConfig how) {
    if (how.timings != null) {
      how.timings.use();
    }
    String shapes =
        how.profiles.stream()
            .flatMap(profile -> profile.bounds().values().stream())
            .map(set -> Arrays.toString(set.get(OptProfileSelector.OPT)))
            .toList()
            .toString();
    List<OnnxFile.Node> nodes = network.nodes();
    if (!how.monitor.step(PHASE, 0, nodes.size())) {
      return false;
    }
    for (int i = 0; i < nodes.size(); i++) {
      String kernel = nodes.get(i).operator() + " level " + how.level + " for " + shapes;
      if (how.timings == null || how.timings.add(kernel)) {
        owner.timings.incrementAndGet();
      }
      if (!how.monitor.step(PHASE, i + 1, nodes.size())) {
        return false;
      }
    }
    return true;
  }

  private TrtPlan plan(TrtNetwork network, TrtConfig how) {
    List<TrtProfile> profiles =
        how.profiles.isEmpty() ? List.of(new TrtProfile(this)) : how.profiles;
    return new TrtPlan(
        owner.architecture(),
        how.compatibility,
        how.verbosity,
        how.flags.contains(BuilderFlag.REFIT),
        how.flags.contains(BuilderFlag.TF32),
        how.level,
        how.workspaceBytes,
        profiles.stream().map(profile -> profile.complete(network.tensors())).toList(),
        network.model());
  }
}
