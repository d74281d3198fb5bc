package dev.sluice.bindings.sim;

import dev.sluice.bindings.cuda.CudaConstants;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import java.util.function.LongSupplier;

/**
 * What a simulated driver and its devices are like; see {@link SimulatedCuda#builder}.
 *
 * <p>Thread safety: for one thread.
 */
public final class SimulatedDevices {
  int driverVersion = 13_000;
  int devices = 1;
  long memoryBytes = 80L << 30;
  int computeMajor = 9;
  int computeMinor;
  int multiprocessors = 132;
  int computeMode;
  String name = "Simulated GPU";
  boolean stepped;
  long stepSeed;
  boolean logged;
  LongSupplier nanoClock = System::nanoTime;
  FaultPlan faults = FaultPlan.none();
  final Map<String, SimulatedKernel> kernels = new HashMap<>();

  SimulatedDevices() {}

  private SimulatedDevices(SimulatedDevices other) {
    driverVersion = other.driverVersion;
    devices = other.devices;
    memoryBytes = other.memoryBytes;
    computeMajor = other.computeMajor;
    computeMinor = other.computeMinor;
    multiprocessors = other.multiprocessors;
    computeMode = other.computeMode;
    name = other.name;
    stepped = other.stepped;
    stepSeed = other.stepSeed;
    logged = other.logged;
    nanoClock = other.nanoClock;
    faults = other.faults;
    kernels.putAll(other.kernels);
  }

  /** How many devices there are; 1 by default. */
  public SimulatedDevices devices(int count) {
    devices = count;
    return this;
  }

  /** What {@code cuDriverGetVersion} answers; 13000 by default. */
  public SimulatedDevices driverVersion(int version) {
    driverVersion = version;
    return this;
  }

  /**
   * Memory of each device; 80 GiB by default. It takes no memory of this machine until it is used.
   */
  public SimulatedDevices memoryBytes(long bytes) {
    memoryBytes = bytes;
    return this;
  }

  /** Compute capability and multiprocessors; those of an H100 by default. */
  public SimulatedDevices architecture(int major, int minor, int multiprocessorCount) {
    computeMajor = major;
    computeMinor = minor;
    multiprocessors = multiprocessorCount;
    return this;
  }

  /** A {@code CU_COMPUTEMODE_*}; where it prohibits, no context can be made. */
  public SimulatedDevices computeMode(int mode) {
    computeMode = mode;
    return this;
  }

  /** The name of each device. */
  public SimulatedDevices name(String deviceName) {
    name = Objects.requireNonNull(deviceName, "deviceName");
    return this;
  }

  /** What the functions of modules do. */
  public SimulatedDevices kernels(Map<String, SimulatedKernel> byName) {
    kernels.putAll(byName);
    return this;
  }

  /** What goes wrong. */
  public SimulatedDevices faults(FaultPlan plan) {
    faults = Objects.requireNonNull(plan, "plan");
    return this;
  }

  /** Streams run by themselves, on threads; the default. */
  public SimulatedDevices threaded() {
    stepped = false;
    return this;
  }

  /**
   * Streams run one operation with each {@link SimulatedCuda#step}, and where a caller waits for
   * them. Which stream is next is drawn by a seed: the same seed and the same calls give the same
   * order.
   */
  public SimulatedDevices stepped(long seed) {
    stepped = true;
    stepSeed = seed;
    return this;
  }

  /** Keeps a log of the calls; off by default. */
  public SimulatedDevices logged() {
    logged = true;
    return this;
  }

  /** The time of events, in nanoseconds. */
  public SimulatedDevices clock(LongSupplier nanoTime) {
    nanoClock = Objects.requireNonNull(nanoTime, "nanoTime");
    return this;
  }

  /**
   * The driver. What is said here afterwards is of the next one.
   *
   * @throws IllegalArgumentException where there can't be such a device
   */
  public SimulatedCuda build() {
    require(devices >= 0, "devices", devices);
    require(driverVersion > 0, "driverVersion", driverVersion);
    require(memoryBytes > 0, "memoryBytes", memoryBytes);
    require(computeMajor > 0, "the major architecture", computeMajor);
    require(computeMinor >= 0, "the minor architecture", computeMinor);
    require(multiprocessors > 0, "multiprocessors", multiprocessors);
    require(
        computeMode >= CudaConstants.CU_COMPUTEMODE_DEFAULT
            && computeMode <= CudaConstants.CU_COMPUTEMODE_EXCLUSIVE_PROCESS,
        "computeMode",
        computeMode);
    kernels.forEach((kernel, body) -> {
      for (int bytes : body.parameterBytes()) {
        require(bytes > 0, "a parameter's bytes of kernel " + kernel, bytes);
      }
    });
    return new SimulatedCuda(new SimulatedDevices(this));
  }

  private static void require(boolean holds, String what, long value) {
    if (!holds) {
      throw new IllegalArgumentException(what + " can't be " + value);
    }
  }
}
