package dev.sluice.bindings.cuda;

import java.lang.foreign.MemorySegment;

/**
 * The part of the CUDA driver API that this project calls, with the names, the order of arguments
 * and the statuses of {@code cuda.h} (CUDA 13.0). Nothing is checked here: every function returns
 * the raw {@code CUresult}, {@link #CUDA_SUCCESS} or an error that {@link CudaStatus} puts into
 * words. Constants are in {@link CudaConstants}.
 *
 * <p>A {@code long} is a handle ({@code CUcontext}, {@code CUstream} ...), a {@code CUdeviceptr}, a
 * {@code size_t}, or an address in host memory that must stay valid after the call returns: for the
 * asynchronous copies until the stream has passed them. A {@link MemorySegment} is native memory
 * that is used during the call only, mostly for results: {@code int*} takes 4 bytes, {@code
 * size_t*} and handles 8. A {@code CUdevice} is an {@code int}. Nothing is allocated on the heap.
 *
 * <p>Thread safety: any thread may call; which context is current is the thread's own state.
 */
public interface CudaApi {
  /** {@code CUDA_SUCCESS}. */
  int CUDA_SUCCESS = 0;

  /** {@code CUDA_ERROR_NOT_READY}: no failure, the work asked for is not done yet. */
  int CUDA_ERROR_NOT_READY = 600;

  // Errors and start

  /** Writes the address of a static string to {@code pStr} ({@code const char**}). */
  int cuGetErrorName(int error, MemorySegment pStr);

  /** Writes the address of a static string to {@code pStr} ({@code const char**}). */
  int cuGetErrorString(int error, MemorySegment pStr);

  /** Starts the driver; {@code flags} is 0. */
  int cuInit(int flags);

  /** Writes the driver's CUDA version as major * 1000 + minor * 10; needs no {@code cuInit}. */
  int cuDriverGetVersion(MemorySegment driverVersion);

  // Devices

  /** Writes how many devices this process sees. */
  int cuDeviceGetCount(MemorySegment count);

  /** Writes the {@code CUdevice} of an ordinal. */
  int cuDeviceGet(MemorySegment device, int ordinal);

  /** Writes at most {@code len} bytes, the closing 0 included. */
  int cuDeviceGetName(MemorySegment name, int len, int dev);

  /** Writes the 16 bytes of the device's UUID; under MIG that of the instance. */
  int cuDeviceGetUuid_v2(MemorySegment uuid, int dev);

  /**
   * Writes {@code domain:bus:device.function} in at most {@code len} bytes, the closing 0 included.
   */
  int cuDeviceGetPCIBusId(MemorySegment pciBusId, int len, int dev);

  /** Writes the bytes of memory of a device. */
  int cuDeviceTotalMem_v2(MemorySegment bytes, int dev);

  /** Writes one {@code CU_DEVICE_ATTRIBUTE_*}. */
  int cuDeviceGetAttribute(MemorySegment pi, int attrib, int dev);

  /** Writes the device's own {@code CUmemoryPool}, which is never destroyed. */
  int cuDeviceGetDefaultMemPool(MemorySegment poolOut, int dev);

  /** Writes the device's primary context, making it where nobody holds it yet. */
  int cuDevicePrimaryCtxRetain(MemorySegment pctx, int dev);

  /** Gives back one retain. */
  int cuDevicePrimaryCtxRelease_v2(int dev);

  /** Writes the {@code CU_CTX_*} flags and whether the primary context exists (1) or not (0). */
  int cuDevicePrimaryCtxGetState(int dev, MemorySegment flags, MemorySegment active);

  /** Sets the {@code CU_CTX_SCHED_*} flags of the primary context. */
  int cuDevicePrimaryCtxSetFlags_v2(int dev, int flags);

  // Contexts

