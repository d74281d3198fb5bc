package dev.sluice.converter.cli;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine.Option;

/**
 * Libraries of operators that ONNX Runtime lacks, which a command is given.
 *
 * <p>Thread safety: one thread.
 */
final class CustomOps {
  @Option(
      names = "--custom-ops",
      paramLabel = "LIB",
      description =
          "A shared library with operators that ONNX Runtime lacks (it exports RegisterCustomOps)."
              + " Its native code runs in this process: name none that you don't trust."
              + " Repeatable.")
  private List<Path> libraries = new ArrayList<>();

  /**
   * The libraries.
   *
   * @throws BadInputException when one is not there
   */
  List<Path> libraries() throws BadInputException {
    for (Path library : libraries) {
      if (!Files.isRegularFile(library)) {
        throw new BadInputException(
            library
                + (Files.exists(library) ? ": is no regular file" : ": no such file")
                + "; name a shared library with --custom-ops");
      }
    }
    return libraries;
  }
}
