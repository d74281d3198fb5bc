package dev.sluice.bindings.sim;

import dev.sluice.bindings.NativeHandle;
import dev.sluice.bindings.tensorrt.TensorRtApi;
import dev.sluice.bindings.tensorrt.TensorRtLog;

/**
 * An object of the simulated TensorRT: closes once, after those that were made from it.
 *
 * <p>Thread safety: any thread may close; uses are as the interface says.
 */
abstract class TrtObject implements TensorRtApi.Resource {
  final SimulatedTensorRt owner;
  final TensorRtLog log;
  final NativeHandle handle;
  private final TrtObject parent;
  private int children;

  /**
   * An object.
   *
   * @param kind TensorRT's name of its class, as the ledger counts it
   * @param parent what it was made from; null for a root
   */
  TrtObject(SimulatedTensorRt owner, TensorRtLog log, String kind, TrtObject parent) {
    this.owner = owner;
    this.log = log;
    this.parent = parent;
    this.handle = owner.own(kind, this);
    if (parent != null) {
      parent.add(1);
    }
  }

  private synchronized void add(int count) {
    children += count;
  }

  private synchronized int children() {
    return children;
  }

  /** Throws where this was closed. */
  final void use() {
    handle.raw();
  }

  /** Logs an error; false, as an answer to return. */
  final boolean refuse(String message) {
    log.log(TensorRtLog.Severity.ERROR, message);
    return false;
  }

  /** Gives back what stands behind the object. */
  void release() {}

  /**
   * Closes.
   *
   * @throws IllegalStateException where something that was made from it is open: TensorRT would
   *     crash sooner or later
   */
  @Override
  public final void close() {
    if (!handle.isOpen()) {
      return;
    }
    if (children() > 0) {
      throw new IllegalStateException(
          handle
              + " was closed before "
              + children()
              + " objects that were made from it: close these first");
    }
    handle.close();
  }

  /** What the handle does when it is closed, once. */
  final void released() {
    release();
    if (parent != null) {
      parent.add(-1);
    }
  }
}