  /**
   * Makes a context and makes it current; {@code ctxCreateParams} is the address of a {@code
   * CUctxCreateParams} or 0.
   */
  int cuCtxCreate_v4(MemorySegment pctx, long ctxCreateParams, int flags, int dev);

  /**
   * Destroys a context with all that was made in it; one of the calling thread's stops being
   * current.
   */
  int cuCtxDestroy_v2(long ctx);

  /** Makes a context (or 0) the calling thread's. */
  int cuCtxSetCurrent(long ctx);

  /** Writes the calling thread's context, 0 where it has none. */
  int cuCtxGetCurrent(MemorySegment pctx);

  /** Writes the {@code CUdevice} of the current context. */
  int cuCtxGetDevice(MemorySegment device);

  /** Blocks until all work of the current context is done. */
  int cuCtxSynchronize();

  /** Writes the range of stream priorities: a lower number goes first. */
  int cuCtxGetStreamPriorityRange(MemorySegment leastPriority, MemorySegment greatestPriority);

  // Memory

  /** Writes free and total bytes of the current context's device. */
  int cuMemGetInfo_v2(MemorySegment free, MemorySegment total);

  /** Allocates device memory, aligned to 256 bytes at least. */
  int cuMemAlloc_v2(MemorySegment dptr, long bytesize);

  /**
   * Frees device memory once all work of the context is done with it; memory of a pool at once, so
   * that its uses must be done before.
   */
  int cuMemFree_v2(long dptr);

  /**
   * Allocates from the current pool of the stream's device; the memory is there for what comes
   * later in the stream.
   */
  int cuMemAllocAsync(MemorySegment dptr, long bytesize, long hStream);

  /**
   * Frees device memory where the stream has come to here; memory of {@code cuMemAlloc_v2} may be
   * freed so, too.
   */
  int cuMemFreeAsync(long dptr, long hStream);

  /** Allocates from a pool, as {@code cuMemAllocAsync} does. */
  int cuMemAllocFromPoolAsync(MemorySegment dptr, long bytesize, long pool, long hStream);

  /** Makes a pool after a {@code CUmemPoolProps}. */
  int cuMemPoolCreate(MemorySegment pool, MemorySegment poolProps);

  /** Destroys a pool; what is still allocated from it stays valid until it is freed. */
  int cuMemPoolDestroy(long pool);

  /**
   * Gives memory that the pool holds unused back to the system until it reserves no more than that.
   */
  int cuMemPoolTrimTo(long pool, long minBytesToKeep);

  /**
   * Sets one {@code CU_MEMPOOL_ATTR_*}: an {@code int} for the {@code REUSE_*}, a {@code
   * cuuint64_t} for the others.
   */
  int cuMemPoolSetAttribute(long pool, int attr, MemorySegment value);

  /** Writes one {@code CU_MEMPOOL_ATTR_*}. */
  int cuMemPoolGetAttribute(long pool, int attr, MemorySegment value);

  /** Allocates pinned host memory and writes its address. */
  int cuMemHostAlloc(MemorySegment pp, long bytesize, int flags);

  /** Frees pinned host memory. */
  int cuMemFreeHost(long ptr);

  /** Pins host memory of the caller's. */
  int cuMemHostRegister_v2(long ptr, long bytesize, int flags);

  /** Undoes {@code cuMemHostRegister_v2}. */
  int cuMemHostUnregister(long ptr);

  /** Writes the {@code CUdeviceptr} of pinned host memory; {@code flags} is 0. */
  int cuMemHostGetDevicePointer_v2(MemorySegment pdptr, long ptr, int flags);

  /** Writes one {@code CU_POINTER_ATTRIBUTE_*} of an address that CUDA knows. */
  int cuPointerGetAttribute(MemorySegment data, int attribute, long ptr);

  // Copies and fills

  /** Copies host memory to the device. */
  int cuMemcpyHtoD_v2(long dstDevice, MemorySegment srcHost, long byteCount);

