package dev.sluice.bench.train;

import dev.sluice.bench.train.Optimiser.Method;

/**
 * What each model of the zoo is, what it learns from and for how long, and what it is measured on.
 *
 * <p>Immutable, hence thread-safe.
 */
public enum Lesson {
  /** The demonstration model, a residual network of images; {@link TrainDemoModel} trains it. */
  HEX_DIGITS(
      "hexdigits",
      "Hand-drawn hexadecimal digits: 16 scores per grey image of 20 x 20, light 0 to 1.",
      new Trainer.Plan(
          Architecture.SHIPPED,
          HexDigits::new,
          TrainDemoModel.TRAINING_SEED,
          4000,
          4,
          16,
          Method.DESCENT,
          0.1,
          5e-4),
      TrainDemoModel.HELD_OUT_SEED,
      TrainDemoModel.HELD_OUT_SAMPLES),

  /** A network of depthwise-separable convolutions, on the same images. */
  SEPARABLE(
      "separable",
      "Hand-drawn hexadecimal digits: 16 scores per grey image of 20 x 20, light 0 to 1.",
      new Trainer.Plan(
          Separable.SHIPPED, HexDigits::new, 20261201, 2000, 4, 16, Method.DESCENT, 0.1, 2e-4),
      TrainDemoModel.HELD_OUT_SEED,
      TrainDemoModel.HELD_OUT_SAMPLES),

  /** Long short-term memory, on the movements of a hand. */
  LSTM(
      "lstm",
      "Figures drawn by a hand: 12 scores per movement of 40 steps to the right and down.",
      new Trainer.Plan(
          Memory.SHIPPED, Gestures::new, 20261202, 2000, 4, 32, Method.ADAM, 4e-3, 1e-2),
      5040,
      5040),

  /** An encoder with attention, on sentences of a small language. */
  ENCODER(
      "encoder",
      "Remarks on things: 5 scores for what 24 tokens say of the thing that the first asks for.",
      new Trainer.Plan(
          Encoder.SHIPPED, Remarks::new, 20261203, 2500, 4, 24, Method.ADAM, 3e-3, 1e-2),
      5046,
      5040);

  private final String file;
  private final String description;

  @SuppressWarnings("ImmutableEnumChecker") // blueprints are immutable, sources make new data sets
  private final Trainer.Plan plan;

  private final long heldOutSeed;
  private final int heldOutSamples;

  Lesson(String file, String description, Trainer.Plan plan, long heldOutSeed, int heldOutSamples) {
    this.file = file;
    this.description = description;
    this.plan = plan;
    this.heldOutSeed = heldOutSeed;
    this.heldOutSamples = heldOutSamples;
  }

  /** The name of the model, and of its files before their endings. */
  public String file() {
    return file;
  }

  /** The samples that accuracy is measured on: the first {@link #heldOutSamples} of these. */
  public Dataset heldOut() {
    return plan.data().of(Family.HELD_OUT, heldOutSeed);
  }

  /** How many samples accuracy is measured on. */
  public int heldOutSamples() {
    return heldOutSamples;
  }

  /**
   * Samples like those that the model learnt from.
   *
   * @param seed another than the card's, or they are the very same
   */
  public Dataset training(long seed) {
    return plan.data().of(Family.TRAINING, seed);
  }

  /** For people. */
  String description() {
    return description;
  }

  /** The training. */
  Trainer.Plan plan() {
    return plan;
  }

  long heldOutSeed() {
    return heldOutSeed;
  }

  /** The bytes of the model's file. */
  byte[] model(Weights folded) {
    return plan.blueprint().export(folded, file, description).toByteArray();
  }
}
