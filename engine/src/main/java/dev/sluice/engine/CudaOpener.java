package dev.sluice.engine;

import dev.sluice.bindings.NativeException;
import dev.sluice.bindings.cuda.CudaDevice;
import dev.sluice.bindings.cuda.PrimaryContext;
import dev.sluice.engine.backend.BackendException;
import dev.sluice.engine.cuda.CudaBackend;
import dev.sluice.engine.cuda.CudaModel;
import dev.sluice.engine.cuda.CudaOptions;
import dev.sluice.engine.cuda.GpuLibraries;
import dev.sluice.engine.format.Manifest;
import dev.sluice.engine.format.SluicePackage;
import dev.sluice.engine.plan.Plan;
import dev.sluice.engine.plan.PlanCache;
import dev.sluice.engine.plan.PlanException;
import dev.sluice.engine.plan.PlanLoader;
import dev.sluice.engine.plan.PlanProfile;
import dev.sluice.engine.plan.PlanTarget;
import dev.sluice.engine.stage.StagePlan;
import java.io.IOException;
import java.util.List;

/**
 * Opens a package on a GPU: takes the plan that fits out of the package or the user's cache, or
 * builds it there, and loads it.
 *
 * <p>Thread safety: immutable.
 */
final class CudaOpener {
  private static final String PREFIX = "cuda";

  private final GpuLibraries gpu;
  private final CudaDevice device;
  private final CudaOptions options;

  private CudaOpener(GpuLibraries gpu, CudaDevice device, CudaOptions options) {
    this.gpu = gpu;
    this.device = device;
    this.options = options;
  }

  /** Whether a device is named as a GPU: {@code cuda} or {@code cuda:N}. */
  static boolean names(String device) {
    return device.matches(PREFIX + "(:\\d{1,4})?");
  }

  /**
   * An opener for the device that options name.
   *
   * @throws BackendException where it is not there or can't be used, with the remedy
   */
  static CudaOpener of(EngineOptions options) throws BackendException {
    GpuLibraries gpu = options.gpu() == null ? GpuLibraries.ofMachine().require() : options.gpu();
    String name = options.device();
    int ordinal =
        name.startsWith(PREFIX + ":") ? Integer.parseInt(name.substring(PREFIX.length() + 1)) : 0;
    return new CudaOpener(gpu, gpu.device(ordinal), options.cuda());
  }

  /** What a tuning depends on beside the package. */
  String tuningKey() {
    return device.name() + "|" + gpu.tensorRt().getInferLibVersion() + "|" + options;
  }

  /**
   * Opens a package that was verified: a plan is code.
   *
   * @throws BackendException where there is no plan and none may be built, or that fails
   */
  CudaBackend open(SluicePackage opened) throws IOException, BackendException {
    Manifest manifest = opened.manifest();
    boolean batched = manifest.batching().proven();
    StagePlan stages = StagePlan.ofServed(manifest.signature(), batched, manifest.stages());
    PlanLoader loader =
        new PlanLoader(
            gpu.tensorRt(), new PlanCache(PlanCache.DEFAULT_LIMIT_BYTES), options.firstLoadBuild());
    try (PrimaryContext _ = PrimaryContext.enter(gpu.cuda(), device.ordinal())) {
      List<PlanProfile> profiles = PlanProfile.of(stages.model().inputs(), manifest.profile());
      try (Plan plan =
          loader.load(
              opened,
              profiles,
              options.plan(),
              PlanTarget.of(gpu.tensorRt(), device),
              (_, _, _) -> {})) {
        CudaModel model =
            new CudaModel(
                opened.file() + " (" + plan.origin() + ")",
                plan.data(),
                manifest.signature(),
                batched,
                manifest.stages(),
                plan.key().options().tf32());
        return CudaBackend.open(gpu, device, model, options);
      }
    } catch (PlanException | NativeException | IllegalArgumentException e) {
      throw new BackendException(
          opened.file() + " can't be opened on cuda:" + device.ordinal() + ": " + e.getMessage(),
          e,
          e instanceof NativeException failed && CudaBackend.isLost(failed));
    }
  }

  @Override
  public String toString() {
    return "cuda:" + device.ordinal() + " (" + device.name() + ")";
  }
}
