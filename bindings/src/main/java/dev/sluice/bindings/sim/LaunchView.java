package dev.sluice.bindings.sim;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * A launch as its kernel sees it.
 *
 * <p>Thread safety: for the thread that runs the kernel.
 *
 * @param dimensions grid x, y, z, block x, y, z, bytes of dynamic shared memory
 */
@SuppressWarnings("ArrayRecordComponent") // nobody compares or changes them
record LaunchView(String name, int[] dimensions, MemorySegment[] arguments, Action.Run run)
    implements KernelLaunch {
  @Override
  public int gridX() {
    return dimensions[0];
  }

  @Override
  public int gridY() {
    return dimensions[1];
  }

  @Override
  public int gridZ() {
    return dimensions[2];
  }

  @Override
  public int blockX() {
    return dimensions[3];
  }

  @Override
  public int blockY() {
    return dimensions[4];
  }

  @Override
  public int blockZ() {
    return dimensions[5];
  }

  @Override
  public int sharedBytes() {
    return dimensions[6];
  }

  @Override
  public int intArgument(int index) {
    return arguments[index].get(ValueLayout.JAVA_INT_UNALIGNED, 0);
  }

  @Override
  public float floatArgument(int index) {
    return arguments[index].get(ValueLayout.JAVA_FLOAT_UNALIGNED, 0);
  }

  @Override
  public long longArgument(int index) {
    return arguments[index].get(ValueLayout.JAVA_LONG_UNALIGNED, 0);
  }

  @Override
  public MemorySegment argument(int index) {
    return arguments[index].asReadOnly();
  }

  @Override
  public MemorySegment device(long address, long sizeBytes) {
    return run.memory(address, sizeBytes, true, "kernel " + name);
  }

  @Override
  public MemorySegment deviceInput(long address, long sizeBytes) {
    return run.memory(address, sizeBytes, false, "kernel " + name).asReadOnly();
  }
}
