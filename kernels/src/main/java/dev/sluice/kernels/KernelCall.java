package dev.sluice.kernels;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.sluice.bindings.NativeMemory;
import dev.sluice.bindings.cuda.CudaApi;
import java.lang.foreign.MemorySegment;

/**
 * A kernel's launch: which kernel, its grid, and its arguments in native memory. Made once and
 * filled again for each launch, by the {@code prepare} of {@link Cast} and its neighbours; neither
 * filling nor launching takes heap memory.
 *
 * <p>Thread safety: for one thread at a time. The driver reads the arguments before a launch
 * returns.
 */
public final class KernelCall implements AutoCloseable {
  private static final int MAX_PARAMETERS = 24;

  /** What y and z of a grid may be: CUDA C++ Programming Guide, "Technical Specifications". */
  private static final int MAX_GRID_Y = 65_535;

  private final NativeMemory memory;
  private final MemorySegment values;
  private final MemorySegment pointers;
  private final int multiprocessors;
  private Kernel kernel = Kernel.GATHER_ROWS;
  private int filled;
  private int gridX = 1;
  private int gridY = 1;
  private int block = 256;
  private int sharedBytes;

  /**
   * Memory for the arguments of any kernel.
   *
   * @param multiprocessors of the device, which bounds the grids
   */
  public KernelCall(int multiprocessors) {
    if (multiprocessors < 1) {
      throw new IllegalArgumentException(multiprocessors + " multiprocessors; a device has some");
    }
    this.multiprocessors = multiprocessors;
    this.memory = NativeMemory.allocate("arguments of a kernel", 16L * MAX_PARAMETERS, 8);
    this.values = memory.segment().asSlice(0, 8L * MAX_PARAMETERS);
    this.pointers = memory.segment().asSlice(8L * MAX_PARAMETERS);
    for (int i = 0; i < MAX_PARAMETERS; i++) {
      pointers.setAtIndex(JAVA_LONG, i, values.address() + 8L * i);
    }
  }

  /** Starts over with a kernel. */
  KernelCall start(Kernel which) {
    memory.segment();
    kernel = which;
    filled = 0;
    gridX = 1;
    gridY = 1;
    block = 256;
    sharedBytes = 0;
    return this;
  }

  private int next(int bytes) {
    if (filled == kernel.parameters() || kernel.parameterBytes(filled) != bytes) {
      throw new IllegalStateException(
          kernel.function() + " has no parameter " + filled + " of " + bytes + " bytes");
    }
    return filled++;
  }

  /** An address or a number of 8 bytes. */
  KernelCall add(long value) {
    values.setAtIndex(JAVA_LONG, next(8), value);
    return this;
  }

  KernelCall add(int value) {
    values.set(JAVA_INT, 8L * next(4), value);
    return this;
  }

  KernelCall add(float value) {
    values.set(JAVA_FLOAT, 8L * next(4), value);
    return this;
  }

  /**
   * As many blocks as there is work for, but no more than fill the device eight times over; what is
   * left the threads take in turns.
   *
   * @param threads how many threads could each do one step
   */
  KernelCall threads(long threads) {
    long wanted = (threads + block - 1) / block;
    gridX = (int) Math.clamp(wanted, 1, 8L * multiprocessors);
    return this;
  }

  /** Rows side by side in y. */
  KernelCall rows(long rows) {
    gridY = Math.clamp(rows, 1, MAX_GRID_Y);
    if (rows > 1) {
      gridX = Math.clamp(8L * multiprocessors / gridY, 1, gridX);
    }
    return this;
  }

  KernelCall blocks(long blocks) {
    gridX = (int) Math.clamp(blocks, 1, 8L * multiprocessors);
    return this;
  }

  KernelCall sharedBytes(int bytes) {
    sharedBytes = bytes;
    return this;
  }

  /** The kernel that was prepared last. */
  public Kernel kernel() {
    return kernel;
  }

  /** Blocks in x. */
  public int gridX() {
    return gridX;
  }

  /** Blocks in y. */
  public int gridY() {
    return gridY;
  }

  /** Threads of a block. */
  public int block() {
    return block;
  }

  /** Bytes of dynamic shared memory of a block. */
  public int sharedBytes() {
    return sharedBytes;
  }

  /** The addresses of the arguments ({@code void**}), as a launch takes them. */
  public MemorySegment arguments() {
    return pointers;
  }

  /**
   * Launches what was prepared.
   *
   * @param function the {@code CUfunction} of {@link #kernel}
   * @param stream the {@code CUstream}
   * @return the raw {@code CUresult}
   * @throws IllegalStateException where an argument is missing
   */
  public int launch(CudaApi api, long function, long stream) {
    if (filled != kernel.parameters()) {
      throw new IllegalStateException(
          kernel.function() + " has " + kernel.parameters() + " parameters, not " + filled);
    }
    memory.segment();
    return api.cuLaunchKernel(
        function, gridX, gridY, 1, block, 1, 1, sharedBytes, stream, pointers, MemorySegment.NULL);
  }

  @Override
  public void close() {
    memory.close();
  }

  @Override
  public String toString() {
    return kernel.function() + "<<<" + gridX + "x" + gridY + ", " + block + ">>>";
  }
}
