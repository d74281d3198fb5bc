package dev.sluice.engine.memory;

import dev.sluice.bindings.cuda.CudaException;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.LongSupplier;
import java.util.function.Predicate;

/**
 * How much memory a part of the program may hold, as a tree: what a pool takes from the driver
 * counts at its own budget and at every one above it, and each may refuse. Memory that a pool holds
 * unleased counts, too; pools give it back where a budget above them would else refuse another.
 *
 * <p>Thread safety: any thread. All that changes the tree or an account holds the tree's lock; the
 * numbers may be read without it.
 */
public final class MemoryBudget implements AutoCloseable {
  /** A limit that is none. */
  public static final long UNLIMITED = Long.MAX_VALUE;

  /**
   * What the budgets of a tree share. Whoever grows a pool, trims it or closes it holds this
   * object's lock, and takes those of pools and streams after it. Leases that a free block serves
   * do without.
   *
   * <p>Thread safety: any thread.
   */
  static final class Tree {
    /** Whether leases must not take free blocks past the lock; see {@link MemoryBudget#trim}. */
    volatile boolean trimming;
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

  final Tree tree;
  private final MemoryBudget parent;
  private final String name;
  private final long limitBytes;
  private final List<MemoryBudget> children = new ArrayList<>();
  private final List<BlockSource> pools = new ArrayList<>();
  private volatile long usedBytes;
  private volatile long highWaterBytes;
  private boolean closed;

  private MemoryBudget(MemoryBudget parent, String name, long limitBytes) {
    if (limitBytes < 0) {
      throw new IllegalArgumentException("a limit of " + limitBytes + " bytes");
    }
    this.parent = parent;
    this.tree = parent == null ? new Tree() : parent.tree;
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
    synchronized (tree) {
      requireOpen();
      children.add(child);
    }
    return child;
  }

  private void requireOpen() {
    if (closed) {
      throw new IllegalStateException("the budget " + path() + " is closed");
    }
  }

  /** This level now. */
  public Level level() {
    return new Level(path(), limitBytes, usedBytes, highWaterBytes);
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

  void add(BlockSource pool) {
    synchronized (tree) {
      requireOpen();
      pools.add(pool);
    }
  }

  void remove(BlockSource pool) {
    synchronized (tree) {
      pools.remove(pool);
    }
  }

  /**
   * Counts memory here and above.
   *
   * @return null, or the nearest budget that refuses; nothing is counted then
   */
  MemoryBudget reserve(long sizeBytes) {
    synchronized (tree) {
      MemoryBudget refusing = refusing(sizeBytes);
      for (MemoryBudget level = this; level != null && refusing == null; level = level.parent) {
        level.usedBytes += sizeBytes;
        level.highWaterBytes = Math.max(level.highWaterBytes, level.usedBytes);
      }
      return refusing;
    }
  }

  /**
   * The nearest budget, from this one up, that has no room for so many bytes; null where all do.
   */
  MemoryBudget refusing(long sizeBytes) {
    for (MemoryBudget level = this; level != null; level = level.parent) {
      if (level.missingBytes(sizeBytes) > 0) {
        return level;
      }
    }
    return null;
  }

  void release(long sizeBytes) {
    synchronized (tree) {
      for (MemoryBudget level = this; level != null; level = level.parent) {
        level.usedBytes -= sizeBytes;
      }
    }
  }

  /** What has to be given back before this level has room for so many bytes. */
  private long missingBytes(long sizeBytes) {
    return sizeBytes - (limitBytes - usedBytes);
  }

  /**
   * Lets pools give back what nobody leases, at each level, here and above, as far as it has no
   * room for so many bytes; the tree's lock is held.
   *
   * @param failures takes those of pools that could not
   * @return the bytes that were given back
   */
  long makeRoom(long sizeBytes, List<CudaException> failures) {
    long givenBytes = 0;
    for (MemoryBudget level = this; level != null; level = level.parent) {
      MemoryBudget full = level;
      if (sizeBytes <= level.limitBytes) {
        givenBytes += level.trim(() -> full.missingBytes(sizeBytes), _ -> true, failures);
      }
    }
    return givenBytes;
  }

  /** Lets the pools of the tree that match give back all that nobody leases; the lock is held. */
  long trimTree(Predicate<BlockSource> which, List<CudaException> failures) {
    return parent == null
        ? trim(() -> Long.MAX_VALUE, which, failures)
        : parent.trimTree(which, failures);
  }

  /**
   * Lets the pools here and below give memory back until nothing is missing, or nothing is left. A
   * pass that goes from pool to pool misses a block that is given back behind it while its thread
   * takes another before it. So where a first pass is not enough, leases wait for the lock: what no
   * pass finds then was leased when the last one began.
   */
  private long trim(
      LongSupplier missingBytes, Predicate<BlockSource> which, List<CudaException> failures) {
    long givenBytes = pass(missingBytes.getAsLong(), which, failures);
    try {
      long moreBytes = 1;
      while (moreBytes > 0 && missingBytes.getAsLong() > 0) {
        tree.trimming = true;
        moreBytes = pass(missingBytes.getAsLong(), which, failures);
        givenBytes += moreBytes;
      }
    } finally {
      tree.trimming = false;
    }
    return givenBytes;
  }

  private long pass(long wantedBytes, Predicate<BlockSource> which, List<CudaException> failures) {
    long beforeBytes = usedBytes;
    for (BlockSource pool : pools) {
      long givenBytes = beforeBytes - usedBytes;
      if (givenBytes < wantedBytes && which.test(pool)) {
        try {
          pool.trim(wantedBytes - givenBytes);
        } catch (CudaException e) {
          failures.add(e);
        }
      }
    }
    for (MemoryBudget child : children) {
      child.pass(wantedBytes - (beforeBytes - usedBytes), which, failures);
    }
    return beforeBytes - usedBytes;
  }

  /**
   * Takes the budget out of the tree. Closing twice does nothing.
   *
   * @throws IllegalStateException where pools or budgets below are open; they are named
   */
  @Override
  public void close() {
    synchronized (tree) {
      if (closed) {
        return;
      }
      if (!children.isEmpty() || !pools.isEmpty()) {
        throw new IllegalStateException(
            "the budget "
                + path()
                + " still has the budgets "
                + children.stream().map(child -> child.name).toList()
                + " and the pools "
                + pools
                + " below it: close them first");
      }
      closed = true;
      if (parent != null) {
        parent.children.remove(this);
      }
    }
  }

  @Override
  public String toString() {
    return level().toString();
  }
}
