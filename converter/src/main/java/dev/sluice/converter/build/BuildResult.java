package dev.sluice.converter.build;

import dev.sluice.engine.format.Manifest;
import java.nio.file.Path;

/**
 * What a build made.
 *
 * <p>Thread safety: immutable.
 *
 * @param packageFile the package
 * @param manifest what it says
 * @param noSelfTest why nothing is run when the package is opened; null where golden samples are
 * @param sizeBytes its size
 * @param durationNs how long it took
 */
public record BuildResult(
    Path packageFile, Manifest manifest, String noSelfTest, long sizeBytes, long durationNs) {}
