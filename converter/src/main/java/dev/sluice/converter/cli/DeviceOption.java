package dev.sluice.converter.cli;

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
  private String device = "auto";

  @Spec(Spec.Target.MIXEE)
  private CommandSpec command;

  @Option(
      names = "--device",
      paramLabel = "DEVICE",
      defaultValue = "auto",
      description = "auto or cpu (default: ${DEFAULT-VALUE}).")
  void setDevice(String value) {
    if (!value.equals("auto") && !value.equals("cpu")) {
      throw new ParameterException(
          command.commandLine(),
          "--device " + value + ": this version runs on the CPU only; say auto or cpu");
    }
    device = value;
  }

  /** What {@code auto} comes to, until there is another device. */
  String resolved() {
    return "cpu";
  }

  /** {@code auto} or {@code cpu}. */
  String device() {
    return device;
  }
}
