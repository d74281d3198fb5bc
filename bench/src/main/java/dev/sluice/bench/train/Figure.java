package dev.sluice.bench.train;

/**
 * The figures that a hand draws into the air: lines in a box from -1 to 1, y down.
 *
 * <p>Immutable, hence thread-safe.
 */
enum Figure {
  CIRCLE_LEFT(true),
  CIRCLE_RIGHT(true),
  SQUARE_LEFT(true),
  SQUARE_RIGHT(true),
  TRIANGLE_LEFT(true),
  TRIANGLE_RIGHT(true),
  EIGHT(true),
  SPIRAL_IN(false),
  SPIRAL_OUT(false),
  ZIGZAG(false),
  WAVE(false),
  LOOPS(false);

  /** Straight pieces of a figure; no eye can tell them from its curves. */
  private static final int PIECES = 72;

  private static final double TURN = 2 * Math.PI;

  private final boolean closed;

  Figure(boolean closed) {
    this.closed = closed;
  }

  /**
   * A figure's line.
   *
   * @param start where in a closed figure the hand begins, from 0 to 1
   * @return x, y pairs
   */
  double[] line(double start) {
    double[] line = new double[2 * PIECES + 2];
    for (int i = 0; i <= PIECES; i++) {
      double u = (double) i / PIECES;
      double at = closed ? (u + start) % 1 : u;
      line[2 * i] = x(at);
      line[2 * i + 1] = y(at);
    }
    return line;
  }

  private double x(double u) {
    return switch (this) {
      case CIRCLE_LEFT, CIRCLE_RIGHT -> side() * StrictMath.sin(TURN * u);
      case SQUARE_LEFT, SQUARE_RIGHT -> side() * polygon(4, u, 0);
      case TRIANGLE_LEFT, TRIANGLE_RIGHT -> side() * polygon(3, u, 0);
      case EIGHT -> 0.6 * StrictMath.sin(2 * TURN * u);
      case SPIRAL_IN -> (1 - 0.8 * u) * StrictMath.sin(2 * TURN * u);
      case SPIRAL_OUT -> (0.2 + 0.8 * u) * StrictMath.sin(2 * TURN * u);
      case ZIGZAG, WAVE -> 2 * u - 1;
      case LOOPS -> 1.6 * u - 0.8 + 0.35 * StrictMath.sin(3 * TURN * u);
    };
  }

  private double y(double u) {
    return switch (this) {
      case CIRCLE_LEFT, CIRCLE_RIGHT, SPIRAL_IN, SPIRAL_OUT, EIGHT, WAVE, LOOPS ->
          radius(u) * StrictMath.cos(cycles() * TURN * u);
      case SQUARE_LEFT, SQUARE_RIGHT -> polygon(4, u, 1);
      case TRIANGLE_LEFT, TRIANGLE_RIGHT -> polygon(3, u, 1);
      case ZIGZAG -> 0.6 * (Math.abs(4 * ((3 * u) % 1) - 2) - 1);
    };
  }

  private double radius(double u) {
    return switch (this) {
      case SPIRAL_IN -> 1 - 0.8 * u;
      case SPIRAL_OUT -> 0.2 + 0.8 * u;
      case WAVE -> 0.6;
      case LOOPS -> 0.5;
      default -> 1;
    };
  }

  private int cycles() {
    return switch (this) {
      case SPIRAL_IN, SPIRAL_OUT, WAVE -> 2;
      case LOOPS -> 3;
      default -> 1;
    };
  }

  /** Which way round: 1, or -1 for a mirror image. */
  private int side() {
    return switch (this) {
      case CIRCLE_LEFT, SQUARE_LEFT, TRIANGLE_LEFT -> -1;
      default -> 1;
    };
  }

  /** A coordinate of a point of a regular polygon's edge, whose first corner is below. */
  private static double polygon(int corners, double u, int axis) {
    int corner = Math.min((int) (u * corners), corners - 1);
    double along = u * corners - corner;
    double from = TURN * corner / corners;
    double to = TURN * (corner + 1) / corners;
    return axis == 0
        ? (1 - along) * StrictMath.sin(from) + along * StrictMath.sin(to)
        : (1 - along) * StrictMath.cos(from) + along * StrictMath.cos(to);
  }
}
