package dev.sluice.bindings.cuda;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.sluice.bindings.NativeHandle;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * A device's primary context, retained until closed, and made current by whoever needs it for as
 * long as its calls take. The primary context is the one that the CUDA runtime, and so TensorRT,
 * uses. Unlike {@link PrimaryContext} it belongs to no thread.
 *
 * <p>Thread safety: any thread; close it when none is between {@link #enter} and {@link #leave}.
 */
public final class DeviceContext implements AutoCloseable {
  private final CudaApi api;
  private final NativeHandle context;
  private final int device;

  private DeviceContext(CudaApi api, NativeHandle context, int device) {
    this.api = api;
    this.context = context;
    this.device = device;
  }

  /**
   * Retains the primary context of a device, and leaves the thread's current context alone.
   *
   * @param device a {@code CUdevice}
   * @throws CudaException where the driver refuses
   */
  public static DeviceContext retain(CudaApi api, int device) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(JAVA_LONG);
      CudaStatus.check(
          api,
          api.cuDevicePrimaryCtxRetain(out, device),
          "cuDevicePrimaryCtxRetain",
          "device " + device);
      NativeHandle context =
          NativeHandle.own(
              "CUcontext",
              "primary, device " + device,
              out.get(JAVA_LONG, 0),
              _ ->
                  CudaHandles.checkReleased(
                      api,
                      api.cuDevicePrimaryCtxRelease_v2(device),
                      "cuDevicePrimaryCtxRelease_v2",
                      "device " + device));
      return new DeviceContext(api, context, device);
    }
  }

  /** The {@code CUcontext}. */
  public long raw() {
    return context.raw();
  }

  /** The {@code CUdevice}. */
  public int device() {
    return device;
  }

  /**
   * Makes the context current on this thread. Takes no heap memory where it succeeds.
   *
   * @param scratch 8 bytes of native memory, this thread's for the time of the call
   * @return what was current, for {@link #leave}
   * @throws CudaException where the driver refuses; the thread's context is as it was
   */
  public long enter(MemorySegment scratch) {
    int status = api.cuCtxGetCurrent(scratch);
    if (status != CudaApi.CUDA_SUCCESS) {
      throw CudaStatus.exception(api, status, "cuCtxGetCurrent", "");
    }
    long before = scratch.get(JAVA_LONG, 0);
    long own = context.raw();
    if (before != own) {
      status = api.cuCtxSetCurrent(own);
      if (status != CudaApi.CUDA_SUCCESS) {
        throw CudaStatus.exception(api, status, "cuCtxSetCurrent", context.toString());
      }
    }
    return before;
  }

  /**
   * The same for closing what was made in the context: where the device is lost nothing is thrown,
   * since nothing is left there to give back.
   */
  public long enterForClose(MemorySegment scratch) {
    try {
      return enter(scratch);
    } catch (CudaException e) {
      CudaHandles.checkReleased(api, e.statusCode(), "cuCtxSetCurrent", context.toString());
      return context.raw();
    }
  }

  /**
   * Makes current what was current before; where its owner destroyed it meanwhile, nothing is
   * current, since ours is not the caller's to work in.
   */
  public void leave(long before) {
    if (before != context.raw() && api.cuCtxSetCurrent(before) != CudaApi.CUDA_SUCCESS) {
      api.cuCtxSetCurrent(0);
    }
  }

  boolean isOpen() {
    return context.isOpen();
  }

  /** Gives the context back. Closing twice does nothing. */
  @Override
  public void close() {
    context.close();
  }

  @Override
  public String toString() {
    return context.toString();
  }
}
