package dev.sluice.converter.image;

import dev.sluice.engine.stage.InputStage;
import java.io.IOException;
import java.nio.file.FileSystemLoopException;
import java.nio.file.FileVisitOption;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Set;

/**
 * The images below a folder, subfolders and links included, in the order of their paths; or one
 * image. What is not named {@code .jpg}, {@code .jpeg} or {@code .png}, and what is hidden, is left
 * out. Images are decoded one by one, when they are asked for.
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
    Images images = new Images(folder);
    Files.walkFileTree(folder, Set.of(FileVisitOption.FOLLOW_LINKS), Integer.MAX_VALUE, images);
    images.files.sort(Comparator.comparing(file -> folder.relativize(file).toString()));
    return List.copyOf(images.files);
  }

  /** Collects images, those behind links included. */
  private static final class Images extends SimpleFileVisitor<Path> {
    private final Path root;
    private final List<Path> files = new ArrayList<>();

    Images(Path root) {
      this.root = root;
    }

    private boolean isHidden(Path path) {
      return !path.equals(root) && path.getFileName().toString().startsWith(".");
    }

    @Override
    public FileVisitResult preVisitDirectory(Path path, BasicFileAttributes attributes) {
      return isHidden(path) ? FileVisitResult.SKIP_SUBTREE : FileVisitResult.CONTINUE;
    }

    @Override
    public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) {
      // A link to nothing is kept, so that reading it says so.
      if ((attributes.isRegularFile() || attributes.isSymbolicLink())
          && ImageFile.isNamedLikeOne(file)
          && !isHidden(file)) {
        files.add(file);
      }
      return FileVisitResult.CONTINUE;
    }

    @Override
    public FileVisitResult visitFileFailed(Path path, IOException e) throws IOException {
      if (isHidden(path)) {
        return FileVisitResult.CONTINUE;
      }
      if (e instanceof FileSystemLoopException) {
        throw new ImageException(path, "is a link to a folder that it lies in; remove it", e);
      }
      throw e;
    }
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
