package dev.sluice.bench.train;

import dev.sluice.bindings.ElementType;
import java.util.List;

/**
 * The data set of gestures: how fast a hand moves right and down, step by step, while it draws one
 * of the {@link Figure}s. The two families share the figures and nothing else: neither how a figure
 * is bent, nor how the hand's tempo changes, nor the kind of noise, nor what fails in the sensor.
 *
 * <table>
 * <caption>What the families do</caption>
 * <tr><th></th><th>training</th><th>held-out</th></tr>
 * <tr><td>figure</td><td>bent by a parabola</td><td>bent by a wave</td></tr>
 * <tr><td>tempo</td><td>each quarter its own</td><td>swells and ebbs</td></tr>
 * <tr><td>noise</td><td>normal</td><td>uniform, and single wrong steps</td></tr>
 * <tr><td>sensor</td><td>loses steps</td><td>repeats a step, and drifts</td></tr>
 * </table>
 *
 * <p>Not thread-safe: it draws into buffers of its own.
 */
final class Gestures implements Dataset {
  /** The models' input. */
  static final String INPUT = "motion";

  /** Steps of a sample. */
  static final int STEPS = 40;

  /** Right and down. */
  static final int FEATURES = 2;

  /** How many figures there are. */
  static final int CLASSES = Figure.values().length;

  private static final List<Figure> FIGURES = List.of(Figure.values());

  private static final int QUARTERS = 4;

  private final Family family;
  private final long seed;
  private final double[] progress = new double[STEPS + 1];
  private final double[] places = new double[FEATURES * (STEPS + 1)];

  Gestures(Family family, long seed) {
    this.family = family;
    this.seed = family.apart(seed);
  }

  @Override
  public String input() {
    return INPUT;
  }

  @Override
  public ElementType type() {
    return ElementType.FLOAT;
  }

  @Override
  public long[] rowShape() {
    return new long[] {STEPS, FEATURES};
  }

  @Override
  public int classes() {
    return CLASSES;
  }

  @Override
  public void draw(long index, float[] values, int at) {
    SeededDraws draws = SeededDraws.of(seed, index);
    double[] line = FIGURES.get(label(index)).line(draws.unit());
    place(line, draws);
    switch (family) {
      case TRAINING -> quarters(draws);
      case HELD_OUT -> swell(draws);
    }
    walk(line);
    for (int t = 0; t < STEPS; t++) {
      for (int axis = 0; axis < FEATURES; axis++) {
        int i = FEATURES * t + axis;
        values[at + i] = (float) (places[i + FEATURES] - places[i]);
      }
    }
    switch (family) {
      case TRAINING -> loseAndBlur(draws, values, at);
      case HELD_OUT -> repeatAndDrift(draws, values, at);
    }
  }

  /** Turns, stretches and bends a figure. */
  private void place(double[] line, SeededDraws draws) {
    double angle = draws.within(0.35);
    double cos = StrictMath.cos(angle);
    double sin = StrictMath.sin(angle);
    double stretch = 1 + draws.within(0.3);
    double[] bend = new double[4];
    for (int i = 0; i < bend.length; i++) {
      bend[i] = family == Family.TRAINING ? 0.22 * draws.gaussian() : draws.within(1);
    }
    for (int i = 0; i < line.length; i += 2) {
      double x = line[i];
      double y = line[i + 1] * stretch;
      double bentX;
      double bentY;
      switch (family) {
        case TRAINING -> {
          bentX = x + bend[0] * y * y + bend[1] * x * y;
          bentY = y + bend[2] * x * x + bend[3] * x * y;
        }
        case HELD_OUT -> {
          bentX = x + 0.25 * bend[0] * StrictMath.sin(2.2 * y + Math.PI * bend[1]);
          bentY = y + 0.25 * bend[2] * StrictMath.sin(2.2 * x + Math.PI * bend[3]);
        }
        default -> throw new IllegalStateException("no way of bending for " + family);
      }
      line[i] = cos * bentX - sin * bentY;
      line[i + 1] = sin * bentX + cos * bentY;
    }
  }

