package dev.sluice.bench.train;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

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
public final class TrainDemoModel implements Callable<Integer> {
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

  private static final int SHARDS = 4;
  private static final int SHARD_SAMPLES = 16;
  static final int FULL_STEPS = 4000;
  private static final int QUICK_STEPS = 60;
  private static final double PEAK_RATE = 0.1;
  private static final double WEIGHT_DECAY = 5e-4;
  private static final int STEPS_PER_LINE = 100;

  private final PrintStream out;

  @Option(
      names = "--out",
      required = true,
      paramLabel = "DIR",
      description = "Where the three files go; it is made where there is none.")
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

  TrainDemoModel(PrintStream out) {
    this.out = out;
  }

  /** Runs the program; {@code --help} says how. */
  public static void main(String[] arguments) {
    System.exit(new CommandLine(new TrainDemoModel(System.out)).execute(arguments));
  }

  /** How the model that ships is trained. */
  static Trainer.Plan plan(int steps) {
    return new Trainer.Plan(
        Architecture.SHIPPED, TRAINING_SEED, steps, SHARDS, SHARD_SAMPLES, PEAK_RATE, WEIGHT_DECAY);
  }

  @Override
  public Integer call() throws IOException, InterruptedException {
    Trainer.Plan plan = plan(quick ? QUICK_STEPS : FULL_STEPS);
    Files.createDirectories(directory);
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
    Weights folded = FoldedWeights.of(trained);
    LabelledImages heldOut = LabelledImages.draw(Family.HELD_OUT, HELD_OUT_SEED, HELD_OUT_SAMPLES);
    Score score = Score.of(heldOut, Score.logits(plan.architecture(), folded, heldOut));
    ByteArrayOutputStream npz = new ByteArrayOutputStream();
    heldOut.writeNpz(npz);
    write(MODEL_FILE, model(plan.architecture(), folded));
    write(HELD_OUT_FILE, npz.toByteArray());
    write(CARD_FILE, card(plan, folded, score).getBytes(StandardCharsets.UTF_8));
    out.printf(
        Locale.ROOT,
        "%d of %d held-out images are right: %.2f %%%n",
        score.correct(),
        score.samples(),
        100 * score.accuracy());
    return 0;
  }

  /** Writes beside and renames, so that a broken run leaves no half a file. */
  private void write(String name, byte[] bytes) throws IOException {
    Path beside = directory.resolve(name + ".part");
    try {
      Files.write(beside, bytes);
      Files.move(beside, directory.resolve(name), StandardCopyOption.ATOMIC_MOVE);
    } finally {
      Files.deleteIfExists(beside);
    }
  }

  /** The bytes of the model's file. */
  static byte[] model(Architecture architecture, Weights folded) {
    String description =
        "Hand-drawn hexadecimal digits: 16 scores per grey image of 20 x 20, light 0 to 1.";
    return OnnxExport.model(architecture, folded, "hexdigits", description).toByteArray();
  }

  /** The text of the card. */
  static String card(Trainer.Plan plan, Weights folded, Score score) {
    long parameters = 0;
    for (float[][] matrix : folded.all().values()) {
      parameters += (long) matrix.length * matrix[0].length;
    }
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
        model.architecture=residual CNN: 3x3 stem of 16, blocks of 16, 32/2, 64/2, mean, linear
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
        parameters,
        GlyphShapes.CLASSES,
        plan.seed(),
        (long) plan.steps() * plan.batch(),
        SeededDraws.ALGORITHM,
        HELD_OUT_SEED,
        score.samples(),
        score.correct(),
        100 * score.accuracy(),
        score.closest());
  }
}
