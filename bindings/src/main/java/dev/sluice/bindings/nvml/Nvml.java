package dev.sluice.bindings.nvml;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.sluice.bindings.NativeException;
import dev.sluice.bindings.NativeHandle;
import dev.sluice.bindings.cuda.CudaDriverLoader;
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
import java.util.function.ToLongFunction;

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
  private static final int USUAL_PROCESSES = 256;

  /** How often the processes are asked for anew, where there are more than there is room for. */
  private static final int MAX_TRIES = 4;

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

  private static final String REMEDY =
      "it comes with the NVIDIA driver: install that; in a container set"
          + " NVIDIA_DRIVER_CAPABILITIES=compute,utility";

  private interface Question {
    int ask(MemorySegment out);
  }

  private final NvmlApi api;
  private final NativeHandle started;
  private final Arena arena = Arena.ofShared();
  private final MemorySegment out = arena.allocate(nvmlMemory_st.sizeof(), 8);
  private final MemorySegment second = arena.allocate(16, 8);
  private final MemorySegment text = arena.allocate(TEXT_BYTES);

  private Nvml(NvmlApi api, NativeHandle started) {
    this.api = api;
    this.started = started;
  }

  /**
   * Loads and starts this machine's: the one beside the CUDA driver that is loaded, else what the
   * system's loader finds, else what lies in the usual places.
   *
   * @throws NativeException where there is none, or it does not start; the message says what was
   *     tried, and what to do
   */
  public static Nvml load() {
    return load(CudaDriverLoader.candidates(LIBRARY));
  }

  /** Loads and starts the one in a file. */
  public static Nvml load(Path file) {
    return load(List.of(file.toAbsolutePath().toString()));
  }

  /** Starts the first of these that loads. */
  static Nvml load(List<String> candidates) {
    List<String> reasons = new ArrayList<>();
    for (String candidate : candidates) {
      FfmNvmlApi api;
      try {
        api = new FfmNvmlApi(SharedLibrary.open(candidate));
      } catch (SharedLibrary.OpenException e) {
        reasons.add(candidate + ": " + e.getMessage());
        continue;
      }
      return start(api);
    }
    throw new NativeException("dlopen", LIBRARY, "no NVML", -1, String.join("; ", reasons), REMEDY);
  }

  /** Starts one behind an interface. */
  public static Nvml start(NvmlApi api) {
    check(api, api.nvmlInit_v2(), "nvmlInit_v2", "");
    return new Nvml(
        api,
        NativeHandle.own("NVML", "", 1, _ -> check(api, api.nvmlShutdown(), "nvmlShutdown", "")));
  }

  /** The driver's release, as in 580.65.06. */
  public synchronized String driverRelease() {
    started.raw();
    check(api.nvmlSystemGetDriverVersion(text, TEXT_BYTES), "nvmlSystemGetDriverVersion", "");
    return text.getString(0);
  }

  /** NVML's version, as in 13.580.65.06. */
  public synchronized String version() {
    started.raw();
    check(api.nvmlSystemGetNVMLVersion(text, TEXT_BYTES), "nvmlSystemGetNVMLVersion", "");
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
    String gpu = "index " + index;
    check(api.nvmlDeviceGetHandleByIndex_v2(index, out), "nvmlDeviceGetHandleByIndex_v2", gpu);
    return new Gpu(out.get(JAVA_LONG, 0), gpu).read();
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
    return new Gpu(out.get(JAVA_LONG, 0), pciBusId).read();
  }

  /** One reading of one GPU. */
  private final class Gpu {
    private final long device;
    private final String name;

    /**
     * A GPU.
     *
     * @param name what it was asked for by, for messages
     */
    Gpu(long device, String name) {
      this.device = device;
      this.name = name;
    }

    GpuReading read() {
      boolean rates =
          tells("nvmlDeviceGetUtilizationRates", o -> api.nvmlDeviceGetUtilizationRates(device, o));
      OptionalLong busy = when(rates, nvmlUtilization_st::gpu);
      OptionalLong memoryBusy = when(rates, nvmlUtilization_st::memory);
      boolean memory =
          tells("nvmlDeviceGetMemoryInfo", o -> api.nvmlDeviceGetMemoryInfo(device, o));
      OptionalLong used = when(memory, nvmlMemory_st::used);
      OptionalLong total = when(memory, nvmlMemory_st::total);
      return new GpuReading(
          text("nvmlDeviceGetName", o -> api.nvmlDeviceGetName(device, o, TEXT_BYTES)),
          text("nvmlDeviceGetUUID", o -> api.nvmlDeviceGetUUID(device, o, TEXT_BYTES)),
          busy,
          memoryBusy,
          used,
          total,
          number(
              "nvmlDeviceGetTemperature",
              o -> api.nvmlDeviceGetTemperature(device, NvmlHeader.NVML_TEMPERATURE_GPU(), o)),
          number("nvmlDeviceGetPowerUsage", o -> api.nvmlDeviceGetPowerUsage(device, o)),
          number(
              "nvmlDeviceGetEnforcedPowerLimit",
              o -> api.nvmlDeviceGetEnforcedPowerLimit(device, o)),
          wide(
              "nvmlDeviceGetTotalEnergyConsumption",
              o -> api.nvmlDeviceGetTotalEnergyConsumption(device, o)),
          clock(NvmlHeader.NVML_CLOCK_SM()),
          number(
              "nvmlDeviceGetMaxClockInfo",
              o -> api.nvmlDeviceGetMaxClockInfo(device, NvmlHeader.NVML_CLOCK_SM(), o)),
          clock(NvmlHeader.NVML_CLOCK_MEM()),
          reasons(),
          number("nvmlDeviceGetEccMode", o -> api.nvmlDeviceGetEccMode(device, o, second)),
          wide(
              "nvmlDeviceGetTotalEccErrors",
              o ->
                  api.nvmlDeviceGetTotalEccErrors(
                      device,
                      NvmlHeader.NVML_MEMORY_ERROR_TYPE_UNCORRECTED(),
                      NvmlHeader.NVML_VOLATILE_ECC(),
                      o)),
          computeMode(),
          number("nvmlDeviceGetMigMode", o -> api.nvmlDeviceGetMigMode(device, o, second)),
          number("nvmlDeviceGetPersistenceMode", o -> api.nvmlDeviceGetPersistenceMode(device, o)),
          processes());
    }

    private String text(String function, Question question) {
      check(question.ask(text), function, name);
      return text.getString(0);
    }

    /**
     * Whether a value was told. What a GPU does not support, or this user may not see, is just
     * missing; a GPU that is lost is an error.
     */
    private boolean tells(String function, Question question) {
      int status = question.ask(out);
      if (status == NvmlStatus.GPU_IS_LOST.code() || status == NvmlStatus.UNINITIALIZED.code()) {
        check(status, function, name);
      }
      return status == NvmlStatus.SUCCESS.code();
    }

    private OptionalLong when(boolean told, ToLongFunction<MemorySegment> value) {
      return told ? OptionalLong.of(value.applyAsLong(out)) : OptionalLong.empty();
    }

    private OptionalLong number(String function, Question question) {
      return when(tells(function, question), o -> Integer.toUnsignedLong(o.get(JAVA_INT, 0)));
    }

    private OptionalLong wide(String function, Question question) {
      return when(tells(function, question), o -> o.get(JAVA_LONG, 0));
    }

    private OptionalLong clock(int type) {
      return number("nvmlDeviceGetClockInfo", o -> api.nvmlDeviceGetClockInfo(device, type, o));
    }

    private List<String> reasons() {
      OptionalLong mask =
          wide(
              "nvmlDeviceGetCurrentClocksEventReasons",
              o -> api.nvmlDeviceGetCurrentClocksEventReasons(device, o));
      if (mask.isEmpty()) {
        mask =
            wide(
                "nvmlDeviceGetCurrentClocksThrottleReasons",
                o -> api.nvmlDeviceGetCurrentClocksThrottleReasons(device, o));
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

    private Optional<String> computeMode() {
      OptionalLong mode =
          number("nvmlDeviceGetComputeMode", o -> api.nvmlDeviceGetComputeMode(device, o));
      if (mode.isEmpty()) {
        return Optional.empty();
      }
      String[] names = {"default", "exclusive thread", "prohibited", "exclusive process"};
      int code = (int) mode.getAsLong();
      return Optional.of(code < names.length ? names[code] : "mode " + code);
    }

    /** The processes; asked for anew with more room as long as there are more than fit. */
    private List<Long> processes() {
      String function = "nvmlDeviceGetComputeRunningProcesses_v3";
      int room = USUAL_PROCESSES;
      for (int tries = 0; tries < MAX_TRIES; tries++) {
        try (Arena call = Arena.ofConfined()) {
          MemorySegment processes = call.allocate((long) room * PROCESS_BYTES, 8);
          second.set(JAVA_INT, 0, room);
          int status = api.nvmlDeviceGetComputeRunningProcesses_v3(device, second, processes);
          if (status != NvmlStatus.INSUFFICIENT_SIZE.code()) {
            return tells(function, _ -> status)
                ? ids(processes, Math.min(second.get(JAVA_INT, 0), room))
                : List.of();
          }
        }
        // Some may start until the next try.
        room = Math.max(room, second.get(JAVA_INT, 0)) * 2;
      }
      throw exception(api, NvmlStatus.INSUFFICIENT_SIZE.code(), function, name);
    }

    private static List<Long> ids(MemorySegment processes, int count) {
      List<Long> ids = new ArrayList<>();
      for (int i = 0; i < count; i++) {
        ids.add(Integer.toUnsignedLong(processes.get(JAVA_INT, (long) i * PROCESS_BYTES)));
      }
      return ids;
    }
  }

  private void check(int code, String function, String arguments) {
    check(api, code, function, arguments);
  }

  private static void check(NvmlApi api, int code, String function, String arguments) {
    if (code != NvmlStatus.SUCCESS.code()) {
      throw exception(api, code, function, arguments);
    }
  }

  private static NativeException exception(
      NvmlApi api, int code, String function, String arguments) {
    NvmlStatus status = NvmlStatus.of(code).orElse(NvmlStatus.UNKNOWN);
    long words = api.nvmlErrorString(code);
    return new NativeException(
        function,
        arguments,
        status.cName(),
        code,
        words == 0 ? "" : MemorySegment.ofAddress(words).reinterpret(Long.MAX_VALUE).getString(0),
        status.remedy());
  }

  /** Ends it. Closing twice does nothing. */
  @Override
  public synchronized void close() {
    started.close();
    if (!started.isOpen() && arena.scope().isAlive()) {
      arena.close();
    }
  }
}
