package dev.sluice.bindings.tensorrt;

import java.lang.foreign.MemorySegment;
import org.bytedeco.tensorrt.global.nvinfer;
import org.bytedeco.tensorrt.nvinfer.IBuilderConfig;
import org.bytedeco.tensorrt.nvinfer.IHostMemory;
import org.bytedeco.tensorrt.nvinfer.IProgressMonitor;
import org.bytedeco.tensorrt.nvinfer.ITimingCache;

/**
 * {@code nvinfer1::IBuilderConfig}.
 *
 * <p>Thread safety: one thread at a time; it does not change while a plan is built.
 */
final class JavaCppBuilderConfig extends JavaCppObject<IBuilderConfig>
    implements TensorRtApi.BuilderConfig {
  private ProgressMonitorObject monitor;

  JavaCppBuilderConfig(IBuilderConfig config) {
    super(config, () -> {});
  }

  @Override
  public void setFlag(TensorRtApi.BuilderFlag flag) {
    use().setFlag(PresetEnums.theirs(nvinfer.BuilderFlag.class, flag));
  }

  @Override
  public void clearFlag(TensorRtApi.BuilderFlag flag) {
    use().clearFlag(PresetEnums.theirs(nvinfer.BuilderFlag.class, flag));
  }

  @Override
  public void setWorkspaceLimit(long sizeBytes) {
    use().setMemoryPoolLimit(nvinfer.MemoryPoolType.kWORKSPACE, sizeBytes);
  }

  @Override
  public void setBuilderOptimizationLevel(int level) {
    use().setBuilderOptimizationLevel(level);
  }

  @Override
  public void setHardwareCompatibilityLevel(TensorRtApi.HardwareCompatibilityLevel level) {
    use()
        .setHardwareCompatibilityLevel(
            PresetEnums.theirs(nvinfer.HardwareCompatibilityLevel.class, level));
  }

  @Override
  public void setProfilingVerbosity(TensorRtApi.ProfilingVerbosity verbosity) {
    use().setProfilingVerbosity(PresetEnums.theirs(nvinfer.ProfilingVerbosity.class, verbosity));
  }

  @Override
  public int addOptimizationProfile(TensorRtApi.OptimizationProfile profile) {
    return use().addOptimizationProfile(((JavaCppBuilder.Profile) profile).use());
  }

  @Override
  public TensorRtApi.TimingCache createTimingCache(MemorySegment blob) {
    ITimingCache made = use().createTimingCache(Address.of(blob), blob.byteSize());
    return isObject(made) ? new TimingCache(made) : null;
  }

  @Override
  public boolean setTimingCache(TensorRtApi.TimingCache cache) {
    // Timings of another device or release are refused.
    return use().setTimingCache(((TimingCache) cache).use(), false);
  }

  @Override
  public void setProgressMonitor(TensorRtApi.ProgressMonitor listener) {
    IBuilderConfig config = use();
    ProgressMonitorObject former = monitor;
    if (listener.equals(TensorRtApi.ProgressMonitor.NONE)) {
      config.setProgressMonitor(null);
      monitor = null;
    } else {
      monitor = new ProgressMonitorObject(listener);
      config.setProgressMonitor(new IProgressMonitor(new Address(monitor.address())));
    }
    if (former != null) {
      former.close();
    }
  }

  @Override
  public void close() {
    super.close();
    if (monitor != null) {
      monitor.close();
    }
  }

  /**
   * {@code nvinfer1::ITimingCache}.
   *
   * <p>Thread safety: one thread at a time.
   */
  private static final class TimingCache extends JavaCppObject<ITimingCache>
      implements TensorRtApi.TimingCache {
    TimingCache(ITimingCache cache) {
      super(cache, () -> {});
    }

    @Override
    public TensorRtApi.HostMemory serialize() {
      IHostMemory made = use().serialize();
      return isObject(made) ? new JavaCppHostMemory(made) : null;
    }
  }
}
