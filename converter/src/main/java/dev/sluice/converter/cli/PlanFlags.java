package dev.sluice.converter.cli;

import dev.sluice.bindings.cuda.CudaDevice;
import dev.sluice.bindings.tensorrt.TensorRtApi.HardwareCompatibilityLevel;
import dev.sluice.converter.build.PlanAdder;
import dev.sluice.engine.backend.BackendException;
import dev.sluice.engine.cuda.GpuLibraries;
import dev.sluice.engine.plan.PlanOptions;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Stack;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.CommandLine.IParameterConsumer;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/**
 * What {@code sluice build} takes for a TensorRT plan.
 *
 * <p>Thread safety: one thread.
 */
final class PlanFlags {
  private static final Pattern SIZE = Pattern.compile("(\\d{1,18})([KMGT]?)");
  private static final String UNITS = "KMGT";
  private static final String AMPERE = "ampere-plus";

  private static final Map<String, HardwareCompatibilityLevel> LEVELS =
      Map.of(
          AMPERE,
          HardwareCompatibilityLevel.AMPERE_PLUS,
          "same-compute-capability",
          HardwareCompatibilityLevel.SAME_COMPUTE_CAPABILITY);

  @Spec(Spec.Target.MIXEE)
  private CommandSpec command;

  private String device = DeviceOption.CPU;
  private long workspaceBytes;
  private HardwareCompatibilityLevel compatibility = HardwareCompatibilityLevel.NONE;

  @Option(
      names = "--opt-level",
      paramLabel = "LEVEL",
      description = "How much the builder tries, 0 (least time to build) to 5 (default: 3).")
  private Integer level;

  @Option(names = "--refit", description = "The plan's weights can be exchanged later.")
  private boolean refit;

  @Option(
      names = "--timing-cache",
      paramLabel = "FILE",
      description =
          "Read TensorRT's timings of kernels from this file where it is there, and write them to"
              + " it, in place of the user's cache.")
  private Path timingCache;

  @Option(
      names = "--device",
      paramLabel = "DEVICE",
      defaultValue = DeviceOption.CPU,
      description =
          "cuda or cuda:N adds a TensorRT plan for that GPU, auto where there is one"
              + " (default: ${DEFAULT-VALUE}, no plan).")
  void setDevice(String value) {
    device = DeviceOption.parse(command, value);
  }

  @Option(
      names = "--workspace",
      paramLabel = "SIZE",
      description =
          "Most device memory that a kernel may use beside its inputs and outputs, as in 512M or 2G"
              + " (default: all there is).")
  void setWorkspace(String value) {
    Matcher size = SIZE.matcher(value.toUpperCase(Locale.ROOT));
    if (size.matches()) {
      int shift = 10 * (UNITS.indexOf(size.group(2)) + 1);
      long count = Long.parseLong(size.group(1));
      if (size.group(2).isEmpty()) {
        shift = 0;
      }
      if (count > 0 && count <= Long.MAX_VALUE >> shift) {
        workspaceBytes = count << shift;
        return;
      }
    }
    throw usage("--workspace " + value + ": a number of bytes from 1 on, as in 512M or 2G");
  }

  @Option(
      names = "--hardware-compatible",
      paramLabel = "LEVEL",
      arity = "0..1",
      parameterConsumer = LevelConsumer.class,
      description =
          "Make the plan for other GPUs, too: ampere-plus, all of compute capability 8.0 and above,"
              + " which is what the flag alone means, or same-compute-capability.")
  void setCompatibility(HardwareCompatibilityLevel value) {
    compatibility = value;
  }

  /** Takes a level where one follows, so that a model's name behind the flag stays one. */
  static final class LevelConsumer implements IParameterConsumer {
    @Override
    @SuppressWarnings("JdkObsolete") // picocli's interface
    public void consumeParameters(Stack<String> words, ArgSpec option, CommandSpec spec) {
      boolean named = !words.isEmpty() && LEVELS.containsKey(words.peek());
      option.setValue(LEVELS.get(named ? words.pop() : AMPERE));
    }
  }

  private ParameterException usage(String problem) {
    return new ParameterException(command.commandLine(), problem);
  }

  /** Whether a plan is to be built, or may be. */
  boolean wanted() {
    return !device.equals(DeviceOption.CPU);
  }

  /** Whether it is to be built only where there is a GPU. */
  boolean optional() {
    return device.equals(DeviceOption.AUTO);
  }

  /** Throws where a flag would do nothing. */
  void check() {
    List<String> given = new ArrayList<>();
    if (workspaceBytes > 0) {
      given.add("--workspace");
    }
    if (level != null) {
      given.add("--opt-level");
    }
    if (refit) {
      given.add("--refit");
    }
    if (compatibility != HardwareCompatibilityLevel.NONE) {
      given.add("--hardware-compatible");
    }
    if (timingCache != null) {
      given.add("--timing-cache");
    }
    if (!given.isEmpty() && (!wanted() || optional())) {
      throw usage(
          String.join(", ", given) + ": for a TensorRT plan; say --device cuda to have one built");
    }
  }

  /**
   * What builds the plan.
   *
   * @throws BackendException where there is no such GPU
   */
  PlanAdder adder() throws BackendException, BadInputException {
    PlanOptions defaults = PlanOptions.defaults();
    PlanOptions options;
    try {
      options =
          new PlanOptions(
              workspaceBytes,
              level == null ? defaults.optimizationLevel() : level,
              compatibility,
              refit,
              defaults.tf32());
    } catch (IllegalArgumentException e) {
      throw usage("--opt-level " + level + ": " + e.getMessage());
    }
    checkTimingCache();
    GpuLibraries gpu = Sluice.of(command).gpu().require();
    CudaDevice at = gpu.device(DeviceOption.ordinal(device));
    return new PlanAdder(gpu, at, options, Optional.ofNullable(timingCache));
  }

  /** Before minutes are spent, not after. */
  private void checkTimingCache() throws BadInputException {
    if (timingCache != null) {
      Path folder = timingCache.toAbsolutePath().getParent();
      if (Files.isDirectory(timingCache) || folder == null || !Files.isWritable(folder)) {
        throw new BadInputException(
            "--timing-cache "
                + timingCache
                + ": can't be written; name a file in a folder that this user can write to");
      }
    }
  }
}
