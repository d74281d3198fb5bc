package dev.sluice.engine.cuda;

import dev.sluice.bindings.cuda.CudaApi;
import dev.sluice.bindings.cuda.CudaDevice;
import dev.sluice.bindings.cuda.CudaDriverLoader;
import dev.sluice.bindings.cuda.DriverProbe;
import dev.sluice.bindings.cuda.DriverReport;
import dev.sluice.bindings.nvrtc.Nvrtc;
import dev.sluice.bindings.sim.SimulatedCuda;
import dev.sluice.bindings.sim.SimulatedNvrtc;
import dev.sluice.bindings.sim.SimulatedTensorRt;
import dev.sluice.bindings.tensorrt.TensorRtApi;
import dev.sluice.bindings.tensorrt.TensorRtLoader;
import dev.sluice.engine.backend.BackendException;
import dev.sluice.kernels.SimulatedKernels;
import dev.sluice.kernels.compile.KernelCompiler;
import java.util.List;
import java.util.Objects;
import java.util.Optional;

/**
 * What the CUDA backend runs on: the driver, TensorRT, and a compiler of kernels. Those of this
 * machine, or simulated ones for tests without a GPU:
 *
 * <pre>{@code
 * SimulatedCuda cuda = SimulatedCuda.builder().kernels(SimulatedKernels.all()).build();
 * GpuLibraries gpu = GpuLibraries.simulated(cuda, SimulatedTensorRt.builder(cuda).build());
 * Engine.open(file, EngineOptions.builder().device("cuda").gpu(gpu).build());
 * }</pre>
 *
 * <p>Thread safety: immutable.
 */
public final class GpuLibraries {
  private final CudaApi cuda;
  private final TensorRtApi tensorRt;
  private final KernelCompiler kernels;
  private final DriverReport driver;

  private GpuLibraries(
      CudaApi cuda, TensorRtApi tensorRt, KernelCompiler kernels, DriverReport driver) {
    this.cuda = Objects.requireNonNull(cuda, "cuda");
    this.tensorRt = Objects.requireNonNull(tensorRt, "tensorRt");
    this.kernels = Objects.requireNonNull(kernels, "kernels");
    this.driver = Objects.requireNonNull(driver, "driver");
  }

  /**
   * What was found on a machine.
   *
   * <p>Thread safety: immutable.
   *
   * @param libraries where all are there
   * @param missing what keeps the backend from running, one sentence each
   * @param remedies what to do about that
   */
  public record Result(
      Optional<GpuLibraries> libraries, List<String> missing, List<String> remedies) {
    /** Copies the lists. */
    public Result {
      missing = List.copyOf(missing);
      remedies = List.copyOf(remedies);
    }

    /**
     * The libraries.
     *
     * @throws BackendException where something is missing, with the remedies
     */
    public GpuLibraries require() throws BackendException {
      if (libraries.isEmpty()) {
        throw new BackendException(
            "the CUDA backend can't run here: "
                + String.join("; ", missing)
                + "; "
                + String.join("; ", remedies)
                + "; 'sluice doctor' tells all that it looked for",
            null);
      }
      return libraries.get();
    }
  }

  /** Looked for once in a process. */
  private static final class Machine {
    static final Result RESULT = look();

    private static Result look() {
      CudaDriverLoader.Result driver = CudaDriverLoader.load();
      DriverReport report = DriverProbe.probe(driver);
      if (!report.ready()) {
        return new Result(Optional.empty(), List.of(report.missing()), List.of(report.remedy()));
      }
      TensorRtLoader.Result loaded = TensorRtLoader.load(driver);
      return new Result(
          loaded
              .api()
              .map(api ->
                  new GpuLibraries(
                      driver.api().orElseThrow(),
                      api,
                      new KernelCompiler(),
                      loaded.report().driver())),
          loaded.missing(),
          loaded.remedies());
    }
  }

  /** Those of this machine; looks for them at the first call. */
  public static Result ofMachine() {
    return Machine.RESULT;
  }

  /** These, a simulated device for instance; asks the driver for its devices. */
  public static GpuLibraries of(CudaApi cuda, TensorRtApi tensorRt, KernelCompiler kernels) {
    CudaDriverLoader.Result loaded =
        new CudaDriverLoader.Result(Optional.of(cuda), Optional.empty(), List.of(), List.of());
    return new GpuLibraries(cuda, tensorRt, kernels, DriverProbe.probe(loaded));
  }

  /**
   * A simulated device, which runs stages, too, where it was made with {@link
   * SimulatedKernels#all}.
   */
  public static GpuLibraries simulated(SimulatedCuda cuda, SimulatedTensorRt tensorRt) {
    SimulatedNvrtc nvrtc = new SimulatedNvrtc(SimulatedKernels.all().keySet(), 80, 90);
    return of(cuda, tensorRt, new KernelCompiler(() -> new Nvrtc(nvrtc, "simulated")));
  }

  /** The driver. */
  public CudaApi cuda() {
    return cuda;
  }

  /** TensorRT. */
  public TensorRtApi tensorRt() {
    return tensorRt;
  }

  /** What compiles the kernels of stages. */
  public KernelCompiler kernels() {
    return kernels;
  }

  /**
   * A device that can be used.
   *
   * @param ordinal 0 for the first that this process sees
   * @throws BackendException where there is none of this number, or it can't be used, with the
   *     remedy
   */
  public CudaDevice device(int ordinal) throws BackendException {
    for (CudaDevice device : driver.devices()) {
      if (device.ordinal() == ordinal) {
        if (!device.usable()) {
          throw new BackendException(
              "cuda:" + ordinal + " can't be used: " + device.note() + "; " + device.remedy(),
              null);
        }
        return device;
      }
    }
    throw new BackendException(
        "there is no cuda:"
            + ordinal
            + "; this process sees "
            + (driver.devices().isEmpty()
                ? "no device: " + driver.missing() + "; " + driver.remedy()
                : driver.devices().stream()
                    .map(device -> "cuda:" + device.ordinal() + " (" + device.name() + ")")
                    .toList()),
        null);
  }
}
