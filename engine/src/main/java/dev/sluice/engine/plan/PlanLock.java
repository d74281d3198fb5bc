package dev.sluice.engine.plan;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;

/**
 * Keeps others, threads and processes, from building the same plan: a locked file, which is removed
 * with the lock and whose lock ends with its process. Who waited for a removed file and who makes a
 * new one do not see each other, so that a plan may be built twice where a build failed: that costs
 * time and nothing else.
 *
 * <p>Thread safety: made by any thread, closed by any, once.
 */
final class PlanLock implements AutoCloseable {
  /** Locks of files are the process's, not a thread's. */
  private static final Set<Path> HELD = ConcurrentHashMap.newKeySet();

  private static final long POLL_MS = 50;

  private final Path file;
  private FileChannel channel;

  private PlanLock(Path file) {
    this.file = file;
  }

  /**
   * Waits for the lock.
   *
   * @param monitor ends the waiting, and hears once where there is any
   */
  static PlanLock acquire(Path file, BuildMonitor monitor)
      throws IOException, PlanCancelledException {
    boolean waited = false;
    while (!HELD.add(file)) {
      waited = await(waited, monitor);
    }
    PlanLock lock = new PlanLock(file);
    try {
      lock.channel =
          FileChannel.open(
              file,
              Set.of(
                  StandardOpenOption.CREATE, StandardOpenOption.WRITE, LinkOption.NOFOLLOW_LINKS),
              PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
      FileLock held = lock.channel.tryLock();
      while (held == null) {
        waited = await(waited, monitor);
        held = lock.channel.tryLock();
      }
      return lock;
    } catch (IOException | PlanCancelledException | RuntimeException e) {
      lock.release();
      throw e;
    }
  }

  private static boolean await(boolean waited, BuildMonitor monitor) throws PlanCancelledException {
    if (!waited) {
      monitor.step("wait for another build of this plan", 0, 0);
    }
    monitor.check();
    try {
      TimeUnit.MILLISECONDS.sleep(POLL_MS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    monitor.check();
    return true;
  }

  private void release() throws IOException {
    try {
      if (channel != null) {
        channel.close();
      }
    } finally {
      HELD.remove(file);
    }
  }

  @Override
  public void close() throws IOException {
    try {
      Files.deleteIfExists(file);
    } finally {
      release();
    }
  }
}
