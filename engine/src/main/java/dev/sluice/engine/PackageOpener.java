package dev.sluice.engine;

import dev.sluice.bindings.onnxruntime.OrtSessionOptions;
import dev.sluice.engine.backend.Backend;
import dev.sluice.engine.backend.BackendException;
import dev.sluice.engine.cpu.CpuBackend;
import dev.sluice.engine.cpu.CpuModel;
import dev.sluice.engine.cpu.CpuOptions;
import dev.sluice.engine.cuda.CudaBackend;
import dev.sluice.engine.cuda.GpuLibraries;
import dev.sluice.engine.cuda.PlatformThread;
import dev.sluice.engine.format.Manifest;
import dev.sluice.engine.format.PackageException;
import dev.sluice.engine.format.PackageReader;
import dev.sluice.engine.format.SluicePackage;
import dev.sluice.engine.stage.StagedBackend;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;

/**
 * From a package file to an engine: reads and verifies, opens the backend, tests it, measures it.
 *
 * <p>Thread safety: used by one thread.
 */
final class PackageOpener {
  private static final System.Logger LOG = System.getLogger(PackageOpener.class.getName());

  private final Path file;
  private final EngineOptions options;

  PackageOpener(Path file, EngineOptions options) {
    this.file = file;
    this.options = options;
    String device = options.device();
    if (!device.equals("auto") && !device.equals("cpu") && !CudaOpener.names(device)) {
      throw new IllegalArgumentException(
          "device '" + device + "' is not served: use 'cpu', 'cuda', 'cuda:N' or 'auto'");
    }
  }

  Engine open() throws IOException, BackendException {
    try (SluicePackage opened = PackageReader.open(file)) {
      // The hash runs beside the making of the session; a mismatch discards the session.
      FutureTask<Void> verified =
          new FutureTask<>(
              (Callable<Void>)
                  () -> {
                    opened.verify();
                    return null;
                  });
      Thread.ofPlatform().daemon(true).name("sluice-verify").start(verified);
      boolean sound = false;
      try {
        Engine engine = open(opened, verified);
        sound = true;
        return engine;
      } finally {
        if (!sound) {
          quietly(verified);
        }
      }
    }
  }

  private Engine open(SluicePackage opened, FutureTask<Void> verified)
      throws IOException, BackendException {
    if (CudaOpener.names(options.device())) {
      await(verified);
      return openOn(CudaOpener.of(options), opened);
    }
    if (options.device().equals("auto") && gpuIsThere()) {
      await(verified);
      try {
        return openOn(CudaOpener.of(options), opened);
      } catch (BackendException e) {
        LOG.log(
            System.Logger.Level.WARNING,
            "{0} is served on the CPU, since it does not open on the GPU; device(\"cpu\") says so"
                + " without trying: {1}",
            file,
            e.getMessage());
      }
    }
    return openOnCpu(opened, verified);
  }

  private boolean gpuIsThere() {
    return options.gpu() != null || GpuLibraries.ofMachine().libraries().isPresent();
  }

  private Engine openOn(CudaOpener opener, SluicePackage opened)
      throws IOException, BackendException {
    try {
      return PlatformThread.call(() -> {
        try {
          return openHere(opener, opened);
        } catch (IOException e) {
          throw new UncheckedIOException(e);
        }
      });
    } catch (UncheckedIOException e) {
      throw e.getCause();
    }
  }

  private Engine openHere(CudaOpener opener, SluicePackage opened)
      throws IOException, BackendException {
    CudaBackend backend = opener.open(opened);
    try {
      if (options.selfTest().orElse(true)) {
        SelfTest.run(opened, backend);
      }
      Tuning tuning = deviceTuning(opened, opener, backend);
      CudaBackend served = backend;
      backend = null;
      return new Engine(
          served,
          batched(opened),
          tuning.maxBatch(),
          tuning.lanes(),
          tuning,
          options,
          opened.manifest().padding());
    } finally {
      if (backend != null) {
        backend.close();
      }
    }
  }

  private Engine openOnCpu(SluicePackage opened, FutureTask<Void> verified)
      throws IOException, BackendException {
    Tuning tuning = tuning(opened, verified);
    Backend backend = verifiedBackend(opened, tuning, verified);
    try {
      selfTest(opened, backend, tuning);
      Backend served = backend;
      backend = null;
      return new Engine(
          served,
          batched(opened),
          tuning.maxBatch(),
          tuning.lanes(),
          tuning,
          options,
          opened.manifest().padding());
    } finally {
      if (backend != null) {
        backend.close();
      }
    }
  }

  private void selfTest(SluicePackage opened, Backend backend, Tuning tuning)
      throws IOException, BackendException {
    // What custom operators compute may change without a word.
    boolean once = tuning.runsAreLong() && options.customOps().isEmpty();
    String key = once ? selfTestKey(opened, tuning.threadsPerLane()) : null;
    if (options.selfTest().orElseGet(() -> key == null || !SelfTest.passed(key))) {
      SelfTest.run(opened, backend);
      if (key != null) {
        SelfTest.remember(key);
      }
    }
  }

