package dev.sluice.converter.cli;

import dev.sluice.bindings.cuda.CudaDevice;
import dev.sluice.bindings.cuda.DriverReport;
import dev.sluice.bindings.cuda.GpuReport;
import dev.sluice.bindings.cuda.LibraryFinding;
import dev.sluice.bindings.tensorrt.TensorRtLoader;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/**
 * {@code sluice doctor}: what this machine has and lacks for each backend.
 *
 * <p>Thread safety: one thread.
 */
@Command(
    name = "doctor",
    mixinStandardHelpOptions = true,
    description = {
      "Shows what this machine has and lacks for each backend, and what to do.",
      "",
      "For the CPU: Java, ONNX Runtime, vector instructions. For GPUs: the driver, CUDA, cuDNN, TensorRT,"
          + " each with its version and where it was found, and how each GPU is doing."
    },
    footerHeading = "%nExamples:%n",
    footer = {"  sluice doctor", "  sluice doctor --json"})
final class DoctorCommand implements Callable<Integer> {
  /**
   * Whether TensorRT builds plans with the one builder resource that its redistributable has; what
   * the GPU probe answers, see docs/gpu.md.
   */
  private static final String REDISTRIBUTABLE_BUILDS = "not measured yet";

  @Mixin private Output output;

  @Override
  public Integer call() {
    CpuReport cpu = CpuReport.ofMachine();
    TensorRtLoader.Result gpu = TensorRtLoader.load(GpuReport.ofMachine());
    GpuHealth health = GpuHealth.ofMachine();
    Map<String, Object> backends = new LinkedHashMap<>();
    backends.put("cpu", json(cpu));
    backends.put("cuda", json(gpu, health));
    output.print(
        Map.of("backends", backends),
        out -> {
          text(cpu, out);
          out.println();
          text(gpu, health, out);
        });
    return 0;
  }

  private static Map<String, Object> json(CpuReport cpu) {
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("ok", cpu.ok());
    object.putAll(cpu.facts());
    object.put("missing", cpu.missing());
    object.put("remedy", cpu.remedies());
    return object;
  }

  private static Map<String, Object> json(TensorRtLoader.Result loaded, GpuHealth health) {
    GpuReport gpu = loaded.report();
    DriverReport driver = gpu.driver();
    Map<String, Object> driverObject = new LinkedHashMap<>();
    driverObject.put("status", driver.status());
    driverObject.put("library", driver.library().map(Object::toString).orElse(null));
    driverObject.put("release", release(driver));
    driverObject.put(
        "cuda",
        driver.cudaVersion() == 0 ? null : DriverReport.cudaVersionText(driver.cudaVersion()));
    driverObject.put("devices", driver.devices());
    driverObject.put("tried", driver.tried());
    List<Map<String, Object>> libraries = new ArrayList<>();
    for (LibraryFinding finding : gpu.libraries()) {
      Map<String, Object> library = new LinkedHashMap<>();
      library.put("name", finding.name());
      library.put("product", finding.purpose());
      library.put("file", finding.found().map(found -> found.file().toString()).orElse(null));
      library.put("version", finding.found().map(found -> found.version()).orElse(null));
      library.put("ok", finding.ok());
      libraries.add(library);
    }
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("ok", loaded.api().isPresent());
    object.put("driver", driverObject);
    object.put("tensorRt", version(loaded).orElse(null));
    object.put("libraries", libraries);
    object.put("nvrtc", health.nvrtc());
    object.put("gpus", health.gpus());
    object.put("nvml", health.noNvml().isEmpty() ? "ok" : health.noNvml());
    object.put("nvmlVersion", health.nvmlVersion().isEmpty() ? null : health.nvmlVersion());
    object.put(
        "builderResources",
        gpu.builderResources().stream().map(found -> found.file().toString()).toList());
    object.put("redistributableBuilds", REDISTRIBUTABLE_BUILDS);
    object.put("missing", loaded.missing());
    object.put("remedy", health.withRemedy(loaded.remedies()));
    return object;
  }

  /** TensorRT's, where it was loaded. */
  private static Optional<String> version(TensorRtLoader.Result loaded) {
    return loaded.api().map(api -> TensorRtLoader.versionText(api.getInferLibVersion()));
  }

  private static String release(DriverReport driver) {
    return driver.release().or(driver::kernelRelease).orElse(null);
  }

  private static void text(CpuReport cpu, PrintWriter out) {
    out.println("cpu: " + (cpu.ok() ? "ok" : "does not work"));
    TextTable table = new TextTable();
    cpu.facts().forEach((name, value) -> table.row(CpuReport.label(name), CpuReport.text(value)));
    advice(cpu.missing(), cpu.remedies(), table);
    table.print(out);
  }

  /** For people. */
  static void text(TensorRtLoader.Result loaded, GpuHealth health, PrintWriter out) {
    GpuReport gpu = loaded.report();
    DriverReport driver = gpu.driver();
    out.println(
        "cuda: "
            + version(loaded)
                .map(version -> "ok, TensorRT " + version)
                .orElse("not usable on this machine as it is"));
    TextTable table = new TextTable();
    table.row(
        "driver",
        driver.library().isEmpty()
            ? "none"
            : driver.library().get()
                + (release(driver) == null ? "" : ", release " + release(driver))
                + (driver.cudaVersion() == 0
                    ? ""
                    : ", CUDA " + DriverReport.cudaVersionText(driver.cudaVersion())));
    if (driver.library().isEmpty()) {
      driver.tried().forEach(tried -> table.row("tried", tried.place() + ": " + tried.outcome()));
    }
    for (CudaDevice device : driver.devices()) {
      table.row(
          "device",
          "cuda:"
              + device.ordinal()
              + " "
              + device.name()
              + ", "
              + device.architecture()
              + ", "
              + InspectCommand.bytes(device.totalBytes())
              + (device.usable() ? "" : ", " + device.note() + ": " + device.remedy()));
    }
    for (LibraryFinding library : gpu.libraries()) {
      library
          .found()
          .ifPresent(found ->
              table.row(
                  library.purpose(),
                  found.file() + (found.version().isEmpty() ? "" : ", " + found.version())));
    }
    table.row(
        "builder",
        gpu.builderResources().size()
            + " builder resources; whether the redistributable's single one builds plans is "
            + REDISTRIBUTABLE_BUILDS
            + " (docs/gpu.md)");
    health.rows(table);
    advice(loaded.missing(), health.withRemedy(loaded.remedies()), table);
    table.print(out);
  }

  private static void advice(List<String> missing, List<String> remedies, TextTable table) {
    missing.forEach(problem -> table.row("missing", problem));
    remedies.forEach(remedy -> table.row("remedy", remedy));
  }
}
