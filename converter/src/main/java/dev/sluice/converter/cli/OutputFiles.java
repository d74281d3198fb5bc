package dev.sluice.converter.cli;

import dev.sluice.engine.TensorSpec;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;

/**
 * Writes outputs beside their final names and renames them when all are there.
 *
 * <p>Thread safety: stateless.
 */
final class OutputFiles {
  private OutputFiles() {}

  /**
   * Writes the files; the folder is made where it is missing.
   *
   * @return the file of each output
   */
  static List<Path> write(Path folder, List<TensorSpec> specs, List<Tensor> tensors)
      throws IOException {
    Files.createDirectories(folder);
    List<Path> files = names(folder, specs);
    List<Path> staged = new ArrayList<>();
    try {
      for (int i = 0; i < tensors.size(); i++) {
        Path part = folder.resolve(".sluice-" + ProcessHandle.current().pid() + "-" + i + ".part");
        staged.add(part);
        TensorFile.write(part, specs.get(i).name(), tensors.get(i));
      }
      for (int i = 0; i < files.size(); i++) {
        Files.move(staged.get(i), files.get(i), StandardCopyOption.ATOMIC_MOVE);
      }
    } finally {
      for (Path part : staged) {
        Files.deleteIfExists(part);
      }
    }
    return files;
  }

  /** Names that the file system takes; two outputs whose names become one get a number. */
  private static List<Path> names(Path folder, List<TensorSpec> specs) {
    Set<String> used = new HashSet<>();
    List<Path> files = new ArrayList<>();
    for (TensorSpec spec : specs) {
      String name = TensorFile.fileName(spec.name(), spec.type());
      int dot = name.lastIndexOf('.');
      String unique = name;
      for (int n = 2; !used.add(unique.toLowerCase(Locale.ROOT)); n++) {
        unique = name.substring(0, dot) + "-" + n + name.substring(dot);
      }
      files.add(folder.resolve(unique));
    }
    return files;
  }
}
