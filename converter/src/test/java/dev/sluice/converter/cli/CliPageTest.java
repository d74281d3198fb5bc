package dev.sluice.converter.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import picocli.CommandLine;
import picocli.CommandLine.Model.OptionSpec;

/** The page docs/cli.md and the code have the same commands with the same options. */
class CliPageTest {
  private static final Pattern COMMAND = Pattern.compile("^## `sluice (\\S+?)[ `]");
  private static final Pattern OPTION = Pattern.compile("`(--?[a-zA-Z][a-z0-9-]*)");

  /** Options that every command has; the page lists them once, before the first command. */
  private static final String EVERY = "every command";

  /** The options of each command's table on a page. */
  static Map<String, Set<String>> onPage(Iterable<String> lines) {
    Map<String, Set<String>> commands = new TreeMap<>();
    commands.put(EVERY, new TreeSet<>());
    String command = EVERY;
    for (String line : lines) {
      Matcher heading = COMMAND.matcher(line);
      if (heading.find()) {
        command = heading.group(1);
        commands.put(command, new TreeSet<>());
      } else if (line.startsWith("| `-")) {
        Matcher option = OPTION.matcher(line.substring(0, line.indexOf('|', 2)));
        while (option.find()) {
          commands.get(command).add(option.group(1));
        }
      }
    }
    return commands;
  }

  private static Map<String, Set<String>> inCode(Set<String> every) {
    Map<String, Set<String>> commands = new TreeMap<>();
    Map<String, CommandLine> subcommands = Sluice.commandLine().getSubcommands();
    subcommands.forEach((name, subcommand) -> {
      Set<String> options = new TreeSet<>();
      for (OptionSpec option : subcommand.getCommandSpec().options()) {
        options.addAll(Set.of(option.names()));
      }
      if (!name.equals("generate-completion")) {
        assertThat(options).as(name).containsAll(every);
      }
      options.removeAll(every);
      commands.put(name, options);
    });
    commands.put(EVERY, every);
    return commands;
  }

  @Test
  void thePageHasWhatTheCodeHas() throws IOException {
    Path page = Path.of(System.getProperty("sluice.root", ".."), "docs", "cli.md");
    Map<String, Set<String>> onPage = onPage(Files.readAllLines(page));
    assertThat(onPage.get(EVERY)).contains("--json", "--debug", "--help", "--version");
    assertThat(onPage).isEqualTo(inCode(onPage.get(EVERY)));
  }

  @Test
  void aPageThatLacksAnOptionIsNoticed() throws IOException {
    Path page = Path.of(System.getProperty("sluice.root", ".."), "docs", "cli.md");
    Map<String, Set<String>> onPage =
        onPage(
            Files.readAllLines(page).stream().filter(line -> !line.contains("`--rate")).toList());
    assertThat(onPage).isNotEqualTo(inCode(onPage.get(EVERY)));
  }
}
