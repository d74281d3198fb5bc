package dev.sluice.engine.memory;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Predicate;

/**
 * Free blocks by size class, the latest on top. Grows, and then takes no more heap memory.
 *
 * <p>Thread safety: guarded by its owner's lock.
 */
final class BlockStacks {
  private final Block[][] stacks = new Block[SizeClasses.COUNT][];
  private final int[] counts = new int[SizeClasses.COUNT];

  void push(Block block) {
    int sizeClass = block.sizeClass;
    Block[] stack = stacks[sizeClass];
    if (stack == null) {
      stack = stacks[sizeClass] = new Block[4];
    } else if (counts[sizeClass] == stack.length) {
      stack = stacks[sizeClass] = Arrays.copyOf(stack, 2 * stack.length);
    }
    stack[counts[sizeClass]++] = block;
  }

  /** The latest of a class, or null. */
  Block pop(int sizeClass) {
    int count = counts[sizeClass];
    if (count == 0) {
      return null;
    }
    counts[sizeClass] = count - 1;
    Block[] stack = stacks[sizeClass];
    Block block = stack[count - 1];
    stack[count - 1] = null;
    return block;
  }

  /** The oldest of a class that is done with; null where none is, or all are in use still. */
  Block popDone(int sizeClass, Predicate<Block> done) {
    Block[] stack = stacks[sizeClass];
    for (int i = 0; i < counts[sizeClass]; i++) {
      Block block = stack[i];
      if (done.test(block)) {
        counts[sizeClass]--;
        System.arraycopy(stack, i + 1, stack, i, counts[sizeClass] - i);
        stack[counts[sizeClass]] = null;
        return block;
      }
    }
    return null;
  }

  /** Takes blocks out, the largest first, until they have so many bytes. */
  List<Block> takeOut(long wantedBytes) {
    List<Block> out = new ArrayList<>();
    long bytes = 0;
    for (int sizeClass = SizeClasses.COUNT - 1; sizeClass >= 0; sizeClass--) {
      while (bytes < wantedBytes && counts[sizeClass] > 0) {
        Block block = pop(sizeClass);
        bytes += block.bytes();
        out.add(block);
      }
    }
    return out;
  }
}
