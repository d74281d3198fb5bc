package dev.sluice.bindings.cuda;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.sluice.bindings.NativeException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * A device's primary context, retained and current on this thread until closed; closing restores
 * what was current before. The primary context is the one that the CUDA runtime, and so TensorRT,
 * uses.
 *
 * <p>Thread safety: belongs to the thread that entered it.
 */
public final class PrimaryContext implements AutoCloseable {
  private static final System.Logger LOG = System.getLogger(PrimaryContext.class.getName());

  private final CudaApi api;
  private final DeviceContext context;
  private final long previous;
  private final Thread owner = Thread.currentThread();

  private PrimaryContext(CudaApi api, DeviceContext context, long previous) {
    this.api = api;
    this.context = context;
    this.previous = previous;
  }

  /**
   * Retains the context of a device and makes it current. {@code cuInit} was called before.
   *
   * @param device a {@code CUdevice}
   * @throws NativeException where the device has no room for it or is lost; nothing is retained
   *     then
   */
  public static PrimaryContext enter(CudaApi api, int device) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(JAVA_LONG);
      CudaStatus.check(api, api.cuCtxGetCurrent(out), "cuCtxGetCurrent", "");
      long previous = out.get(JAVA_LONG, 0);
      DeviceContext context = DeviceContext.retain(api, device);
      int status = api.cuCtxSetCurrent(context.raw());
      if (status != CudaApi.CUDA_SUCCESS) {
        context.close();
      }
      CudaStatus.check(api, status, "cuCtxSetCurrent", context.toString());
      return new PrimaryContext(api, context, previous);
    }
  }

  /**
   * Restores the thread's former context. Closing twice does nothing. Where the former context is
   * gone by now, the log says so, and the one below it on the thread's stack is current.
   *
   * @throws IllegalStateException on another thread than the one that entered; nothing is closed
   */
  @Override
  public void close() {
    if (!context.isOpen()) {
      return;
    }
    if (Thread.currentThread() != owner) {
      throw new IllegalStateException(
          context + " is current on " + owner + ": close it on the thread that entered it");
    }
    int status = api.cuCtxSetCurrent(previous);
    context.close();
    if (status != CudaApi.CUDA_SUCCESS
        && CudaStatus.sortOf(status) != CudaStatus.Sort.DEVICE_LOST) {
      String what = "the context that was current before " + context;
      LOG.log(
          System.Logger.Level.WARNING,
          CudaStatus.exception(api, status, "cuCtxSetCurrent", what).getMessage());
      api.cuCtxSetCurrent(0);
    }
  }
}
