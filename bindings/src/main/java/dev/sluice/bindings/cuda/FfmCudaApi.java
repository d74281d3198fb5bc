package dev.sluice.bindings.cuda;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import dev.sluice.bindings.cuda.generated.CudaHeader;
import dev.sluice.bindings.library.Downcalls;
import dev.sluice.bindings.library.SharedLibrary;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.util.ArrayList;
import java.util.List;

/**
 * {@link CudaApi} on a loaded {@code libcuda.so.1}. The method handles are constants, so that the
 * just-in-time compiler sees through them; the addresses are the library's. A function that the
 * library lacks returns CUDA_ERROR_SHARED_OBJECT_SYMBOL_NOT_FOUND and is named by {@link
 * #missingSymbols}, so that an old driver can still be asked for its version.
 *
 * <p>Long because each function takes a handle, an address and a call; nothing else is in here.
 *
 * <p>Thread safety: immutable; see {@link CudaApi}.
 */
@SuppressWarnings("MemberName") // the library's own names
final class FfmCudaApi implements CudaApi {
  private static final MethodHandle CU_GET_ERROR_NAME =
      Downcalls.type(CudaHeader.cuGetErrorName$descriptor(), JAVA_INT, ADDRESS);
  private static final MethodHandle CU_GET_ERROR_STRING =
      Downcalls.type(CudaHeader.cuGetErrorString$descriptor(), JAVA_INT, ADDRESS);
  private static final MethodHandle CU_INIT =
      Downcalls.type(CudaHeader.cuInit$descriptor(), JAVA_INT);
  private static final MethodHandle CU_DRIVER_GET_VERSION =
      Downcalls.type(CudaHeader.cuDriverGetVersion$descriptor(), ADDRESS);
  private static final MethodHandle CU_DEVICE_GET_COUNT =
      Downcalls.type(CudaHeader.cuDeviceGetCount$descriptor(), ADDRESS);
  private static final MethodHandle CU_DEVICE_GET =
      Downcalls.type(CudaHeader.cuDeviceGet$descriptor(), ADDRESS, JAVA_INT);
  private static final MethodHandle CU_DEVICE_GET_NAME =
      Downcalls.type(CudaHeader.cuDeviceGetName$descriptor(), ADDRESS, JAVA_INT, JAVA_INT);
  private static final MethodHandle CU_DEVICE_GET_UUID_V2 =
      Downcalls.type(CudaHeader.cuDeviceGetUuid_v2$descriptor(), ADDRESS, JAVA_INT);
  private static final MethodHandle CU_DEVICE_GET_PCIBUS_ID =
      Downcalls.type(CudaHeader.cuDeviceGetPCIBusId$descriptor(), ADDRESS, JAVA_INT, JAVA_INT);
  private static final MethodHandle CU_DEVICE_TOTAL_MEM_V2 =
      Downcalls.type(CudaHeader.cuDeviceTotalMem_v2$descriptor(), ADDRESS, JAVA_INT);
  private static final MethodHandle CU_DEVICE_GET_ATTRIBUTE =
      Downcalls.type(CudaHeader.cuDeviceGetAttribute$descriptor(), ADDRESS, JAVA_INT, JAVA_INT);
  private static final MethodHandle CU_DEVICE_GET_DEFAULT_MEM_POOL =
      Downcalls.type(CudaHeader.cuDeviceGetDefaultMemPool$descriptor(), ADDRESS, JAVA_INT);
  private static final MethodHandle CU_DEVICE_PRIMARY_CTX_RETAIN =
      Downcalls.type(CudaHeader.cuDevicePrimaryCtxRetain$descriptor(), ADDRESS, JAVA_INT);
  private static final MethodHandle CU_DEVICE_PRIMARY_CTX_RELEASE_V2 =
      Downcalls.type(CudaHeader.cuDevicePrimaryCtxRelease_v2$descriptor(), JAVA_INT);
  private static final MethodHandle CU_DEVICE_PRIMARY_CTX_GET_STATE =
      Downcalls.type(
          CudaHeader.cuDevicePrimaryCtxGetState$descriptor(), JAVA_INT, ADDRESS, ADDRESS);
  private static final MethodHandle CU_DEVICE_PRIMARY_CTX_SET_FLAGS_V2 =
      Downcalls.type(CudaHeader.cuDevicePrimaryCtxSetFlags_v2$descriptor(), JAVA_INT, JAVA_INT);
  private static final MethodHandle CU_CTX_CREATE_V4 =
      Downcalls.type(
          CudaHeader.cuCtxCreate_v4$descriptor(), ADDRESS, JAVA_LONG, JAVA_INT, JAVA_INT);
  private static final MethodHandle CU_CTX_DESTROY_V2 =
      Downcalls.type(CudaHeader.cuCtxDestroy_v2$descriptor(), JAVA_LONG);
  private static final MethodHandle CU_CTX_SET_CURRENT =
      Downcalls.type(CudaHeader.cuCtxSetCurrent$descriptor(), JAVA_LONG);
  private static final MethodHandle CU_CTX_GET_CURRENT =
      Downcalls.type(CudaHeader.cuCtxGetCurrent$descriptor(), ADDRESS);
  private static final MethodHandle CU_CTX_GET_DEVICE =
      Downcalls.type(CudaHeader.cuCtxGetDevice$descriptor(), ADDRESS);
  private static final MethodHandle CU_CTX_SYNCHRONIZE =
      Downcalls.type(CudaHeader.cuCtxSynchronize$descriptor());
  private static final MethodHandle CU_CTX_GET_STREAM_PRIORITY_RANGE =
      Downcalls.type(CudaHeader.cuCtxGetStreamPriorityRange$descriptor(), ADDRESS, ADDRESS);
  private static final MethodHandle CU_MEM_GET_INFO_V2 =
      Downcalls.type(CudaHeader.cuMemGetInfo_v2$descriptor(), ADDRESS, ADDRESS);
  private static final MethodHandle CU_MEM_ALLOC_V2 =
      Downcalls.type(CudaHeader.cuMemAlloc_v2$descriptor(), ADDRESS, JAVA_LONG);
  private static final MethodHandle CU_MEM_FREE_V2 =
      Downcalls.type(CudaHeader.cuMemFree_v2$descriptor(), JAVA_LONG);
  private static final MethodHandle CU_MEM_ALLOC_ASYNC =
      Downcalls.type(CudaHeader.cuMemAllocAsync$descriptor(), ADDRESS, JAVA_LONG, JAVA_LONG);
  private static final MethodHandle CU_MEM_FREE_ASYNC =
      Downcalls.type(CudaHeader.cuMemFreeAsync$descriptor(), JAVA_LONG, JAVA_LONG);
  private static final MethodHandle CU_MEM_ALLOC_FROM_POOL_ASYNC =
      Downcalls.type(
          CudaHeader.cuMemAllocFromPoolAsync$descriptor(),
          ADDRESS,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG);
  private static final MethodHandle CU_MEM_POOL_CREATE =
      Downcalls.type(CudaHeader.cuMemPoolCreate$descriptor(), ADDRESS, ADDRESS);
  private static final MethodHandle CU_MEM_POOL_DESTROY =
      Downcalls.type(CudaHeader.cuMemPoolDestroy$descriptor(), JAVA_LONG);
  private static final MethodHandle CU_MEM_POOL_TRIM_TO =
      Downcalls.type(CudaHeader.cuMemPoolTrimTo$descriptor(), JAVA_LONG, JAVA_LONG);
  private static final MethodHandle CU_MEM_POOL_SET_ATTRIBUTE =
      Downcalls.type(CudaHeader.cuMemPoolSetAttribute$descriptor(), JAVA_LONG, JAVA_INT, ADDRESS);
  private static final MethodHandle CU_MEM_POOL_GET_ATTRIBUTE =
      Downcalls.type(CudaHeader.cuMemPoolGetAttribute$descriptor(), JAVA_LONG, JAVA_INT, ADDRESS);
  private static final MethodHandle CU_MEM_HOST_ALLOC =
      Downcalls.type(CudaHeader.cuMemHostAlloc$descriptor(), ADDRESS, JAVA_LONG, JAVA_INT);
  private static final MethodHandle CU_MEM_FREE_HOST =
      Downcalls.type(CudaHeader.cuMemFreeHost$descriptor(), JAVA_LONG);
  private static final MethodHandle CU_MEM_HOST_REGISTER_V2 =
      Downcalls.type(CudaHeader.cuMemHostRegister_v2$descriptor(), JAVA_LONG, JAVA_LONG, JAVA_INT);
  private static final MethodHandle CU_MEM_HOST_UNREGISTER =
      Downcalls.type(CudaHeader.cuMemHostUnregister$descriptor(), JAVA_LONG);
  private static final MethodHandle CU_MEM_HOST_GET_DEVICE_POINTER_V2 =
      Downcalls.type(
          CudaHeader.cuMemHostGetDevicePointer_v2$descriptor(), ADDRESS, JAVA_LONG, JAVA_INT);
  private static final MethodHandle CU_POINTER_GET_ATTRIBUTE =
      Downcalls.type(CudaHeader.cuPointerGetAttribute$descriptor(), ADDRESS, JAVA_INT, JAVA_LONG);
  private static final MethodHandle CU_MEMCPY_HTO_D_V2 =
      Downcalls.type(CudaHeader.cuMemcpyHtoD_v2$descriptor(), JAVA_LONG, ADDRESS, JAVA_LONG);
  private static final MethodHandle CU_MEMCPY_DTO_H_V2 =
      Downcalls.type(CudaHeader.cuMemcpyDtoH_v2$descriptor(), ADDRESS, JAVA_LONG, JAVA_LONG);
  private static final MethodHandle CU_MEMCPY_HTO_DASYNC_V2 =
      Downcalls.type(
          CudaHeader.cuMemcpyHtoDAsync_v2$descriptor(), JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG);
  private static final MethodHandle CU_MEMCPY_DTO_HASYNC_V2 =
      Downcalls.type(
          CudaHeader.cuMemcpyDtoHAsync_v2$descriptor(), JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG);
  private static final MethodHandle CU_MEMCPY_DTO_DASYNC_V2 =
      Downcalls.type(
          CudaHeader.cuMemcpyDtoDAsync_v2$descriptor(), JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG);
  private static final MethodHandle CU_MEMSET_D8_ASYNC =
      Downcalls.type(
          CudaHeader.cuMemsetD8Async$descriptor(), JAVA_LONG, JAVA_BYTE, JAVA_LONG, JAVA_LONG);
  private static final MethodHandle CU_MEMSET_D16_ASYNC =
      Downcalls.type(
          CudaHeader.cuMemsetD16Async$descriptor(), JAVA_LONG, JAVA_SHORT, JAVA_LONG, JAVA_LONG);
  private static final MethodHandle CU_MEMSET_D32_ASYNC =
      Downcalls.type(
          CudaHeader.cuMemsetD32Async$descriptor(), JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_LONG);
  private static final MethodHandle CU_STREAM_CREATE_WITH_PRIORITY =
      Downcalls.type(
          CudaHeader.cuStreamCreateWithPriority$descriptor(), ADDRESS, JAVA_INT, JAVA_INT);
  private static final MethodHandle CU_STREAM_GET_PRIORITY =
      Downcalls.type(CudaHeader.cuStreamGetPriority$descriptor(), JAVA_LONG, ADDRESS);
  private static final MethodHandle CU_STREAM_GET_FLAGS =
      Downcalls.type(CudaHeader.cuStreamGetFlags$descriptor(), JAVA_LONG, ADDRESS);
  private static final MethodHandle CU_STREAM_QUERY =
      Downcalls.type(CudaHeader.cuStreamQuery$descriptor(), JAVA_LONG);
  private static final MethodHandle CU_STREAM_SYNCHRONIZE =
      Downcalls.type(CudaHeader.cuStreamSynchronize$descriptor(), JAVA_LONG);
  private static final MethodHandle CU_STREAM_WAIT_EVENT =
      Downcalls.type(CudaHeader.cuStreamWaitEvent$descriptor(), JAVA_LONG, JAVA_LONG, JAVA_INT);
  private static final MethodHandle CU_STREAM_DESTROY_V2 =
      Downcalls.type(CudaHeader.cuStreamDestroy_v2$descriptor(), JAVA_LONG);
  private static final MethodHandle CU_STREAM_BEGIN_CAPTURE_V2 =
      Downcalls.type(CudaHeader.cuStreamBeginCapture_v2$descriptor(), JAVA_LONG, JAVA_INT);
  private static final MethodHandle CU_STREAM_END_CAPTURE =
      Downcalls.type(CudaHeader.cuStreamEndCapture$descriptor(), JAVA_LONG, ADDRESS);
  private static final MethodHandle CU_STREAM_IS_CAPTURING =
      Downcalls.type(CudaHeader.cuStreamIsCapturing$descriptor(), JAVA_LONG, ADDRESS);
  private static final MethodHandle CU_THREAD_EXCHANGE_STREAM_CAPTURE_MODE =
      Downcalls.type(CudaHeader.cuThreadExchangeStreamCaptureMode$descriptor(), ADDRESS);
  private static final MethodHandle CU_LAUNCH_HOST_FUNC =
      Downcalls.type(CudaHeader.cuLaunchHostFunc$descriptor(), JAVA_LONG, JAVA_LONG, JAVA_LONG);
  private static final MethodHandle CU_EVENT_CREATE =
      Downcalls.type(CudaHeader.cuEventCreate$descriptor(), ADDRESS, JAVA_INT);
  private static final MethodHandle CU_EVENT_RECORD =
      Downcalls.type(CudaHeader.cuEventRecord$descriptor(), JAVA_LONG, JAVA_LONG);
  private static final MethodHandle CU_EVENT_QUERY =
      Downcalls.type(CudaHeader.cuEventQuery$descriptor(), JAVA_LONG);
  private static final MethodHandle CU_EVENT_SYNCHRONIZE =
      Downcalls.type(CudaHeader.cuEventSynchronize$descriptor(), JAVA_LONG);
  private static final MethodHandle CU_EVENT_ELAPSED_TIME_V2 =
      Downcalls.type(CudaHeader.cuEventElapsedTime_v2$descriptor(), ADDRESS, JAVA_LONG, JAVA_LONG);
  private static final MethodHandle CU_EVENT_DESTROY_V2 =
      Downcalls.type(CudaHeader.cuEventDestroy_v2$descriptor(), JAVA_LONG);
  private static final MethodHandle CU_GRAPH_INSTANTIATE_WITH_FLAGS =
      Downcalls.type(
          CudaHeader.cuGraphInstantiateWithFlags$descriptor(), ADDRESS, JAVA_LONG, JAVA_LONG);
  private static final MethodHandle CU_GRAPH_EXEC_UPDATE_V2 =
      Downcalls.type(CudaHeader.cuGraphExecUpdate_v2$descriptor(), JAVA_LONG, JAVA_LONG, ADDRESS);
  private static final MethodHandle CU_GRAPH_UPLOAD =
      Downcalls.type(CudaHeader.cuGraphUpload$descriptor(), JAVA_LONG, JAVA_LONG);
  private static final MethodHandle CU_GRAPH_LAUNCH =
      Downcalls.type(CudaHeader.cuGraphLaunch$descriptor(), JAVA_LONG, JAVA_LONG);
  private static final MethodHandle CU_GRAPH_GET_NODES =
      Downcalls.type(CudaHeader.cuGraphGetNodes$descriptor(), JAVA_LONG, ADDRESS, ADDRESS);
  private static final MethodHandle CU_GRAPH_NODE_GET_TYPE =
      Downcalls.type(CudaHeader.cuGraphNodeGetType$descriptor(), JAVA_LONG, ADDRESS);
  private static final MethodHandle CU_GRAPH_MEMCPY_NODE_GET_PARAMS =
      Downcalls.type(CudaHeader.cuGraphMemcpyNodeGetParams$descriptor(), JAVA_LONG, ADDRESS);
  private static final MethodHandle CU_GRAPH_EXEC_MEMCPY_NODE_SET_PARAMS =
      Downcalls.type(
          CudaHeader.cuGraphExecMemcpyNodeSetParams$descriptor(),
          JAVA_LONG,
          JAVA_LONG,
          ADDRESS,
          JAVA_LONG);
  private static final MethodHandle CU_GRAPH_EXEC_DESTROY =
      Downcalls.type(CudaHeader.cuGraphExecDestroy$descriptor(), JAVA_LONG);
  private static final MethodHandle CU_GRAPH_DESTROY =
      Downcalls.type(CudaHeader.cuGraphDestroy$descriptor(), JAVA_LONG);
  private static final MethodHandle CU_MODULE_LOAD_DATA_EX =
      Downcalls.type(
          CudaHeader.cuModuleLoadDataEx$descriptor(), ADDRESS, ADDRESS, JAVA_INT, ADDRESS, ADDRESS);
  private static final MethodHandle CU_MODULE_UNLOAD =
      Downcalls.type(CudaHeader.cuModuleUnload$descriptor(), JAVA_LONG);
  private static final MethodHandle CU_MODULE_GET_FUNCTION =
      Downcalls.type(CudaHeader.cuModuleGetFunction$descriptor(), ADDRESS, JAVA_LONG, ADDRESS);
  private static final MethodHandle CU_MODULE_GET_GLOBAL_V2 =
      Downcalls.type(
          CudaHeader.cuModuleGetGlobal_v2$descriptor(), ADDRESS, ADDRESS, JAVA_LONG, ADDRESS);
  private static final MethodHandle CU_FUNC_GET_ATTRIBUTE =
      Downcalls.type(CudaHeader.cuFuncGetAttribute$descriptor(), ADDRESS, JAVA_INT, JAVA_LONG);
  private static final MethodHandle CU_FUNC_SET_ATTRIBUTE =
      Downcalls.type(CudaHeader.cuFuncSetAttribute$descriptor(), JAVA_LONG, JAVA_INT, JAVA_INT);
  private static final MethodHandle CU_FUNC_GET_PARAM_INFO =
      Downcalls.type(
          CudaHeader.cuFuncGetParamInfo$descriptor(), JAVA_LONG, JAVA_LONG, ADDRESS, ADDRESS);
  private static final MethodHandle CU_LAUNCH_KERNEL =
      Downcalls.type(
          CudaHeader.cuLaunchKernel$descriptor(),
          JAVA_LONG,
          JAVA_INT,
          JAVA_INT,
          JAVA_INT,
          JAVA_INT,
          JAVA_INT,
          JAVA_INT,
          JAVA_INT,
          JAVA_LONG,
          ADDRESS,
          ADDRESS);
  private static final MethodHandle CU_OCCUPANCY_MAX_ACTIVE_BLOCKS_PER_MULTIPROCESSOR =
      Downcalls.type(
          CudaHeader.cuOccupancyMaxActiveBlocksPerMultiprocessor$descriptor(),
          ADDRESS,
          JAVA_LONG,
          JAVA_INT,
          JAVA_LONG);
  private static final MethodHandle CU_OCCUPANCY_MAX_POTENTIAL_BLOCK_SIZE =
      Downcalls.type(
          CudaHeader.cuOccupancyMaxPotentialBlockSize$descriptor(),
          ADDRESS,
          ADDRESS,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_INT);

