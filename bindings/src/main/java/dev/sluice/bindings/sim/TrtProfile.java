package dev.sluice.bindings.sim;

import dev.sluice.bindings.tensorrt.TensorRtApi;
import dev.sluice.bindings.tensorrt.TensorRtApi.OptProfileSelector;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * A range of shapes.
 *
 * <p>Thread safety: as its builder.
 */
final class TrtProfile implements TensorRtApi.OptimizationProfile {
  private final TrtObject builder;
  private final Map<String, Map<OptProfileSelector, long[]>> bounds = new TreeMap<>();

  /**
   * An empty range.
   *
   * @param builder the builder that owns it; null for the range of a plan
   */
  TrtProfile(TrtObject builder) {
    this.builder = builder;
  }

  @Override
  public boolean setDimensions(String input, OptProfileSelector select, long... dims) {
    builder.use();
    for (long dim : dims) {
      if (dim < 0) {
        return builder.refuse(
            "IOptimizationProfile::setDimensions: " + Arrays.toString(dims) + " of " + input);
      }
    }
    set(input, select, dims);
    return true;
  }

  void set(String input, OptProfileSelector select, long[] dims) {
    bounds
        .computeIfAbsent(input, _ -> new EnumMap<>(OptProfileSelector.class))
        .put(select, dims.clone());
  }

  @Override
  public boolean setShapeValuesV2(String input, OptProfileSelector select, long... values) {
    builder.use();
    return builder.refuse(
        "IOptimizationProfile::setShapeValuesV2: " + input + " is no shape tensor");
  }

  @Override
  public boolean isValid() {
    builder.use();
    return bounds.keySet().stream().allMatch(input -> fault(input) == null);
  }

  /** What is wrong with the bounds of an input; null where nothing is. */
  private String fault(String input) {
    Map<OptProfileSelector, long[]> set = bounds.get(input);
    if (set == null || set.size() != OptProfileSelector.values().length) {
      return "MIN, OPT and MAX of " + input + " are not all set";
    }
    long[] min = set.get(OptProfileSelector.MIN);
    long[] opt = set.get(OptProfileSelector.OPT);
    long[] max = set.get(OptProfileSelector.MAX);
    boolean ordered = min.length == opt.length && opt.length == max.length;
    for (int i = 0; ordered && i < min.length; i++) {
      ordered = min[i] <= opt[i] && opt[i] <= max[i];
    }
    return ordered ? null : "MIN, OPT and MAX of " + input + " are not in this order";
  }

  /** What is wrong with this as a range of a network; null where nothing is. */
  String fault(List<TrtTensor> tensors) {
    for (TrtTensor tensor : tensors) {
      if (!tensor.isInput()) {
        continue;
      }
      if (!bounds.containsKey(tensor.name()) && !tensor.isDynamic()) {
        continue;
      }
      String fault = fault(tensor.name());
      if (fault != null) {
        return fault;
      }
      for (long[] dims : bounds.get(tensor.name()).values()) {
        if (!tensor.admits(dims)) {
          return Arrays.toString(dims) + " is no shape of " + tensor.name() + tensor.dims();
        }
      }
    }
    for (String name : bounds.keySet()) {
      if (tensors.stream().noneMatch(t -> t.isInput() && t.name().equals(name))) {
        return "the network has no input " + name;
      }
    }
    return null;
  }

  /** A copy with bounds for every input: those without dynamic dimensions have their own. */
  TrtProfile complete(List<TrtTensor> tensors) {
    TrtProfile copy = new TrtProfile(null);
    bounds.forEach((input, set) -> set.forEach((select, dims) -> copy.set(input, select, dims)));
    for (TrtTensor tensor : tensors) {
      if (tensor.isInput() && !bounds.containsKey(tensor.name())) {
        for (OptProfileSelector select : OptProfileSelector.values()) {
          copy.set(tensor.name(), select, tensor.dimensions());
        }
      }
    }
    return copy;
  }

  /** A bound; null where the input is not known. */
  long[] bound(String input, OptProfileSelector select) {
    Map<OptProfileSelector, long[]> set = bounds.get(input);
    return set == null ? null : set.get(select).clone();
  }

  /** Whether a shape lies in the range. */
  boolean admits(String input, long[] shape) {
    long[] min = bound(input, OptProfileSelector.MIN);
    long[] max = bound(input, OptProfileSelector.MAX);
    boolean inside = shape.length == min.length;
    for (int i = 0; inside && i < shape.length; i++) {
      inside = min[i] <= shape[i] && shape[i] <= max[i];
    }
    return inside;
  }

  Map<String, Map<OptProfileSelector, long[]>> bounds() {
    return bounds;
  }
}
