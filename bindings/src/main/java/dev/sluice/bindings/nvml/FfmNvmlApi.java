package dev.sluice.bindings.nvml;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.sluice.bindings.library.Downcalls;
import dev.sluice.bindings.library.SharedLibrary;
import dev.sluice.bindings.nvml.generated.NvmlHeader;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.util.ArrayList;

/**
 * {@link NvmlApi} on a loaded library. A function that it lacks, as an older one does, returns
 * NVML_ERROR_FUNCTION_NOT_FOUND, or 0 for a text.
 *
 * <p>Long because each function takes a handle, an address and a call; nothing else is in here.
 *
 * <p>Thread safety: immutable; see {@link NvmlApi}.
 */
@SuppressWarnings("MemberName") // the library's own names
final class FfmNvmlApi implements NvmlApi {
  private static final MethodHandle NVML_INIT_V2 =
      Downcalls.type(NvmlHeader.nvmlInit_v2$descriptor());
  private static final MethodHandle NVML_SHUTDOWN =
      Downcalls.type(NvmlHeader.nvmlShutdown$descriptor());
  private static final MethodHandle NVML_ERROR_STRING =
      Downcalls.type(FunctionDescriptor.of(JAVA_LONG, JAVA_INT), JAVA_INT);
  private static final MethodHandle NVML_SYSTEM_GET_DRIVER_VERSION =
      Downcalls.type(NvmlHeader.nvmlSystemGetDriverVersion$descriptor(), ADDRESS, JAVA_INT);
  private static final MethodHandle NVML_SYSTEM_GET_NVMLVERSION =
      Downcalls.type(NvmlHeader.nvmlSystemGetNVMLVersion$descriptor(), ADDRESS, JAVA_INT);
  private static final MethodHandle NVML_DEVICE_GET_COUNT_V2 =
      Downcalls.type(NvmlHeader.nvmlDeviceGetCount_v2$descriptor(), ADDRESS);
  private static final MethodHandle NVML_DEVICE_GET_HANDLE_BY_INDEX_V2 =
      Downcalls.type(NvmlHeader.nvmlDeviceGetHandleByIndex_v2$descriptor(), JAVA_INT, ADDRESS);
  private static final MethodHandle NVML_DEVICE_GET_HANDLE_BY_PCI_BUS_ID_V2 =
      Downcalls.type(NvmlHeader.nvmlDeviceGetHandleByPciBusId_v2$descriptor(), ADDRESS, ADDRESS);
  private static final MethodHandle NVML_DEVICE_GET_NAME =
      Downcalls.type(NvmlHeader.nvmlDeviceGetName$descriptor(), JAVA_LONG, ADDRESS, JAVA_INT);
  private static final MethodHandle NVML_DEVICE_GET_UUID =
      Downcalls.type(NvmlHeader.nvmlDeviceGetUUID$descriptor(), JAVA_LONG, ADDRESS, JAVA_INT);
  private static final MethodHandle NVML_DEVICE_GET_UTILIZATION_RATES =
      Downcalls.type(NvmlHeader.nvmlDeviceGetUtilizationRates$descriptor(), JAVA_LONG, ADDRESS);
  private static final MethodHandle NVML_DEVICE_GET_MEMORY_INFO =
      Downcalls.type(NvmlHeader.nvmlDeviceGetMemoryInfo$descriptor(), JAVA_LONG, ADDRESS);
  private static final MethodHandle NVML_DEVICE_GET_TEMPERATURE =
      Downcalls.type(
          NvmlHeader.nvmlDeviceGetTemperature$descriptor(), JAVA_LONG, JAVA_INT, ADDRESS);
  private static final MethodHandle NVML_DEVICE_GET_POWER_USAGE =
      Downcalls.type(NvmlHeader.nvmlDeviceGetPowerUsage$descriptor(), JAVA_LONG, ADDRESS);
  private static final MethodHandle NVML_DEVICE_GET_ENFORCED_POWER_LIMIT =
      Downcalls.type(NvmlHeader.nvmlDeviceGetEnforcedPowerLimit$descriptor(), JAVA_LONG, ADDRESS);
  private static final MethodHandle NVML_DEVICE_GET_TOTAL_ENERGY_CONSUMPTION =
      Downcalls.type(
          NvmlHeader.nvmlDeviceGetTotalEnergyConsumption$descriptor(), JAVA_LONG, ADDRESS);
  private static final MethodHandle NVML_DEVICE_GET_CLOCK_INFO =
      Downcalls.type(NvmlHeader.nvmlDeviceGetClockInfo$descriptor(), JAVA_LONG, JAVA_INT, ADDRESS);
  private static final MethodHandle NVML_DEVICE_GET_MAX_CLOCK_INFO =
      Downcalls.type(
          NvmlHeader.nvmlDeviceGetMaxClockInfo$descriptor(), JAVA_LONG, JAVA_INT, ADDRESS);
  private static final MethodHandle NVML_DEVICE_GET_CURRENT_CLOCKS_EVENT_REASONS =
      Downcalls.type(
          NvmlHeader.nvmlDeviceGetCurrentClocksEventReasons$descriptor(), JAVA_LONG, ADDRESS);
  private static final MethodHandle NVML_DEVICE_GET_CURRENT_CLOCKS_THROTTLE_REASONS =
      Downcalls.type(
          NvmlHeader.nvmlDeviceGetCurrentClocksThrottleReasons$descriptor(), JAVA_LONG, ADDRESS);
  private static final MethodHandle NVML_DEVICE_GET_ECC_MODE =
      Downcalls.type(NvmlHeader.nvmlDeviceGetEccMode$descriptor(), JAVA_LONG, ADDRESS, ADDRESS);
  private static final MethodHandle NVML_DEVICE_GET_TOTAL_ECC_ERRORS =
      Downcalls.type(
          NvmlHeader.nvmlDeviceGetTotalEccErrors$descriptor(),
          JAVA_LONG,
          JAVA_INT,
          JAVA_INT,
          ADDRESS);
  private static final MethodHandle NVML_DEVICE_GET_COMPUTE_MODE =
      Downcalls.type(NvmlHeader.nvmlDeviceGetComputeMode$descriptor(), JAVA_LONG, ADDRESS);
  private static final MethodHandle NVML_DEVICE_GET_MIG_MODE =
      Downcalls.type(NvmlHeader.nvmlDeviceGetMigMode$descriptor(), JAVA_LONG, ADDRESS, ADDRESS);
  private static final MethodHandle NVML_DEVICE_GET_PERSISTENCE_MODE =
      Downcalls.type(NvmlHeader.nvmlDeviceGetPersistenceMode$descriptor(), JAVA_LONG, ADDRESS);
  private static final MethodHandle NVML_DEVICE_GET_COMPUTE_RUNNING_PROCESSES_V3 =
      Downcalls.type(
          NvmlHeader.nvmlDeviceGetComputeRunningProcesses_v3$descriptor(),
          JAVA_LONG,
          ADDRESS,
          ADDRESS);

