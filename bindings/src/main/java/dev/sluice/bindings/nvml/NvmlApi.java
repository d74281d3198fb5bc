package dev.sluice.bindings.nvml;

import java.lang.foreign.MemorySegment;

/**
 * The part of NVML, NVIDIA's management library, that this project calls, with the names of {@code
 * nvml.h}. Every function but {@link #nvmlErrorString} returns the raw {@code nvmlReturn_t}; see
 * {@link NvmlStatus}. A {@code long} is an {@code nvmlDevice_t}; a {@link MemorySegment} is used
 * during the call only.
 *
 * <p>Thread safety: any thread may call.
 */
public interface NvmlApi {
  /** Starts NVML for one more user. */
  int nvmlInit_v2();

  /** Ends it for one user. */
  int nvmlShutdown();

  /** The address of a static string; 0 where the library has none. */
  long nvmlErrorString(int result);

  /** Writes the driver's release, as in 580.65.06. */
  int nvmlSystemGetDriverVersion(MemorySegment version, int length);

  /** Writes NVML's version. */
  int nvmlSystemGetNVMLVersion(MemorySegment version, int length);

  /** Writes how many GPUs the machine has; CUDA_VISIBLE_DEVICES does not count. */
  int nvmlDeviceGetCount_v2(MemorySegment deviceCount);

  /** Writes the {@code nvmlDevice_t} of an index, which is not CUDA's ordinal. */
  int nvmlDeviceGetHandleByIndex_v2(int index, MemorySegment device);

  /** Writes the {@code nvmlDevice_t} of a place on the PCI bus. */
  int nvmlDeviceGetHandleByPciBusId_v2(MemorySegment pciBusId, MemorySegment device);

  /** Writes the product's name. */
  int nvmlDeviceGetName(long device, MemorySegment name, int length);

  /** Writes the UUID. */
  int nvmlDeviceGetUUID(long device, MemorySegment uuid, int length);

  /** Writes an {@code nvmlUtilization_t}. */
  int nvmlDeviceGetUtilizationRates(long device, MemorySegment utilization);

  /** Writes an {@code nvmlMemory_t}. */
  int nvmlDeviceGetMemoryInfo(long device, MemorySegment memory);

  /** Writes degrees Celsius. */
  int nvmlDeviceGetTemperature(long device, int sensorType, MemorySegment temp);

  /** Writes milliwatts. */
  int nvmlDeviceGetPowerUsage(long device, MemorySegment power);

  /** Writes milliwatts. */
  int nvmlDeviceGetEnforcedPowerLimit(long device, MemorySegment limit);

  /** Writes millijoules since the driver was loaded. */
  int nvmlDeviceGetTotalEnergyConsumption(long device, MemorySegment energy);

  /** Writes MHz. */
  int nvmlDeviceGetClockInfo(long device, int type, MemorySegment clock);

  /** Writes MHz. */
  int nvmlDeviceGetMaxClockInfo(long device, int type, MemorySegment clock);

  /** Writes a mask of why the clocks are not at their highest. */
  int nvmlDeviceGetCurrentClocksEventReasons(long device, MemorySegment clocksEventReasons);

  /** The same, by its name before release 535. */
  int nvmlDeviceGetCurrentClocksThrottleReasons(long device, MemorySegment clocksThrottleReasons);

  /** Writes whether ECC is on, and will be after a reboot. */
  int nvmlDeviceGetEccMode(long device, MemorySegment current, MemorySegment pending);

  /** Writes a count of memory errors. */
  int nvmlDeviceGetTotalEccErrors(
      long device, int errorType, int counterType, MemorySegment eccCounts);

  /** Writes an {@code nvmlComputeMode_t}. */
  int nvmlDeviceGetComputeMode(long device, MemorySegment mode);

  /** Writes whether the GPU is cut into instances. */
  int nvmlDeviceGetMigMode(long device, MemorySegment currentMode, MemorySegment pendingMode);

  /** Writes whether the driver stays loaded without users. */
  int nvmlDeviceGetPersistenceMode(long device, MemorySegment mode);

  /** Writes up to {@code *infoCount} processes, and how many there are. */
  int nvmlDeviceGetComputeRunningProcesses_v3(
      long device, MemorySegment infoCount, MemorySegment infos);
}