  private String selfTestKey(SluicePackage opened, int threads) {
    return Tuner.key(opened.packageHash()) + "-" + threads + (options.prepacking() ? "p" : "");
  }

  /**
   * Where the package is damaged that is what the caller hears, not what the backend made of it.
   */
  private Backend verifiedBackend(SluicePackage opened, Tuning tuning, FutureTask<Void> verified)
      throws IOException, BackendException {
    Backend backend;
    try {
      boolean arena = tuning.soloBuffers() == 0 || !tuning.runsAreShort();
      backend = backend(opened, tuning.threadsPerLane(), arena);
    } catch (BackendException e) {
      await(verified);
      throw e;
    }
    try {
      await(verified);
      return backend;
    } catch (IOException | RuntimeException e) {
      backend.close();
      throw e;
    }
  }

  private static boolean batched(SluicePackage opened) {
    return opened.manifest().batching().proven();
  }

  private Tuning tuning(SluicePackage opened, FutureTask<Void> verified)
      throws IOException, BackendException {
    int cores = Runtime.getRuntime().availableProcessors();
    int profileRows = profileRows(opened);
    Tuning tuning = null;
    if (needsTuning(batched(opened), options.threadsPerLane() > 0)) {
      String key = Tuner.key(opened.packageHash());
      tuning = Tuner.recall(key);
      if (tuning == null && Engine.noneServes()) {
        await(verified);
        tuning =
            Tuner.measure(
                threads -> backend(opened, threads, true),
                batched(opened),
                profileRows,
                cores,
                key);
      }
    }
    return chosen(
        tuning == null ? TuningChoice.unmeasured(cores, profileRows) : tuning, profileRows);
  }

  private Tuning deviceTuning(SluicePackage opened, CudaOpener opener, CudaBackend backend)
      throws BackendException {
    int profileRows = profileRows(opened);
    Tuning tuning = null;
    // A device has no threads of lanes that one could measure.
    if (needsTuning(batched(opened), true)) {
      String key = Tuner.deviceKey(opened.packageHash(), opener.tuningKey());
      tuning = Tuner.recall(key);
      if (tuning == null && Engine.noneServes()) {
        tuning = Tuner.measureDevice(backend, batched(opened), profileRows, key);
      }
    }
    return chosen(
        tuning == null ? TuningChoice.unmeasuredDevice(profileRows) : tuning, profileRows);
  }

  private static int profileRows(SluicePackage opened) {
    return batched(opened)
        ? Math.toIntExact(Math.min(opened.manifest().profile().rows().max(), 4096))
        : 1;
  }

  /** What options say, and for the rest what was measured. */
  private Tuning chosen(Tuning tuning, int profileRows) {
    int maxBatch = options.maxBatch() > 0 ? options.maxBatch() : tuning.maxBatch();
    return new Tuning(
        Math.min(maxBatch, profileRows),
        options.lanes() > 0 ? options.lanes() : tuning.lanes(),
        options.soloBuffers(tuning.soloBuffers()),
        options.threadsPerLane() > 0 ? options.threadsPerLane() : tuning.threadsPerLane(),
        options.maxDelayNs(tuning.maxDelayNs()),
        tuning.measured(),
        tuning.timings());
  }

  private boolean needsTuning(boolean batched, boolean threadsSettled) {
    boolean settled = options.lanes() > 0 && threadsSettled && (options.maxBatch() > 0 || !batched);
    return options.tune() && !settled;
  }

  private Backend backend(SluicePackage opened, int threads, boolean arena)
      throws BackendException {
    Manifest.Weights weights = opened.manifest().weights();
    MemorySegment graph = opened.graph(Manifest.CPU);
    CpuModel model =
        weights.sizeBytes() == 0
            ? CpuModel.inline(graph, batched(opened))
            : new CpuModel(
                graph,
                opened.file(),
                opened.fileKey(),
                weights.location(),
                opened.bytes(),
                batched(opened));
    return StagedBackend.over(
        CpuBackend.open(
            model,
            CpuOptions.ofThreads(threads)
                .withPrepacking(options.prepacking())
                .withArena(arena)
                .withCustomOps(options.customOps())
                .withSessionConfig(config(opened))),
        batched(opened),
        opened.manifest().stages());
  }

  /**
   * Packages in INT8 say of each layer which precision it has; of others ONNX Runtime knows best.
   */
  private static Map<String, String> config(SluicePackage opened) {
    return opened.manifest().precision().overall().equals("int8")
        ? OrtSessionOptions.NO_OWN_QUANTIZATION
        : Map.of();
  }

  private static void await(FutureTask<Void> verified) throws IOException {
    boolean interrupted = false;
    try {
      while (true) {
        try {
          verified.get();
          return;
        } catch (InterruptedException e) {
          interrupted = true;
        } catch (ExecutionException e) {
          if (e.getCause() instanceof PackageException damaged) {
            throw damaged;
          }
          throw new IllegalStateException("verifying the package failed", e.getCause());
        }
      }
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  /** The mapping must not be closed while it is being read. */
  private static void quietly(FutureTask<Void> verified) {
    try {
      await(verified);
    } catch (IOException | IllegalStateException e) {
      // What the opening failed with is already on its way.
    }
  }
}
