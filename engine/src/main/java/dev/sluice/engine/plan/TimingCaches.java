package dev.sluice.engine.plan;

import dev.sluice.bindings.CacheDirectory;
import dev.sluice.bindings.SealedFile;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * TensorRT's timings of kernels, in {@code timings/} below the {@link CacheDirectory}: a {@link
 * SealedFile} per TensorRT version and device. Where two processes keep theirs, the last one's
 * stays: a cache costs time where it is gone, and nothing else. Where the folder cannot be used,
 * nothing is kept, and the log says so once.
 *
 * <p>Thread safety: any thread, any number of processes.
 */
final class TimingCaches implements Timings {
  private static final String MAGIC = "SluiceTimings1\n";
  private static final System.Logger LOG = System.getLogger(TimingCaches.class.getName());
  private static final AtomicBoolean COMPLAINED = new AtomicBoolean();

  @Override
  public Optional<MemorySegment> find(PlanTarget target, Arena arena) {
    try {
      return SealedFile.find(file(target), MAGIC, arena, LOG);
    } catch (IOException e) {
      complain(e);
      return Optional.empty();
    }
  }

  @Override
  public void keep(PlanTarget target, MemorySegment timings) {
    try {
      Path file = file(target);
      SealedFile.write(file, MAGIC, timings);
      SealedFile.removeAbandoned(file.getParent());
    } catch (IOException e) {
      complain(e);
    }
  }

  @Override
  public void refused(PlanTarget target) {
    try {
      LOG.log(
          System.Logger.Level.WARNING,
          "TensorRT refused the timings in {0}: measuring anew",
          file(target));
      Files.deleteIfExists(file(target));
    } catch (IOException e) {
      complain(e);
    }
  }

  private static Path file(PlanTarget target) throws IOException {
    // A product name has spaces and slashes.
    String device = HexFormat.of().formatHex(target.device().getBytes(StandardCharsets.UTF_8));
    return CacheDirectory.open("timings")
        .resolve(
            "trt-"
                + target.versionText()
                + "-"
                + target.architecture()
                + "-"
                + device.substring(0, Math.min(device.length(), 160))
                + ".timings");
  }

  private static void complain(IOException e) {
    if (COMPLAINED.compareAndSet(false, true)) {
      LOG.log(System.Logger.Level.WARNING, "TensorRT''s timings are not kept: {0}", e.getMessage());
    }
  }
}
