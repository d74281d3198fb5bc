package dev.sluice.converter.cli;

import dev.sluice.engine.plan.PlanWatch;
import java.io.PrintWriter;
import java.util.function.LongSupplier;

/**
 * One line on a terminal that tells how the building of a plan goes, written over until it is
 * closed.
 *
 * <p>Thread safety: TensorRT's threads call it, several at once; closed when they are done.
 */
final class PlanProgress implements PlanWatch, AutoCloseable {
  /** Often enough for the eye. */
  private static final long INTERVAL_NS = 100_000_000;

  private static final int WIDTH = 78;
  private static final int BAR = 24;

  private final PrintWriter terminal;
  private final LongSupplier nanoClock;
  private final long startNs;
  private long shownNs;

  PlanProgress(PrintWriter terminal, LongSupplier nanoClock) {
    this.terminal = terminal;
    this.nanoClock = nanoClock;
    startNs = nanoClock.getAsLong();
    shownNs = startNs - INTERVAL_NS;
  }

  @Override
  public synchronized void step(String phase, int step, int steps) {
    long nowNs = nanoClock.getAsLong();
    if (nowNs - shownNs < INTERVAL_NS) {
      return;
    }
    shownNs = nowNs;
    StringBuilder line = new StringBuilder("  ");
    line.append((nowNs - startNs) / 1_000_000_000).append(" s  ");
    if (steps > 0) {
      int done = Math.clamp((long) BAR * step / steps, 0, BAR);
      line.append('[').repeat('#', done).repeat('.', BAR - done).append("] ");
      line.append(step).append('/').append(steps).append(' ');
    }
    line.append(phase);
    line.setLength(Math.min(line.length(), WIDTH));
    show(line);
  }

  private void show(StringBuilder line) {
    line.repeat(' ', WIDTH - line.length());
    terminal.print("\r" + line + "\r");
    terminal.flush();
  }

  /** Clears the line. */
  @Override
  public synchronized void close() {
    show(new StringBuilder());
  }
}
