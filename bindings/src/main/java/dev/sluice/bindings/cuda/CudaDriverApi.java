package dev.sluice.bindings.cuda;

import java.lang.foreign.MemorySegment;

/**
 * The part of the CUDA driver API that this project calls, with the names, the order of arguments
 * and the statuses of {@code cuda.h} (CUDA 13.0). Nothing is checked here: every function returns
 * the raw {@code CUresult}, {@link #CUDA_SUCCESS} or an error that {@link CudaStatus} puts into
 * words.
 *
 * <p>Handles ({@code CUcontext}, {@code CUstream}, {@code CUevent}, {@code CUgraph}, {@code
 * CUgraphExec}) and {@code CUdeviceptr} are {@code long}; a {@code CUdevice} is an {@code int}.
 * Results come back through native memory: {@code int*} takes 4 bytes, {@code size_t*} and handles
 * 8. Host memory of the asynchronous copies must stay alive until the stream has passed them.
 *
 * <p>Thread safety: any thread may call; what a thread's context is, is the thread's own state.
 */
public interface CudaDriverApi {
  /** {@code CUDA_SUCCESS}. */
  int CUDA_SUCCESS = 0;

  /** {@code CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT}. */
  int CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT = 16;

  /** {@code CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR}. */
  int CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR = 75;

  /** {@code CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR}. */
  int CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR = 76;

  /** {@code CU_STREAM_NON_BLOCKING}: no implicit order with stream 0. */
  int CU_STREAM_NON_BLOCKING = 1;

  /** {@code CU_EVENT_DEFAULT}: keeps the time. */
  int CU_EVENT_DEFAULT = 0;

  /** {@code CU_STREAM_CAPTURE_MODE_THREAD_LOCAL}: other threads' calls don't spoil a capture. */
  int CU_STREAM_CAPTURE_MODE_THREAD_LOCAL = 1;

  /** Writes the address of a static string to {@code pStr} ({@code const char**}). */
  int cuGetErrorName(int error, MemorySegment pStr);

  /** Writes the address of a static string to {@code pStr} ({@code const char**}). */
  int cuGetErrorString(int error, MemorySegment pStr);

  /** Starts the driver; {@code flags} is 0. */
  int cuInit(int flags);

  /** Writes the driver's CUDA version as major * 1000 + minor * 10; needs no {@code cuInit}. */
  int cuDriverGetVersion(MemorySegment driverVersion);

  /** Writes how many devices this process sees. */
  int cuDeviceGetCount(MemorySegment count);

  /** Writes the {@code CUdevice} of an ordinal. */
  int cuDeviceGet(MemorySegment device, int ordinal);

  /** Writes at most {@code len} bytes, the closing 0 included. */
  int cuDeviceGetName(MemorySegment name, int len, int dev);

  /** Writes the bytes of memory of a device. */
  int cuDeviceTotalMem_v2(MemorySegment bytes, int dev);

  /** Writes one {@code CU_DEVICE_ATTRIBUTE_*}. */
  int cuDeviceGetAttribute(MemorySegment pi, int attrib, int dev);

  /** Writes the device's primary context, making it where nobody holds it yet. */
  int cuDevicePrimaryCtxRetain(MemorySegment pctx, int dev);

  /** Gives back one retain. */
  int cuDevicePrimaryCtxRelease_v2(int dev);

  /** Makes a context (or 0) the calling thread's. */
  int cuCtxSetCurrent(long ctx);

  /** Writes the calling thread's context, 0 where it has none. */
  int cuCtxGetCurrent(MemorySegment pctx);

  /** Writes free and total bytes of the current context's device. */
  int cuMemGetInfo_v2(MemorySegment free, MemorySegment total);

  /** Allocates device memory. */
  int cuMemAlloc_v2(MemorySegment dptr, long bytesize);

  /** Frees device memory. */
  int cuMemFree_v2(long dptr);

  /** Copies host memory to the device. */
  int cuMemcpyHtoD_v2(long dstDevice, MemorySegment srcHost, long byteCount);

  /** Copies device memory to the host. */
  int cuMemcpyDtoH_v2(MemorySegment dstHost, long srcDevice, long byteCount);

  /** Copies host memory to the device, in the order of a stream. */
  int cuMemcpyHtoDAsync_v2(long dstDevice, MemorySegment srcHost, long byteCount, long hStream);

  /** Copies device memory to the host, in the order of a stream. */
  int cuMemcpyDtoHAsync_v2(MemorySegment dstHost, long srcDevice, long byteCount, long hStream);

  /** Makes a stream. */
  int cuStreamCreate(MemorySegment phStream, int flags);

  /** Blocks until everything in the stream is done. */
  int cuStreamSynchronize(long hStream);

  /** Frees a stream. */
  int cuStreamDestroy_v2(long hStream);

  /** Starts recording the stream's work into a graph instead of running it. */
  int cuStreamBeginCapture_v2(long hStream, int mode);

  /** Ends the recording and writes the graph, 0 where it was invalidated. */
  int cuStreamEndCapture(long hStream, MemorySegment phGraph);

  /** Makes an event. */
  int cuEventCreate(MemorySegment phEvent, int flags);

  /** Records an event in a stream. */
  int cuEventRecord(long hEvent, long hStream);

  /** Blocks until an event has passed. */
  int cuEventSynchronize(long hEvent);

  /** Writes the milliseconds between two events as a {@code float}. */
  int cuEventElapsedTime_v2(MemorySegment pMilliseconds, long hStart, long hEnd);

  /** Frees an event. */
  int cuEventDestroy_v2(long hEvent);

  /** Makes a graph ready to launch. */
  int cuGraphInstantiateWithFlags(MemorySegment phGraphExec, long hGraph, long flags);

  /** Launches a graph in a stream. */
  int cuGraphLaunch(long hGraphExec, long hStream);

  /** Frees an executable graph. */
  int cuGraphExecDestroy(long hGraphExec);

  /** Frees a graph. */
  int cuGraphDestroy(long hGraph);
}
