package dev.sluice.converter.cli;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import picocli.CommandLine;
import picocli.CommandLine.Help;
import picocli.CommandLine.Model.UsageMessageSpec;

/**
 * How help is arranged, the same for every command, as a manual's page is: synopsis, description,
 * arguments, options, exit status, examples, environment and files, and where to read on. What is
 * the command's own stands in its annotation.
 *
 * <p>Thread safety: stateless.
 */
final class HelpPage {
  private static final int COLUMNS = 100;
  private static final String ENVIRONMENT_HEADING = "environmentHeading";
  private static final String ENVIRONMENT = "environment";

  private HelpPage() {}

  /** Arranges the help of a command and of those below it. */
  static void arrange(CommandLine root) {
    describe(root);
    // Sections reach the commands below by themselves.
    Map<String, CommandLine.IHelpSectionRenderer> sections =
        new LinkedHashMap<>(root.getHelpSectionMap());
    sections.put(ENVIRONMENT_HEADING, _ -> String.format("%nEnvironment and files:%n"));
    sections.put(ENVIRONMENT, HelpPage::environment);
    root.setHelpSectionMap(sections);
    List<String> keys = new ArrayList<>(root.getHelpSectionKeys());
    keys.add(ENVIRONMENT_HEADING);
    keys.add(ENVIRONMENT);
    root.setHelpSectionKeys(keys);
  }

  private static void describe(CommandLine command) {
    UsageMessageSpec usage = command.getCommandSpec().usageMessage();
    usage
        .width(COLUMNS)
        .synopsisHeading("Usage: ")
        .descriptionHeading("%nDescription:%n")
        .parameterListHeading("%nArguments:%n")
        .optionListHeading("%nOptions:%n")
        .commandListHeading("%nCommands:%n")
        .exitCodeListHeading("%nExit status:%n")
        .exitCodeList(exitStatus());
    command.getSubcommands().values().forEach(HelpPage::describe);
  }

  private static Map<String, String> exitStatus() {
    Map<String, String> statuses = new LinkedHashMap<>();
    statuses.put("0", "Done.");
    statuses.put("" + Failures.FAILED, "The run failed: a native error, no memory, a full disk.");
    statuses.put(
        "" + Failures.BAD_INPUT,
        "Bad usage or bad input: the message names the file, the byte or the node, and what to do.");
    statuses.put("" + Failures.BELOW_BAR, "An accuracy or verification bar was not met.");
    return statuses;
  }

  private static String environment(Help help) {
    Help.TextTable table =
        Help.TextTable.forColumns(
            help.colorScheme(),
            new Help.Column(26, 2, Help.Column.Overflow.SPAN),
            new Help.Column(COLUMNS - 26, 1, Help.Column.Overflow.WRAP));
    table.addRowValues("JAVA_HOME", "The JDK 25 that the launcher takes; else it looks for one.");
    table.addRowValues("SLUICE_JAVA_OPTIONS", "Options for Java, as in -Xmx8g.");
    table.addRowValues(
        "XDG_CACHE_HOME",
        "Libraries, tunings, plans and timings are kept in sluice/ there, or in ~/.cache/sluice;"
            + " -Dsluice.cache=DIR moves them.");
    table.addRowValues("docs/cli.md", "Everything about the command, the JSON that it prints too.");
    return table.toString();
  }
}
