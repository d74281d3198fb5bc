package dev.sluice.engine.plan;

import dev.sluice.bindings.tensorrt.TensorRtApi.HardwareCompatibilityLevel;
import dev.sluice.engine.format.Manifest;
import dev.sluice.engine.format.PackageException;
import dev.sluice.engine.format.PackageWriter;
import dev.sluice.engine.format.SluicePackage;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * The plans in a package; see {@code package-info} for how they lie there.
 *
 * <p>Thread safety: stateless.
 */
public final class PackagedPlans {
  private static final String FOLDER = "plans/";
  private static final String PLAN = ".plan";
  private static final String KEY = ".json";
  private static final String LAYERS = ".layers.json";

  private PackagedPlans() {}

  /**
   * A plan in a package.
   *
   * @param entry that holds it
   * @param key null where a newer Sluice wrote it, whose form is not known here
   */
  public record Entry(String entry, PlanKey key) {
    /** The plan's name: {@code trt-11.2.0-sm90}. */
    public String name() {
      return entry.substring(FOLDER.length(), entry.length() - PLAN.length());
    }
  }

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

  /** The name of the entry that holds a plan of this key. */
  public static String entry(PlanKey key) {
    return FOLDER + key.packageName() + PLAN;
  }

  /**
   * Writes a plan and its key as entries of a package.
   *
   * @param writer after the weights, before it is finished
   * @throws IllegalArgumentException where there is a plan of this name already
   */
  public static void write(PackageWriter writer, PlanKey key, MemorySegment plan)
      throws IOException {
    writer.entry(entry(key), plan);
    writer.entry(FOLDER + key.packageName() + KEY, MemorySegment.ofArray(PlanKeyJson.write(key)));
  }

  /**
   * Writes what the inspector tells of a plan's layers, so that it can be read without a GPU.
   *
   * @param writer as in {@link #write}
   * @param layers what {@link PlanInspector#layers} gave
   */
  public static void writeLayers(PackageWriter writer, PlanKey key, String layers)
      throws IOException {
    writer.entry(
        FOLDER + key.packageName() + LAYERS,
        MemorySegment.ofArray(layers.getBytes(StandardCharsets.UTF_8)));
  }

  /**
   * The name of the entry with what the inspector told of a plan's layers; empty where the package
   * has none.
   */
  public static Optional<String> layers(SluicePackage opened, Entry plan) {
    String entry = FOLDER + plan.name() + LAYERS;
    return opened.manifest().entries().containsKey(entry) ? Optional.of(entry) : Optional.empty();
  }

  /**
   * Copies all entries of a package, bit for bit, but those of one plan. The graphs stay what the
   * other plans were built from; they go on naming the source's file as the place of the weights,
   * so that under another file name the CPU backend reads these from memory.
   *
   * @param writer nothing was written to it yet
   * @param plan the name of a plan that is left out; it need not be there
   */
  public static void copyWithout(SluicePackage source, String plan, PackageWriter writer)
      throws IOException {
    writer.weights(
        List.of(new PackageWriter.Piece(PackageWriter.weightsOffset(), source.weights())));
    Set<String> left = Set.of(FOLDER + plan + PLAN, FOLDER + plan + KEY, FOLDER + plan + LAYERS);
    for (String entry : source.manifest().entries().keySet()) {
      if (!left.contains(entry) && !entry.equals(PlanKey.WEIGHTS)) {
        writer.entry(entry, source.entry(entry));
      }
    }
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
    return choose(plans, manifest, target, null);
  }

  /**
   * The same among plans that were built with these options; null takes any.
   *
   * @param options what a caller asked for
   */
  static Choice choose(
      List<Entry> plans, Manifest manifest, PlanTarget target, PlanOptions options) {
    List<Entry> fitting = new ArrayList<>();
    List<String> reasons = new ArrayList<>();
    for (Entry plan : plans) {
      String misfit = misfit(plan, manifest, target);
      if (misfit.isEmpty() && options != null && !plan.key().options().equals(options)) {
        misfit = "it was built with " + plan.key().options() + ", and " + options + " is asked for";
      }
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

  /**
   * Why a plan does not serve its package there; empty where it does.
   *
   * @param plan of {@link #list}
   * @param manifest of the same package
   */
  public static String misfit(Entry plan, Manifest manifest, PlanTarget target) {
    PlanKey key = plan.key();
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