  private final MemorySegment nvmlInit_v2;
  private final MemorySegment nvmlShutdown;
  private final MemorySegment nvmlErrorString;
  private final MemorySegment nvmlSystemGetDriverVersion;
  private final MemorySegment nvmlSystemGetNVMLVersion;
  private final MemorySegment nvmlDeviceGetCount_v2;
  private final MemorySegment nvmlDeviceGetHandleByIndex_v2;
  private final MemorySegment nvmlDeviceGetHandleByPciBusId_v2;
  private final MemorySegment nvmlDeviceGetName;
  private final MemorySegment nvmlDeviceGetUUID;
  private final MemorySegment nvmlDeviceGetUtilizationRates;
  private final MemorySegment nvmlDeviceGetMemoryInfo;
  private final MemorySegment nvmlDeviceGetTemperature;
  private final MemorySegment nvmlDeviceGetPowerUsage;
  private final MemorySegment nvmlDeviceGetEnforcedPowerLimit;
  private final MemorySegment nvmlDeviceGetTotalEnergyConsumption;
  private final MemorySegment nvmlDeviceGetClockInfo;
  private final MemorySegment nvmlDeviceGetMaxClockInfo;
  private final MemorySegment nvmlDeviceGetCurrentClocksEventReasons;
  private final MemorySegment nvmlDeviceGetCurrentClocksThrottleReasons;
  private final MemorySegment nvmlDeviceGetEccMode;
  private final MemorySegment nvmlDeviceGetTotalEccErrors;
  private final MemorySegment nvmlDeviceGetComputeMode;
  private final MemorySegment nvmlDeviceGetMigMode;
  private final MemorySegment nvmlDeviceGetPersistenceMode;
  private final MemorySegment nvmlDeviceGetComputeRunningProcesses_v3;

