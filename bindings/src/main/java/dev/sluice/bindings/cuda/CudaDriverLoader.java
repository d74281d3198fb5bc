package dev.sluice.bindings.cuda;

import dev.sluice.bindings.library.SharedLibrary;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * Finds and loads {@code libcuda.so.1}. Never throws: what went wrong is part of the result.
 *
 * <p>Thread safety: any thread may call.
 */
public final class CudaDriverLoader {
  /** The driver's library. */
  public static final String LIBRARY = "libcuda.so.1";

  /** Where distributions, containers and WSL put the driver's library beside the loader's path. */
  private static final List<String> USUAL_DIRECTORIES =
      List.of(
          "/usr/lib/x86_64-linux-gnu",
          "/usr/lib/aarch64-linux-gnu",
          "/usr/lib64",
          "/usr/lib",
          "/usr/lib/x86_64-linux-gnu/nvidia/current",
          "/usr/local/nvidia/lib64",
          "/usr/lib/wsl/lib",
          "/run/opengl-driver/lib");

  private CudaDriverLoader() {}

  /**
   * The outcome of a search.
   *
   * <p>Thread safety: immutable.
   *
   * @param api the driver, where one was loaded
   * @param library the file that it came from, where that is known
   * @param missingSymbols functions of {@link CudaApi} that it lacks; calling one returns
   *     CUDA_ERROR_SHARED_OBJECT_SYMBOL_NOT_FOUND
   * @param tried every place that was looked at, in order
   */
  public record Result(
      Optional<CudaApi> api,
      Optional<Path> library,
      List<String> missingSymbols,
      List<DriverReport.Tried> tried) {
    /** Copies the lists. */
    public Result {
      missingSymbols = List.copyOf(missingSymbols);
      tried = List.copyOf(tried);
    }
  }

  /**
   * Asks the system's loader first ({@code LD_LIBRARY_PATH} and its cache), then looks at the usual
   * places.
   */
  public static Result load() {
    return loadFirst(candidates(LIBRARY));
  }

  /**
   * Where a library that comes with the driver may be: the folder of the driver that is loaded,
   * where one is; the system's loader; and the usual places.
   */
  public static List<String> candidates(String library) {
    List<String> candidates = new ArrayList<>();
    mappedDriver().ifPresent(driver -> candidates.add(driver.resolveSibling(library).toString()));
    candidates.add(library);
    USUAL_DIRECTORIES.forEach(directory -> candidates.add(directory + "/" + library));
    return candidates;
  }

  /** Loads this file and looks nowhere else. */
  public static Result load(Path file) {
    return loadFirst(List.of(file.toAbsolutePath().toString()));
  }

  private static Result loadFirst(List<String> candidates) {
    String os = System.getProperty("os.name");
    if (!os.toLowerCase(Locale.ROOT).startsWith("linux")) {
      return notLoaded(
          List.of(new DriverReport.Tried(LIBRARY, os + " is not supported: use Linux")));
    }
    List<DriverReport.Tried> tried = new ArrayList<>();
    for (String candidate : candidates) {
      boolean isFile = candidate.startsWith("/");
      if (isFile && !Files.exists(Path.of(candidate))) {
        tried.add(new DriverReport.Tried(candidate, "no such file"));
        continue;
      }
      try {
        FfmCudaApi driver = new FfmCudaApi(SharedLibrary.open(candidate));
        tried.add(new DriverReport.Tried(candidate, "loaded"));
        Optional<Path> file = isFile ? Optional.of(Path.of(candidate)) : mappedDriver();
        return new Result(Optional.of(driver), file, driver.missingSymbols(), tried);
      } catch (SharedLibrary.OpenException e) {
        tried.add(new DriverReport.Tried(candidate, e.getMessage()));
      }
    }
    return notLoaded(tried);
  }

  private static Result notLoaded(List<DriverReport.Tried> tried) {
    return new Result(Optional.empty(), Optional.empty(), List.of(), tried);
  }

  /** The file that the system's loader chose, out of this process's own memory map. */
  private static Optional<Path> mappedDriver() {
    try (Stream<String> lines = Files.lines(Path.of("/proc/self/maps"))) {
      return lines
          .filter(line -> line.contains("/libcuda.so"))
          .map(line -> Path.of(line.substring(line.indexOf('/'))))
          .filter(file -> file.getFileName().toString().startsWith("libcuda.so"))
          .findFirst();
    } catch (IOException | RuntimeException e) {
      // The file's name only decorates the report: a machine that hides its maps still has a
      // driver.
      return Optional.empty();
    }
  }
}
