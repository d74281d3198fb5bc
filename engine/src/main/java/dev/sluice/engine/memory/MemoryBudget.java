package dev.sluice.engine.memory;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;

/**
 * How much memory a part of the program may hold, as a tree: what a pool takes from the driver
 * counts at its own budget and at every one above it, and each may refuse. Memory that a pool holds
 * unleased counts, too; pools give it back where a budget above them would else refuse another.
 *
 * <p>Thread safety: any thread.
 */
public final class MemoryBudget implements AutoCloseable {
  /** A limit that is none. */
  public static final long UNLIMITED = Long.MAX_VALUE;

  /** Something under a budget that can give memory back. */
  interface Trimmable {
    /** Gives up to so many bytes back that nobody leases; how many it gave. */
    long trim(long wantedBytes);
  }

  /**
   * One level, as it was at one time.
   *
   * <p>Thread safety: immutable.
   *
   * @param name the path from the root
   * @param limitBytes {@link #UNLIMITED} where there is none
   * @param usedBytes held now
   * @param highWaterBytes the most that was held
   */
  public record Level(String name, long limitBytes, long usedBytes, long highWaterBytes) {
    @Override
    public String toString() {
      return name
          + ": limit "
          + (limitBytes == UNLIMITED ? "none" : limitBytes)
          + ", used "
          + usedBytes;
    }
  }

  private final MemoryBudget parent;
  private final String name;
  private final long limitBytes;
  private final AtomicLong used = new AtomicLong();
  private final AtomicLong highWater = new AtomicLong();
  private final List<MemoryBudget> children = new CopyOnWriteArrayList<>();
  private final List<Trimmable> pools = new CopyOnWriteArrayList<>();
  private final AtomicBoolean closed = new AtomicBoolean();

  private MemoryBudget(MemoryBudget parent, String name, long limitBytes) {
    if (limitBytes < 0) {
      throw new IllegalArgumentException("a limit of " + limitBytes + " bytes");
    }
    this.parent = parent;
    this.name = Objects.requireNonNull(name, "name");
    this.limitBytes = limitBytes;
  }

  /**
   * A budget without one above it.
   *
   * @param name for messages
   * @param limitBytes or {@link #UNLIMITED}
   */
  public static MemoryBudget root(String name, long limitBytes) {
    return new MemoryBudget(null, name, limitBytes);
  }

  /** A budget below this one. */
  public MemoryBudget child(String childName, long childLimitBytes) {
    MemoryBudget child = new MemoryBudget(this, childName, childLimitBytes);
    synchronized (this) {
      requireOpen();
      children.add(child);
    }
    return child;
  }

  private void requireOpen() {
    if (closed.get()) {
      throw new IllegalStateException("the budget " + path() + " is closed");
    }
  }

  /** This level now. */
  public Level level() {
    return new Level(path(), limitBytes, used.get(), highWater.get());
  }

  /** This level and all above it, this one first. */
  public List<Level> levels() {
    List<Level> levels = new ArrayList<>();
    for (MemoryBudget level = this; level != null; level = level.parent) {
      levels.add(level.level());
    }
    return levels;
  }

  private String path() {
    return parent == null ? name : parent.path() + "/" + name;
  }

  synchronized void add(Trimmable pool) {
    requireOpen();
    pools.add(pool);
  }

  void remove(Trimmable pool) {
    pools.remove(pool);
  }

  /**
   * Counts memory here and above.
   *
   * @return null, or the budget that refuses; nothing is counted then
   */
  MemoryBudget reserve(long sizeBytes) {
    for (MemoryBudget level = this; level != null; level = level.parent) {
      if (!level.add(sizeBytes)) {
        for (MemoryBudget undo = this; undo != level; undo = undo.parent) {
          undo.used.addAndGet(-sizeBytes);
        }
        return level;
      }
    }
    for (MemoryBudget level = this; level != null; level = level.parent) {
      level.highWater.accumulateAndGet(level.used.get(), Math::max);
    }
    return null;
  }

  private boolean add(long sizeBytes) {
    long now = used.get();
    while (sizeBytes <= limitBytes - now) {
      long seen = used.compareAndExchange(now, now + sizeBytes);
      if (seen == now) {
        return true;
      }
      now = seen;
    }
    return false;
  }

  void release(long sizeBytes) {
    for (MemoryBudget level = this; level != null; level = level.parent) {
      level.used.addAndGet(-sizeBytes);
    }
  }

  /**
   * Where memory has to be given back for so many bytes: the nearest level that has no room, or the
   * root where all have.
   */
  MemoryBudget narrowest(long sizeBytes) {
    boolean full = sizeBytes > limitBytes - used.get();
    return full || parent == null ? this : parent.narrowest(sizeBytes);
  }

  /** Lets the pools here and below give back what nobody leases; how much they gave. */
  long trim(long wantedBytes) {
    long given = 0;
    for (Trimmable pool : pools) {
      if (given < wantedBytes) {
        given += pool.trim(wantedBytes - given);
      }
    }
    for (MemoryBudget child : children) {
      if (given < wantedBytes) {
        given += child.trim(wantedBytes - given);
      }
    }
    return given;
  }

  /**
   * Takes the budget out of the tree. Closing twice does nothing.
   *
   * @throws IllegalStateException where pools or budgets below are open; they are named
   */
  @Override
  public synchronized void close() {
    if (closed.get()) {
      return;
    }
    if (!children.isEmpty() || !pools.isEmpty() || used.get() != 0) {
      throw new IllegalStateException(
          "the budget "
              + path()
              + " still has "
              + children.stream().map(child -> child.name).toList()
              + " and the pools "
              + pools
              + " below it: close them first");
    }
    closed.set(true);
    if (parent != null) {
      parent.children.remove(this);
    }
  }

  @Override
  public String toString() {
    return level().toString();
  }
}