  /** Copies device memory to the host. */
  int cuMemcpyDtoH_v2(MemorySegment dstHost, long srcDevice, long byteCount);

  /** Copies host memory to the device, in the order of a stream. */
  int cuMemcpyHtoDAsync_v2(long dstDevice, long srcHost, long byteCount, long hStream);

  /** Copies device memory to the host, in the order of a stream. */
  int cuMemcpyDtoHAsync_v2(long dstHost, long srcDevice, long byteCount, long hStream);

  /** Copies device memory to device memory, in the order of a stream. */
  int cuMemcpyDtoDAsync_v2(long dstDevice, long srcDevice, long byteCount, long hStream);

  /** Fills {@code n} bytes, in the order of a stream. */
  int cuMemsetD8Async(long dstDevice, byte uc, long n, long hStream);

  /** Fills {@code n} 16-bit values, in the order of a stream; the address is a multiple of 2. */
  int cuMemsetD16Async(long dstDevice, short us, long n, long hStream);

  /** Fills {@code n} 32-bit values, in the order of a stream; the address is a multiple of 4. */
  int cuMemsetD32Async(long dstDevice, int ui, long n, long hStream);

  // Streams

  /** Makes a stream; a priority out of range is clamped. */
  int cuStreamCreateWithPriority(MemorySegment phStream, int flags, int priority);

  /** Writes a stream's priority. */
  int cuStreamGetPriority(long hStream, MemorySegment priority);

  /** Writes a stream's {@code CU_STREAM_*} flags. */
  int cuStreamGetFlags(long hStream, MemorySegment flags);

  /**
   * {@link #CUDA_SUCCESS} where everything in the stream is done, {@link #CUDA_ERROR_NOT_READY}
   * where not.
   */
  int cuStreamQuery(long hStream);

  /** Blocks until everything in the stream is done. */
  int cuStreamSynchronize(long hStream);

  /** Holds what comes later in the stream back until the event's latest record has passed. */
  int cuStreamWaitEvent(long hStream, long hEvent, int flags);

  /** Frees a stream; returns at once, what is in it is still done. */
  int cuStreamDestroy_v2(long hStream);

  /** Starts recording the stream's work into a graph instead of running it. */
  int cuStreamBeginCapture_v2(long hStream, int mode);

  /** Ends the recording and writes the graph, 0 where it was invalidated. */
  int cuStreamEndCapture(long hStream, MemorySegment phGraph);

  /** Writes a {@code CU_STREAM_CAPTURE_STATUS_*}. */
  int cuStreamIsCapturing(long hStream, MemorySegment captureStatus);

  /** Swaps the calling thread's capture mode with the one in {@code mode}. */
  int cuThreadExchangeStreamCaptureMode(MemorySegment mode);

  /**
   * Calls {@code void (*fn)(void* userData)} where the stream has come to here; it must not call
   * CUDA.
   */
  int cuLaunchHostFunc(long hStream, long fn, long userData);

  // Events

  /** Makes an event. */
  int cuEventCreate(MemorySegment phEvent, int flags);

  /** Records an event in a stream. */
  int cuEventRecord(long hEvent, long hStream);

  /**
   * {@link #CUDA_SUCCESS} where the latest record has passed or there is none, {@link
   * #CUDA_ERROR_NOT_READY} where not.
   */
  int cuEventQuery(long hEvent);

  /** Blocks until an event's latest record has passed. */
  int cuEventSynchronize(long hEvent);

  /** Writes the milliseconds between two events as a {@code float}. */
  int cuEventElapsedTime_v2(MemorySegment pMilliseconds, long hStart, long hEnd);

  /** Frees an event. */
  int cuEventDestroy_v2(long hEvent);

  // Graphs

  /** Makes a graph ready to launch. */
  int cuGraphInstantiateWithFlags(MemorySegment phGraphExec, long hGraph, long flags);

