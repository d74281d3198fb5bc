package dev.sluice.engine.plan;

import dev.sluice.bindings.tensorrt.TensorRtApi.HardwareCompatibilityLevel;
import dev.sluice.engine.format.Manifest;
import dev.sluice.engine.format.PackageException;
import dev.sluice.engine.format.PackageWriter;
import dev.sluice.engine.format.SluicePackage;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/**
 * The plans in a package; see {@code package-info} for how they lie there.
 *
 * <p>Thread safety: stateless.
 */
public final class PackagedPlans {
  private static final String FOLDER = "plans/";
  private static final String PLAN = ".plan";
  private static final String KEY = ".json";

  private PackagedPlans() {}

  /**
   * A plan in a package.
   *
   * @param entry that holds it
   * @param key null where a newer Sluice wrote it, whose form is not known here
   */
  public record Entry(String entry, PlanKey key) {}

  /**
   * Which plan fits.
   *
   * @param plan empty where none does
   * @param reasons why each of the others does not, for people
   */
  public record Choice(Optional<Entry> plan, List<String> reasons) {
    /** Copies the list. */
    public Choice {
      reasons = List.copyOf(reasons);
    }
  }

  /**
   * Writes a plan and its key as entries of a package.
   *
   * @param writer after the weights, before it is finished
   * @throws IllegalArgumentException where there is a plan of this name already
   */
  public static void write(PackageWriter writer, PlanKey key, MemorySegment plan)
      throws IOException {
    writer.entry(FOLDER + key.packageName() + PLAN, plan);
    writer.entry(FOLDER + key.packageName() + KEY, MemorySegment.ofArray(PlanKeyJson.write(key)));
  }

  /**
   * The plans of a package, in its order.
   *
   * @throws PackageException where a plan has no key, or one that can't be read
   */
  public static List<Entry> list(SluicePackage opened) throws PackageException {
    List<Entry> plans = new ArrayList<>();
    for (String entry : opened.manifest().entries().keySet()) {
      if (entry.startsWith(FOLDER) && entry.endsWith(PLAN)) {
        String key = entry.substring(0, entry.length() - PLAN.length()) + KEY;
        String where = opened.file() + ", entry '" + key + "'";
        if (!opened.manifest().entries().containsKey(key)) {
          throw new PackageException(where + ": is missing; build the package again");
        }
        plans.add(
            new Entry(
                entry, PlanKeyJson.read(opened.entry(key).toArray(ValueLayout.JAVA_BYTE), where)));
      }
    }
    return List.copyOf(plans);
  }

  /**
   * Chooses the plan that fits, the one that was built most closely for the device first: nothing
   * runs that was built from another graph, by another TensorRT, or for another device.
   *
   * @param plans of {@link #list}
   * @param manifest of the same package
   */
  public static Choice choose(List<Entry> plans, Manifest manifest, PlanTarget target) {
    List<Entry> fitting = new ArrayList<>();
    List<String> reasons = new ArrayList<>();
    for (Entry plan : plans) {
      String misfit = misfit(plan.key(), manifest, target);
      if (misfit.isEmpty()) {
        fitting.add(plan);
      } else {
        reasons.add(plan.entry() + ": " + misfit);
      }
    }
    return new Choice(
        fitting.stream().min(Comparator.comparingInt(plan -> generality(plan.key()))), reasons);
  }

  private static int generality(PlanKey key) {
    HardwareCompatibilityLevel level = key.options().hardwareCompatibility();
    return switch (level) {
      case NONE -> 0;
      case SAME_COMPUTE_CAPABILITY -> 1;
      case AMPERE_PLUS -> 2;
    };
  }

  private static String misfit(PlanKey key, Manifest manifest, PlanTarget target) {
    if (key == null) {
      return "a newer Sluice wrote it";
    }
    PlanKey own = PlanKey.of(manifest, key.profiles(), key.options(), target);
    if (!own.graphSha256().equals(key.graphSha256())
        || !own.weightsSha256().equals(key.weightsSha256())) {
      return "it was built from another graph";
    }
    return key.misfit(target);
  }
}
