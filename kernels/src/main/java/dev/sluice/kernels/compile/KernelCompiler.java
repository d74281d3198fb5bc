package dev.sluice.kernels.compile;

import dev.sluice.bindings.NativeException;
import dev.sluice.bindings.nvrtc.Nvrtc;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Supplier;
import java.util.stream.Stream;

/**
 * Compiles CUDA sources by NVRTC for an architecture, each once: what was compiled is kept in this
 * object and on disk ({@link CubinCache}), under a hash of all that went into it.
 *
 * <p>Where NVRTC is missing, a cubin of the same source, options and architecture that any version
 * of NVRTC once made is taken from the disk; where there is none, the missing NVRTC is reported.
 *
 * <p>Thread safety: any thread may call; threads that want the same source wait for one that
 * compiles it. Processes don't wait for one another: two may compile the same, and leave the same
 * file.
 */
public final class KernelCompiler {
  /**
   * Multiplications and additions stay apart, so that a kernel computes what its reference in Java
   * does.
   */
  static final List<String> OPTIONS = List.of("--fmad=false", "--std=c++17");

  /** Which files this process has loaded, where the system is Linux. */
  private static final Path MAPS = Path.of("/proc/self/maps");

  private static final System.Logger LOG = System.getLogger(KernelCompiler.class.getName());

  private final Supplier<Nvrtc> loader;
  private final CubinCache cache;
  private final Map<String, byte[]> memo = new ConcurrentHashMap<>();
  private Nvrtc nvrtc;

  /** With this machine's NVRTC, which is not looked for before it is needed. */
  public KernelCompiler() {
    this(Nvrtc::load);
  }

  /**
   * With another compiler.
   *
   * @param nvrtc called until it gives one; where it throws {@link NativeException}, there is no
   *     NVRTC yet
   */
  public KernelCompiler(Supplier<Nvrtc> nvrtc) {
    this.loader = Objects.requireNonNull(nvrtc, "nvrtc");
    this.cache = new CubinCache();
  }

  /**
   * The cubin of a source.
   *
   * @param architecture as in 90, for compute capability 9.0
   * @throws NativeException where it does not compile, with the compiler's log, or where NVRTC is
   *     missing and nothing is kept on disk
   */
  public byte[] compile(KernelSource source, int architecture) {
    return memo.computeIfAbsent(key(source, architecture), key -> find(key, source, architecture))
        .clone();
  }

  private byte[] find(String key, KernelSource source, int architecture) {
    Nvrtc compiler;
    try {
      compiler = nvrtc();
    } catch (NativeException missing) {
      Optional<byte[]> kept = cache.findAnyVersion(key);
      if (kept.isPresent()) {
        return kept.get();
      }
      throw missing;
    }
    String version = identity(compiler);
    Optional<byte[]> kept = cache.find(key, version);
    if (kept.isPresent()) {
      return kept.get();
    }
    byte[] cubin =
        compiler.compile(source.name(), source.text(), source.headers(), architecture, OPTIONS);
    cache.keep(key, version, cubin);
    return cubin;
  }

  private synchronized Nvrtc nvrtc() {
    if (nvrtc == null) {
      nvrtc = loader.get();
    }
    return nvrtc;
  }

  /**
   * The version, and what tells apart releases that call themselves the same, as 13.0 does each of
   * its patches: name and size of the library's file.
   */
  private static String identity(Nvrtc compiler) {
    StringBuilder files = new StringBuilder();
    for (Path file : files(compiler.library())) {
      try {
        files.append(file.toRealPath().getFileName()).append(' ').append(Files.size(file));
      } catch (IOException e) {
        // Removed since it was loaded: nothing is known of it but its version.
        LOG.log(System.Logger.Level.DEBUG, "the file of NVRTC", e);
      }
    }
    if (files.isEmpty()) {
      return compiler.version();
    }
    MessageDigest digest = sha256();
    add(digest, files.toString());
    return compiler.version() + "-" + HexFormat.of().formatHex(digest.digest(), 0, 4);
  }

  /** The file that was named, or those that the system's loader took for a bare name. */
  private static List<Path> files(String library) {
    if (library.contains("/")) {
      return List.of(Path.of(library));
    }
    if (!library.equals(Nvrtc.LIBRARY)) {
      return List.of();
    }
    try (Stream<String> maps = Files.lines(MAPS, StandardCharsets.ISO_8859_1)) {
      return maps.filter(line -> line.contains("/" + library))
          .map(line -> Path.of(line.substring(line.indexOf('/'))))
          .distinct()
          .sorted()
          .toList();
    } catch (IOException | UncheckedIOException e) {
      LOG.log(System.Logger.Level.DEBUG, "which file NVRTC is", e);
      return List.of();
    }
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every Java platform has SHA-256", e);
    }
  }

  /** SHA-256 of everything but NVRTC itself; each part goes in with its length. */
  static String key(KernelSource source, int architecture) {
    MessageDigest digest = sha256();
    add(digest, source.name());
    add(digest, source.text());
    new TreeMap<>(source.headers())
        .forEach((name, text) -> {
          add(digest, name);
          add(digest, text);
        });
    OPTIONS.forEach(option -> add(digest, option));
    add(digest, "sm_" + architecture);
    return HexFormat.of().formatHex(digest.digest());
  }

  private static void add(MessageDigest digest, String text) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    digest.update((bytes.length + ":").getBytes(StandardCharsets.UTF_8));
    digest.update(bytes);
  }
}
