package dev.sluice.converter.cli;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;

/**
 * Tells a package from a model.
 *
 * <p>Thread safety: stateless.
 */
final class PackageFile {
  private static final byte[] ZIP = {'P', 'K', 3, 4};

  private PackageFile() {}

  /** Whether a file is to be read as a package: by its name, else by its first bytes. */
  static boolean isPackage(Path file) throws IOException {
    if (file.toString().endsWith(".sluice")) {
      return true;
    }
    if (!Files.isRegularFile(file)) {
      return false;
    }
    try (InputStream in = Files.newInputStream(file)) {
      return Arrays.equals(in.readNBytes(ZIP.length), ZIP);
    }
  }
}
