package dev.sluice.engine.plan;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Optional;

/**
 * Where a build finds the timings of kernels of earlier ones, and keeps its own.
 *
 * <p>Thread safety: any thread.
 */
interface Timings {
  /** What was kept; mapped until the arena closes. */
  Optional<MemorySegment> find(PlanTarget target, Arena arena) throws PlanException, IOException;

  /** Keeps timings. */
  void keep(PlanTarget target, MemorySegment timings) throws IOException;

  /**
   * TensorRT did not take what {@link #find} gave.
   *
   * @throws PlanException where that ends the build; else it goes on without
   */
  void refused(PlanTarget target) throws PlanException;
}
