package dev.sluice.bench.train;

import dev.sluice.bindings.ElementType;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * Makes the models of the zoo from nothing but the numbers in {@link Lesson}. Run again it writes
 * the same bytes, on any machine and with any number of threads.
 *
 * <p>Not thread-safe.
 */
@Command(
    name = "train-zoo",
    mixinStandardHelpOptions = true,
    description = "Trains models of the zoo and writes each with a card that says how good it is.")
public final class TrainZoo extends TrainingCommand {
  /** The ending of a model's file. */
  static final String MODEL_ENDING = ".onnx";

  /** The ending of its card's. */
  static final String CARD_ENDING = ".properties";

  @Option(
      names = "--model",
      paramLabel = "MODEL",
      description =
          "One of ${COMPLETION-CANDIDATES}, in letters of any case; may be given several times"
              + " (default: all but HEX_DIGITS, which the demonstration ships).")
  private List<Lesson> lessons = List.of(Lesson.SEPARABLE, Lesson.LSTM, Lesson.ENCODER);

  private TrainZoo(PrintStream out) {
    super(out);
  }

  /** Runs the program; {@code --help} says how. */
  public static void main(String[] arguments) {
    System.exit(commandLine(System.out).execute(arguments));
  }

  /** The program, ready to be given arguments. */
  static CommandLine commandLine(PrintStream out) {
    return new CommandLine(new TrainZoo(out)).setCaseInsensitiveEnumValuesAllowed(true);
  }

  @Override
  public Integer call() throws IOException, InterruptedException {
    for (Lesson lesson : lessons) {
      Trainer.Plan plan = plan(lesson);
      Weights folded = train(plan);
      LabelledRows rows = LabelledRows.draw(lesson.heldOut(), lesson.heldOutSamples());
      Score score = Score.of(rows, Score.logits(plan.blueprint(), folded, rows));
      write(lesson.file() + MODEL_ENDING, lesson.model(folded));
      String card = card(lesson, plan, folded.count(), score);
      write(lesson.file() + CARD_ENDING, card.getBytes(StandardCharsets.UTF_8));
      tell(lesson.file(), score);
    }
    return 0;
  }

  /** The text of a model's card. */
  static String card(Lesson lesson, Trainer.Plan plan, long parameters, Score score) {
    Dataset data = lesson.heldOut();
    return String.format(
        Locale.ROOT,
        """
        # %s
        # Written by dev.sluice.bench.train.TrainZoo; the same bytes come out again from
        #   mvn package -DskipTests -Ptrain-zoo
        #
        # Training and held-out samples come from two families of generators that are disjoint as
        # %s says. Each training sample is new.
        #
        # %s: input %s %s[N, %s], output %s f32[N, %d]
        model.name=%s
        model.architecture=%s
        model.parameters=%d
        training.seed=%d
        training.samples=%d
        training.random=%s
        heldout.seed=%d
        heldout.samples=%d
        heldout.correct=%d
        heldout.accuracyPercent=%.2f
        # The smallest distance between the two highest scores of any held-out sample: an engine whose
        # scores are off by less than half of it gets exactly heldout.correct.
        heldout.closestScores=%.2e
        """,
        lesson.description(),
        data.getClass().getName(),
        lesson.file() + MODEL_ENDING,
        data.input(),
        data.type() == ElementType.FLOAT ? "f32" : "i64",
        Arrays.stream(data.rowShape()).mapToObj(Long::toString).collect(Collectors.joining(", ")),
        WeightedGraph.OUTPUT,
        data.classes(),
        lesson.file(),
        plan.blueprint().summary(),
        parameters,
        plan.seed(),
        plan.samples(),
        SeededDraws.ALGORITHM,
        lesson.heldOutSeed(),
        score.samples(),
        score.correct(),
        100 * score.accuracy(),
        score.closest());
  }
}