  private final MemorySegment cuGetErrorName;
  private final MemorySegment cuGetErrorString;
  private final MemorySegment cuInit;
  private final MemorySegment cuDriverGetVersion;
  private final MemorySegment cuDeviceGetCount;
  private final MemorySegment cuDeviceGet;
  private final MemorySegment cuDeviceGetName;
  private final MemorySegment cuDeviceGetUuid_v2;
  private final MemorySegment cuDeviceGetPCIBusId;
  private final MemorySegment cuDeviceTotalMem_v2;
  private final MemorySegment cuDeviceGetAttribute;
  private final MemorySegment cuDeviceGetDefaultMemPool;
  private final MemorySegment cuDevicePrimaryCtxRetain;
  private final MemorySegment cuDevicePrimaryCtxRelease_v2;
  private final MemorySegment cuDevicePrimaryCtxGetState;
  private final MemorySegment cuDevicePrimaryCtxSetFlags_v2;
  private final MemorySegment cuCtxCreate_v4;
  private final MemorySegment cuCtxDestroy_v2;
  private final MemorySegment cuCtxSetCurrent;
  private final MemorySegment cuCtxGetCurrent;
  private final MemorySegment cuCtxGetDevice;
  private final MemorySegment cuCtxSynchronize;
  private final MemorySegment cuCtxGetStreamPriorityRange;
  private final MemorySegment cuMemGetInfo_v2;
  private final MemorySegment cuMemAlloc_v2;
  private final MemorySegment cuMemFree_v2;
  private final MemorySegment cuMemAllocAsync;
  private final MemorySegment cuMemFreeAsync;
  private final MemorySegment cuMemAllocFromPoolAsync;
  private final MemorySegment cuMemPoolCreate;
  private final MemorySegment cuMemPoolDestroy;
  private final MemorySegment cuMemPoolTrimTo;
  private final MemorySegment cuMemPoolSetAttribute;
  private final MemorySegment cuMemPoolGetAttribute;
  private final MemorySegment cuMemHostAlloc;
  private final MemorySegment cuMemFreeHost;
  private final MemorySegment cuMemHostRegister_v2;
  private final MemorySegment cuMemHostUnregister;
  private final MemorySegment cuMemHostGetDevicePointer_v2;
  private final MemorySegment cuPointerGetAttribute;
  private final MemorySegment cuMemcpyHtoD_v2;
  private final MemorySegment cuMemcpyDtoH_v2;
  private final MemorySegment cuMemcpyHtoDAsync_v2;
  private final MemorySegment cuMemcpyDtoHAsync_v2;
  private final MemorySegment cuMemcpyDtoDAsync_v2;
  private final MemorySegment cuMemsetD8Async;
  private final MemorySegment cuMemsetD16Async;
  private final MemorySegment cuMemsetD32Async;
  private final MemorySegment cuStreamCreateWithPriority;
  private final MemorySegment cuStreamGetPriority;
  private final MemorySegment cuStreamGetFlags;
  private final MemorySegment cuStreamQuery;
  private final MemorySegment cuStreamSynchronize;
  private final MemorySegment cuStreamWaitEvent;
  private final MemorySegment cuStreamDestroy_v2;
  private final MemorySegment cuStreamBeginCapture_v2;
  private final MemorySegment cuStreamEndCapture;
  private final MemorySegment cuStreamIsCapturing;
  private final MemorySegment cuThreadExchangeStreamCaptureMode;
  private final MemorySegment cuLaunchHostFunc;
  private final MemorySegment cuEventCreate;
  private final MemorySegment cuEventRecord;
  private final MemorySegment cuEventQuery;
  private final MemorySegment cuEventSynchronize;
  private final MemorySegment cuEventElapsedTime_v2;
  private final MemorySegment cuEventDestroy_v2;
  private final MemorySegment cuGraphInstantiateWithFlags;
  private final MemorySegment cuGraphExecUpdate_v2;
  private final MemorySegment cuGraphUpload;
  private final MemorySegment cuGraphLaunch;
  private final MemorySegment cuGraphGetNodes;
  private final MemorySegment cuGraphNodeGetType;
  private final MemorySegment cuGraphMemcpyNodeGetParams;
  private final MemorySegment cuGraphExecMemcpyNodeSetParams;
  private final MemorySegment cuGraphExecDestroy;
  private final MemorySegment cuGraphDestroy;
  private final MemorySegment cuModuleLoadDataEx;
  private final MemorySegment cuModuleUnload;
  private final MemorySegment cuModuleGetFunction;
  private final MemorySegment cuModuleGetGlobal_v2;
  private final MemorySegment cuFuncGetAttribute;
  private final MemorySegment cuFuncSetAttribute;
  private final MemorySegment cuFuncGetParamInfo;
  private final MemorySegment cuLaunchKernel;
  private final MemorySegment cuOccupancyMaxActiveBlocksPerMultiprocessor;
  private final MemorySegment cuOccupancyMaxPotentialBlockSize;
  private final List<String> missing = new ArrayList<>();

