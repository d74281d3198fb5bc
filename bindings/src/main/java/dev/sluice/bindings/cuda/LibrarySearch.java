package dev.sluice.bindings.cuda;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Finds shared libraries by name where CUDA, cuDNN and TensorRT are commonly installed, without
 * loading them. A folder that does not exist, may not be read, or has a name that this process'
 * locale cannot write, holds nothing.
 *
 * <p>Thread safety: immutable.
 */
public final class LibrarySearch {
  private static final Pattern VERSION = Pattern.compile("\\.so\\.(\\d[\\d.]*)$");
  private static final int JAVACPP_CACHE_DEPTH = 6;

  /** Why a folder is looked at; in the order of the search. */
  public enum Source {
    /** Named by the environment; the system's loader looks here. */
    LD_LIBRARY_PATH(true),
    /** A default folder or one of {@code /etc/ld.so.conf}; the system's loader looks here. */
    SYSTEM(true),
    /** A CUDA toolkit's folder that the loader is not told of. */
    CUDA_TOOLKIT(false),
    /** A Python package's folder. */
    PIP(false),
    /** Where JavaCPP unpacks libraries from jars. */
    JAVACPP_CACHE(false);

    private final boolean seenByLoader;

    Source(boolean seenByLoader) {
      this.seenByLoader = seenByLoader;
    }

    /** Whether the system's loader looks here without being told to. */
    public boolean seenByLoader() {
      return seenByLoader;
    }
  }

  /**
   * A library that was found.
   *
   * @param file where
   * @param source why that folder was looked at
   * @param version as much of the version as the file's name and the names it links to tell
   */
  public record Found(Path file, Source source, String version) {}

  private final Map<Path, Source> folders;

  private LibrarySearch(Map<Path, Source> folders) {
    this.folders = folders;
  }

  /** A search of this machine, as the environment of this process has it. */
  public static LibrarySearch ofMachine() {
    Path root = Path.of("/");
    return of(root, System.getenv(), path(System.getProperty("user.home")).orElse(root));
  }

  /**
   * A search below a root.
   *
   * @param root where the absolute folders of the system are taken from
   * @param environment LD_LIBRARY_PATH, CUDA_HOME, CUDA_PATH, VIRTUAL_ENV and CONDA_PREFIX count
   * @param home the user's home
   */
  static LibrarySearch of(Path root, Map<String, String> environment, Path home) {
    Map<Path, Source> folders = new LinkedHashMap<>();
    for (String folder : environment.getOrDefault("LD_LIBRARY_PATH", "").split("[:;]", -1)) {
      path(folder).ifPresent(named -> folders.putIfAbsent(named, Source.LD_LIBRARY_PATH));
    }
    for (Path folder : systemFolders(root)) {
      folders.putIfAbsent(folder, Source.SYSTEM);
    }
    for (Path folder : toolkitFolders(root, environment)) {
      folders.putIfAbsent(folder, Source.CUDA_TOOLKIT);
    }
    for (Path folder : pipFolders(root, environment, home)) {
      folders.putIfAbsent(folder, Source.PIP);
    }
    for (Path folder : javaCppFolders(home)) {
      folders.putIfAbsent(folder, Source.JAVACPP_CACHE);
    }
    return new LibrarySearch(folders);
  }

  /** The first library of this name, as in {@code libcudart.so.13}; see {@link #findAll}. */
  public Optional<Found> find(String name) {
    return stream(name).findFirst();
  }

  /**
   * Every library of this name, in the order of the search, then of the names.
   *
   * @param name a {@code *} in it stands for anything
   */
  public List<Found> findAll(String name) {
    return stream(name).toList();
  }

  private Stream<Found> stream(String name) {
    return folders.entrySet().stream()
        .flatMap(folder -> {
          Stream<Path> files =
              name.contains("*")
                  ? list(folder.getKey(), name).stream()
                  : Stream.of(folder.getKey().resolve(name));
          return files
              .filter(Files::isRegularFile)
              .map(file -> new Found(file, folder.getValue(), version(file)));
        });
  }

  /** A path out of the environment; empty where there is none, or none that can be used. */
  private static Optional<Path> path(String name) {
    try {
      return name.isEmpty() ? Optional.empty() : Optional.of(Path.of(name));
    } catch (InvalidPathException e) {
      return Optional.empty();
    }
  }

  private static String version(Path file) {
    Path real;
    try {
      real = file.toRealPath();
    } catch (IOException e) {
      real = file;
    }
    for (Path name : List.of(real, file)) {
      Matcher matcher = VERSION.matcher(name.getFileName().toString());
      if (matcher.find()) {
        return matcher.group(1);
      }
    }
    return "";
  }

