package dev.sluice.bindings.tensorrt;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.sluice.bindings.NativeException;
import dev.sluice.bindings.cuda.CudaDevice;
import dev.sluice.bindings.cuda.CudaApi;
import dev.sluice.bindings.cuda.CudaStatus;
import dev.sluice.bindings.cuda.DriverReport;
import dev.sluice.bindings.cuda.GpuReport;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Locale;

/**
 * The steps that need TensorRT; only after the driver has answered. The device's primary context
 * must be current.
 *
 * <p>Thread safety: one thread.
 */
final class TensorRtProbe {
  private static final int ROWS = 5;
  private static final int WARMUP_RUNS = 50;
  private static final int TIMED_RUNS = 500;

  private final ProbeSteps steps;
  private final CudaApi driver;
  private final GpuReport report;
  private final ProbeModel model = new ProbeModel();
  private TensorRtApi api;
  private ProbePlan plan;
  private ProbeEngine engine;

  TensorRtProbe(ProbeSteps steps, CudaApi driver, GpuReport report) {
    this.steps = steps;
    this.driver = driver;
    this.report = report;
  }

  /** Runs every step that still has something to stand on. */
  void run() {
    boolean loaded = steps.run("load TensorRT", this::load);
    steps.verdict(
        "The presets load on a driver of CUDA "
            + DriverReport.cudaVersionText(report.driver().cudaVersion()),
        yes(loaded));
    if (!loaded) {
      steps.skip("every further step", "needs TensorRT");
      steps.printVerdicts();
      return;
    }
    plan = new ProbePlan(api);
    engine = new ProbeEngine(api);
    boolean built = buildPlan();
    boolean runtime = steps.run("create a runtime", engine::createRuntime);
    boolean ready =
        built
            && runtime
            && steps.run("deserialize the plan", () -> engine.deserialize(plan.plan()))
            && steps.run("create a context", engine::createContext);
    if (ready) {
      try (DeviceRun device = new DeviceRun(driver)) {
        runOn(device);
      } catch (NativeException e) {
        steps.run(
            "allocate on the device",
            () -> {
              throw e;
            });
      }
    } else {
      steps.skip("enqueue, capture, replay", "needs a plan and a runtime");
    }
    steps.printVerdicts();
    // Last, after the verdicts: nothing but this step relies on the layout of C++ objects.
    steps.run("delete TensorRT's objects", this::delete);
  }

  private String load() throws TensorRtLoader.NotLoaded {
    api = TensorRtLoader.loadPresets(report);
    return api.toString();
  }

  private boolean buildPlan() {
    boolean built =
        steps.run("create a builder", plan::createBuilder)
            && steps.run("parse ONNX", () -> plan.parse(model.onnx()))
            && steps.run("build a plan", () -> plan.build(_ -> {}));
    CudaDevice device = report.driver().devices().getFirst();
    List<String> resources =
        report.builderResources().stream()
            .map(found -> found.file().getFileName().toString())
            .distinct()
            .toList();
    steps.verdict(
        "A builder runs on " + device.architecture() + " with the resources " + resources,
        yes(built));
    return built;
  }

  private void runOn(DeviceRun device) {
    boolean enqueued =
        steps.run(
            "enqueue and compare",
            () -> {
              engine.bind(device, ROWS);
              return compare(device, 1, engine::enqueue);
            });
    steps.verdict("enqueueV3 answers as plain Java does", yes(enqueued));
    if (!enqueued) {
      steps.skip("capture and replay", "needs enqueueV3");
      return;
    }
    boolean replayed =
        steps.run(
            "capture, replay, compare",
            () -> {
              device.capture(engine::enqueue);
              // Another input than the last one: a graph that did nothing would leave old answers.
              return compare(device, 2, device::launchGraph);
            });
    steps.verdict("enqueueV3 can be captured and replayed", yes(replayed));
    steps.run("time enqueueV3", () -> time(device, "enqueueV3", engine::enqueue));
    if (replayed) {
      steps.run("time the graph", () -> time(device, "cuGraphLaunch", device::launchGraph));
    }
  }

  private String compare(DeviceRun device, long seed, DeviceRun.Work work)
      throws ProbeSteps.Failure {
    float[] x = ProbeModel.input(ROWS, seed);
    ProbeModel.Expected expected = model.expected(x);
    float[] actual = device.run(x, expected.count(), work);
    double largest = expected.largestError(actual);
    String text =
        String.format(
            Locale.ROOT, "max abs error %.3g, allowed %.3g", largest, expected.tolerance());
    if (!(largest <= expected.tolerance())) {
      throw new ProbeSteps.Failure(
          "wrong answers: " + text + "; do not use this combination of TensorRT and driver");
    }
    return text;
  }

  private String time(DeviceRun device, String name, DeviceRun.Work work)
      throws ProbeSteps.Failure {
    device.deviceUs(WARMUP_RUNS, work);
    String text =
        String.format(
            Locale.ROOT,
            "%.2f us on the device back to back, %.2f us until done for the host, mean of %d",
            device.deviceUs(TIMED_RUNS, work),
            device.roundTripUs(TIMED_RUNS, work),
            TIMED_RUNS);
    steps.verdict("One run of " + ROWS + " rows by " + name + " takes", text);
    return text;
  }

  private String delete() {
    long before = freeBytes();
    engine.close();
    plan.close();
    return "free device memory " + before + " bytes before, " + freeBytes() + " after";
  }

  private long freeBytes() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment free = arena.allocate(JAVA_LONG);
      MemorySegment total = arena.allocate(JAVA_LONG);
      CudaStatus.check(driver, driver.cuMemGetInfo_v2(free, total), "cuMemGetInfo_v2", "");
      return free.get(JAVA_LONG, 0);
    }
  }

  private static String yes(boolean so) {
    return so ? "yes" : "NO, see the step above";
  }
}
