package dev.sluice.engine.plan;

import dev.sluice.bindings.CacheDirectory;
import dev.sluice.bindings.SealedFile;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/**
 * The user's plans, in {@code plans/} below the {@link CacheDirectory}: a {@link SealedFile} per
 * {@link PlanKey}. A damaged one is removed and built anew. The files' times of modification are
 * those of their last use; where all of them together are larger than the limit, the ones that were
 * not used for longest are removed. A plan that somebody has mapped goes on being valid.
 *
 * <p>Thread safety: any thread, any number of processes.
 */
public final class PlanCache {
  /** Room for some tens of plans of a large model. */
  public static final long DEFAULT_LIMIT_BYTES = 16L << 30;

  /** So long that with the hash behind it the plan starts at a multiple of 64. */
  private static final String MAGIC = "SluicePlan1                    \n";

  private static final String END = ".plan";
  private static final System.Logger LOG = System.getLogger(PlanCache.class.getName());

  private final long limitBytes;

  /** What builds a plan that is not there. */
  @FunctionalInterface
  public interface Source {
    /** Builds, and hands the plan over. */
    void build(PlanBuilder.Sink sink) throws PlanException, IOException;
  }

  /**
   * A cache.
   *
   * @param limitBytes of all plans together; the one that was kept last always stays
   */
  public PlanCache(long limitBytes) {
    this.limitBytes = limitBytes;
  }

  /**
   * A plan that was kept; it counts as used now.
   *
   * @throws IOException where the folder can't be used; the message has the remedy
   */
  // The plan owns the arena; each way out of here without one closes it.
  @SuppressWarnings("MustBeClosedChecker")
  public Optional<Plan> find(PlanKey key) throws IOException {
    Path file = file(key);
    Arena arena = Arena.ofShared();
    Plan plan = null;
    try {
      Optional<MemorySegment> data = SealedFile.find(file, MAGIC, arena, LOG);
      if (data.isPresent()) {
        plan = new Plan(key, file.toString(), data.get(), arena);
        touch(file);
      }
      return Optional.ofNullable(plan);
    } finally {
      if (plan == null) {
        arena.close();
      }
    }
  }

  /**
   * A plan that was kept, or that is built and kept now. Who asks for a plan that somebody else
   * builds waits for that.
   *
   * @param watch hears of progress, and may end the waiting
   * @param source is asked where there is no plan
   * @throws PlanCancelledException where the thread was interrupted or the watch says so
   * @throws PlanException of the source
   * @throws IOException where the plan can't be written; the message has the remedy
   */
  public Plan findOrBuild(PlanKey key, PlanWatch watch, Source source)
      throws PlanException, IOException {
    Optional<Plan> kept = find(key);
    if (kept.isPresent()) {
      return kept.get();
    }
    Path file = file(key);
    Path lock = file.resolveSibling(key.hash() + ".lock");
    try (PlanLock _ = PlanLock.acquire(lock, new BuildMonitor("the plan", watch))) {
      kept = find(key);
      if (kept.isPresent()) {
        return kept.get();
      }
      source.build(plan -> keep(file, plan));
      makeRoom(file);
      return find(key)
          .orElseThrow(() ->
              new PlanException(
                  file
                      + ": the plan was written but is not there any more; look who removes"
                      + " files of the cache, or set the system property sluice.cache to"
                      + " another folder"));
    }
  }

  /** Removes a plan, such as one that TensorRT refused. */
  public void remove(PlanKey key) throws IOException {
    Files.deleteIfExists(file(key));
  }

  private static Path file(PlanKey key) throws IOException {
    return CacheDirectory.open("plans").resolve(key.packageName() + "-" + key.hash() + END);
  }

  private static void keep(Path file, MemorySegment plan) throws IOException {
    try {
      SealedFile.write(file, MAGIC, plan);
    } catch (IOException e) {
      throw new IOException(
          "the plan of "
              + plan.byteSize()
              + " bytes can't be written to "
              + file
              + ": "
              + e
              + "; free space there, or set the system property sluice.cache to a folder that this"
              + " user can write to",
          e);
    }
  }

  private static void touch(Path file) {
    try {
      Files.setLastModifiedTime(file, FileTime.fromMillis(System.currentTimeMillis()));
    } catch (IOException e) {
      // Removed by another process meanwhile: the mapping holds.
      LOG.log(System.Logger.Level.DEBUG, "the use of a plan was not noted", e);
    }
  }

  /** A plan of the folder. */
  private record Kept(Path file, long sizeBytes, long usedMs) {}

  private void makeRoom(Path newest) throws IOException {
    Path folder = newest.getParent();
    SealedFile.removeAbandoned(folder);
    List<Kept> plans = new ArrayList<>();
    try (DirectoryStream<Path> files = Files.newDirectoryStream(folder, "*" + END)) {
      for (Path file : files) {
        plans.add(new Kept(file, sizeBytes(file), SealedFile.modifiedMs(file)));
      }
    } catch (DirectoryIteratorException e) {
      throw e.getCause();
    }
    plans.sort(Comparator.comparingLong(Kept::usedMs));
    long total = plans.stream().mapToLong(Kept::sizeBytes).sum();
    for (Kept plan : plans) {
      if (total > limitBytes && !plan.file().equals(newest)) {
        LOG.log(
            System.Logger.Level.INFO,
            "removing {0}: the plans have more than {1} bytes",
            plan.file(),
            limitBytes);
        Files.deleteIfExists(plan.file());
        total -= plan.sizeBytes();
      }
    }
  }

  private static long sizeBytes(Path file) throws IOException {
    try {
      return Files.size(file);
    } catch (NoSuchFileException e) {
      return 0;
    }
  }
}
