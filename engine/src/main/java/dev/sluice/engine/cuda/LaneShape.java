package dev.sluice.engine.cuda;

/**
 * A shape on one lane: where its tensors lie on the device, and its runs by their rows.
 *
 * <p>Thread safety: the lane's.
 */
final class LaneShape {
  /** What the driver gives, and kernels read fastest. */
  private static final long ALIGNMENT_BYTES = 256;

  final CudaShape shape;

  /** Addresses, by tensor. */
  final long[] address;

  /** By rows; null where there is none. */
  private CudaRun[] runs;

  private int capacityRows;

  /** The lane's memory that the addresses are of; see {@link LaneMemory#epoch}. */
  private int epoch = -1;

  LaneShape(CudaShape shape) {
    this.shape = shape;
    this.address = new long[shape.rowBytes.length];
    this.runs = new CudaRun[0];
  }

  /** For how many rows there is room. */
  int capacityRows() {
    return capacityRows;
  }

  CudaRun run(int rows) {
    return rows < runs.length ? runs[rows] : null;
  }

  void run(int rows, CudaRun run) {
    runs[rows] = run;
  }

  /**
   * Places the tensors for up to so many rows, where that is not done yet. Moves them where the
   * lane's memory has moved or is too small: graphs that were captured before are of no use then.
   */
  void place(LaneMemory memory, int rows) {
    if (rows > capacityRows) {
      capacityRows = rows;
      CudaRun[] more = new CudaRun[rows + 1];
      System.arraycopy(runs, 0, more, 0, runs.length);
      runs = more;
      epoch = -1;
      memory.moved();
    }
    if (epoch != memory.epoch()) {
      long totalBytes = 0;
      for (long bytes : shape.rowBytes) {
        totalBytes += placedBytes(bytes);
      }
      long at = memory.tensors(totalBytes);
      for (int i = 0; i < address.length; i++) {
        address[i] = at;
        at += placedBytes(shape.rowBytes[i]);
      }
      epoch = memory.epoch();
    }
  }

  private long placedBytes(long rowBytes) {
    long bytes = Math.multiplyExact(rowBytes, (long) capacityRows);
    return Math.max(1, Math.ceilDiv(bytes, ALIGNMENT_BYTES)) * ALIGNMENT_BYTES;
  }
}
