package dev.sluice.converter.cli;

import dev.sluice.engine.Engine;
import dev.sluice.engine.Signature;
import dev.sluice.engine.format.Manifest;
import dev.sluice.engine.format.PackageReader;
import dev.sluice.engine.format.SluicePackage;
import dev.sluice.engine.stage.StagePlan;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * What callers of a package give and get: all that inputs are checked against, without an engine.
 *
 * <p>Thread safety: immutable.
 *
 * @param signature inputs and outputs
 * @param stages before and after the model
 * @param batched whether axis 0 of every input and output is the batch
 * @param masks inputs that the engine writes itself, with the input whose elements they mark
 * @param maxRows most rows of one run; 1 where it is not batched
 */
record Served(
    Signature signature,
    StagePlan stages,
    boolean batched,
    long maxRows,
    Map<String, String> masks) {
  /** Without masks that the engine writes. */
  Served(Signature signature, StagePlan stages, boolean batched, long maxRows) {
    this(signature, stages, batched, maxRows, Map.of());
  }

  private static Map<String, String> masks(Manifest.Padding padding) {
    Map<String, String> masks = new LinkedHashMap<>();
    for (Manifest.PadRule rule : padding.rules()) {
      if (rule.mask() != null) {
        masks.put(rule.mask(), rule.input());
      }
    }
    return masks;
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
