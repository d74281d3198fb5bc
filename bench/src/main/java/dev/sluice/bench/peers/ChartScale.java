package dev.sluice.bench.peers;

import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;

/**
 * Where ratios lie across a chart: on a logarithmic scale where they span more than a power of ten,
 * else on a linear one from 0.
 *
 * <p>Thread safety: immutable.
 *
 * @param log whether it is logarithmic
 * @param least value at the left
 * @param most value at the right
 * @param left of the plot, in pixels
 * @param width of the plot, in pixels
 */
record ChartScale(boolean log, double least, double most, double left, double width) {
  private static final double LARGEST_LINEAR = 10;

  /** Around the outermost values. */
  private static final double MARGIN = 1.08;

  /** Between two numbers at the axis. */
  private static final double GAP_PX = 8;

  /** From one to the next of those on a linear scale. */
  private static final double STEP_PX = 38;

  /** For these values and 1; those that no scale can hold are left out. */
  static ChartScale of(DoubleStream values, double left, double width) {
    double[] held =
        DoubleStream.concat(values, DoubleStream.of(1))
            .filter(value -> value > 0 && value < Double.POSITIVE_INFINITY)
            .toArray();
    double least = DoubleStream.of(held).min().orElse(1);
    double most = DoubleStream.of(held).max().orElse(1);
    boolean log = most / least > LARGEST_LINEAR;
    return new ChartScale(log, log ? least / MARGIN : 0, most * MARGIN, left, width);
  }

  /** Pixels from the chart's left; what is beyond an end, such as 0, is at the end. */
  double x(double value) {
    double part =
        log ? Math.log(value / least) / Math.log(most / least) : (value - least) / (most - least);
    return left + width * Math.clamp(part, 0, 1);
  }

  /** Values for the axis. */
  List<BigDecimal> ticks() {
    return log ? logTicks() : linearTicks();
  }

  private List<BigDecimal> logTicks() {
    int first = (int) Math.floor(Math.log10(least));
    int last = (int) Math.ceil(Math.log10(most));
    List<BigDecimal> ticks = new ArrayList<>();
    for (int digit : new int[] {1, 2, 5}) {
      IntStream.rangeClosed(first, last)
          .mapToObj(power -> BigDecimal.valueOf(digit).scaleByPowerOfTen(power))
          .filter(value -> value.doubleValue() >= least && value.doubleValue() <= most)
          .filter(value -> ticks.stream().allMatch(other -> isApart(value, other)))
          .forEach(ticks::add);
    }
    return ticks;
  }

  private boolean isApart(BigDecimal one, BigDecimal other) {
    int characters = one.toPlainString().length() + other.toPlainString().length();
    return Math.abs(x(one.doubleValue()) - x(other.doubleValue()))
        >= characters / 2.0 * ChartDrawing.CHARACTER_PX + GAP_PX;
  }

  private List<BigDecimal> linearTicks() {
    BigDecimal step = new BigDecimal("0.1");
    for (int i = 1; step.doubleValue() / (most - least) * width < STEP_PX; i++) {
      // 0.1, 0.2, 0.5, 1, 2, 5 …
      step = step.multiply(i % 3 == 2 ? new BigDecimal("2.5") : BigDecimal.TWO);
    }
    List<BigDecimal> ticks = new ArrayList<>();
    for (BigDecimal tick = BigDecimal.ZERO; tick.doubleValue() <= most; tick = tick.add(step)) {
      ticks.add(tick);
    }
    return ticks;
  }
}
