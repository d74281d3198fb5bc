package dev.sluice.engine.plan;

/**
 * Hears how a build goes, and may end it.
 *
 * <p>Thread safety: called by the thread that builds and by TensorRT's threads, several at once.
 */
@FunctionalInterface
public interface PlanWatch {
  /**
   * Something is done. What this throws ends the build, and comes out of it.
   *
   * @param phase what is going on
   * @param step how many steps of it are done; 0 where it begins
   * @param steps how many it has; 0 where nobody knows
   */
  void step(String phase, int step, int steps);

  /** Whether the build shall end; asked often. An interrupt of the building thread ends it, too. */
  default boolean cancelled() {
    return false;
  }
}
