package dev.sluice.engine.plan;

import dev.sluice.bindings.tensorrt.TensorRtApi;
import dev.sluice.engine.format.SluicePackage;
import java.io.IOException;
import java.util.List;
import java.util.Optional;

/**
 * Finds the plan that serves a package: one of its own, else one of the user's cache, else one that
 * is built now and kept there, which the log tells.
 *
 * <p>Thread safety: immutable; any thread.
 */
public final class PlanLoader {
  private static final System.Logger LOG = System.getLogger(PlanLoader.class.getName());

  private final PlanBuilder builder;
  private final PlanCache cache;
  private final boolean firstLoadBuild;

  /**
   * A loader.
   *
   * @param firstLoadBuild whether a plan may be built where there is none that fits
   */
  public PlanLoader(TensorRtApi api, PlanCache cache, boolean firstLoadBuild) {
    this.builder = new PlanBuilder(api);
    this.cache = cache;
    this.firstLoadBuild = firstLoadBuild;
  }

  /**
   * Loads. The primary context of the target's device is current.
   *
   * @param opened the package, open as long as the plan is
   * @param profiles of a plan that is built; one in the package has its own
   * @param options of the plan, also of one in the package; null takes what is in the package, and
   *     TensorRT's defaults for a plan that is built
   * @param watch hears of a build, and may end it
   * @throws PlanException where there is no plan and none may be built, or that fails
   * @throws IOException where the package or the cache can't be read
   */
  public Plan load(
      SluicePackage opened,
      List<PlanProfile> profiles,
      PlanOptions options,
      PlanTarget target,
      PlanWatch watch)
      throws PlanException, IOException {
    PackagedPlans.Choice choice =
        PackagedPlans.choose(PackagedPlans.list(opened), opened.manifest(), target, options);
    if (choice.plan().isPresent()) {
      PackagedPlans.Entry own = choice.plan().get();
      return new Plan(
          own.key(), opened.file() + ", " + own.entry(), opened.entry(own.entry()), null);
    }
    PlanOptions built = options == null ? PlanOptions.defaults() : options;
    PlanKey key = PlanKey.of(opened.manifest(), profiles, built, target);
    Optional<Plan> kept = cache.find(key);
    if (kept.isPresent()) {
      return kept.get();
    }
    String why =
        choice.reasons().isEmpty()
            ? "it has none"
            : "of its own none fits: " + String.join("; ", choice.reasons());
    if (!firstLoadBuild) {
      throw new PlanException(
          opened.file()
              + ": there is no plan for "
              + target
              + " ("
              + why
              + ") and firstLoadBuild=false forbids to build one; build the package on this device"
              + " with 'sluice build --device cuda', or allow it");
    }
    LOG.log(
        System.Logger.Level.INFO,
        "{0}: building a plan for {1}, which takes seconds to minutes ({2})",
        opened.file(),
        target,
        why);
    long startNs = System.nanoTime();
    PlanModel model = PlanModel.of(opened);
    PlanWatch told = new LoggedWatch(opened.file().toString(), watch);
    Plan plan = cache.findOrBuild(key, told, sink -> builder.build(model, key, told, sink));
    LOG.log(
        System.Logger.Level.INFO,
        "{0}: the plan of {1} bytes is there after {2} ms: {3}",
        opened.file(),
        plan.data().byteSize(),
        (System.nanoTime() - startNs) / 1_000_000,
        plan.origin());
    return plan;
  }

  /** Tells the log where a phase begins, too. */
  private record LoggedWatch(String label, PlanWatch watch) implements PlanWatch {
    @Override
    public void step(String phase, int step, int steps) {
      if (step == 0) {
        LOG.log(System.Logger.Level.INFO, "{0}: {1}", label, phase);
      }
      watch.step(phase, step, steps);
    }

    @Override
    public boolean cancelled() {
      return watch.cancelled();
    }
  }
}
