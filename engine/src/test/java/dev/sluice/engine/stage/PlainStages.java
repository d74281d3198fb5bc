package dev.sluice.engine.stage;

/** Stages once more, straightforwardly and in double precision, to hold the real ones against. */
final class PlainStages {
  private PlainStages() {}

  /**
   * One image as the model gets it: [channels][height][width].
   *
   * @param pixels row, column, channel
   */
  static double[][][] image(InputStage stage, byte[] pixels, int height, int width) {
    int innerHeight = stage.height();
    int innerWidth = stage.width();
    if (stage.fit() == Fit.LETTERBOX) {
      Fraction ratio =
          stage.height() * width <= stage.width() * height
              ? new Fraction(stage.height(), height)
              : new Fraction(stage.width(), width);
      innerHeight = ratio.times(height);
      innerWidth = ratio.times(width);
    }
    int top = (stage.height() - innerHeight) / 2;
    int left = (stage.width() - innerWidth) / 2;
    double[][][] out = new double[stage.channels()][stage.height()][stage.width()];
    for (int c = 0; c < stage.channels(); c++) {
      int source = stage.order() == ChannelOrder.BGR ? stage.channels() - 1 - c : c;
      for (int y = 0; y < stage.height(); y++) {
        for (int x = 0; x < stage.width(); x++) {
          boolean inside = y >= top && y < top + innerHeight && x >= left && x < left + innerWidth;
          double value = stage.fill();
          if (inside) {
            double sy = (y - top + 0.5) * height / innerHeight - 0.5;
            double sx = (x - left + 0.5) * width / innerWidth - 0.5;
            value = sample(pixels, height, width, stage.channels(), source, sy, sx);
          }
          out[c][y][x] = (value * stage.scale() - stage.mean().get(c)) / stage.std().get(c);
        }
      }
    }
    return out;
  }

  /** Exact, so that a half is one. */
  private record Fraction(int above, int below) {
    /** Times an extent, rounded half up, at least 1. */
    int times(int extent) {
      return Math.max(1, Math.floorDiv(2 * above * extent + below, 2 * below));
    }
  }

  private static double sample(
      byte[] pixels, int height, int width, int channels, int channel, double y, double x) {
    double sum = 0;
    double weights = 0;
    for (int dy = 0; dy <= 1; dy++) {
      for (int dx = 0; dx <= 1; dx++) {
        double row = Math.floor(y) + dy;
        double column = Math.floor(x) + dx;
        double weight = (1 - Math.abs(y - row)) * (1 - Math.abs(x - column));
        int clampedRow = (int) Math.clamp(row, 0, height - 1);
        int clampedColumn = (int) Math.clamp(column, 0, width - 1);
        int at = (clampedRow * width + clampedColumn) * channels + channel;
        sum += weight * (pixels[at] & 0xff);
        weights += weight;
      }
    }
    return sum / weights;
  }
}