  /** Binds the functions of a library that stays loaded for the life of the process. */
  FfmCudaApi(SharedLibrary library) {
    cuGetErrorName = symbol(library, "cuGetErrorName");
    cuGetErrorString = symbol(library, "cuGetErrorString");
    cuInit = symbol(library, "cuInit");
    cuDriverGetVersion = symbol(library, "cuDriverGetVersion");
    cuDeviceGetCount = symbol(library, "cuDeviceGetCount");
    cuDeviceGet = symbol(library, "cuDeviceGet");
    cuDeviceGetName = symbol(library, "cuDeviceGetName");
    cuDeviceGetUuid_v2 = symbol(library, "cuDeviceGetUuid_v2");
    cuDeviceGetPCIBusId = symbol(library, "cuDeviceGetPCIBusId");
    cuDeviceTotalMem_v2 = symbol(library, "cuDeviceTotalMem_v2");
    cuDeviceGetAttribute = symbol(library, "cuDeviceGetAttribute");
    cuDeviceGetDefaultMemPool = symbol(library, "cuDeviceGetDefaultMemPool");
    cuDevicePrimaryCtxRetain = symbol(library, "cuDevicePrimaryCtxRetain");
    cuDevicePrimaryCtxRelease_v2 = symbol(library, "cuDevicePrimaryCtxRelease_v2");
    cuDevicePrimaryCtxGetState = symbol(library, "cuDevicePrimaryCtxGetState");
    cuDevicePrimaryCtxSetFlags_v2 = symbol(library, "cuDevicePrimaryCtxSetFlags_v2");
    cuCtxCreate_v4 = symbol(library, "cuCtxCreate_v4");
    cuCtxDestroy_v2 = symbol(library, "cuCtxDestroy_v2");
    cuCtxSetCurrent = symbol(library, "cuCtxSetCurrent");
    cuCtxGetCurrent = symbol(library, "cuCtxGetCurrent");
    cuCtxGetDevice = symbol(library, "cuCtxGetDevice");
    cuCtxSynchronize = symbol(library, "cuCtxSynchronize");
    cuCtxGetStreamPriorityRange = symbol(library, "cuCtxGetStreamPriorityRange");
    cuMemGetInfo_v2 = symbol(library, "cuMemGetInfo_v2");
    cuMemAlloc_v2 = symbol(library, "cuMemAlloc_v2");
    cuMemFree_v2 = symbol(library, "cuMemFree_v2");
    cuMemAllocAsync = symbol(library, "cuMemAllocAsync");
    cuMemFreeAsync = symbol(library, "cuMemFreeAsync");
    cuMemAllocFromPoolAsync = symbol(library, "cuMemAllocFromPoolAsync");
    cuMemPoolCreate = symbol(library, "cuMemPoolCreate");
    cuMemPoolDestroy = symbol(library, "cuMemPoolDestroy");
    cuMemPoolTrimTo = symbol(library, "cuMemPoolTrimTo");
    cuMemPoolSetAttribute = symbol(library, "cuMemPoolSetAttribute");
    cuMemPoolGetAttribute = symbol(library, "cuMemPoolGetAttribute");
    cuMemHostAlloc = symbol(library, "cuMemHostAlloc");
    cuMemFreeHost = symbol(library, "cuMemFreeHost");
    cuMemHostRegister_v2 = symbol(library, "cuMemHostRegister_v2");
    cuMemHostUnregister = symbol(library, "cuMemHostUnregister");
    cuMemHostGetDevicePointer_v2 = symbol(library, "cuMemHostGetDevicePointer_v2");
    cuPointerGetAttribute = symbol(library, "cuPointerGetAttribute");
    cuMemcpyHtoD_v2 = symbol(library, "cuMemcpyHtoD_v2");
    cuMemcpyDtoH_v2 = symbol(library, "cuMemcpyDtoH_v2");
    cuMemcpyHtoDAsync_v2 = symbol(library, "cuMemcpyHtoDAsync_v2");
    cuMemcpyDtoHAsync_v2 = symbol(library, "cuMemcpyDtoHAsync_v2");
    cuMemcpyDtoDAsync_v2 = symbol(library, "cuMemcpyDtoDAsync_v2");
    cuMemsetD8Async = symbol(library, "cuMemsetD8Async");
    cuMemsetD16Async = symbol(library, "cuMemsetD16Async");
    cuMemsetD32Async = symbol(library, "cuMemsetD32Async");
    cuStreamCreateWithPriority = symbol(library, "cuStreamCreateWithPriority");
    cuStreamGetPriority = symbol(library, "cuStreamGetPriority");
    cuStreamGetFlags = symbol(library, "cuStreamGetFlags");
    cuStreamQuery = symbol(library, "cuStreamQuery");
    cuStreamSynchronize = symbol(library, "cuStreamSynchronize");
    cuStreamWaitEvent = symbol(library, "cuStreamWaitEvent");
    cuStreamDestroy_v2 = symbol(library, "cuStreamDestroy_v2");
    cuStreamBeginCapture_v2 = symbol(library, "cuStreamBeginCapture_v2");
    cuStreamEndCapture = symbol(library, "cuStreamEndCapture");
    cuStreamIsCapturing = symbol(library, "cuStreamIsCapturing");
    cuThreadExchangeStreamCaptureMode = symbol(library, "cuThreadExchangeStreamCaptureMode");
    cuLaunchHostFunc = symbol(library, "cuLaunchHostFunc");
    cuEventCreate = symbol(library, "cuEventCreate");
    cuEventRecord = symbol(library, "cuEventRecord");
    cuEventQuery = symbol(library, "cuEventQuery");
    cuEventSynchronize = symbol(library, "cuEventSynchronize");
    cuEventElapsedTime_v2 = symbol(library, "cuEventElapsedTime_v2");
    cuEventDestroy_v2 = symbol(library, "cuEventDestroy_v2");
    cuGraphInstantiateWithFlags = symbol(library, "cuGraphInstantiateWithFlags");
    cuGraphExecUpdate_v2 = symbol(library, "cuGraphExecUpdate_v2");
    cuGraphUpload = symbol(library, "cuGraphUpload");
    cuGraphLaunch = symbol(library, "cuGraphLaunch");
    cuGraphGetNodes = symbol(library, "cuGraphGetNodes");
    cuGraphNodeGetType = symbol(library, "cuGraphNodeGetType");
    cuGraphMemcpyNodeGetParams = symbol(library, "cuGraphMemcpyNodeGetParams");
    cuGraphExecMemcpyNodeSetParams = symbol(library, "cuGraphExecMemcpyNodeSetParams");
    cuGraphExecDestroy = symbol(library, "cuGraphExecDestroy");
    cuGraphDestroy = symbol(library, "cuGraphDestroy");
    cuModuleLoadDataEx = symbol(library, "cuModuleLoadDataEx");
    cuModuleUnload = symbol(library, "cuModuleUnload");
    cuModuleGetFunction = symbol(library, "cuModuleGetFunction");
    cuModuleGetGlobal_v2 = symbol(library, "cuModuleGetGlobal_v2");
    cuFuncGetAttribute = symbol(library, "cuFuncGetAttribute");
    cuFuncSetAttribute = symbol(library, "cuFuncSetAttribute");
    cuFuncGetParamInfo = symbol(library, "cuFuncGetParamInfo");
    cuLaunchKernel = symbol(library, "cuLaunchKernel");
    cuOccupancyMaxActiveBlocksPerMultiprocessor =
        symbol(library, "cuOccupancyMaxActiveBlocksPerMultiprocessor");
    cuOccupancyMaxPotentialBlockSize = symbol(library, "cuOccupancyMaxPotentialBlockSize");
  }

