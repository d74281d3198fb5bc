package dev.sluice.engine.cuda;

import dev.sluice.engine.Shape;
import dev.sluice.engine.TensorSpec;
import dev.sluice.engine.backend.BatchMemory;
import dev.sluice.engine.backend.ShapeKey;
import dev.sluice.engine.memory.PinnedLease;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * Pinned memory of the host for the rows of a batch: callers write and read it in place, and the
 * device copies from and to it without another copy in between. Rows that callers hold on the
 * device are noted beside it.
 *
 * <p>Thread safety: as {@link BatchMemory} says.
 */
final class CudaBatchMemory implements BatchMemory {
  private final CudaBackend backend;
  private final CudaShape shape;
  private final int maxRows;
  private final Rows[] inputs;
  private final Rows[] outputs;

  /** All rows of one input or output. */
  static final class Rows implements AutoCloseable {
    final TensorSpec spec;
    private final PinnedLease lease;
    private Shape row;
    private long rowBytes;

    /** Null where only a run tells the shape, and none did yet. */
    private MemorySegment segment;

    /** Where each row lies on the device; 0 for those in {@link #segment}. Null: none ever did. */
    private long[] onDevice;

    /** Whether some row is on the device. */
    private volatile boolean anyOnDevice;

    private Rows(TensorSpec spec, Shape row, PinnedLease lease, int maxRows) {
      this.spec = spec;
      this.lease = lease;
      if (row.isStatic()) {
        resize(row, maxRows);
      }
    }

    /** Makes room for rows of a shape, zeroed. */
    private void resize(Shape shape, int maxRows) {
      segment = null;
      lease.close();
      long bytes = spec.type().byteSize(shape.elementCount());
      lease.take(Math.multiplyExact(bytes, (long) maxRows));
      segment = lease.segment().asSlice(0, bytes * maxRows).fill((byte) 0);
      row = shape;
      rowBytes = bytes;
    }

    /** Makes room for an output whose shape a run told. */
    void told(Shape shape) {
      resize(shape, 1);
    }

    private Rows known() {
      if (segment == null) {
        throw new IllegalStateException(
            "output " + spec + " is known only after a run that succeeded");
      }
      return this;
    }

    long rowBytes() {
      return rowBytes;
    }

    long address() {
      return segment.address();
    }

    boolean anyOnDevice() {
      return anyOnDevice;
    }

    /** The address of a row on the device; 0 where the host has it. */
    long onDevice(int index) {
      return onDevice[index];
    }

    /**
     * How many rows from one on lie one after the other, all on the device or all on the host.
     *
     * @param start the first one's {@link #onDevice}, read once: a late caller may write it
     */
    int together(int first, int end, long start) {
      int next = first + 1;
      while (next < end && onDevice[next] == (start == 0 ? 0 : start + (next - first) * rowBytes)) {
        next++;
      }
      return next - first;
    }

    private synchronized void place(int first, int count, long address, int maxRows) {
      if (onDevice == null) {
        onDevice = new long[maxRows];
      }
      for (int i = 0; i < count; i++) {
        onDevice[first + i] = address + i * rowBytes;
      }
      anyOnDevice = true;
    }

    private synchronized void forget(int first, int count) {
      if (anyOnDevice) {
        Arrays.fill(onDevice, first, first + count, 0);
      }
    }

    private synchronized void forget() {
      if (anyOnDevice) {
        anyOnDevice = false;
        Arrays.fill(onDevice, 0);
      }
    }

    @Override
    public void close() {
      lease.close();
    }
  }

  private CudaBatchMemory(CudaBackend backend, CudaShape shape, int maxRows) {
    this.backend = backend;
    this.shape = shape;
    this.maxRows = maxRows;
    this.inputs = new Rows[shape.servedInput.length];
    this.outputs = new Rows[shape.servedOutput.length];
  }