  private static List<Path> systemFolders(Path root) {
    List<Path> folders = new ArrayList<>();
    readLoaderConfiguration(root, root.resolve("etc/ld.so.conf"), folders, 0);
    for (String folder :
        List.of(
            "lib/x86_64-linux-gnu",
            "usr/lib/x86_64-linux-gnu",
            "lib/aarch64-linux-gnu",
            "usr/lib/aarch64-linux-gnu",
            "lib64",
            "usr/lib64",
            "lib",
            "usr/lib")) {
      folders.add(root.resolve(folder));
    }
    return folders;
  }

  private static void readLoaderConfiguration(Path root, Path file, List<Path> folders, int depth) {
    List<String> lines;
    try {
      lines = Files.readAllLines(file);
    } catch (IOException e) {
      // Distributions without this file have the default folders only.
      return;
    }
    for (String raw : lines) {
      String line = raw.replaceFirst("#.*", "").strip();
      if (line.startsWith("include ") && depth < 4) {
        below(root, file, line.substring("include ".length()).strip())
            .ifPresent(pattern ->
                list(pattern.getParent(), pattern.getFileName().toString())
                    .forEach(
                        included -> readLoaderConfiguration(root, included, folders, depth + 1)));
      } else if (line.startsWith("/")) {
        below(root, file, line).ifPresent(folders::add);
      }
    }
  }

  private static Optional<Path> below(Path root, Path file, String name) {
    return path(name.startsWith("/") ? name.substring(1) : name)
        .map(path -> name.startsWith("/") ? root.resolve(path) : file.resolveSibling(path));
  }

  private static List<Path> toolkitFolders(Path root, Map<String, String> environment) {
    List<Path> toolkits = new ArrayList<>();
    for (String variable : List.of("CUDA_HOME", "CUDA_PATH")) {
      path(environment.getOrDefault(variable, "")).ifPresent(toolkits::add);
    }
    toolkits.add(root.resolve("usr/local/cuda"));
    toolkits.addAll(list(root.resolve("usr/local"), "cuda-13*"));
    return toolkits.stream()
        .flatMap(toolkit ->
            Stream.of("lib64", "lib", "targets/x86_64-linux/lib", "targets/sbsa-linux/lib")
                .map(toolkit::resolve))
        .toList();
  }

  /** The folders {@code nvidia/*}{@code /lib} and {@code tensorrt_libs} of every site-packages. */
  private static List<Path> pipFolders(Path root, Map<String, String> environment, Path home) {
    List<Path> pythons = new ArrayList<>();
    for (String variable : List.of("VIRTUAL_ENV", "CONDA_PREFIX")) {
      path(environment.getOrDefault(variable, ""))
          .ifPresent(python -> pythons.addAll(list(python.resolve("lib"), "python3*")));
    }
    pythons.addAll(list(home.resolve(".local/lib"), "python3*"));
    pythons.addAll(list(root.resolve("usr/local/lib"), "python3*"));
    pythons.addAll(list(root.resolve("usr/lib"), "python3*"));
    List<Path> folders = new ArrayList<>();
    for (Path python : pythons) {
      for (String packages : List.of("site-packages", "dist-packages")) {
        Path site = python.resolve(packages);
        list(site.resolve("nvidia"), "*").forEach(part -> folders.add(part.resolve("lib")));
        folders.add(site.resolve("tensorrt_libs"));
      }
    }
    return folders;
  }

  private static List<Path> javaCppFolders(Path home) {
    String usual = home.resolve(".javacpp/cache").toString();
    Optional<Path> cache = path(System.getProperty("org.bytedeco.javacpp.cachedir", usual));
    if (!cache.map(Files::isDirectory).orElse(false)) {
      return List.of();
    }
    try (Stream<Path> tree = Files.walk(cache.get(), JAVACPP_CACHE_DEPTH)) {
      return tree.filter(Files::isDirectory).sorted().toList();
    } catch (IOException | UncheckedIOException e) {
      return List.of();
    }
  }

  private static List<Path> list(Path folder, String glob) {
    List<Path> entries = new ArrayList<>();
    try (DirectoryStream<Path> stream = Files.newDirectoryStream(folder, glob)) {
      stream.forEach(entries::add);
    } catch (IOException | DirectoryIteratorException e) {
      return List.of();
    }
    entries.sort(Comparator.naturalOrder());
    return entries;
  }
}
