package dev.sluice.engine;

import dev.sluice.engine.backend.Backend;
import dev.sluice.engine.backend.BackendException;
import dev.sluice.engine.cpu.CpuBackend;
import dev.sluice.engine.cpu.CpuModel;
import dev.sluice.engine.cpu.CpuOptions;
import dev.sluice.engine.format.Manifest;
import dev.sluice.engine.format.PackageException;
import dev.sluice.engine.format.PackageReader;
import dev.sluice.engine.format.SluicePackage;
import dev.sluice.engine.stage.StagedBackend;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;

/**
 * From a package file to an engine: reads and verifies, opens the backend, tests it, measures it.
 *
 * <p>Thread safety: used by one thread.
 */
final class PackageOpener {
  private final Path file;
  private final EngineOptions options;

  PackageOpener(Path file, EngineOptions options) {
    this.file = file;
    this.options = options;
    String device = options.device();
    if (!device.equals("auto") && !device.equals("cpu")) {
      throw new IllegalArgumentException(
          "device '" + device + "' is not served by this version: use 'cpu' or 'auto'");
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
      Backend backend = null;
      try {
        Tuning tuning = tuning(opened, verified);
        backend = verifiedBackend(opened, tuning.threadsPerLane(), verified);
        sound = true;
        if (options.selfTest()) {
          SelfTest.run(opened, backend);
        }
        Backend served = backend;
        backend = null;
        return new Engine(
            served, batched(opened), tuning.maxBatch(), tuning.lanes(), tuning, options);
      } finally {
        if (backend != null) {
          backend.close();
        }
        if (!sound) {
          quietly(verified);
        }
      }
    }
  }

  /**
   * Where the package is damaged that is what the caller hears, not what the backend made of it.
   */
  private Backend verifiedBackend(SluicePackage opened, int threads, FutureTask<Void> verified)
      throws IOException, BackendException {
    Backend backend;
    try {
      backend = backend(opened, threads);
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
    Manifest manifest = opened.manifest();
    boolean batched = batched(opened);
    int profileRows =
        batched ? Math.toIntExact(Math.min(manifest.profile().rows().max(), 4096)) : 1;
    int cores = Runtime.getRuntime().availableProcessors();
    Tuning tuning = null;
    if (needsTuning(batched)) {
      String key = Tuner.key(opened.packageHash());
      tuning = Tuner.recall(key);
      if (tuning == null && Engine.noneServes()) {
        await(verified);
        tuning =
            Tuner.measure(threads -> backend(opened, threads), batched, profileRows, cores, key);
      }
    }
    if (tuning == null) {
      tuning = TuningChoice.unmeasured(cores, profileRows);
    }
    int maxBatch = options.maxBatch() > 0 ? options.maxBatch() : tuning.maxBatch();
    return new Tuning(
        batched ? Math.min(maxBatch, profileRows) : 1,
        options.lanes() > 0 ? options.lanes() : tuning.lanes(),
        options.threadsPerLane() > 0 ? options.threadsPerLane() : tuning.threadsPerLane(),
        options.maxDelayNs(tuning.maxDelayNs()),
        tuning.measured(),
        tuning.timings());
  }

  private boolean needsTuning(boolean batched) {
    boolean settled =
        options.lanes() > 0 && options.threadsPerLane() > 0 && (options.maxBatch() > 0 || !batched);
    return options.tune() && !settled;
  }

  private Backend backend(SluicePackage opened, int threads) throws BackendException {
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
        CpuBackend.open(model, CpuOptions.ofThreads(threads)),
        batched(opened),
        opened.manifest().stages());
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