  /** Takes the memory, zeroed. */
  static CudaBatchMemory allocate(CudaBackend backend, CudaShape shape, int maxRows) {
    CudaBatchMemory memory = new CudaBatchMemory(backend, shape, maxRows);
    try {
      for (int i = 0; i < memory.inputs.length; i++) {
        TensorSpec spec = backend.signature().inputs().get(i);
        memory.inputs[i] =
            new Rows(
                spec, shape.key.inputs().get(i), backend.pinned().newLease(spec.name()), maxRows);
      }
      for (int i = 0; i < memory.outputs.length; i++) {
        TensorSpec spec = shape.servedOutputs.get(i);
        memory.outputs[i] =
            new Rows(spec, spec.shape(), backend.pinned().newLease(spec.name()), maxRows);
      }
      return memory;
    } catch (RuntimeException e) {
      memory.close();
      throw e;
    }
  }

  CudaBackend backend() {
    return backend;
  }

  CudaShape shape() {
    return shape;
  }

  Rows inputRows(int index) {
    return inputs[index];
  }

  Rows outputRows(int index) {
    return outputs[index];
  }

  @Override
  public ShapeKey key() {
    return shape.key;
  }

  @Override
  public int maxRows() {
    return maxRows;
  }

  @Override
  public MemorySegment input(int index) {
    return inputs[index].segment;
  }

  @Override
  public long inputRowBytes(int index) {
    return inputs[index].rowBytes;
  }

  @Override
  public boolean fixedOutputs() {
    return shape.fixedOutputs;
  }

  @Override
  public MemorySegment output(int index) {
    return outputs[index].known().segment;
  }

  @Override
  public long outputRowBytes(int index) {
    return outputs[index].known().rowBytes;
  }

  @Override
  public Shape outputShape(int index) {
    return outputs[index].known().row;
  }

  @Override
  public void setStrings(int index, String[] values) {
    throw new IllegalStateException(
        "input " + inputs[index].spec + " is not of type STRING; use its memory");
  }

  @Override
  public String[] strings(int index) {
    throw new IllegalStateException("output " + outputs[index].spec + " is not of type STRING");
  }

  @Override
  public void deviceInput(int index, int row, int rows, MemorySegment device) {
    if (backend.sizesOfImages(index)) {
      throw new IllegalArgumentException(
          "input "
              + inputs[index].spec
              + " has the sizes of images, which the host checks; write"
              + " them into its memory");
    }
    place(inputs[index], row, rows, device);
  }

  @Override
  public void deviceOutput(int index, int row, int rows, MemorySegment device) {
    if (!shape.servedOutputs.get(index).shape().isStatic()) {
      throw new IllegalArgumentException(
          "the shape of output "
              + outputs[index].spec
              + " depends on data, so the caller can't hold its memory; read it on the host");
    }
    place(outputs[index], row, rows, device);
  }

  private void place(Rows tensor, int row, int rows, MemorySegment device) {
    if (device.byteSize() != rows * tensor.rowBytes) {
      throw new IllegalArgumentException(
          rows
              + " rows of "
              + tensor.spec
              + " are "
              + rows * tensor.rowBytes
              + " bytes, but the device memory has "
              + device.byteSize());
    }
    backend.checkDeviceMemory(tensor.spec.name(), device.address(), device.byteSize());
    tensor.place(row, rows, device.address(), maxRows);
  }

  @Override
  public void forgetDeviceRows() {
    for (Rows tensor : inputs) {
      tensor.forget();
    }
    for (Rows tensor : outputs) {
      tensor.forget();
    }
  }

  @Override
  public void forgetDeviceRows(int row, int rows) {
    for (Rows tensor : inputs) {
      tensor.forget(row, rows);
    }
    for (Rows tensor : outputs) {
      tensor.forget(row, rows);
    }
  }

  @Override
  public void close() {
    for (Rows[] tensors : new Rows[][] {inputs, outputs}) {
      for (Rows tensor : tensors) {
        if (tensor != null) {
          tensor.close();
        }
      }
    }
  }

  @Override
  public String toString() {
    return "pinned memory for " + maxRows + " rows of " + shape;
  }
}
