package dev.sluice.bindings.nvml;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.sluice.bindings.NativeException;
import dev.sluice.bindings.NativeHandle;
import dev.sluice.bindings.library.SharedLibrary;
import dev.sluice.bindings.nvml.generated.NvmlHeader;
import dev.sluice.bindings.nvml.generated.nvmlMemory_st;
import dev.sluice.bindings.nvml.generated.nvmlProcessInfo_v2_st;
import dev.sluice.bindings.nvml.generated.nvmlUtilization_st;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * NVML, started for this user and ended by {@link #close}.
 *
 * <p>A GPU is named by its place on the PCI bus, as CUDA gives it for a device: CUDA's ordinals and
 * NVML's indices differ where CUDA_VISIBLE_DEVICES is set.
 *
 * <p>Thread safety: any thread; one reads at a time.
 */
public final class Nvml implements AutoCloseable {
  /** The library, which comes with the driver. */
  public static final String LIBRARY = "libnvidia-ml.so.1";

  private static final int TEXT_BYTES = 96;
  private static final int MAX_PROCESSES = 256;

  /** Bytes of an {@code nvmlProcessInfo_t}, whose first 4 are the process id. */
  private static final int PROCESS_BYTES = (int) nvmlProcessInfo_v2_st.sizeof();

  /** The reasons by their bits: {@code nvmlClocksEventReason*} in {@code nvml.h}. */
  private static final String[] REASONS = {
    "idle",
    "application clocks",
    "software power cap",
    "hardware slowdown",
    "sync boost",
    "software thermal slowdown",
    "hardware thermal slowdown",
    "hardware power brake",
    "display clocks"
  };

  /** An idle GPU is not slowed down. */
  private static final long NO_SLOWDOWN = 1;

  private interface Question {
    int ask(MemorySegment out);
  }

  private final NvmlApi api;
  private final NativeHandle started;
  private final Arena arena = Arena.ofShared();
  private final MemorySegment out = arena.allocate(nvmlMemory_st.sizeof(), 8);
  private final MemorySegment second = arena.allocate(16, 8);
  private final MemorySegment text = arena.allocate(TEXT_BYTES);
  private final MemorySegment processes = arena.allocate((long) MAX_PROCESSES * PROCESS_BYTES, 8);

  private Nvml(NvmlApi api, NativeHandle started) {
    this.api = api;
    this.started = started;
  }

  /**
   * Loads and starts this machine's.
   *
   * @throws NativeException where there is no driver; the message says what to do
   */
  public static Nvml load() {
    return load(LIBRARY);
  }

  /** Loads and starts the one in a file. */
  public static Nvml load(Path file) {
    return load(file.toAbsolutePath().toString());
  }

  private static Nvml load(String library) {
    try {
      return start(new FfmNvmlApi(SharedLibrary.open(library)));
    } catch (SharedLibrary.OpenException e) {
      throw new NativeException(
          "dlopen", library, "no NVML", -1, e.getMessage(), "install the NVIDIA driver");
    }
  }

  /** Starts one behind an interface. */
  public static Nvml start(NvmlApi api) {
    check(api.nvmlInit_v2(), "nvmlInit_v2", "");
    return new Nvml(api, NativeHandle.own("NVML", "", 1, _ -> api.nvmlShutdown()));
  }

  /** The driver's release, as in 580.65.06. */
  public synchronized String driverRelease() {
    started.raw();
    check(api.nvmlSystemGetDriverVersion(text, TEXT_BYTES), "nvmlSystemGetDriverVersion", "");
    return text.getString(0);
  }

  /** How many GPUs the machine has. */
  public synchronized int count() {
    started.raw();
    check(api.nvmlDeviceGetCount_v2(out), "nvmlDeviceGetCount_v2", "");
    return out.get(JAVA_INT, 0);
  }

  /**
   * Reads the GPU at an index of NVML's.
   *
   * @throws NativeException where it is not there, or fell off the bus
   */
  public synchronized GpuReading readIndex(int index) {
    started.raw();
    check(
        api.nvmlDeviceGetHandleByIndex_v2(index, out),
        "nvmlDeviceGetHandleByIndex_v2",
        "index " + index);
    return read(out.get(JAVA_LONG, 0));
  }

  /**
   * Reads the GPU at a place of the PCI bus.
   *
   * @param pciBusId as {@code cuDeviceGetPCIBusId} writes it
   * @throws NativeException where it is not there, or fell off the bus
   */
  public synchronized GpuReading readPci(String pciBusId) {
    started.raw();
    try (Arena call = Arena.ofConfined()) {
      check(
          api.nvmlDeviceGetHandleByPciBusId_v2(call.allocateFrom(pciBusId), out),
          "nvmlDeviceGetHandleByPciBusId_v2",
          pciBusId);
    }
    return read(out.get(JAVA_LONG, 0));
  }

  private GpuReading read(long device) {
    check(api.nvmlDeviceGetName(device, text, TEXT_BYTES), "nvmlDeviceGetName", "");
    String name = text.getString(0);
    check(api.nvmlDeviceGetUUID(device, text, TEXT_BYTES), "nvmlDeviceGetUUID", name);
    String uuid = text.getString(0);
    boolean rates = tells(api.nvmlDeviceGetUtilizationRates(device, out));
    OptionalLong busy = rates ? OptionalLong.of(nvmlUtilization_st.gpu(out)) : OptionalLong.empty();
    OptionalLong memoryBusy =
        rates ? OptionalLong.of(nvmlUtilization_st.memory(out)) : OptionalLong.empty();
    boolean memory = tells(api.nvmlDeviceGetMemoryInfo(device, out));
    OptionalLong used = memory ? OptionalLong.of(nvmlMemory_st.used(out)) : OptionalLong.empty();
    OptionalLong total = memory ? OptionalLong.of(nvmlMemory_st.total(out)) : OptionalLong.empty();
    return new GpuReading(
        name,
        uuid,
        busy,
        memoryBusy,
        used,
        total,
        number(o -> api.nvmlDeviceGetTemperature(device, NvmlHeader.NVML_TEMPERATURE_GPU(), o)),
        number(o -> api.nvmlDeviceGetPowerUsage(device, o)),
        number(o -> api.nvmlDeviceGetEnforcedPowerLimit(device, o)),
        wide(o -> api.nvmlDeviceGetTotalEnergyConsumption(device, o)),
        number(o -> api.nvmlDeviceGetClockInfo(device, NvmlHeader.NVML_CLOCK_SM(), o)),
        number(o -> api.nvmlDeviceGetMaxClockInfo(device, NvmlHeader.NVML_CLOCK_SM(), o)),
        number(o -> api.nvmlDeviceGetClockInfo(device, NvmlHeader.NVML_CLOCK_MEM(), o)),
        reasons(device),
        number(o -> api.nvmlDeviceGetEccMode(device, o, second)),
        wide(o ->
            api.nvmlDeviceGetTotalEccErrors(
                device,
                NvmlHeader.NVML_MEMORY_ERROR_TYPE_UNCORRECTED(),
                NvmlHeader.NVML_VOLATILE_ECC(),
                o)),
        computeMode(device),
        number(o -> api.nvmlDeviceGetMigMode(device, o, second)),
        number(o -> api.nvmlDeviceGetPersistenceMode(device, o)),
        processes(device));
  }

  /**
   * Whether a value was told. What a GPU does not support, or this user may not see, is just
   * missing; a GPU that is lost is an error.
   */
  private static boolean tells(int status) {
    if (status == NvmlStatus.GPU_IS_LOST.code() || status == NvmlStatus.UNINITIALIZED.code()) {
      check(status, "nvmlDeviceGet", "");
    }
    return status == NvmlStatus.SUCCESS.code();
  }

  private OptionalLong number(Question question) {
    return tells(question.ask(out))
        ? OptionalLong.of(Integer.toUnsignedLong(out.get(JAVA_INT, 0)))
        : OptionalLong.empty();
  }

  private OptionalLong wide(Question question) {
    return tells(question.ask(out)) ? OptionalLong.of(out.get(JAVA_LONG, 0)) : OptionalLong.empty();
  }

  private List<String> reasons(long device) {
    OptionalLong mask = wide(o -> api.nvmlDeviceGetCurrentClocksEventReasons(device, o));
    if (mask.isEmpty()) {
      mask = wide(o -> api.nvmlDeviceGetCurrentClocksThrottleReasons(device, o));
    }
    List<String> reasons = new ArrayList<>();
    long bits = mask.orElse(0) & ~NO_SLOWDOWN;
    for (int bit = 0; bit < REASONS.length; bit++) {
      if ((bits & 1L << bit) != 0) {
        reasons.add(REASONS[bit]);
      }
    }
    return reasons;
  }

  private Optional<String> computeMode(long device) {
    OptionalLong mode = number(o -> api.nvmlDeviceGetComputeMode(device, o));
    if (mode.isEmpty()) {
      return Optional.empty();
    }
    String[] names = {"default", "exclusive thread", "prohibited", "exclusive process"};
    int code = (int) mode.getAsLong();
    return Optional.of(code < names.length ? names[code] : "mode " + code);
  }

  private List<Long> processes(long device) {
    second.set(JAVA_INT, 0, MAX_PROCESSES);
    List<Long> ids = new ArrayList<>();
    if (tells(api.nvmlDeviceGetComputeRunningProcesses_v3(device, second, processes))) {
      int count = Math.min(second.get(JAVA_INT, 0), MAX_PROCESSES);
      for (int i = 0; i < count; i++) {
        ids.add(Integer.toUnsignedLong(processes.get(JAVA_INT, (long) i * PROCESS_BYTES)));
      }
    }
    return ids;
  }

  private static void check(int code, String function, String arguments) {
    if (code != NvmlStatus.SUCCESS.code()) {
      NvmlStatus status = NvmlStatus.of(code).orElse(NvmlStatus.UNKNOWN);
      throw new NativeException(function, arguments, status.cName(), code, "", status.remedy());
    }
  }

  /** Ends it. Closing twice does nothing. */
  @Override
  public synchronized void close() {
    if (started.isOpen()) {
      started.close();
      arena.close();
    }
  }
}
