package dev.sluice.converter.build;

import dev.sluice.converter.graph.Rewrite;
import dev.sluice.engine.format.Manifest;
import java.nio.file.Path;
import java.util.List;

/**
 * What a build made.
 *
 * <p>Thread safety: immutable.
 *
 * @param packageFile the package
 * @param manifest what it says
 * @param rewrites what was done to the model's graph; a rewrite whose results differ is there with
 *     the reason why it was dropped
 * @param rewriteProof how the rewritten graph was held against the model; null where it is the same
 * @param noSelfTest why nothing is run when the package is opened; null where golden samples are
 * @param sizeBytes its size
 * @param durationNs how long it took
 */
public record BuildResult(
    Path packageFile,
    Manifest manifest,
    List<Rewrite.Report> rewrites,
    String rewriteProof,
    String noSelfTest,
    long sizeBytes,
    long durationNs) {
  /** Copies the list. */
  public BuildResult {
    rewrites = List.copyOf(rewrites);
  }
}
