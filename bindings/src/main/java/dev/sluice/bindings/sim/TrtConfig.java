package dev.sluice.bindings.sim;

import dev.sluice.bindings.tensorrt.TensorRtApi;
import dev.sluice.bindings.tensorrt.TensorRtApi.BuilderFlag;
import dev.sluice.bindings.tensorrt.TensorRtApi.HardwareCompatibilityLevel;
import dev.sluice.bindings.tensorrt.TensorRtApi.ProfilingVerbosity;
import dev.sluice.bindings.tensorrt.TensorRtApi.ProgressMonitor;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;

/**
 * How a plan is built.
 *
 * <p>Thread safety: as its builder.
 */
final class TrtConfig extends TrtObject implements TensorRtApi.BuilderConfig {
  private static final int MAX_LEVEL = 5;

  final Set<BuilderFlag> flags = EnumSet.of(BuilderFlag.TF32);
  final List<TrtProfile> profiles = new ArrayList<>();
  HardwareCompatibilityLevel compatibility = HardwareCompatibilityLevel.NONE;
  ProfilingVerbosity verbosity = ProfilingVerbosity.LAYER_NAMES_ONLY;
  ProgressMonitor monitor = ProgressMonitor.NONE;
  TrtTimings timings;
  int level = 3;
  long workspaceBytes = Long.MAX_VALUE;

  TrtConfig(TrtBuilder builder) {
    super(builder.owner, builder.log, "IBuilderConfig", builder);
  }

  @Override
  public void setFlag(BuilderFlag flag) {
    use();
    flags.add(flag);
  }

  @Override
  public void clearFlag(BuilderFlag flag) {
    use();
    flags.remove(flag);
  }

  @Override
  public void setWorkspaceLimit(long sizeBytes) {
    use();
    workspaceBytes = sizeBytes;
  }

  @Override
  public void setBuilderOptimizationLevel(int newLevel) {
    use();
    if (newLevel < 0 || newLevel > MAX_LEVEL) {
      refuse(
          "IBuilderConfig::setBuilderOptimizationLevel: "
              + newLevel
              + " is not in 0.."
              + MAX_LEVEL);
      return;
    }
    level = newLevel;
  }

  @Override
  public void setHardwareCompatibilityLevel(HardwareCompatibilityLevel newLevel) {
    use();
    compatibility = Objects.requireNonNull(newLevel, "newLevel");
  }

  @Override
  public void setProfilingVerbosity(ProfilingVerbosity newVerbosity) {
    use();
    verbosity = Objects.requireNonNull(newVerbosity, "newVerbosity");
  }

  @Override
  public int addOptimizationProfile(TensorRtApi.OptimizationProfile profile) {
    use();
    if (!profile.isValid()) {
      refuse("IBuilderConfig::addOptimizationProfile: the profile is not valid");
      return -1;
    }
    profiles.add((TrtProfile) profile);
    return profiles.size() - 1;
  }

  @Override
  public TensorRtApi.TimingCache createTimingCache(MemorySegment blob) {
    use();
    return TrtTimings.of(this, blob);
  }

  @Override
  public boolean setTimingCache(TensorRtApi.TimingCache cache) {
    use();
    timings = (TrtTimings) cache;
    timings.use();
    return true;
  }

  @Override
  public void setProgressMonitor(ProgressMonitor newMonitor) {
    use();
    monitor = Objects.requireNonNull(newMonitor, "newMonitor");
  }
}