  /**
   * Gives a ready graph the parameters of one of the same topology; writes a {@code
   * CUgraphExecUpdateResultInfo}.
   */
  int cuGraphExecUpdate_v2(long hGraphExec, long hGraph, MemorySegment resultInfo);

  /** Brings a ready graph onto the device without launching it. */
  int cuGraphUpload(long hGraphExec, long hStream);

  /** Launches a graph in a stream. */
  int cuGraphLaunch(long hGraphExec, long hStream);

  /**
   * Writes up to {@code *numNodes} nodes ({@code size_t}) and how many were written; with {@link
   * MemorySegment#NULL} for {@code nodes}, how many there are.
   */
  int cuGraphGetNodes(long hGraph, MemorySegment nodes, MemorySegment numNodes);

  /** Writes a {@code CU_GRAPH_NODE_TYPE_*}. */
  int cuGraphNodeGetType(long hNode, MemorySegment type);

  /** Writes the {@code CUDA_MEMCPY3D} of a copy. */
  int cuGraphMemcpyNodeGetParams(long hNode, MemorySegment nodeParams);

  /** Points a copy of a ready graph to other memory of the same kind and extent. */
  int cuGraphExecMemcpyNodeSetParams(
      long hGraphExec, long hNode, MemorySegment copyParams, long ctx);

  /** Frees an executable graph. */
  int cuGraphExecDestroy(long hGraphExec);

  /** Frees a graph. */
  int cuGraphDestroy(long hGraph);

  // Modules and launches

  /** Loads a cubin, PTX (text that ends with a 0) or a fatbin into the current context. */
  int cuModuleLoadDataEx(
      MemorySegment module,
      MemorySegment image,
      int numOptions,
      MemorySegment options,
      MemorySegment optionValues);

  /** Unloads a module; its functions are gone with it. */
  int cuModuleUnload(long hmod);

  /** Writes the {@code CUfunction} of a kernel's name (a C string). */
  int cuModuleGetFunction(MemorySegment hfunc, long hmod, MemorySegment name);

  /** Writes address and bytes of a module's global variable. */
  int cuModuleGetGlobal_v2(MemorySegment dptr, MemorySegment bytes, long hmod, MemorySegment name);

  /** Writes one {@code CU_FUNC_ATTRIBUTE_*}. */
  int cuFuncGetAttribute(MemorySegment pi, int attrib, long hfunc);

  /** Sets one {@code CU_FUNC_ATTRIBUTE_*}. */
  int cuFuncSetAttribute(long hfunc, int attrib, int value);

  /**
   * Writes offset and bytes ({@code size_t}) of a kernel's parameter; {@code
   * CUDA_ERROR_INVALID_VALUE} past the last one.
   */
  int cuFuncGetParamInfo(
      long func, long paramIndex, MemorySegment paramOffset, MemorySegment paramSize);

  /**
   * Launches a kernel in a stream; {@code kernelParams} ({@code void**}) points to one address per
   * parameter, whose values are read before the call returns.
   */
  int cuLaunchKernel(
      long f,
      int gridDimX,
      int gridDimY,
      int gridDimZ,
      int blockDimX,
      int blockDimY,
      int blockDimZ,
      int sharedMemBytes,
      long hStream,
      MemorySegment kernelParams,
      MemorySegment extra);

  /** Writes how many blocks of a kernel fit a multiprocessor at once. */
  int cuOccupancyMaxActiveBlocksPerMultiprocessor(
      MemorySegment numBlocks, long func, int blockSize, long dynamicSMemSize);

  /**
   * Writes the block size of the highest occupancy and the smallest grid that reaches it; {@code
   * blockSizeToDynamicSMemSize} is the address of a function or 0.
   */
  int cuOccupancyMaxPotentialBlockSize(
      MemorySegment minGridSize,
      MemorySegment blockSize,
      long func,
      long blockSizeToDynamicSMemSize,
      long dynamicSMemSize,
      int blockSizeLimit);
}
