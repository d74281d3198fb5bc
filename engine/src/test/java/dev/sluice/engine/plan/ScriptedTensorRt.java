package dev.sluice.engine.plan;

import dev.sluice.bindings.tensorrt.TensorRtApi;
import dev.sluice.bindings.tensorrt.TensorRtLog;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * A TensorRT that builds what its fields say, records the calls that matter, and counts what is
 * open. Its plans are what it was told to build, as text.
 *
 * <p>Thread safety: its fields are set before it is used; then any thread.
 */
final class ScriptedTensorRt implements TensorRtApi {
  static final int VERSION = 110_200;

  final List<String> calls = java.util.Collections.synchronizedList(new ArrayList<>());
  final AtomicInteger open = new AtomicInteger();
  final AtomicInteger builds = new AtomicInteger();
  List<ParserError> parseErrors = List.of();
  List<ParserError> allErrors = List.of();
  List<String> inputs = List.of("x");
  long[] dims = {-1, 3};
  boolean shapeTensor;
  boolean refusesTimings;
  boolean buildFails;

  /** Runs in the middle of a build. */
  Runnable midway = () -> {};

  /** Whether the last build was told to go on. */
  volatile boolean went = true;

  private class Counted implements Resource {
    private boolean closed;

    Counted() {
      open.incrementAndGet();
    }

    @Override
    public void close() {
      if (!closed) {
        closed = true;
        open.decrementAndGet();
      }
    }
  }

  private final class Bytes extends Counted implements HostMemory {
    private final Arena arena = Arena.ofShared();
    private final MemorySegment data;

    Bytes(String text) {
      data = arena.allocateFrom(text).asReadOnly();
    }

    @Override
    public MemorySegment data() {
      return data;
    }

    @Override
    public void close() {
      super.close();
      if (arena.scope().isAlive()) {
        arena.close();
      }
    }
  }

  @Override
  public int getInferLibVersion() {
    return VERSION;
  }

  @Override
  public Builder createInferBuilder(TensorRtLog log) {
    return new ScriptedBuilder(log);
  }

  @Override
  public Runtime createInferRuntime(TensorRtLog log) {
    throw new AssertionError("a plan is built without a runtime");
  }

  private final class ScriptedBuilder extends Counted implements Builder {
    private final TensorRtLog log;

    ScriptedBuilder(TensorRtLog log) {
      this.log = log;
    }

    @Override
    public Network createNetworkV2() {
      return new ScriptedNetwork();
    }

    @Override
    public BuilderConfig createBuilderConfig() {
      return new ScriptedConfig();
    }

    @Override
    public OptimizationProfile createOptimizationProfile() {
      return new ScriptedProfile();
    }

    @Override
    public Parser createParser(Network network) {
      return new ScriptedParser();
    }

    @Override
    public HostMemory buildSerializedNetwork(Network network, BuilderConfig config) {
      ProgressMonitor monitor = ((ScriptedConfig) config).monitor;
      int build = builds.incrementAndGet();
      went = monitor.step("tactics", 0, 2);
      midway.run();
      went = monitor.step("tactics", 1, 2) && went;
      if (buildFails) {
        log.log(TensorRtLog.Severity.ERROR, "no kernel for layer 7");
      }
      if (buildFails || !went) {
        return null;
      }
      return new Bytes("plan " + build);
    }
  }

  private final class ScriptedNetwork extends Counted implements Network {
    @Override
    public int getNbLayers() {
      return 1;
    }

    @Override
    public int getNbInputs() {
      return inputs.size();
    }

    @Override
    public String getInputName(int index) {
      return inputs.get(index);
    }

    @Override
    public long[] getInputDimensions(int index) {
      return dims.clone();
    }

    @Override
    public boolean isShapeTensor(int index) {
      return shapeTensor;
    }
  }

  private final class ScriptedProfile implements OptimizationProfile {
    @Override
    public boolean setDimensions(String input, OptProfileSelector select, long... values) {
      calls.add(input + " " + select + " " + Arrays.toString(values));
      return true;
    }

    @Override
    public boolean setShapeValuesV2(String input, OptProfileSelector select, long... values) {
      throw new AssertionError("no shape tensors here");
    }

    @Override
    public boolean isValid() {
      return true;
    }
  }

  private final class ScriptedConfig extends Counted implements BuilderConfig {
    private ProgressMonitor monitor = ProgressMonitor.NONE;
    private int profiles;

    @Override
    public void setFlag(BuilderFlag flag) {
      calls.add("set " + flag);
    }

    @Override
    public void clearFlag(BuilderFlag flag) {
      calls.add("clear " + flag);
    }

    @Override
    public void setWorkspaceLimit(long sizeBytes) {
      calls.add("workspace " + sizeBytes);
    }

    @Override
    public void setBuilderOptimizationLevel(int level) {
      calls.add("level " + level);
    }

    @Override
    public void setHardwareCompatibilityLevel(HardwareCompatibilityLevel level) {
      calls.add("compatibility " + level);
    }

    @Override
    public void setProfilingVerbosity(ProfilingVerbosity verbosity) {
      calls.add("verbosity " + verbosity);
    }

    @Override
    public int addOptimizationProfile(OptimizationProfile profile) {
      return profiles++;
    }

    @Override
    public TimingCache createTimingCache(MemorySegment blob) {
      String text = blob.byteSize() == 0 ? "" : blob.getString(0);
      calls.add("timings '" + text + "'");
      return refusesTimings && !text.isEmpty() ? null : new Timings(text);
    }

    @Override
    public boolean setTimingCache(TimingCache cache) {
      return true;
    }

    @Override
    public void setProgressMonitor(ProgressMonitor to) {
      monitor = to;
    }
  }

  private final class Timings extends Counted implements TimingCache {
    private final String text;

    Timings(String text) {
      this.text = text;
    }

    @Override
    public HostMemory serialize() {
      return new Bytes(text + "t");
    }
  }

  private final class ScriptedParser extends Counted implements Parser {
    private List<ParserError> errors = List.of();

    @Override
    public boolean loadModelProto(MemorySegment model) {
      calls.add("model native " + model.isNative());
      return true;
    }

    @Override
    public boolean loadInitializer(String name, MemorySegment data) {
      calls.add("initializer " + name + " " + data.byteSize() + " native " + data.isNative());
      return true;
    }

    @Override
    public boolean parseModelProto() {
      errors = parseErrors;
      return errors.isEmpty();
    }

    @Override
    public boolean supportsModelV2(MemorySegment model) {
      errors = allErrors;
      return errors.isEmpty();
    }

    @Override
    public List<ParserError> errors() {
      return errors;
    }

    @Override
    public void clearErrors() {
      errors = List.of();
    }
  }
}
