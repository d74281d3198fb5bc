package dev.sluice.bindings.tensorrt;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import dev.sluice.bindings.NativeException;
import dev.sluice.bindings.cuda.CudaApi;
import dev.sluice.bindings.cuda.CudaDevice;
import dev.sluice.bindings.cuda.CudaDriverLoader;
import dev.sluice.bindings.cuda.CudaStatus;
import dev.sluice.bindings.cuda.DriverProbe;
import dev.sluice.bindings.cuda.DriverReport;
import dev.sluice.bindings.cuda.GpuReport;
import dev.sluice.bindings.cuda.LibraryFinding;
import dev.sluice.bindings.cuda.LibrarySearch;
import dev.sluice.bindings.cuda.PrimaryContext;
import java.io.PrintStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;

/**
 * Says what the GPU of this machine can do: the driver through FFM, then TensorRT through JavaCPP
 * on a tiny network, and compares the answers with plain Java's.
 *
 * <p>Exit status: 0 where everything worked, or where there is no driver or no device; 1 where a
 * driver is there and something failed; 2 for wrong arguments.
 *
 * <p>Thread safety: a main class; its methods run on one thread.
 */
public final class GpuProbe {
  private static final double BYTES_PER_GIB = 1 << 30;

  private final PrintStream out;

  private GpuProbe(PrintStream out) {
    this.out = out;
  }

  /**
   * Runs the probe.
   *
   * @param args none, or {@code --driver FILE} to load that file as the driver and look nowhere
   *     else
   */
  public static void main(String[] args) {
    CudaDriverLoader.Result driver;
    if (args.length == 0) {
      driver = CudaDriverLoader.load();
    } else if (args.length == 2 && args[0].equals("--driver")) {
      driver = CudaDriverLoader.load(Path.of(args[1]));
    } else {
      System.err.println("usage: GpuProbe [--driver FILE]");
      System.exit(2);
      return;
    }
    System.exit(new GpuProbe(System.out).run(driver));
  }

  private int run(CudaDriverLoader.Result loaded) {
    DriverReport driver = DriverProbe.probe(loaded);
    GpuReport report = GpuReport.of(driver, LibrarySearch.ofMachine());
    print(report);
    out.println();
    switch (driver.status()) {
      case NO_DRIVER, NO_DEVICE -> {
        out.println(
            "No GPU to probe: " + driver.missing() + ". To change that: " + driver.remedy());
        return 0;
      }
      case TOO_OLD, INCOMPLETE, FAILED, NO_USABLE_DEVICE -> {
        out.println(
            "The driver is not usable: "
                + driver.missing()
                + ". To change that: "
                + driver.remedy());
        return 1;
      }
      case READY -> {}
    }
    ProbeSteps steps = new ProbeSteps(out);
    if (steps.run("find the presets", GpuProbe::findPresets)) {
      probeTensorRt(steps, loaded.api().orElseThrow(), report);
    }
    out.println();
    out.println(
        steps.failures() == 0
            ? "Every step succeeded."
            : "Steps that failed: "
                + steps.failures()
                + "; the text behind each FAILED says what to do.");
    return steps.failures() == 0 ? 0 : 1;
  }

  private static String findPresets() throws TensorRtLoader.NotLoaded {
    TensorRtLoader.findPresets();
    return "on the class path";
  }

  private static void probeTensorRt(ProbeSteps steps, CudaApi api, GpuReport report) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment device = arena.allocate(JAVA_INT);
      CudaStatus.check(api, api.cuDeviceGet(device, 0), "cuDeviceGet", "0");
      try (PrimaryContext _ = PrimaryContext.enter(api, device.get(JAVA_INT, 0))) {
        new TensorRtProbe(steps, api, report).run();
      }
    } catch (NativeException e) {
      steps.run(
          "enter the device's context",
          () -> {
            throw e;
          });
    }
  }

  private void print(GpuReport report) {
    DriverReport driver = report.driver();
    line("Java", System.getProperty("java.vm.version") + ", " + System.getProperty("java.vm.name"));
    line(
        "System",
        System.getProperty("os.name")
            + " "
            + System.getProperty("os.version")
            + ", "
            + System.getProperty("os.arch")
            + ", "
            + Runtime.getRuntime().availableProcessors()
            + " processors");
    line(
        "Driver",
        driver.library().map(Path::toString).orElse("none")
            + driver.release().map(release -> ", release " + release).orElse("")
            + driver.kernelRelease().map(release -> ", kernel module " + release).orElse("")
            + (driver.cudaVersion() == 0
                ? ""
                : ", CUDA " + DriverReport.cudaVersionText(driver.cudaVersion())));
    if (driver.library().isEmpty()) {
      driver.tried().forEach(tried -> line("  tried", tried.place() + ": " + tried.outcome()));
    }
    driver.devices().forEach(this::print);
    report.libraries().forEach(this::print);
    List<LibrarySearch.Found> resources = report.builderResources();
    line("Builder resources", resources.isEmpty() ? "none found" : "");
    resources.forEach(found -> line("", found.file() + ", " + found.source()));
  }

  private void print(CudaDevice device) {
    line(
        "Device " + device.ordinal(),
        String.format(
            Locale.ROOT,
            "%s, %s, %d multiprocessors, %.2f GiB, %s free %s",
            device.name(),
            device.architecture(),
            device.multiprocessors(),
            device.totalBytes() / BYTES_PER_GIB,
            device.freeBytes() < 0
                ? "unknown"
                : String.format(Locale.ROOT, "%.2f GiB", device.freeBytes() / BYTES_PER_GIB),
            device.note()));
  }

  private void print(LibraryFinding library) {
    line(
        library.name(),
        library
                .found()
                .map(found -> found.file() + ", version " + found.version())
                .orElse("missing")
            + (library.ok() ? "" : "; " + library.remedy()));
  }

  private void line(String name, String text) {
    out.println(String.format(Locale.ROOT, "%-26s %s", name, text).stripTrailing());
  }
}