  /** Binds the functions of a library that stays loaded for the life of the process. */
  FfmNvmlApi(SharedLibrary library) {
    nvmlInit_v2 = symbol(library, "nvmlInit_v2");
    nvmlShutdown = symbol(library, "nvmlShutdown");
    nvmlErrorString = library.find("nvmlErrorString");
    nvmlSystemGetDriverVersion = symbol(library, "nvmlSystemGetDriverVersion");
    nvmlSystemGetNVMLVersion = symbol(library, "nvmlSystemGetNVMLVersion");
    nvmlDeviceGetCount_v2 = symbol(library, "nvmlDeviceGetCount_v2");
    nvmlDeviceGetHandleByIndex_v2 = symbol(library, "nvmlDeviceGetHandleByIndex_v2");
    nvmlDeviceGetHandleByPciBusId_v2 = symbol(library, "nvmlDeviceGetHandleByPciBusId_v2");
    nvmlDeviceGetName = symbol(library, "nvmlDeviceGetName");
    nvmlDeviceGetUUID = symbol(library, "nvmlDeviceGetUUID");
    nvmlDeviceGetUtilizationRates = symbol(library, "nvmlDeviceGetUtilizationRates");
    nvmlDeviceGetMemoryInfo = symbol(library, "nvmlDeviceGetMemoryInfo");
    nvmlDeviceGetTemperature = symbol(library, "nvmlDeviceGetTemperature");
    nvmlDeviceGetPowerUsage = symbol(library, "nvmlDeviceGetPowerUsage");
    nvmlDeviceGetEnforcedPowerLimit = symbol(library, "nvmlDeviceGetEnforcedPowerLimit");
    nvmlDeviceGetTotalEnergyConsumption = symbol(library, "nvmlDeviceGetTotalEnergyConsumption");
    nvmlDeviceGetClockInfo = symbol(library, "nvmlDeviceGetClockInfo");
    nvmlDeviceGetMaxClockInfo = symbol(library, "nvmlDeviceGetMaxClockInfo");
    nvmlDeviceGetCurrentClocksEventReasons =
        symbol(library, "nvmlDeviceGetCurrentClocksEventReasons");
    nvmlDeviceGetCurrentClocksThrottleReasons =
        symbol(library, "nvmlDeviceGetCurrentClocksThrottleReasons");
    nvmlDeviceGetEccMode = symbol(library, "nvmlDeviceGetEccMode");
    nvmlDeviceGetTotalEccErrors = symbol(library, "nvmlDeviceGetTotalEccErrors");
    nvmlDeviceGetComputeMode = symbol(library, "nvmlDeviceGetComputeMode");
    nvmlDeviceGetMigMode = symbol(library, "nvmlDeviceGetMigMode");
    nvmlDeviceGetPersistenceMode = symbol(library, "nvmlDeviceGetPersistenceMode");
    nvmlDeviceGetComputeRunningProcesses_v3 =
        symbol(library, "nvmlDeviceGetComputeRunningProcesses_v3");
  }

  private static MemorySegment symbol(SharedLibrary library, String name) {
    return Downcalls.symbol(library, name, NvmlStatus.FUNCTION_NOT_FOUND.code(), new ArrayList<>());
  }

