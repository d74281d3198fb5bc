package dev.sluice.bindings.nvml;

import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * How a GPU is doing. A value that this GPU, driver or mode does not tell is empty.
 *
 * <p>Thread safety: immutable.
 *
 * @param name of the product
 * @param uuid of the GPU
 * @param busyPercent of the time in which a kernel ran, over the last sample of up to a second
 * @param memoryBusyPercent of the time in which memory was read or written
 * @param memoryUsedBytes by all processes
 * @param memoryTotalBytes of the GPU
 * @param temperatureC degrees Celsius
 * @param powerMw milliwatts
 * @param powerLimitMw milliwatts that the driver enforces
 * @param energyMj millijoules since the driver was loaded
 * @param smClockMhz of the multiprocessors
 * @param smClockMaxMhz the highest
 * @param memoryClockMhz of the memory
 * @param slowedBy why the clocks are not at their highest; empty where nothing slows them
 * @param eccEnabled 1 where error correction is on, 0 where it is off
 * @param eccUncorrected errors since the driver was loaded that could not be corrected
 * @param computeMode a {@code CU_COMPUTEMODE_*}-like word: default, exclusive process, prohibited
 * @param migEnabled 1 where the GPU is cut into instances, 0 where not
 * @param persistent 1 where the driver stays loaded without users, 0 where not
 * @param processes that compute on it, by process id, this one included
 */
public record GpuReading(
    String name,
    String uuid,
    OptionalLong busyPercent,
    OptionalLong memoryBusyPercent,
    OptionalLong memoryUsedBytes,
    OptionalLong memoryTotalBytes,
    OptionalLong temperatureC,
    OptionalLong powerMw,
    OptionalLong powerLimitMw,
    OptionalLong energyMj,
    OptionalLong smClockMhz,
    OptionalLong smClockMaxMhz,
    OptionalLong memoryClockMhz,
    List<String> slowedBy,
    OptionalLong eccEnabled,
    OptionalLong eccUncorrected,
    Optional<String> computeMode,
    OptionalLong migEnabled,
    OptionalLong persistent,
    List<Long> processes) {
  /** Copies the lists. */
  public GpuReading {
    slowedBy = List.copyOf(slowedBy);
    processes = List.copyOf(processes);
  }
}
