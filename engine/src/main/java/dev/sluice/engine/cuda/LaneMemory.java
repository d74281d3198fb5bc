package dev.sluice.engine.cuda;

import dev.sluice.bindings.cuda.CudaGraph;
import dev.sluice.bindings.cuda.CudaStream;
import dev.sluice.engine.memory.DeviceLease;
import dev.sluice.engine.memory.StreamMemory;

/**
 * A lane's memory on the device: one block for the inputs and outputs of whatever shape runs, one
 * for activations of whatever context runs, since a lane runs one batch at a time. Both grow where
 * a shape needs more, and may move then.
 *
 * <p>Thread safety: the lane's.
 */
final class LaneMemory implements AutoCloseable {
  private final StreamMemory memory;
  private final DeviceLease tensors;
  private final DeviceLease activations;
  private long tensorBytes;
  private long activationBytes;
  private int epoch;

  LaneMemory(StreamMemory memory, String label) {
    this.memory = memory;
    this.tensors = memory.newLease(label + " inputs and outputs");
    this.activations = memory.newLease(label + " activations");
  }

  /** Memory of the lane's stream for something else. */
  DeviceLease newLease(String label) {
    return memory.newLease(label);
  }

  /** Captures a run of the lane's stream, which the memory's owner leaves alone meanwhile. */
  CudaGraph capture(CudaStream stream, Runnable run) {
    return memory.capture(stream, run);
  }

  /** Changes with every move: what was bound to addresses before has to be bound again. */
  int epoch() {
    return epoch;
  }

  /** Something was placed anew within the memory. */
  void moved() {
    epoch++;
  }

  /** The address of the inputs and outputs, for at least so many bytes. */
  long tensors(long sizeBytes) {
    if (sizeBytes > tensorBytes) {
      tensorBytes = 0;
      grow(tensors, sizeBytes);
      tensorBytes = sizeBytes;
    }
    return tensors.address();
  }

  /** Makes room for activations. */
  void reserveActivations(long sizeBytes) {
    if (sizeBytes > activationBytes) {
      activationBytes = 0;
      grow(activations, sizeBytes);
      activationBytes = sizeBytes;
    }
  }

  /** The old block goes back first, so that both need not fit at once; nothing in it is kept. */
  private void grow(DeviceLease lease, long sizeBytes) {
    lease.close();
    epoch++;
    lease.take(sizeBytes);
  }

  long activationAddress() {
    return activations.address();
  }

  long activationBytes() {
    return activationBytes;
  }

  @Override
  public void close() {
    tensors.close();
    activations.close();
    memory.close();
  }
}