  @Override
  public int nvmlInit_v2() {
    try {
      return (int) NVML_INIT_V2.invokeExact(nvmlInit_v2);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int nvmlShutdown() {
    try {
      return (int) NVML_SHUTDOWN.invokeExact(nvmlShutdown);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public long nvmlErrorString(int result) {
    if (nvmlErrorString.equals(MemorySegment.NULL)) {
      return 0;
    }
    try {
      return (long) NVML_ERROR_STRING.invokeExact(nvmlErrorString, result);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int nvmlSystemGetDriverVersion(MemorySegment version, int length) {
    try {
      return (int)
          NVML_SYSTEM_GET_DRIVER_VERSION.invokeExact(nvmlSystemGetDriverVersion, version, length);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int nvmlSystemGetNVMLVersion(MemorySegment version, int length) {
    try {
      return (int)
          NVML_SYSTEM_GET_NVMLVERSION.invokeExact(nvmlSystemGetNVMLVersion, version, length);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int nvmlDeviceGetCount_v2(MemorySegment deviceCount) {
    try {
      return (int) NVML_DEVICE_GET_COUNT_V2.invokeExact(nvmlDeviceGetCount_v2, deviceCount);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int nvmlDeviceGetHandleByIndex_v2(int index, MemorySegment device) {
    try {
      return (int)
          NVML_DEVICE_GET_HANDLE_BY_INDEX_V2.invokeExact(
              nvmlDeviceGetHandleByIndex_v2, index, device);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int nvmlDeviceGetHandleByPciBusId_v2(MemorySegment pciBusId, MemorySegment device) {
    try {
      return (int)
          NVML_DEVICE_GET_HANDLE_BY_PCI_BUS_ID_V2.invokeExact(
              nvmlDeviceGetHandleByPciBusId_v2, pciBusId, device);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int nvmlDeviceGetName(long device, MemorySegment name, int length) {
    try {
      return (int) NVML_DEVICE_GET_NAME.invokeExact(nvmlDeviceGetName, device, name, length);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int nvmlDeviceGetUUID(long device, MemorySegment uuid, int length) {
    try {
      return (int) NVML_DEVICE_GET_UUID.invokeExact(nvmlDeviceGetUUID, device, uuid, length);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int nvmlDeviceGetUtilizationRates(long device, MemorySegment utilization) {
    try {
      return (int)
          NVML_DEVICE_GET_UTILIZATION_RATES.invokeExact(
              nvmlDeviceGetUtilizationRates, device, utilization);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int nvmlDeviceGetMemoryInfo(long device, MemorySegment memory) {
    try {
      return (int) NVML_DEVICE_GET_MEMORY_INFO.invokeExact(nvmlDeviceGetMemoryInfo, device, memory);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int nvmlDeviceGetTemperature(long device, int sensorType, MemorySegment temp) {
    try {
      return (int)
          NVML_DEVICE_GET_TEMPERATURE.invokeExact(
              nvmlDeviceGetTemperature, device, sensorType, temp);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int nvmlDeviceGetPowerUsage(long device, MemorySegment power) {
    try {
      return (int) NVML_DEVICE_GET_POWER_USAGE.invokeExact(nvmlDeviceGetPowerUsage, device, power);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int nvmlDeviceGetEnforcedPowerLimit(long device, MemorySegment limit) {
    try {
      return (int)
          NVML_DEVICE_GET_ENFORCED_POWER_LIMIT.invokeExact(
              nvmlDeviceGetEnforcedPowerLimit, device, limit);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int nvmlDeviceGetTotalEnergyConsumption(long device, MemorySegment energy) {
    try {
      return (int)
          NVML_DEVICE_GET_TOTAL_ENERGY_CONSUMPTION.invokeExact(
              nvmlDeviceGetTotalEnergyConsumption, device, energy);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int nvmlDeviceGetClockInfo(long device, int type, MemorySegment clock) {
    try {
      return (int)
          NVML_DEVICE_GET_CLOCK_INFO.invokeExact(nvmlDeviceGetClockInfo, device, type, clock);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int nvmlDeviceGetMaxClockInfo(long device, int type, MemorySegment clock) {
    try {
      return (int)
          NVML_DEVICE_GET_MAX_CLOCK_INFO.invokeExact(
              nvmlDeviceGetMaxClockInfo, device, type, clock);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int nvmlDeviceGetCurrentClocksEventReasons(long device, MemorySegment clocksEventReasons) {
    try {
      return (int)
          NVML_DEVICE_GET_CURRENT_CLOCKS_EVENT_REASONS.invokeExact(
              nvmlDeviceGetCurrentClocksEventReasons, device, clocksEventReasons);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int nvmlDeviceGetCurrentClocksThrottleReasons(
      long device, MemorySegment clocksThrottleReasons) {
    try {
      return (int)
          NVML_DEVICE_GET_CURRENT_CLOCKS_THROTTLE_REASONS.invokeExact(
              nvmlDeviceGetCurrentClocksThrottleReasons, device, clocksThrottleReasons);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int nvmlDeviceGetEccMode(long device, MemorySegment current, MemorySegment pending) {
    try {
      return (int)
          NVML_DEVICE_GET_ECC_MODE.invokeExact(nvmlDeviceGetEccMode, device, current, pending);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int nvmlDeviceGetTotalEccErrors(
      long device, int errorType, int counterType, MemorySegment eccCounts) {
    try {
      return (int)
          NVML_DEVICE_GET_TOTAL_ECC_ERRORS.invokeExact(
              nvmlDeviceGetTotalEccErrors, device, errorType, counterType, eccCounts);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int nvmlDeviceGetComputeMode(long device, MemorySegment mode) {
    try {
      return (int) NVML_DEVICE_GET_COMPUTE_MODE.invokeExact(nvmlDeviceGetComputeMode, device, mode);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int nvmlDeviceGetMigMode(
      long device, MemorySegment currentMode, MemorySegment pendingMode) {
    try {
      return (int)
          NVML_DEVICE_GET_MIG_MODE.invokeExact(
              nvmlDeviceGetMigMode, device, currentMode, pendingMode);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int nvmlDeviceGetPersistenceMode(long device, MemorySegment mode) {
    try {
      return (int)
          NVML_DEVICE_GET_PERSISTENCE_MODE.invokeExact(nvmlDeviceGetPersistenceMode, device, mode);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int nvmlDeviceGetComputeRunningProcesses_v3(
      long device, MemorySegment infoCount, MemorySegment infos) {
    try {
      return (int)
          NVML_DEVICE_GET_COMPUTE_RUNNING_PROCESSES_V3.invokeExact(
              nvmlDeviceGetComputeRunningProcesses_v3, device, infoCount, infos);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }
}
