package dev.sluice.kernels.compile;

import dev.sluice.bindings.NativeException;
import dev.sluice.bindings.nvrtc.Nvrtc;
import java.nio.charset.StandardCharsets;
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
  private static final List<String> OPTIONS = List.of("--fmad=false", "--std=c++17");

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
   * @param nvrtc called once; where it throws {@link NativeException}, there is no NVRTC
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
    String version = compiler.version();
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

  /** SHA-256 of everything but NVRTC's version; each part goes in with its length. */
  static String key(KernelSource source, int architecture) {
    MessageDigest digest;
    try {
      digest = MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every Java platform has SHA-256", e);
    }
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
