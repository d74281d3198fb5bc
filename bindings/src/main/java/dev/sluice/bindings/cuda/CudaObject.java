package dev.sluice.bindings.cuda;

import dev.sluice.bindings.NativeHandle;
import java.util.concurrent.locks.StampedLock;

/**
 * One owner of a driver's handle. A call on it and its close on another thread do not overlap:
 * close waits for calls that are going on, and a call after it throws and names the handle, instead
 * of reaching a driver that does not forgive it. Neither takes heap memory.
 *
 * <p>The context that the handle belongs to has to be current on the calling thread.
 *
 * <p>Thread safety: any thread.
 */
abstract class CudaObject implements AutoCloseable {
  final CudaApi api;
  private final NativeHandle handle;
  private final StampedLock inUse = new StampedLock();

  CudaObject(CudaApi api, NativeHandle handle) {
    this.api = api;
    this.handle = handle;
  }

  /** Begins a call; {@link #leave} ends it. */
  final long enter() {
    return inUse.readLock();
  }

  final void leave(long stamp) {
    inUse.unlockRead(stamp);
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
   * back, and nothing is thrown.
   */
  @Override
  public final void close() {
    long stamp = inUse.writeLock();
    try {
      handle.close();
    } finally {
      inUse.unlockWrite(stamp);
    }
  }

  @Override
  public String toString() {
    return handle.toString();
  }
}
