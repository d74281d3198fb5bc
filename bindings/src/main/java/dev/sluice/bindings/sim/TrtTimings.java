package dev.sluice.bindings.sim;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import dev.sluice.bindings.tensorrt.TensorRtApi;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;

/**
 * A timing cache: the names of kernels that were timed. As bytes it is text: a line with version
 * and architecture, then a name on each line.
 *
 * <p>Thread safety: as its builder.
 */
final class TrtTimings extends TrtObject implements TensorRtApi.TimingCache {
  private final Set<String> timed = new TreeSet<>();

  private TrtTimings(TrtObject config) {
    super(config.owner, config.log, "ITimingCache", null);
  }

  private static String header(SimulatedTensorRt owner) {
    return "sluice-sim-timings " + owner.getInferLibVersion() + " " + owner.architecture();
  }

  /** A cache of what {@link #serialize} gave; null, and an error, where it is not of here. */
  static TrtTimings of(TrtObject config, MemorySegment blob) {
    List<String> lines =
        new String(blob.toArray(JAVA_BYTE), StandardCharsets.UTF_8).lines().toList();
    if (!lines.isEmpty() && !lines.getFirst().equals(header(config.owner))) {
      config.refuse(
          "IBuilderConfig::createTimingCache: the cache is not of "
              + header(config.owner)
              + ": of another version or device, or damaged");
      return null;
    }
    TrtTimings made = new TrtTimings(config);
    lines.stream().skip(1).forEach(made.timed::add);
    return made;
  }

  /** Notes a kernel; whether it had to be timed. */
  boolean add(String kernel) {
    return timed.add(kernel);
  }

  @Override
  public TensorRtApi.HostMemory serialize() {
    use();
    StringBuilder text = new StringBuilder(header(owner)).append('\n');
    timed.forEach(kernel -> text.append(kernel).append('\n'));
    return new TrtBytes(this, text.toString().getBytes(StandardCharsets.UTF_8));
  }
}
