package dev.sluice.converter.cli;

import dev.sluice.engine.EngineOptions;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/**
 * Where the model runs.
 *
 * <p>Thread safety: one thread.
 */
final class DeviceOption {
  static final String AUTO = "auto";
  static final String CPU = "cpu";

  /** More devices than any machine has, and no overflow. */
  private static final Pattern CUDA = Pattern.compile("cuda(?::(\\d{1,4}))?");

  private String device = AUTO;

  @Spec(Spec.Target.MIXEE)
  private CommandSpec command;

  @Option(
      names = "--device",
      paramLabel = "DEVICE",
      defaultValue = AUTO,
      description = "auto, cpu, cuda or cuda:N (default: ${DEFAULT-VALUE}).")
  void setDevice(String value) {
    device = parse(command, value);
  }

  /** Checks a device, and gives {@code cuda} its number. */
  static String parse(CommandSpec command, String value) {
    if (value.equals(AUTO) || value.equals(CPU)) {
      return value;
    }
    Matcher cuda = CUDA.matcher(value);
    if (!cuda.matches()) {
      throw new ParameterException(
          command.commandLine(),
          "--device " + value + ": say auto, cpu, or cuda:N with N from 0 on");
    }
    return "cuda:" + (cuda.group(1) == null ? 0 : Integer.parseInt(cuda.group(1)));
  }

  /** The number of a CUDA device that {@link #parse} gave; 0 for {@code auto}. */
  static int ordinal(String device) {
    return device.equals(AUTO) ? 0 : Integer.parseInt(device.substring("cuda:".length()));
  }

  /** Whether a GPU was asked for by name. */
  boolean isCuda() {
    return device.startsWith("cuda");
  }

  /** Options of an engine on the device. */
  EngineOptions.Builder engine() {
    return EngineOptions.builder().device(device).gpu(Sluice.of(command).givenGpu());
  }
}
