package dev.sluice.bindings.cuda;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.sluice.bindings.NativeException;
import dev.sluice.bindings.NativeHandle;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.function.LongToIntFunction;

/**
 * Owns what the driver makes in a context, and gives it back there, whatever is current on the
 * thread that closes it. A release does not spoil a capture of that thread either.
 *
 * <p>Thread safety: any thread.
 */
public final class CudaHandles {
  private CudaHandles() {}

  /**
   * Owns a handle that was made in the current context.
   *
   * @param kind the driver's type of it, as the ledger counts it
   * @param label tells it from others of its kind in messages
   * @param raw the handle, not 0
   * @param function the name of the function that gives it back
   * @param release calls that function, and returns its status
   */
  public static NativeHandle own(
      CudaApi api,
      String kind,
      String label,
      long raw,
      String function,
      LongToIntFunction release) {
    long context;
    try (Arena arena = Arena.ofConfined()) {
      context = current(api, arena.allocate(JAVA_LONG));
    }
    return NativeHandle.own(
        kind,
        label,
        raw,
        handle -> {
          String what = kind + "@" + Long.toHexString(handle) + " (" + label + ")";
          releaseIn(api, context, function, what, () -> release.applyAsInt(handle));
        });
  }

  /**
   * Judges the status of a release. Nothing is wrong where the handle's context is gone, by a loss
   * of the device or at the end of the process, since all that was made in it went with it.
   *
   * @throws NativeException where the driver refused, so that the handle leaks
   */
  static void checkReleased(CudaApi api, int status, String function, String what) {
    if (!isGone(status)) {
      CudaStatus.check(api, status, function, what);
    }
  }

  private static boolean isGone(int status) {
    return status == CudaStatus.DEINITIALIZED.code()
        || status == CudaStatus.CONTEXT_IS_DESTROYED.code()
        || CudaStatus.sortOf(status) == CudaStatus.Sort.DEVICE_LOST;
  }

  private interface Release {
    int call();
  }

  private static void releaseIn(
      CudaApi api, long context, String function, String what, Release release) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(JAVA_LONG);
      long before = current(api, out);
      boolean elsewhere = context != 0 && context != before;
      if (elsewhere) {
        int status = api.cuCtxSetCurrent(context);
        if (status != CudaApi.CUDA_SUCCESS) {
          // It was a context when the handle was made, so one that is invalid was destroyed.
          checkReleased(
              api,
              status == CudaStatus.INVALID_CONTEXT.code()
                  ? CudaStatus.CONTEXT_IS_DESTROYED.code()
                  : status,
              "cuCtxSetCurrent",
              what);
          return;
        }
      }
      // Else a capture of this thread refuses to free memory, and is spoilt by the attempt.
      out.set(JAVA_INT, 0, CudaConstants.CU_STREAM_CAPTURE_MODE_RELAXED);
      boolean exchanged = api.cuThreadExchangeStreamCaptureMode(out) == CudaApi.CUDA_SUCCESS;
      int status = release.call();
      if (exchanged) {
        api.cuThreadExchangeStreamCaptureMode(out);
      }
      if (elsewhere) {
        api.cuCtxSetCurrent(before);
      }
      checkReleased(api, status, function, what);
    }
  }

  /** The thread's context; 0 where there is none, or the driver does not say. */
  private static long current(CudaApi api, MemorySegment out) {
    out.set(JAVA_LONG, 0, 0);
    return api.cuCtxGetCurrent(out) == CudaApi.CUDA_SUCCESS ? out.get(JAVA_LONG, 0) : 0;
  }
}
