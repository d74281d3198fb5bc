package dev.sluice.bindings.sim;

/**
 * A kernel of a loaded module, or one that a library brings along; then the module is null.
 *
 * <p>Thread safety: guarded by the simulated driver's lock.
 */
final class SimFunction {
  final SimModule module;
  private final String name;
  private final SimulatedKernel kernel;
  long handle;
  int maxDynamicSharedBytes = 48 << 10;

  SimFunction(SimModule module, String name, SimulatedKernel kernel) {
    this.module = module;
    this.name = name;
    this.kernel = kernel;
  }

  String name() {
    return name;
  }

  SimulatedKernel kernel() {
    return kernel;
  }
}
