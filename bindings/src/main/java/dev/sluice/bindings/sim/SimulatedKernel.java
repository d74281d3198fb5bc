package dev.sluice.bindings.sim;

/**
 * What a kernel does, in Java. The simulated device finds it by the name of its function.
 *
 * <p>Thread safety: any thread may call; launches of one kernel may overlap in different streams.
 */
public interface SimulatedKernel {
  /**
   * Bytes of each parameter, in order. A structure counts as one that is aligned as strictly as its
   * size allows.
   */
  int[] parameterBytes();

  /**
   * Does the whole grid's work.
   *
   * @param launch its dimensions, its arguments and the device's memory
   */
  void run(KernelLaunch launch);
}
