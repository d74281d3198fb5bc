package dev.sluice.converter.image;

import dev.sluice.engine.stage.InputStage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;

/**
 * The images below a folder, subfolders included, in the order of their paths; or one image. What
 * is not named {@code .jpg}, {@code .jpeg} or {@code .png}, and what is hidden, is left out. Images
 * are decoded one by one, when they are asked for.
 *
 * <p>Thread safety: immutable.
 */
public final class ImageFolder {
  private final Path folder;
  private final List<Path> files;

  private ImageFolder(Path folder, List<Path> files) {
    this.folder = folder;
    this.files = files;
  }

  /**
   * Lists a folder, or takes one file.
   *
   * @throws ImageException where the folder has no images
   */
  public static ImageFolder of(Path path) throws IOException {
    if (!Files.exists(path)) {
      throw new NoSuchFileException(path.toString());
    }
    if (!Files.isDirectory(path)) {
      return new ImageFolder(path.toAbsolutePath().getParent(), List.of(path));
    }
    List<Path> files = list(path);
    if (files.isEmpty()) {
      throw new ImageException(
          path, "has no images: no file is named .jpg, .jpeg or .png; name another folder");
    }
    return new ImageFolder(path, files);
  }

  /** Whether there are images below a folder. */
  public static boolean isOne(Path path) throws IOException {
    return Files.isDirectory(path) && !list(path).isEmpty();
  }

  private static List<Path> list(Path folder) throws IOException {
    try (Stream<Path> all = Files.walk(folder)) {
      return all.filter(file -> ImageFile.isNamedLikeOne(file) && isVisible(folder, file))
          .filter(Files::isRegularFile)
          .sorted(Comparator.comparing(file -> folder.relativize(file).toString()))
          .toList();
    }
  }

  private static boolean isVisible(Path folder, Path file) {
    for (Path name : folder.relativize(file)) {
      if (name.toString().startsWith(".")) {
        return false;
      }
    }
    return true;
  }

  /** The files, in the order of their paths. */
  public List<Path> files() {
    return files;
  }

  /** Number of images. */
  public int count() {
    return files.size();
  }

  /** The path of an image from the folder on, for lists and messages. */
  public String name(int index) {
    Path file = files.get(index).toAbsolutePath();
    Path root = folder.toAbsolutePath();
    return file.startsWith(root) ? root.relativize(file).toString() : file.toString();
  }

  /**
   * Decodes an image.
   *
   * @param stage how many channels it gets, and how large it may be
   * @throws ImageException naming the file and what is wrong with it
   */
  public Image read(int index, InputStage stage) throws IOException {
    return ImageFile.read(files.get(index), stage);
  }

  @Override
  public String toString() {
    return folder + ", " + files.size() + " images";
  }
}
