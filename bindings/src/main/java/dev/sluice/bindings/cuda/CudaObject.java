package dev.sluice.bindings.cuda;

import dev.sluice.bindings.NativeHandle;

/**
 * One owner of a driver's handle. A call on it and its close on another thread do not overlap:
 * close waits for calls that are going on, and a call after it throws and names the handle, instead
 * of reaching a driver that does not forgive it. No call waits for a close, and none takes heap
 * memory for this.
 *
 * <p>The context that the handle belongs to has to be current on the calling thread; for close any
 * may be, or none.
 *
 * <p>Thread safety: any thread.
 */
abstract class CudaObject implements AutoCloseable {
  final CudaApi api;
  private final NativeHandle handle;

  CudaObject(CudaApi api, NativeHandle handle) {
    this.api = api;
    this.handle = handle;
  }

  /** Begins a call on the handle, which it returns; {@link #leave} ends it. */
  final long enter() {
    return handle.enter();
  }

  /** Begins a call on another within one on this, which ends where the other was closed. */
  final long enterToo(CudaObject other) {
    try {
      return other.enter();
    } catch (IllegalStateException e) {
      leave();
      throw e;
    }
  }

  final void leave() {
    handle.leave();
  }

  /**
   * The handle, for calls that are not offered here. Its owner must not be closed meanwhile.
   *
   * @throws IllegalStateException after close
   */
  public final long raw() {
    return handle.raw();
  }

  final void check(int status, String function) {
    if (status != CudaApi.CUDA_SUCCESS) {
      throw CudaStatus.exception(api, status, function, toString());
    }
  }

  /** The same for a call that also returns what failed in earlier work of the device. */
  final void checkLate(int status, String function) {
    if (status != CudaApi.CUDA_SUCCESS) {
      throw CudaStatus.exception(
          api, status, function, this + "; the failure may be of work that was enqueued before");
    }
  }

  /** Whether {@link #close} was not called yet. */
  public final boolean isOpen() {
    return handle.isOpen();
  }

  /**
   * Gives the handle back. Closing twice does nothing. On a lost device nothing is left to give
   * back, and nothing is thrown; where the driver refuses, the log says so, and the handle stays
   * open.
   */
  @Override
  public void close() {
    handle.close();
  }

  @Override
  public String toString() {
    return handle.toString();
  }
}
