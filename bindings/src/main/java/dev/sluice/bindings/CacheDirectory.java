package dev.sluice.bindings;

import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Objects;
import java.util.Set;

/**
 * The folder in which Sluice keeps what is costly to make again: the system property {@code
 * sluice.cache}, else {@code $XDG_CACHE_HOME/sluice}, else {@code ~/.cache/sluice}.
 *
 * <p>What lies in a folder given out here is trusted (native code is loaded from it), so each is
 * private to the user, and one that belongs to somebody else is refused.
 *
 * <p>Thread safety: stateless; any thread, any number of processes.
 */
public final class CacheDirectory {
  private static final String REMEDY =
      "; set the system property sluice.cache to a folder that this user can write to";
  private static final Set<PosixFilePermission> PRIVATE =
      PosixFilePermissions.fromString("rwx------");

  private CacheDirectory() {}

  /** The root of the cache; it need not exist yet. */
  public static Path root() {
    String override = System.getProperty("sluice.cache", "");
    if (!override.isEmpty()) {
      return Path.of(override).toAbsolutePath();
    }
    String xdg = Objects.requireNonNullElse(System.getenv("XDG_CACHE_HOME"), "");
    Path base =
        Path.of(xdg).isAbsolute()
            ? Path.of(xdg)
            : Path.of(System.getProperty("user.home"), ".cache");
    return base.resolve("sluice");
  }

  /**
   * A private folder below {@link #root}, made where it is missing.
   *
   * @param names the folder's path below the root, each part one name
   * @return the folder, owned by this user, with permissions 0700
   * @throws IOException when it can't be made, is no folder, or belongs to another user; the
   *     message names the folder and the remedy
   */
  public static Path open(String... names) throws IOException {
    Path folder = root();
    try {
      Files.createDirectories(folder);
    } catch (IOException e) {
      throw new IOException("the cache folder " + folder + " can't be made: " + e + REMEDY, e);
    }
    for (String name : names) {
      folder = folder.resolve(name);
      makePrivate(folder);
    }
    return folder;
  }

  private static void makePrivate(Path folder) throws IOException {
    try {
      Files.createDirectory(folder, PosixFilePermissions.asFileAttribute(PRIVATE));
      return;
    } catch (FileAlreadyExistsException e) {
      // Checked below.
    } catch (IOException e) {
      throw new IOException("the cache folder " + folder + " can't be made: " + e + REMEDY, e);
    }
    if (!Files.isDirectory(folder, LinkOption.NOFOLLOW_LINKS)) {
      throw new IOException(
          folder + " should be a cache folder but is something else; remove it" + REMEDY);
    }
    Object owner = Files.getAttribute(folder, "unix:uid", LinkOption.NOFOLLOW_LINKS);
    Object user = Files.getAttribute(Path.of("/proc/self"), "unix:uid");
    checkOwner(folder, owner, user);
    if (!Files.getPosixFilePermissions(folder, LinkOption.NOFOLLOW_LINKS).equals(PRIVATE)) {
      try {
        Files.setPosixFilePermissions(folder, PRIVATE);
      } catch (IOException e) {
        throw new IOException(
            "the cache folder " + folder + " can't be made private: " + e + REMEDY, e);
      }
    }
  }

  static void checkOwner(Path folder, Object owner, Object user) throws IOException {
    if (!owner.equals(user)) {
      throw new IOException(
          "the cache folder "
              + folder
              + " belongs to user "
              + owner
              + ", not to user "
              + user
              + " who runs this process, so its content can't be trusted"
              + REMEDY);
    }
  }
}
