package dev.sluice.engine.memory;

import java.util.ArrayList;
import java.util.List;

/**
 * The leases that are live, linked through themselves so that neither end of a lease takes heap
 * memory.
 *
 * <p>Thread safety: guarded by its owner's lock.
 */
final class LeaseList {
  private Lease newest;
  private long size;

  void add(Lease lease) {
    lease.older = newest;
    lease.newer = null;
    if (newest != null) {
      newest.newer = lease;
    }
    newest = lease;
    size++;
  }

  void remove(Lease lease) {
    if (lease.newer == null) {
      newest = lease.older;
    } else {
      lease.newer.older = lease.older;
    }
    if (lease.older != null) {
      lease.older.newer = lease.newer;
    }
    lease.older = null;
    lease.newer = null;
    size--;
  }

  long size() {
    return size;
  }

  /** Each lease as it describes itself, the latest first. */
  List<String> describe() {
    List<String> live = new ArrayList<>();
    for (Lease lease = newest; lease != null; lease = lease.older) {
      live.add(lease.describe());
    }
    return live;
  }

  /** Refuses to close what still has leases. */
  void requireNone(Object owner) {
    if (newest != null) {
      throw new IllegalStateException(
          owner + " has live leases: " + describe() + "; close them first");
    }
  }
}