  /** A pause, and then each quarter of the time with a tempo of its own. */
  private void quarters(SeededDraws draws) {
    int pause = draws.below(5);
    double[] tempos = new double[QUARTERS];
    for (int i = 0; i < QUARTERS; i++) {
      tempos[i] = 0.5 + draws.unit();
    }
    progress[0] = 0;
    for (int t = 0; t < STEPS; t++) {
      progress[t + 1] = progress[t] + (t < pause ? 0 : tempos[t * QUARTERS / STEPS]);
    }
  }

  /** A tempo that swells and ebbs, and a rest at the end. */
  private void swell(SeededDraws draws) {
    int rest = draws.below(5);
    double depth = 0.6 * draws.unit();
    double phase = draws.within(Math.PI);
    double cycles = 0.5 + 1.5 * draws.unit();
    progress[0] = 0;
    for (int t = 0; t < STEPS; t++) {
      double turn = 2 * Math.PI * cycles * t / STEPS + phase;
      double tempo = t >= STEPS - rest ? 0 : 1 + depth * StrictMath.sin(turn);
      progress[t + 1] = progress[t] + tempo;
    }
  }

  /** Goes along a line by {@link #progress}, in units that make the mean step's length one. */
  private void walk(double[] line) {
    double[] lengths = new double[line.length / 2];
    for (int i = 1; i < lengths.length; i++) {
      double dx = line[2 * i] - line[2 * i - 2];
      double dy = line[2 * i + 1] - line[2 * i - 1];
      lengths[i] = lengths[i - 1] + Math.sqrt(dx * dx + dy * dy);
    }
    double whole = lengths[lengths.length - 1];
    double unit = STEPS / whole;
    int piece = 1;
    for (int t = 0; t <= STEPS; t++) {
      double length = whole * progress[t] / progress[STEPS];
      while (piece < lengths.length - 1 && lengths[piece] < length) {
        piece++;
      }
      double along = (length - lengths[piece - 1]) / (lengths[piece] - lengths[piece - 1]);
      for (int axis = 0; axis < FEATURES; axis++) {
        double from = line[2 * piece - 2 + axis];
        double to = line[2 * piece + axis];
        places[FEATURES * t + axis] = unit * (from + along * (to - from));
      }
    }
  }

  /** Normal noise; now and then some steps are lost. */
  private static void loseAndBlur(SeededDraws draws, float[] values, int at) {
    double noise = 0.1 + 0.3 * draws.unit();
    for (int i = 0; i < STEPS * FEATURES; i++) {
      values[at + i] += (float) (noise * draws.gaussian());
    }
    if (draws.chance(0.4)) {
      int count = 1 + draws.below(8);
      int first = draws.below(STEPS - count);
      for (int i = first * FEATURES; i < (first + count) * FEATURES; i++) {
        values[at + i] = 0;
      }
    }
  }

  /** Uniform noise and single wrong steps; a drift; now and then a step is repeated. */
  private static void repeatAndDrift(SeededDraws draws, float[] values, int at) {
    double noise = 0.2 + 0.4 * draws.unit();
    double wrong = 0.05 * draws.unit();
    double[] drift = {draws.within(0.35), draws.within(0.35)};
    for (int i = 0; i < STEPS * FEATURES; i++) {
      double value = draws.chance(wrong) ? draws.within(3) : values[at + i] + draws.within(noise);
      values[at + i] = (float) (value + drift[i % FEATURES] * i / (STEPS * FEATURES));
    }
    if (draws.chance(0.4)) {
      int count = 1 + draws.below(6);
      int first = draws.below(STEPS - count);
      for (int i = first * FEATURES; i < (first + count) * FEATURES; i++) {
        values[at + i + FEATURES] = values[at + i];
      }
    }
  }
}
