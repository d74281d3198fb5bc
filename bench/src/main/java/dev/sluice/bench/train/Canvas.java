package dev.sluice.bench.train;

import java.util.Arrays;

/**
 * A square grey image that lines are drawn on with an elliptic pen. Values are light, about 0 to 1.
 *
 * <p>Not thread-safe.
 */
final class Canvas {
  private final int side;
  private final float[] pixels;
  private final float[] ink;

  Canvas(int side) {
    this.side = side;
    this.pixels = new float[side * side];
    this.ink = new float[side * side];
  }

  int side() {
    return side;
  }

  /** The image, row by row; written in place. */
  float[] pixels() {
    return pixels;
  }

  /**
   * The tip of a pen.
   *
   * @param halfWidth longer half axis in pixels
   * @param ratio shorter over longer axis
   * @param angle of the longer axis, in radians
   */
  record Pen(double halfWidth, double ratio, double angle) {}

  /** Forgets what the pen has drawn since the last {@link #apply}. */
  void clearInk() {
    Arrays.fill(ink, 0);
  }

  /**
   * Draws one connected line as ink. The pen's ellipse becomes a circle under a linear map; under
   * that map a pixel is covered as far as its distance from the line is below the pen's half width,
   * with a soft edge one pixel wide.
   *
   * @param line x, y pairs in pixels
   */
  void stroke(double[] line, Pen pen) {
    double cos = StrictMath.cos(pen.angle());
    double sin = StrictMath.sin(pen.angle());
    double squeeze = 1 / pen.ratio();
    double[] u = new double[line.length];
    for (int i = 0; i < line.length; i += 2) {
      u[i] = cos * line[i] + sin * line[i + 1];
      u[i + 1] = squeeze * (cos * line[i + 1] - sin * line[i]);
    }
    double edge = (1 + squeeze) / 2;
    for (int y = 0; y < side; y++) {
      for (int x = 0; x < side; x++) {
        double pu = cos * (x + 0.5) + sin * (y + 0.5);
        double pv = squeeze * (cos * (y + 0.5) - sin * (x + 0.5));
        double distance = Math.sqrt(squaredDistance(u, pu, pv));
        double cover = Math.clamp((pen.halfWidth() - distance) / edge + 0.5, 0.0, 1.0);
        int at = y * side + x;
        ink[at] = Math.max(ink[at], (float) cover);
      }
    }
  }

  private static double squaredDistance(double[] line, double x, double y) {
    double best = Double.MAX_VALUE;
    for (int i = 0; i + 3 < line.length; i += 2) {
      double dx = line[i + 2] - line[i];
      double dy = line[i + 3] - line[i + 1];
      double px = x - line[i];
      double py = y - line[i + 1];
      double length = dx * dx + dy * dy;
      double t = length == 0 ? 0 : Math.clamp((px * dx + py * dy) / length, 0.0, 1.0);
      double ex = px - t * dx;
      double ey = py - t * dy;
      best = Math.min(best, ex * ex + ey * ey);
    }
    return best;
  }

  /** Adds what the pen has drawn to the image. */
  void apply(double strength) {
    for (int i = 0; i < pixels.length; i++) {
      pixels[i] += (float) strength * ink[i];
    }
  }

  /** Sets the image to a plane: {@code level} in the middle, rising along the given direction. */
  void background(double level, double slopeX, double slopeY) {
    for (int y = 0; y < side; y++) {
      for (int x = 0; x < side; x++) {
        pixels[y * side + x] =
            (float) (level + slopeX * ((x + 0.5) / side - 0.5) + slopeY * ((y + 0.5) / side - 0.5));
      }
    }
  }

  /** Weakens the ink within {@code halfWidth} pixels of the line through a point. */
  void wipe(double x0, double y0, double angle, double halfWidth) {
    double nx = -StrictMath.sin(angle);
    double ny = StrictMath.cos(angle);
    for (int y = 0; y < side; y++) {
      for (int x = 0; x < side; x++) {
        double distance = Math.abs(nx * (x + 0.5 - x0) + ny * (y + 0.5 - y0));
        double kept = Math.clamp(distance - halfWidth + 0.5, 0.0, 1.0);
        ink[y * side + x] *= (float) kept;
      }
    }
  }

  /** Mixes each pixel with its four neighbours, which together weigh {@code weight}. */
  void blur(double weight) {
    float own = (float) (1 - weight);
    float each = (float) (weight / 4);
    System.arraycopy(pixels, 0, ink, 0, pixels.length);
    for (int y = 0; y < side; y++) {
      int up = Math.max(y - 1, 0) * side;
      int down = Math.min(y + 1, side - 1) * side;
      for (int x = 0; x < side; x++) {
        float left = ink[y * side + Math.max(x - 1, 0)];
        float right = ink[y * side + Math.min(x + 1, side - 1)];
        pixels[y * side + x] =
            own * ink[y * side + x] + each * (left + right + ink[up + x] + ink[down + x]);
      }
    }
    clearInk();
  }
}
