package dev.sluice.converter.cli;

import dev.sluice.bindings.cuda.CudaDevice;
import dev.sluice.bindings.cuda.PrimaryContext;
import dev.sluice.engine.cuda.GpuLibraries;
import dev.sluice.engine.format.PackageException;
import dev.sluice.engine.format.SluicePackage;
import dev.sluice.engine.plan.PackagedPlans;
import dev.sluice.engine.plan.PlanInspector;
import dev.sluice.engine.plan.PlanKey;
import dev.sluice.engine.plan.PlanProfile;
import dev.sluice.engine.plan.PlanTarget;
import dev.sluice.engine.plan.ShapeRange;
import java.io.PrintWriter;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;

/**
 * What a package's plans are, and whether they fit the GPU at hand.
 *
 * <p>Thread safety: immutable.
 */
final class PlanReport {
  /**
   * A plan of the package.
   *
   * @param misfit why the GPU at hand does not take it; empty where it does; null where there is
   *     none
   * @param layers null where the package does not tell
   * @param timesUs microseconds of a run by the layer's name; empty where they were not measured
   */
  private record Plan(
      PackagedPlans.Entry entry,
      long sizeBytes,
      String misfit,
      List<PlanLayers.Layer> layers,
      Map<String, Double> timesUs) {}

  /**
   * A GPU that can be used.
   *
   * <p>Thread safety: immutable.
   */
  record Gpu(GpuLibraries libraries, CudaDevice device) {
    PlanTarget target() {
      return PlanTarget.of(libraries.tensorRt(), device);
    }

    /** Runs a plan, and measures its layers. */
    private Map<String, Double> timesUs(MemorySegment plan, String label) {
      try (PrimaryContext _ = PrimaryContext.enter(libraries.cuda(), device.ordinal());
          PlanInspector inspector =
              new PlanInspector(libraries.cuda(), libraries.tensorRt(), plan, label)) {
        return inspector.layerTimesUs();
      }
    }
  }

  private final List<Plan> plans;

  private PlanReport(List<Plan> plans) {
    this.plans = plans;
  }

  /**
   * Reads them.
   *
   * @param gpu is asked for the GPU at hand only where there are plans
   * @param timed whether to run the plans that fit
   * @throws PackageException where an entry can't be read
   */
  static PlanReport of(SluicePackage opened, Supplier<Optional<Gpu>> gpu, boolean timed)
      throws PackageException {
    List<PackagedPlans.Entry> entries = PackagedPlans.list(opened);
    Optional<Gpu> here = entries.isEmpty() ? Optional.empty() : gpu.get();
    List<Plan> plans = new ArrayList<>();
    for (PackagedPlans.Entry entry : entries) {
      MemorySegment plan = opened.entry(entry.entry());
      String misfit =
          here.map(at -> PackagedPlans.misfit(entry, opened.manifest(), at.target())).orElse(null);
      plans.add(
          new Plan(
              entry,
              plan.byteSize(),
              misfit,
              layers(opened, entry),
              timed && "".equals(misfit)
                  ? here.get().timesUs(plan, opened.manifest().model())
                  : Map.of()));
    }
    return new PlanReport(plans);
  }

  private static List<PlanLayers.Layer> layers(SluicePackage opened, PackagedPlans.Entry plan)
      throws PackageException {
    Optional<String> entry = PackagedPlans.layers(opened, plan);
    return entry.isEmpty()
        ? null
        : PlanLayers.read(
            opened.entry(entry.get()).toArray(ValueLayout.JAVA_BYTE),
            opened.file() + ", entry '" + entry.get() + "'");
  }

  /** What a plan is built for, as JSON. */
  static Map<String, Object> target(PlanKey key) {
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("name", key.packageName());
    object.put("device", key.target().device());
    object.put("tensorRt", key.target().versionText());
    object.put("sm", key.target().architecture());
    return object;
  }

  /** A list, one object for each plan. */
  List<Map<String, Object>> json() {
    List<Map<String, Object>> list = new ArrayList<>();
    for (Plan plan : plans) {
      PlanKey key = plan.entry().key();
      Map<String, Object> object = new LinkedHashMap<>();
      if (key == null) {
        object.put("name", plan.entry().name());
      } else {
        object.putAll(target(key));
        object.put("options", key.options());
        object.put("profiles", key.profiles().stream().map(PlanProfile::inputs).toList());
      }
      object.put("bytes", plan.sizeBytes());
      object.put("fits", plan.misfit() == null ? null : plan.misfit().isEmpty());
      object.put("misfit", plan.misfit() == null || plan.misfit().isEmpty() ? null : plan.misfit());
      object.put(
          "layers",
          plan.layers() == null
              ? null
              : plan.layers().stream()
                  .map(layer -> layer.json(plan.timesUs().get(layer.name())))
                  .toList());
      list.add(object);
    }
    return list;
  }

  /** Rows for people. */
  void rows(TextTable table) {
    if (plans.isEmpty()) {
      table.row("plans", "none");
    }
    for (Plan plan : plans) {
      PlanKey key = plan.entry().key();
      table.row(
          "plan",
          plan.entry().name()
              + "  "
              + (key == null ? "a newer Sluice wrote it" : key.target().toString())
              + ", "
              + InspectCommand.bytes(plan.sizeBytes())
              + ", "
              + fits(plan.misfit()));
      if (key != null) {
        table.row("", "built with " + key.options());
        key.profiles().forEach(profile -> table.row("", "shapes " + text(profile)));
      }
      if (plan.layers() != null) {
        table.row("", plan.layers().size() + " layers (--layers lists them)");
      }
    }
  }

  private static String fits(String misfit) {
    if (misfit == null) {
      return "whether it fits is unknown: there is no usable GPU here";
    }
    return misfit.isEmpty() ? "fits the GPU here" : "does not fit the GPU here: " + misfit;
  }

  private static String text(PlanProfile profile) {
    List<String> inputs = new ArrayList<>();
    for (Map.Entry<String, ShapeRange> input : profile.inputs().entrySet()) {
      List<String> dims = new ArrayList<>();
      ShapeRange range = input.getValue();
      for (int axis = 0; axis < range.min().size(); axis++) {
        long min = range.min().get(axis);
        long opt = range.opt().get(axis);
        long max = range.max().get(axis);
        dims.add(min == max ? "" + min : min + ":" + opt + ":" + max);
      }
      inputs.add(input.getKey() + "=" + String.join(",", dims));
    }
    return String.join(" ", inputs);
  }

  /** A table of each plan's layers. */
  void layers(PrintWriter out) {
    for (Plan plan : plans) {
      out.println();
      out.println(
          plan.entry().name()
              + (plan.layers() == null ? ": the package does not tell its layers" : ""));
      if (plan.layers() != null) {
        boolean timed = !plan.timesUs().isEmpty();
        TextTable table =
            new TextTable().row("layer", "type", "precision", timed ? "us" : "", "kernel");
        for (PlanLayers.Layer layer : plan.layers()) {
          Double timeUs = plan.timesUs().get(layer.name());
          table.row(
              layer.name(),
              layer.type(),
              layer.precision(),
              timeUs == null ? "" : String.format(Locale.ROOT, "%.2f", timeUs),
              layer.kernel());
        }
        table.print(out);
      }
    }
  }
}
