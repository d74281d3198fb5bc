package dev.sluice.engine;

import dev.sluice.bindings.CacheDirectory;
import dev.sluice.bindings.onnxruntime.OnnxRuntimeLibrary;
import dev.sluice.engine.backend.Backend;
import dev.sluice.engine.backend.BackendException;
import dev.sluice.engine.backend.BatchMemory;
import dev.sluice.engine.backend.Lane;
import dev.sluice.engine.backend.ShapeKey;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Stream;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.json.JsonMapper;

/**
 * Measures a model on this machine, for at most {@value #BUDGET_MS} ms, and remembers the result in
 * the user's cache by package, CPU, cores that the process may use, and backend version.
 *
 * <p>Thread safety: one thread; any number of processes.
 */
final class Tuner {
  static final long BUDGET_MS = 2_000;

  /** Shortest time over which one timing is taken. */
  private static final long SLICE_NS = 20_000_000;

  /** A device captures a run's graph at the second time, and first launches it then. */
  private static final int WARM_UPS = 2;

  /** Most memory of a trial's inputs: a batch that needs more is not worth its time to fill it. */
  static final long MAX_INPUT_BYTES = 256L << 20;

  /** A run longer than this ends the search for larger batches: nobody wants to wait behind it. */
  private static final long LONGEST_RUN_NS = 100_000_000;

  private static final System.Logger LOG = System.getLogger(Tuner.class.getName());

  /** Opens the model with a number of threads. */
  @FunctionalInterface
  interface Opener {
    Backend open(int threads) throws BackendException;
  }

  private final long untilNs;
  private final List<Tuning.Timing> timings = new ArrayList<>();

  private Tuner() {
    this.untilNs = System.nanoTime() + BUDGET_MS * 1_000_000;
  }

  /** The key under which a result is remembered. */
  static String key(String packageHash) {
    return sha256(
        String.join(
            "|",
            packageHash,
            OnnxRuntimeLibrary.PINNED_VERSION,
            cpuModel(),
            "" + Runtime.getRuntime().availableProcessors()));
  }

  /** The key under which a result on a device is remembered. */
  static String deviceKey(String packageHash, String device) {
    return sha256(String.join("|", packageHash, device));
  }

  /** What was remembered, or null. */
  static Tuning recall(String key) {
    try {
      Path file = file(key);
      return Files.exists(file)
          ? JsonMapper.shared().readValue(Files.readString(file), Tuning.class)
          : null;
    } catch (IOException | JacksonException | IllegalArgumentException e) {
      LOG.log(System.Logger.Level.DEBUG, "no tuning could be read; it is measured anew", e);
      return null;
    }
  }

  private static Path file(String key) throws IOException {
    return CacheDirectory.open("tuning").resolve(key + ".json");
  }

  private static void remember(String key, Tuning tuning) {
    try {
      Path file = file(key);
      Path temporary = Files.createTempFile(file.getParent(), key, ".tmp");
      Files.writeString(temporary, JsonMapper.shared().writeValueAsString(tuning));
      Files.move(temporary, file, StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException e) {
      LOG.log(System.Logger.Level.DEBUG, "the tuning could not be remembered", e);
    }
  }

  /**
   * Measures.
   *
   * @param opener opens the model
   * @param batched whether batches of more than one row may run
   * @param profileRows most rows of a batch
   * @throws BackendException where the model cannot be opened or run
   */
  static Tuning measure(Opener opener, boolean batched, int profileRows, int cores, String key)
      throws BackendException {
    Tuner tuner = new Tuner();
    tuner.measure(opener, 1, batched, profileRows);
    if (cores > 1 && System.nanoTime() - tuner.untilNs < 0) {
      tuner.measure(opener, cores, batched, profileRows);
    }
    if (tuner.timings.isEmpty()) {
      return TuningChoice.unmeasured(cores, profileRows);
    }
    Tuning tuning = TuningChoice.of(tuner.timings, cores);
    LOG.log(System.Logger.Level.DEBUG, () -> "measured: " + tuning);
    remember(key, tuning);
    return tuning;
  }

  /**
   * Measures on a device, where runs take no core of the host.
   *
   * @param backend stays open
   */
  static Tuning measureDevice(Backend backend, boolean batched, int profileRows, String key)
      throws BackendException {
    Tuner tuner = new Tuner();
    tuner.measure(backend, 1, batched, profileRows);
    if (tuner.timings.isEmpty()) {
      return TuningChoice.unmeasuredDevice(profileRows);
    }
    Tuning tuning = TuningChoice.ofDevice(tuner.timings);
    LOG.log(System.Logger.Level.DEBUG, () -> "measured on the device: " + tuning);
    remember(key, tuning);
    return tuning;
  }

  private void measure(Opener opener, int threads, boolean batched, int profileRows)
      throws BackendException {
    try (Backend backend = opener.open(threads)) {
      measure(backend, threads, batched, profileRows);
    }
  }

  private void measure(Backend backend, int threads, boolean batched, int profileRows)
      throws BackendException {
    ShapeKey shape = ShapeKey.ofDeclared(backend.signature(), batched);
    if (shape == null) {
      return;
    }
    int most = batched ? mostRows(backend.signature(), shape, profileRows) : 1;
    try (BatchMemory memory = backend.allocate(shape, most);
        Lane lane = backend.openLane(0)) {
      backend.stages().fillSizes(memory);
      for (int rows = 1; rows <= most; rows = next(rows, most)) {
        long runNs = time(lane, memory, rows);
        timings.add(new Tuning.Timing(threads, rows, runNs));
        if (runNs > LONGEST_RUN_NS || System.nanoTime() - untilNs > 0) {
          return;
        }
      }
    }
  }

  /** Most rows of a trial. */
  static int mostRows(Signature signature, ShapeKey shape, int profileRows) {
    long rowBytes = 1;
    for (int i = 0; i < shape.inputs().size(); i++) {
      rowBytes += signature.inputs().get(i).type().byteSize(shape.inputs().get(i).elementCount());
    }
    return Math.clamp(MAX_INPUT_BYTES / rowBytes, 1, profileRows);
  }

  private static int next(int rows, int most) {
    return rows < most ? Math.min(2 * rows, most) : most + 1;
  }

  private long time(Lane lane, BatchMemory memory, int rows) throws BackendException {
    for (int i = 0; i < WARM_UPS; i++) {
      lane.run(memory, rows);
    }
    long best = Long.MAX_VALUE;
    long startNs = System.nanoTime();
    long nowNs = startNs;
    while ((nowNs - startNs < SLICE_NS && nowNs - untilNs < 0) || best == Long.MAX_VALUE) {
      long beforeNs = nowNs;
      lane.run(memory, rows);
      nowNs = System.nanoTime();
      best = Math.min(best, nowNs - beforeNs);
    }
    return best;
  }

  private static String cpuModel() {
    Path info = Path.of("/proc/cpuinfo");
    try (Stream<String> lines = Files.lines(info)) {
      return lines
          .filter(line -> line.startsWith("model name") || line.startsWith("CPU part"))
          .findFirst()
          .orElse(System.getProperty("os.arch"));
    } catch (IOException | java.io.UncheckedIOException e) {
      return System.getProperty("os.arch");
    }
  }

  private static String sha256(String text) {
    try {
      byte[] digest =
          MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8));
      return HexFormat.of().formatHex(digest);
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every Java platform has SHA-256", e);
    }
  }
}
