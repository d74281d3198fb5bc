package dev.sluice.bench.models;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/**
 * Writes the models of the GPU table, and checks that each gives finite answers that change with
 * the input.
 *
 * <p>Thread safety: for one thread.
 */
@Command(
    name = "make-models",
    mixinStandardHelpOptions = true,
    description = "Writes the models of the GPU table: NAME.onnx and NAME.onnx.data for each.")
public final class MakeModels implements Callable<Integer> {
  /** Seed of the weights that the committed results were measured with. */
  public static final long SEED = 20261126;

  private final PrintStream out;

  @Parameters(
      index = "0",
      paramLabel = "DIR",
      description = "Where the files go; it is made where there is none.")
  private Path folder;

  @Parameters(
      index = "1..*",
      paramLabel = "NAME",
      description = "resnet50, mobilenetv2 or bert-base; all of them by default.")
  private List<TableModel> models = List.of();

  @Option(
      names = "--seed",
      defaultValue = "" + SEED,
      description = "Seed of the weights (default: ${DEFAULT-VALUE}).")
  private long seed;

  MakeModels(PrintStream out) {
    this.out = out;
  }

  /** Runs the program; {@code --help} says how. */
  public static void main(String[] arguments) {
    System.exit(new CommandLine(new MakeModels(System.out)).execute(arguments));
  }

  @Override
  public Integer call() throws IOException {
    List<TableModel> wanted = models.isEmpty() ? List.of(TableModel.values()) : models;
    Files.createDirectories(folder);
    for (TableModel each : wanted) {
      long startNs = System.nanoTime();
      GeneratedModel model = each.model();
      Path file = model.write(folder, seed);
      double seconds = (System.nanoTime() - startNs) / 1e9;
      double change = ModelCheck.check(model, file, seed);
      out.printf(
          Locale.ROOT,
          "%s: %,d parameters, %,d of them after folding, written in %.1f s; two inputs' answers"
              + " are %.2f of the largest magnitude apart%n",
          file,
          model.parameters(),
          model.storedParameters(),
          seconds,
          change);
    }
    return 0;
  }
}
