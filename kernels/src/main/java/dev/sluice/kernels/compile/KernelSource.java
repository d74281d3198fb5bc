package dev.sluice.kernels.compile;

import dev.sluice.kernels.Kernel;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/**
 * A CUDA source and what it includes.
 *
 * <p>Thread safety: immutable.
 *
 * @param name the file's name
 * @param text CUDA C++
 * @param headers text of each header by the name that it is included by
 */
public record KernelSource(String name, String text, Map<String, String> headers) {
  /** Copies the headers. */
  public KernelSource {
    headers = Map.copyOf(headers);
  }

  /** The source of one of our kernels. */
  public static KernelSource of(Kernel kernel) {
    return of(kernel.source());
  }

  /** The sources of all our kernels. */
  public static List<KernelSource> all() {
    return Arrays.stream(Kernel.values())
        .map(Kernel::source)
        .distinct()
        .map(KernelSource::of)
        .toList();
  }

  private static KernelSource of(String file) {
    return new KernelSource(file, read(file), Map.of(Kernel.HEADER, read(Kernel.HEADER)));
  }

  private static String read(String file) {
    try (InputStream in = Kernel.class.getResourceAsStream("cuda/" + file)) {
      if (in == null) {
        throw new IllegalStateException(
            "the resource dev/sluice/kernels/cuda/" + file + " is missing: the jar is damaged");
      }
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
