package dev.sluice.converter.cli;

import dev.sluice.engine.Engine;
import dev.sluice.engine.Signature;
import dev.sluice.engine.format.Manifest;
import dev.sluice.engine.format.PackageReader;
import dev.sluice.engine.format.SluicePackage;
import dev.sluice.engine.stage.StagePlan;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * What callers of a package give and get: all that inputs are checked against, without an engine.
 *
 * <p>Thread safety: immutable.
 *
 * @param signature inputs and outputs
 * @param stages before and after the model
 * @param batched whether axis 0 of every input and output is the batch
 * @param masks inputs that the engine writes itself
 * @param maxRows most rows of one run; 1 where it is not batched
 */
record Served(
    Signature signature, StagePlan stages, boolean batched, long maxRows, Set<String> masks) {
  /** Without masks that the engine writes. */
  Served(Signature signature, StagePlan stages, boolean batched, long maxRows) {
    this(signature, stages, batched, maxRows, Set.of());
  }

  private static Set<String> masks(Manifest.Padding padding) {
    return padding.rules().stream()
        .map(Manifest.PadRule::mask)
        .filter(Objects::nonNull)
        .collect(Collectors.toUnmodifiableSet());
  }

  /** What a package serves, out of its manifest. */
  static Served of(Path packageFile) throws IOException {
    try (SluicePackage opened = PackageReader.open(packageFile)) {
      Manifest manifest = opened.manifest();
      boolean batched = manifest.batching().proven();
      return new Served(
          manifest.signature(),
          StagePlan.ofServed(manifest.signature(), batched, manifest.stages()),
          batched,
          batched ? manifest.profile().rows().max() : 1,
          masks(manifest.padding()));
    }
  }

  /** What an engine serves. */
  static Served of(Engine engine) {
    return new Served(
        engine.signature(),
        engine.stages(),
        engine.batched(),
        engine.maxBatch(),
        masks(engine.padding()));
  }
}
