package dev.sluice.converter.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Model.PositionalParamSpec;

/** Help is as complete as a manual's page, and its examples are what the command takes. */
class HelpPageTest {
  private static final String COMPLETION = "generate-completion"; // picocli's own

  static Stream<String> commands() {
    return Sluice.commandLine().getSubcommands().keySet().stream()
        .filter(name -> !name.equals(COMPLETION));
  }

  private static CommandSpec spec(String command) {
    return Sluice.commandLine().getSubcommands().get(command).getCommandSpec();
  }

  private static List<String> examples(String help) {
    List<String> examples = new ArrayList<>();
    boolean inside = false;
    for (String line : help.lines().toList()) {
      if (line.endsWith(":") && !line.startsWith(" ")) {
        inside = line.equals("Examples:");
      } else if (inside && !line.isBlank()) {
        examples.add(line);
      }
    }
    return examples;
  }

  @ParameterizedTest
  @MethodSource("commands")
  void hasEverySection(String command) {
    Cli help = Cli.run(command, "--help").done();
    assertThat(help.out())
        .startsWith("Usage: sluice " + command)
        .containsSubsequence(
            "\nDescription:\n",
            "\nOptions:\n",
            "\nExit status:\n",
            "  3   An accuracy",
            "\nExamples:\n",
            "\nEnvironment and files:\n",
            "SLUICE_JAVA_OPTIONS");
    assertThat(help.out().split("Environment and files:", -1)).hasSize(2);
    assertThat(help.out().lines()).allSatisfy(line -> assertThat(line).hasSizeLessThan(101));
    assertThat(help.out()).doesNotContain("%n", "%%", "${");
    assertThat(Cli.run("--help").done().out()).contains("  " + command + " ");
  }

  @ParameterizedTest
  @MethodSource("commands")
  void describesWhateverItTakesInSentences(String command) {
    CommandSpec spec = spec(command);
    for (OptionSpec option : spec.options()) {
      assertThat(String.join(" ", option.description()))
          .as(option.longestName())
          .isNotBlank()
          .endsWith(".");
    }
    for (PositionalParamSpec parameter : spec.positionalParameters()) {
      assertThat(String.join(" ", parameter.description()))
          .as(parameter.paramLabel())
          .isNotBlank()
          .endsWith(".");
    }
    assertThat(String.join(" ", spec.usageMessage().description())).endsWith(".");
  }

  @ParameterizedTest
  @MethodSource("commands")
  void examplesAreTaken(String command) {
    List<String> examples = examples(Cli.run(command, "--help").done().out());
    assertThat(examples).hasSizeBetween(2, 5);
    for (String example : examples) {
      List<String> words = List.of(example.strip().split(" +", -1));
      assertThat(words.subList(0, 2)).containsExactly("sluice", command);
      CommandLine.ParseResult parsed =
          Sluice.commandLine().parseArgs(words.subList(1, words.size()).toArray(String[]::new));
      assertThat(parsed.subcommand().errors()).as(example).isEmpty();
      assertThat(parsed.subcommand().unmatched()).as(example).isEmpty();
    }
  }
}
