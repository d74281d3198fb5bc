package dev.sluice.engine.plan;

import dev.sluice.bindings.tensorrt.TensorRtApi.Network;
import dev.sluice.bindings.tensorrt.TensorRtApi.OptProfileSelector;
import dev.sluice.bindings.tensorrt.TensorRtApi.OptimizationProfile;
import dev.sluice.bindings.tensorrt.TensorRtLog;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Holds profiles against a network before TensorRT sees them, and hands them over.
 *
 * <p>Thread safety: used by one thread.
 */
final class ProfileSetter {
  private static final String SET = "setDimensions";

  private final String label;
  private final Map<String, long[]> inputs = new TreeMap<>();

  ProfileSetter(String label, Network network) throws PlanException {
    this.label = label;
    for (int i = 0; i < network.getNbInputs(); i++) {
      String name = network.getInputName(i);
      if (network.isShapeTensor(i)) {
        throw new PlanException(
            label
                + ": the values of input '"
                + name
                + "' decide on shapes, which plans do not take; make it a constant of the model, or"
                + " serve it on the CPU");
      }
      inputs.put(name, network.getInputDimensions(i));
    }
  }

  /** Throws where one of the profiles does not fit the network. */
  void check(List<PlanProfile> profiles) throws PlanException {
    List<String> dynamic =
        inputs.entrySet().stream()
            .filter(input -> Arrays.stream(input.getValue()).anyMatch(dim -> dim < 0))
            .map(Map.Entry::getKey)
            .toList();
    if (profiles.isEmpty() && !dynamic.isEmpty()) {
      throw misfit("there is no profile, but " + dynamic + " have dynamic dimensions");
    }
    for (PlanProfile profile : profiles) {
      for (Map.Entry<String, ShapeRange> range : profile.inputs().entrySet()) {
        check(range.getKey(), range.getValue());
      }
      if (!profile.inputs().keySet().containsAll(dynamic)) {
        throw misfit("a profile has shapes for " + profile.inputs().keySet() + " alone");
      }
    }
  }

  private void check(String name, ShapeRange range) throws PlanException {
    long[] dims = inputs.get(name);
    if (dims == null) {
      throw misfit("a profile has a shape for '" + name + "', which is no input");
    }
    boolean fits = range.min().size() == dims.length;
    for (int i = 0; fits && i < dims.length; i++) {
      fits = dims[i] < 0 || (range.min().get(i) == dims[i] && range.max().get(i) == dims[i]);
    }
    if (!fits) {
      throw misfit(
          "a profile has "
              + range.min()
              + " to "
              + range.max()
              + " for '"
              + name
              + "', which is "
              + Arrays.toString(dims));
    }
  }

  private PlanException misfit(String problem) {
    return new PlanException(
        label
            + ": "
            + problem
            + "; the graph's inputs are "
            + inputs.keySet()
            + ": give a range for each dynamic dimension of these");
  }

  /** Hands a profile over that was checked. */
  static void set(PlanProfile profile, OptimizationProfile to, TensorRtLog log) {
    profile
        .inputs()
        .forEach((name, range) -> {
          set(to, name, OptProfileSelector.MIN, range.min(), log);
          set(to, name, OptProfileSelector.OPT, range.opt(), log);
          set(to, name, OptProfileSelector.MAX, range.max(), log);
        });
    log.check(
        to.isValid(), "isValid", profile.toString(), "give shapes that the model is made for");
  }

  private static void set(
      OptimizationProfile to,
      String name,
      OptProfileSelector select,
      List<Long> dims,
      TensorRtLog log) {
    log.check(
        to.setDimensions(name, select, dims.stream().mapToLong(Long::longValue).toArray()),
        SET,
        name + ", " + select + ", " + dims,
        "give shapes that the model is made for");
  }
}
