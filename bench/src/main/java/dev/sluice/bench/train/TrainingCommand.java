package dev.sluice.bench.train;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Option;

/**
 * A program that trains models and writes what comes out.
 *
 * <p>Not thread-safe.
 */
abstract class TrainingCommand implements Callable<Integer> {
  private static final int QUICK_STEPS = 60;
  private static final int STEPS_PER_LINE = 100;

  private final PrintStream out;

  @Option(
      names = "--out",
      required = true,
      paramLabel = "DIR",
      description = "Where the files go; it is made where there is none.")
  private Path directory;

  @Option(
      names = "--threads",
      defaultValue = "2",
      description = "Shards that run at once; changes the time, not the result (default: 2).")
  private int threads;

  @Option(
      names = "--quick",
      description = "Train for a few seconds only: a poor model, for trying the program.")
  private boolean quick;

  TrainingCommand(PrintStream out) {
    this.out = out;
  }

  /** A training, or its first steps where the user is in a hurry. */
  final Trainer.Plan plan(Lesson lesson) {
    return quick ? lesson.plan().withSteps(QUICK_STEPS) : lesson.plan();
  }

  /** Trains, tells how it goes, and returns the folded weights. */
  final Weights train(Trainer.Plan plan) throws InterruptedException {
    double[] lossOfLine = {0};
    Weights trained =
        new Trainer(plan)
            .run(
                threads,
                (step, loss) -> {
                  lossOfLine[0] += loss;
                  if ((step + 1) % STEPS_PER_LINE == 0) {
                    out.printf(
                        Locale.ROOT,
                        "step %d of %d, loss %.4f%n",
                        step + 1,
                        plan.steps(),
                        lossOfLine[0] / STEPS_PER_LINE);
                    lossOfLine[0] = 0;
                  }
                });
    return FoldedWeights.of(trained);
  }

  /** Tells how good a model is. */
  final void tell(String model, Score score) {
    out.printf(
        Locale.ROOT,
        "%s: %d of %d held-out samples are right: %.2f %%%n",
        model,
        score.correct(),
        score.samples(),
        100 * score.accuracy());
  }

  /** Writes beside and renames, so that a broken run leaves no half a file. */
  final void write(String name, byte[] bytes) throws IOException {
    Files.createDirectories(directory);
    Path beside = directory.resolve(name + ".part");
    try {
      Files.write(beside, bytes);
      Files.move(beside, directory.resolve(name), StandardCopyOption.ATOMIC_MOVE);
    } finally {
      Files.deleteIfExists(beside);
    }
  }
}
