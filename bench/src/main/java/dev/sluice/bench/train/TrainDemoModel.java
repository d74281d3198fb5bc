package dev.sluice.bench.train;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import picocli.CommandLine;
import picocli.CommandLine.Command;

/**
 * Makes the demonstration model and the data it is measured on, from nothing but the numbers in
 * this file. Run again it writes the same bytes, on any machine and with any number of threads.
 *
 * <p>Not thread-safe.
 */
@Command(
    name = "train-demo-model",
    mixinStandardHelpOptions = true,
    description = "Draws the data, trains the demonstration model and writes both.")
public final class TrainDemoModel extends TrainingCommand {
  /** The model, ONNX. */
  static final String MODEL_FILE = "hexdigits.onnx";

  /** The images and labels that accuracy is measured on. */
  static final String HELD_OUT_FILE = "hexdigits-heldout.npz";

  /** What the other two are, as properties. */
  static final String CARD_FILE = "hexdigits.properties";

  /** Seed of the weights and of the training data. */
  static final long TRAINING_SEED = 20261122;

  /** Seed of the held-out data. */
  static final long HELD_OUT_SEED = 5120;

  /** Size of the held-out data: 320 of each class. */
  static final int HELD_OUT_SAMPLES = 5120;

  TrainDemoModel(PrintStream out) {
    super(out);
  }

  /** Runs the program; {@code --help} says how. */
  public static void main(String[] arguments) {
    System.exit(new CommandLine(new TrainDemoModel(System.out)).execute(arguments));
  }

  @Override
  public Integer call() throws IOException, InterruptedException {
    Trainer.Plan plan = plan(Lesson.HEX_DIGITS);
    Weights folded = train(plan);
    LabelledImages heldOut = LabelledImages.draw(Family.HELD_OUT, HELD_OUT_SEED, HELD_OUT_SAMPLES);
    LabelledRows rows = heldOut.rows();
    Score score = Score.of(rows, Score.logits(plan.blueprint(), folded, rows));
    ByteArrayOutputStream npz = new ByteArrayOutputStream();
    heldOut.writeNpz(npz);
    write(MODEL_FILE, Lesson.HEX_DIGITS.model(folded));
    write(HELD_OUT_FILE, npz.toByteArray());
    write(CARD_FILE, card(plan, folded, score).getBytes(StandardCharsets.UTF_8));
    tell(Lesson.HEX_DIGITS.file(), score);
    return 0;
  }

  /** The text of the card. */
  static String card(Trainer.Plan plan, Weights folded, Score score) {
    return String.format(
        Locale.ROOT,
        """
        # The demonstration model: hand-drawn hexadecimal digits, and what it is measured on.
        # Written by dev.sluice.bench.train.TrainDemoModel; the same bytes come out again from
        #   mvn package -DskipTests -Ptrain-demo-model
        #
        # Images are drawn by this project from a seed: 16 classes of strokes, turned, bent, blurred,
        # scratched and partly hidden. Training and held-out images come from two families of writers
        # that share no drawing, no pen, no clutter and no kind of noise. Each training image is new.
        # The held-out images also told how much variety the training family needs; the model's
        # weights never saw them.
        #
        # %s: input image f32[N, 1, 20, 20], output logits f32[N, 16]
        # %s: image u1[n, 1, 20, 20], label u1[n]; input = image / input.divisor
        model.name=hexdigits
        model.architecture=%s
        model.parameters=%d
        classes=%s
        input.divisor=255
        training.seed=%d
        training.samples=%d
        training.random=%s
        heldout.seed=%d
        heldout.samples=%d
        heldout.correct=%d
        heldout.accuracyPercent=%.2f
        # The smallest distance between the two highest scores of any held-out image: an engine whose
        # scores are off by less than half of it gets exactly heldout.correct.
        heldout.closestScores=%.2e
        """,
        MODEL_FILE,
        HELD_OUT_FILE,
        plan.blueprint().summary(),
        folded.count(),
        GlyphShapes.CLASSES,
        plan.seed(),
        plan.samples(),
        SeededDraws.ALGORITHM,
        HELD_OUT_SEED,
        score.samples(),
        score.correct(),
        100 * score.accuracy(),
        score.closest());
  }
}