  private MemorySegment symbol(SharedLibrary library, String name) {
    return Downcalls.symbol(
        library, name, CudaStatus.SHARED_OBJECT_SYMBOL_NOT_FOUND.code(), missing);
  }

  /** The functions that the library does not have, in the order of the interface. */
  List<String> missingSymbols() {
    return List.copyOf(missing);
  }

  @Override
  public int cuGetErrorName(int error, MemorySegment pStr) {
    try {
      return (int) CU_GET_ERROR_NAME.invokeExact(cuGetErrorName, error, pStr);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int cuGetErrorString(int error, MemorySegment pStr) {
    try {
      return (int) CU_GET_ERROR_STRING.invokeExact(cuGetErrorString, error, pStr);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int cuInit(int flags) {
    try {
      return (int) CU_INIT.invokeExact(cuInit, flags);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int cuDriverGetVersion(MemorySegment driverVersion) {
    try {
      return (int) CU_DRIVER_GET_VERSION.invokeExact(cuDriverGetVersion, driverVersion);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int cuDeviceGetCount(MemorySegment count) {
    try {
      return (int) CU_DEVICE_GET_COUNT.invokeExact(cuDeviceGetCount, count);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int cuDeviceGet(MemorySegment device, int ordinal) {
    try {
      return (int) CU_DEVICE_GET.invokeExact(cuDeviceGet, device, ordinal);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int cuDeviceGetName(MemorySegment name, int len, int dev) {
    try {
      return (int) CU_DEVICE_GET_NAME.invokeExact(cuDeviceGetName, name, len, dev);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int cuDeviceGetUuid_v2(MemorySegment uuid, int dev) {
    try {
      return (int) CU_DEVICE_GET_UUID_V2.invokeExact(cuDeviceGetUuid_v2, uuid, dev);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int cuDeviceGetPCIBusId(MemorySegment pciBusId, int len, int dev) {
    try {
      return (int) CU_DEVICE_GET_PCIBUS_ID.invokeExact(cuDeviceGetPCIBusId, pciBusId, len, dev);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int cuDeviceTotalMem_v2(MemorySegment bytes, int dev) {
    try {
      return (int) CU_DEVICE_TOTAL_MEM_V2.invokeExact(cuDeviceTotalMem_v2, bytes, dev);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int cuDeviceGetAttribute(MemorySegment pi, int attrib, int dev) {
    try {
      return (int) CU_DEVICE_GET_ATTRIBUTE.invokeExact(cuDeviceGetAttribute, pi, attrib, dev);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int cuDeviceGetDefaultMemPool(MemorySegment poolOut, int dev) {
    try {
      return (int)
          CU_DEVICE_GET_DEFAULT_MEM_POOL.invokeExact(cuDeviceGetDefaultMemPool, poolOut, dev);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int cuDevicePrimaryCtxRetain(MemorySegment pctx, int dev) {
    try {
      return (int) CU_DEVICE_PRIMARY_CTX_RETAIN.invokeExact(cuDevicePrimaryCtxRetain, pctx, dev);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int cuDevicePrimaryCtxRelease_v2(int dev) {
    try {
      return (int) CU_DEVICE_PRIMARY_CTX_RELEASE_V2.invokeExact(cuDevicePrimaryCtxRelease_v2, dev);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int cuDevicePrimaryCtxGetState(int dev, MemorySegment flags, MemorySegment active) {
    try {
      return (int)
          CU_DEVICE_PRIMARY_CTX_GET_STATE.invokeExact(
              cuDevicePrimaryCtxGetState, dev, flags, active);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int cuDevicePrimaryCtxSetFlags_v2(int dev, int flags) {
    try {
      return (int)
          CU_DEVICE_PRIMARY_CTX_SET_FLAGS_V2.invokeExact(cuDevicePrimaryCtxSetFlags_v2, dev, flags);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int cuCtxCreate_v4(MemorySegment pctx, long ctxCreateParams, int flags, int dev) {
    try {
      return (int) CU_CTX_CREATE_V4.invokeExact(cuCtxCreate_v4, pctx, ctxCreateParams, flags, dev);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int cuCtxDestroy_v2(long ctx) {
    try {
      return (int) CU_CTX_DESTROY_V2.invokeExact(cuCtxDestroy_v2, ctx);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int cuCtxSetCurrent(long ctx) {
    try {
      return (int) CU_CTX_SET_CURRENT.invokeExact(cuCtxSetCurrent, ctx);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int cuCtxGetCurrent(MemorySegment pctx) {
    try {
      return (int) CU_CTX_GET_CURRENT.invokeExact(cuCtxGetCurrent, pctx);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int cuCtxGetDevice(MemorySegment device) {
    try {
      return (int) CU_CTX_GET_DEVICE.invokeExact(cuCtxGetDevice, device);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int cuCtxSynchronize() {
    try {
      return (int) CU_CTX_SYNCHRONIZE.invokeExact(cuCtxSynchronize);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int cuCtxGetStreamPriorityRange(
      MemorySegment leastPriority, MemorySegment greatestPriority) {
    try {
      return (int)
          CU_CTX_GET_STREAM_PRIORITY_RANGE.invokeExact(
              cuCtxGetStreamPriorityRange, leastPriority, greatestPriority);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int cuMemGetInfo_v2(MemorySegment free, MemorySegment total) {
    try {
      return (int) CU_MEM_GET_INFO_V2.invokeExact(cuMemGetInfo_v2, free, total);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int cuMemAlloc_v2(MemorySegment dptr, long bytesize) {
    try {
      return (int) CU_MEM_ALLOC_V2.invokeExact(cuMemAlloc_v2, dptr, bytesize);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int cuMemFree_v2(long dptr) {
    try {
      return (int) CU_MEM_FREE_V2.invokeExact(cuMemFree_v2, dptr);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int cuMemAllocAsync(MemorySegment dptr, long bytesize, long hStream) {
    try {
      return (int) CU_MEM_ALLOC_ASYNC.invokeExact(cuMemAllocAsync, dptr, bytesize, hStream);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int cuMemFreeAsync(long dptr, long hStream) {
    try {
      return (int) CU_MEM_FREE_ASYNC.invokeExact(cuMemFreeAsync, dptr, hStream);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int cuMemAllocFromPoolAsync(MemorySegment dptr, long bytesize, long pool, long hStream) {
    try {
      return (int)
          CU_MEM_ALLOC_FROM_POOL_ASYNC.invokeExact(
              cuMemAllocFromPoolAsync, dptr, bytesize, pool, hStream);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int cuMemPoolCreate(MemorySegment pool, MemorySegment poolProps) {
    try {
      return (int) CU_MEM_POOL_CREATE.invokeExact(cuMemPoolCreate, pool, poolProps);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int cuMemPoolDestroy(long pool) {
    try {
      return (int) CU_MEM_POOL_DESTROY.invokeExact(cuMemPoolDestroy, pool);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int cuMemPoolTrimTo(long pool, long minBytesToKeep) {
    try {
      return (int) CU_MEM_POOL_TRIM_TO.invokeExact(cuMemPoolTrimTo, pool, minBytesToKeep);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int cuMemPoolSetAttribute(long pool, int attr, MemorySegment value) {
    try {
      return (int) CU_MEM_POOL_SET_ATTRIBUTE.invokeExact(cuMemPoolSetAttribute, pool, attr, value);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int cuMemPoolGetAttribute(long pool, int attr, MemorySegment value) {
    try {
      return (int) CU_MEM_POOL_GET_ATTRIBUTE.invokeExact(cuMemPoolGetAttribute, pool, attr, value);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int cuMemHostAlloc(MemorySegment pp, long bytesize, int flags) {
    try {
      return (int) CU_MEM_HOST_ALLOC.invokeExact(cuMemHostAlloc, pp, bytesize, flags);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int cuMemFreeHost(long ptr) {
    try {
      return (int) CU_MEM_FREE_HOST.invokeExact(cuMemFreeHost, ptr);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int cuMemHostRegister_v2(long ptr, long bytesize, int flags) {
    try {
      return (int) CU_MEM_HOST_REGISTER_V2.invokeExact(cuMemHostRegister_v2, ptr, bytesize, flags);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int cuMemHostUnregister(long ptr) {
    try {
      return (int) CU_MEM_HOST_UNREGISTER.invokeExact(cuMemHostUnregister, ptr);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int cuMemHostGetDevicePointer_v2(MemorySegment pdptr, long ptr, int flags) {
    try {
      return (int)
          CU_MEM_HOST_GET_DEVICE_POINTER_V2.invokeExact(
              cuMemHostGetDevicePointer_v2, pdptr, ptr, flags);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int cuPointerGetAttribute(MemorySegment data, int attribute, long ptr) {
    try {
      return (int)
          CU_POINTER_GET_ATTRIBUTE.invokeExact(cuPointerGetAttribute, data, attribute, ptr);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int cuMemcpyHtoD_v2(long dstDevice, MemorySegment srcHost, long byteCount) {
    try {
      return (int) CU_MEMCPY_HTO_D_V2.invokeExact(cuMemcpyHtoD_v2, dstDevice, srcHost, byteCount);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int cuMemcpyDtoH_v2(MemorySegment dstHost, long srcDevice, long byteCount) {
    try {
      return (int) CU_MEMCPY_DTO_H_V2.invokeExact(cuMemcpyDtoH_v2, dstHost, srcDevice, byteCount);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int cuMemcpyHtoDAsync_v2(long dstDevice, long srcHost, long byteCount, long hStream) {
    try {
      return (int)
          CU_MEMCPY_HTO_DASYNC_V2.invokeExact(
              cuMemcpyHtoDAsync_v2, dstDevice, srcHost, byteCount, hStream);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int cuMemcpyDtoHAsync_v2(long dstHost, long srcDevice, long byteCount, long hStream) {
    try {
      return (int)
          CU_MEMCPY_DTO_HASYNC_V2.invokeExact(
              cuMemcpyDtoHAsync_v2, dstHost, srcDevice, byteCount, hStream);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int cuMemcpyDtoDAsync_v2(long dstDevice, long srcDevice, long byteCount, long hStream) {
    try {
      return (int)
          CU_MEMCPY_DTO_DASYNC_V2.invokeExact(
              cuMemcpyDtoDAsync_v2, dstDevice, srcDevice, byteCount, hStream);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int cuMemsetD8Async(long dstDevice, byte uc, long n, long hStream) {
    try {
      return (int) CU_MEMSET_D8_ASYNC.invokeExact(cuMemsetD8Async, dstDevice, uc, n, hStream);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int cuMemsetD16Async(long dstDevice, short us, long n, long hStream) {
    try {
      return (int) CU_MEMSET_D16_ASYNC.invokeExact(cuMemsetD16Async, dstDevice, us, n, hStream);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int cuMemsetD32Async(long dstDevice, int ui, long n, long hStream) {
    try {
      return (int) CU_MEMSET_D32_ASYNC.invokeExact(cuMemsetD32Async, dstDevice, ui, n, hStream);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int cuStreamCreateWithPriority(MemorySegment phStream, int flags, int priority) {
    try {
      return (int)
          CU_STREAM_CREATE_WITH_PRIORITY.invokeExact(
              cuStreamCreateWithPriority, phStream, flags, priority);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int cuStreamGetPriority(long hStream, MemorySegment priority) {
    try {
      return (int) CU_STREAM_GET_PRIORITY.invokeExact(cuStreamGetPriority, hStream, priority);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int cuStreamGetFlags(long hStream, MemorySegment flags) {
    try {
      return (int) CU_STREAM_GET_FLAGS.invokeExact(cuStreamGetFlags, hStream, flags);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int cuStreamQuery(long hStream) {
    try {
      return (int) CU_STREAM_QUERY.invokeExact(cuStreamQuery, hStream);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int cuStreamSynchronize(long hStream) {
    try {
      return (int) CU_STREAM_SYNCHRONIZE.invokeExact(cuStreamSynchronize, hStream);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int cuStreamWaitEvent(long hStream, long hEvent, int flags) {
    try {
      return (int) CU_STREAM_WAIT_EVENT.invokeExact(cuStreamWaitEvent, hStream, hEvent, flags);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int cuStreamDestroy_v2(long hStream) {
    try {
      return (int) CU_STREAM_DESTROY_V2.invokeExact(cuStreamDestroy_v2, hStream);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int cuStreamBeginCapture_v2(long hStream, int mode) {
    try {
      return (int) CU_STREAM_BEGIN_CAPTURE_V2.invokeExact(cuStreamBeginCapture_v2, hStream, mode);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int cuStreamEndCapture(long hStream, MemorySegment phGraph) {
    try {
      return (int) CU_STREAM_END_CAPTURE.invokeExact(cuStreamEndCapture, hStream, phGraph);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int cuStreamIsCapturing(long hStream, MemorySegment captureStatus) {
    try {
      return (int) CU_STREAM_IS_CAPTURING.invokeExact(cuStreamIsCapturing, hStream, captureStatus);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int cuThreadExchangeStreamCaptureMode(MemorySegment mode) {
    try {
      return (int)
          CU_THREAD_EXCHANGE_STREAM_CAPTURE_MODE.invokeExact(
              cuThreadExchangeStreamCaptureMode, mode);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int cuLaunchHostFunc(long hStream, long fn, long userData) {
    try {
      return (int) CU_LAUNCH_HOST_FUNC.invokeExact(cuLaunchHostFunc, hStream, fn, userData);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int cuEventCreate(MemorySegment phEvent, int flags) {
    try {
      return (int) CU_EVENT_CREATE.invokeExact(cuEventCreate, phEvent, flags);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int cuEventRecord(long hEvent, long hStream) {
    try {
      return (int) CU_EVENT_RECORD.invokeExact(cuEventRecord, hEvent, hStream);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int cuEventQuery(long hEvent) {
    try {
      return (int) CU_EVENT_QUERY.invokeExact(cuEventQuery, hEvent);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int cuEventSynchronize(long hEvent) {
    try {
      return (int) CU_EVENT_SYNCHRONIZE.invokeExact(cuEventSynchronize, hEvent);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int cuEventElapsedTime_v2(MemorySegment pMilliseconds, long hStart, long hEnd) {
    try {
      return (int)
          CU_EVENT_ELAPSED_TIME_V2.invokeExact(cuEventElapsedTime_v2, pMilliseconds, hStart, hEnd);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int cuEventDestroy_v2(long hEvent) {
    try {
      return (int) CU_EVENT_DESTROY_V2.invokeExact(cuEventDestroy_v2, hEvent);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int cuGraphInstantiateWithFlags(MemorySegment phGraphExec, long hGraph, long flags) {
    try {
      return (int)
          CU_GRAPH_INSTANTIATE_WITH_FLAGS.invokeExact(
              cuGraphInstantiateWithFlags, phGraphExec, hGraph, flags);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int cuGraphExecUpdate_v2(long hGraphExec, long hGraph, MemorySegment resultInfo) {
    try {
      return (int)
          CU_GRAPH_EXEC_UPDATE_V2.invokeExact(cuGraphExecUpdate_v2, hGraphExec, hGraph, resultInfo);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int cuGraphUpload(long hGraphExec, long hStream) {
    try {
      return (int) CU_GRAPH_UPLOAD.invokeExact(cuGraphUpload, hGraphExec, hStream);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int cuGraphLaunch(long hGraphExec, long hStream) {
    try {
      return (int) CU_GRAPH_LAUNCH.invokeExact(cuGraphLaunch, hGraphExec, hStream);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int cuGraphGetNodes(long hGraph, MemorySegment nodes, MemorySegment numNodes) {
    try {
      return (int) CU_GRAPH_GET_NODES.invokeExact(cuGraphGetNodes, hGraph, nodes, numNodes);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int cuGraphNodeGetType(long hNode, MemorySegment type) {
    try {
      return (int) CU_GRAPH_NODE_GET_TYPE.invokeExact(cuGraphNodeGetType, hNode, type);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int cuGraphMemcpyNodeGetParams(long hNode, MemorySegment nodeParams) {
    try {
      return (int)
          CU_GRAPH_MEMCPY_NODE_GET_PARAMS.invokeExact(
              cuGraphMemcpyNodeGetParams, hNode, nodeParams);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int cuGraphExecMemcpyNodeSetParams(
      long hGraphExec, long hNode, MemorySegment copyParams, long ctx) {
    try {
      return (int)
          CU_GRAPH_EXEC_MEMCPY_NODE_SET_PARAMS.invokeExact(
              cuGraphExecMemcpyNodeSetParams, hGraphExec, hNode, copyParams, ctx);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int cuGraphExecDestroy(long hGraphExec) {
    try {
      return (int) CU_GRAPH_EXEC_DESTROY.invokeExact(cuGraphExecDestroy, hGraphExec);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int cuGraphDestroy(long hGraph) {
    try {
      return (int) CU_GRAPH_DESTROY.invokeExact(cuGraphDestroy, hGraph);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int cuModuleLoadDataEx(
      MemorySegment module,
      MemorySegment image,
      int numOptions,
      MemorySegment options,
      MemorySegment optionValues) {
    try {
      return (int)
          CU_MODULE_LOAD_DATA_EX.invokeExact(
              cuModuleLoadDataEx, module, image, numOptions, options, optionValues);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int cuModuleUnload(long hmod) {
    try {
      return (int) CU_MODULE_UNLOAD.invokeExact(cuModuleUnload, hmod);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int cuModuleGetFunction(MemorySegment hfunc, long hmod, MemorySegment name) {
    try {
      return (int) CU_MODULE_GET_FUNCTION.invokeExact(cuModuleGetFunction, hfunc, hmod, name);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int cuModuleGetGlobal_v2(
      MemorySegment dptr, MemorySegment bytes, long hmod, MemorySegment name) {
    try {
      return (int)
          CU_MODULE_GET_GLOBAL_V2.invokeExact(cuModuleGetGlobal_v2, dptr, bytes, hmod, name);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int cuFuncGetAttribute(MemorySegment pi, int attrib, long hfunc) {
    try {
      return (int) CU_FUNC_GET_ATTRIBUTE.invokeExact(cuFuncGetAttribute, pi, attrib, hfunc);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int cuFuncSetAttribute(long hfunc, int attrib, int value) {
    try {
      return (int) CU_FUNC_SET_ATTRIBUTE.invokeExact(cuFuncSetAttribute, hfunc, attrib, value);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int cuFuncGetParamInfo(
      long func, long paramIndex, MemorySegment paramOffset, MemorySegment paramSize) {
    try {
      return (int)
          CU_FUNC_GET_PARAM_INFO.invokeExact(
              cuFuncGetParamInfo, func, paramIndex, paramOffset, paramSize);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int cuLaunchKernel(
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
      MemorySegment extra) {
    try {
      return (int)
          CU_LAUNCH_KERNEL.invokeExact(
              cuLaunchKernel,
              f,
              gridDimX,
              gridDimY,
              gridDimZ,
              blockDimX,
              blockDimY,
              blockDimZ,
              sharedMemBytes,
              hStream,
              kernelParams,
              extra);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int cuOccupancyMaxActiveBlocksPerMultiprocessor(
      MemorySegment numBlocks, long func, int blockSize, long dynamicSMemSize) {
    try {
      return (int)
          CU_OCCUPANCY_MAX_ACTIVE_BLOCKS_PER_MULTIPROCESSOR.invokeExact(
              cuOccupancyMaxActiveBlocksPerMultiprocessor,
              numBlocks,
              func,
              blockSize,
              dynamicSMemSize);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }

  @Override
  public int cuOccupancyMaxPotentialBlockSize(
      MemorySegment minGridSize,
      MemorySegment blockSize,
      long func,
      long blockSizeToDynamicSMemSize,
      long dynamicSMemSize,
      int blockSizeLimit) {
    try {
      return (int)
          CU_OCCUPANCY_MAX_POTENTIAL_BLOCK_SIZE.invokeExact(
              cuOccupancyMaxPotentialBlockSize,
              minGridSize,
              blockSize,
              func,
              blockSizeToDynamicSMemSize,
              dynamicSMemSize,
              blockSizeLimit);
    } catch (Throwable e) {
      throw Downcalls.rethrow(e);
    }
  }
}
