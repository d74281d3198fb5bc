package dev.sluice.bindings.sim;

/**
 * A context: a device's primary one, or one that a caller made.
 *
 * <p>Thread safety: guarded by the simulated driver's lock.
 */
final class SimContext {
  final SimDevice device;
  final boolean primary;
  final int flags;
  SimStream legacy;
  long handle;
  boolean destroyed;

  SimContext(SimDevice device, boolean primary, int flags) {
    this.device = device;
    this.primary = primary;
    this.flags = flags;
  }

  @Override
  public String toString() {
    return (primary ? "primary context" : "context") + " of device " + device.ordinal;
  }
}
