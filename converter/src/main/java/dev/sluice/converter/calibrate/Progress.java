package dev.sluice.converter.calibrate;

/**
 * Hears how far a conversion is.
 *
 * <p>Thread safety: called by one thread.
 */
@FunctionalInterface
public interface Progress {
  /** Nobody listens. */
  Progress NONE = (_, _, _) -> {};

  /**
   * Hears of a step.
   *
   * @param phase what goes on, as in "observing"
   * @param done of it
   * @param all of it
   */
  void at(String phase, long done, long all);
}
