package dev.sluice.converter.build;

import dev.sluice.bindings.cuda.CudaDevice;
import dev.sluice.bindings.cuda.PrimaryContext;
import dev.sluice.bindings.tensorrt.TensorRtApi;
import dev.sluice.engine.cuda.GpuLibraries;
import dev.sluice.engine.format.Manifest;
import dev.sluice.engine.format.PackageReader;
import dev.sluice.engine.format.PackageWriter;
import dev.sluice.engine.format.SluicePackage;
import dev.sluice.engine.plan.PackagedPlans;
import dev.sluice.engine.plan.PlanBuilder;
import dev.sluice.engine.plan.PlanException;
import dev.sluice.engine.plan.PlanInspector;
import dev.sluice.engine.plan.PlanKey;
import dev.sluice.engine.plan.PlanModel;
import dev.sluice.engine.plan.PlanOptions;
import dev.sluice.engine.plan.PlanProfile;
import dev.sluice.engine.plan.PlanTarget;
import dev.sluice.engine.plan.PlanWatch;
import dev.sluice.engine.stage.StagePlan;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.Optional;

/**
 * Builds a TensorRT plan of a package for a GPU at hand, and makes a package of both. The other
 * plans of the package stay, so that one package serves several architectures and versions of
 * TensorRT; one of the same name is replaced.
 *
 * <p>Thread safety: immutable; any thread. Builds at the same time disturb each other's timings.
 *
 * @param gpu what the plan is built with
 * @param device what it is built on, one of {@code gpu}
 * @param options how it is built
 * @param timingCache a file for TensorRT's timings in place of the user's cache
 */
public record PlanAdder(
    GpuLibraries gpu, CudaDevice device, PlanOptions options, Optional<Path> timingCache) {
  /** Checks that nothing is missing. */
  public PlanAdder {
    Objects.requireNonNull(gpu, "gpu");
    Objects.requireNonNull(device, "device");
    Objects.requireNonNull(options, "options");
    Objects.requireNonNull(timingCache, "timingCache");
  }

  /**
   * What was built.
   *
   * <p>Thread safety: immutable.
   *
   * @param manifest of the package with the plan
   * @param key of the plan
   * @param sizeBytes of the plan
   * @param durationNs how long building it took
   */
  public record Added(Manifest manifest, PlanKey key, long sizeBytes, long durationNs) {}

  /**
   * Builds, which takes seconds to minutes. Nothing is left where that fails or is cancelled.
   *
   * @param source a package; it is verified as a whole
   * @param target where the package with the plan shall appear; may be the source
   * @param watch hears of progress and may cancel, as may an interrupt of this thread
   * @throws dev.sluice.engine.plan.UnsupportedNodesException where TensorRT does not know operators
   *     of the graph
   * @throws PlanException where the package's shapes do not make a plan, or the build was cancelled
   * @throws dev.sluice.bindings.NativeException where the driver or TensorRT fails
   * @throws IOException where a file can't be read or written
   */
  public Added add(Path source, Path target, PlanWatch watch) throws PlanException, IOException {
    TensorRtApi tensorRt = gpu.tensorRt();
    try (SluicePackage opened = PackageReader.open(source)) {
      opened.verify();
      Manifest manifest = opened.manifest();
      PlanKey key = key(source, manifest);
      PlanModel model = PlanModel.of(opened);
      PlanBuilder builder = new PlanBuilder(tensorRt);
      if (timingCache.isPresent()) {
        builder = builder.withTimingCache(timingCache.get());
      }
      try (PackageWriter writer = PackageWriter.create(target);
          PrimaryContext _ = PrimaryContext.enter(gpu.cuda(), device.ordinal())) {
        long startNs = System.nanoTime();
        builder.build(
            model,
            key,
            watch,
            plan -> {
              String layers;
              // This loads the plan, too: one that does not load is of no use.
              try (PlanInspector inspector =
                  new PlanInspector(gpu.cuda(), tensorRt, plan, model.label())) {
                layers = inspector.layers();
              }
              PackagedPlans.copyWithout(opened, key.packageName(), writer);
              PackagedPlans.write(writer, key, plan);
              PackagedPlans.writeLayers(writer, key, layers);
            });
        long durationNs = System.nanoTime() - startNs;
        Manifest written = writer.finish(manifest);
        long sizeBytes = written.entries().get(PackagedPlans.entry(key)).sizeBytes();
        return new Added(written, key, sizeBytes, durationNs);
      }
    }
  }

  private PlanKey key(Path source, Manifest manifest) throws PlanException {
    try {
      StagePlan stages =
          StagePlan.ofServed(manifest.signature(), manifest.batching().proven(), manifest.stages());
      List<PlanProfile> profiles = PlanProfile.of(stages.model().inputs(), manifest.profile());
      return PlanKey.of(manifest, profiles, options, PlanTarget.of(gpu.tensorRt(), device));
    } catch (IllegalArgumentException e) {
      throw new PlanException(source + ": there can be no plan of it: " + e.getMessage(), e);
    }
  }
}
