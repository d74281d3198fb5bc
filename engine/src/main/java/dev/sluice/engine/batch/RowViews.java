package dev.sluice.engine.batch;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.function.IntFunction;
import java.util.function.IntToLongFunction;

/**
 * Views of runs of rows of a batch's tensors, each made at its first use and kept, so that steady
 * state allocates nothing. Threads may make the same view at once; either serves.
 *
 * <p>Thread safety: any thread.
 */
final class RowViews {
  private final int maxRows;
  private final IntFunction<MemorySegment> tensors;
  private final IntToLongFunction rowBytes;
  private final boolean keep;

  /** By tensor, first row, rows - 1. */
  private volatile MemorySegment[][][] views = new MemorySegment[0][][];

  RowViews(
      int maxRows, IntFunction<MemorySegment> tensors, IntToLongFunction rowBytes, boolean keep) {
    this.maxRows = maxRows;
    this.tensors = tensors;
    this.rowBytes = rowBytes;
    this.keep = keep;
  }

  MemorySegment rows(int tensor, int start, int rows) {
    if (!keep) {
      return make(tensor, start, rows);
    }
    MemorySegment[][][] all = views;
    if (tensor >= all.length) {
      all = grow(tensor);
    }
    MemorySegment[] fromStart = all[tensor][start];
    if (fromStart == null) {
      fromStart = new MemorySegment[maxRows - start];
      all[tensor][start] = fromStart;
    }
    MemorySegment view = fromStart[rows - 1];
    if (view == null) {
      view = make(tensor, start, rows);
      fromStart[rows - 1] = view;
    }
    return view;
  }

  private synchronized MemorySegment[][][] grow(int tensor) {
    MemorySegment[][][] all = views;
    if (tensor >= all.length) {
      MemorySegment[][][] more = Arrays.copyOf(all, tensor + 1);
      for (int i = all.length; i <= tensor; i++) {
        more[i] = new MemorySegment[maxRows][];
      }
      views = more;
      return more;
    }
    return all;
  }

  private MemorySegment make(int tensor, int start, int rows) {
    long bytes = rowBytes.applyAsLong(tensor);
    return tensors.apply(tensor).asSlice(start * bytes, rows * bytes);
  }
}
