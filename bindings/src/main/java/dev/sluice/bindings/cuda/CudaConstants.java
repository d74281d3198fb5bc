package dev.sluice.bindings.cuda;

/**
 * The numbers of {@code cuda.h} (CUDA 13.0) that {@link CudaApi} takes and gives, as compile-time
 * constants; a test holds them against what jextract read. Statuses are in {@link CudaStatus}.
 *
 * <p>Thread safety: constants.
 */
public final class CudaConstants {
  private CudaConstants() {}

  /** {@code CU_MEMHOSTALLOC_PORTABLE}. */
  public static final int CU_MEMHOSTALLOC_PORTABLE = 1;

  /** {@code CU_MEMHOSTALLOC_DEVICEMAP}. */
  public static final int CU_MEMHOSTALLOC_DEVICEMAP = 2;

  /** {@code CU_MEMHOSTALLOC_WRITECOMBINED}. */
  public static final int CU_MEMHOSTALLOC_WRITECOMBINED = 4;

  /** {@code CU_MEMHOSTREGISTER_PORTABLE}. */
  public static final int CU_MEMHOSTREGISTER_PORTABLE = 1;

  /** {@code CU_MEMHOSTREGISTER_DEVICEMAP}. */
  public static final int CU_MEMHOSTREGISTER_DEVICEMAP = 2;

  /** {@code CU_MEMHOSTREGISTER_READ_ONLY}. */
  public static final int CU_MEMHOSTREGISTER_READ_ONLY = 8;

  /** {@code CU_CTX_SCHED_AUTO}. */
  public static final int CU_CTX_SCHED_AUTO = 0;

  /** {@code CU_CTX_SCHED_SPIN}. */
  public static final int CU_CTX_SCHED_SPIN = 1;

  /** {@code CU_CTX_SCHED_YIELD}. */
  public static final int CU_CTX_SCHED_YIELD = 2;

  /** {@code CU_CTX_SCHED_BLOCKING_SYNC}. */
  public static final int CU_CTX_SCHED_BLOCKING_SYNC = 4;

  /** {@code CU_STREAM_DEFAULT}. */
  public static final int CU_STREAM_DEFAULT = 0;

  /** {@code CU_STREAM_NON_BLOCKING}. */
  public static final int CU_STREAM_NON_BLOCKING = 1;

  /** {@code CU_EVENT_DEFAULT}. */
  public static final int CU_EVENT_DEFAULT = 0;

  /** {@code CU_EVENT_BLOCKING_SYNC}. */
  public static final int CU_EVENT_BLOCKING_SYNC = 1;

  /** {@code CU_EVENT_DISABLE_TIMING}. */
  public static final int CU_EVENT_DISABLE_TIMING = 2;

  /** {@code CU_EVENT_WAIT_DEFAULT}. */
  public static final int CU_EVENT_WAIT_DEFAULT = 0;

  /** {@code CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK}. */
  public static final int CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK = 1;

  /** {@code CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_X}. */
  public static final int CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_X = 2;

  /** {@code CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Y}. */
  public static final int CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Y = 3;

  /** {@code CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Z}. */
  public static final int CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Z = 4;

  /** {@code CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_X}. */
  public static final int CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_X = 5;

  /** {@code CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Y}. */
  public static final int CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Y = 6;

  /** {@code CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Z}. */
  public static final int CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Z = 7;

  /** {@code CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK}. */
  public static final int CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK = 8;

  /** {@code CU_DEVICE_ATTRIBUTE_WARP_SIZE}. */
  public static final int CU_DEVICE_ATTRIBUTE_WARP_SIZE = 10;

  /** {@code CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT}. */
  public static final int CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT = 16;

  /** {@code CU_DEVICE_ATTRIBUTE_INTEGRATED}. */
  public static final int CU_DEVICE_ATTRIBUTE_INTEGRATED = 18;

  /** {@code CU_DEVICE_ATTRIBUTE_COMPUTE_MODE}. */
  public static final int CU_DEVICE_ATTRIBUTE_COMPUTE_MODE = 20;

  /** {@code CU_DEVICE_ATTRIBUTE_ECC_ENABLED}. */
  public static final int CU_DEVICE_ATTRIBUTE_ECC_ENABLED = 32;

  /** {@code CU_DEVICE_ATTRIBUTE_MEMORY_CLOCK_RATE}. */
  public static final int CU_DEVICE_ATTRIBUTE_MEMORY_CLOCK_RATE = 36;

  /** {@code CU_DEVICE_ATTRIBUTE_GLOBAL_MEMORY_BUS_WIDTH}. */
  public static final int CU_DEVICE_ATTRIBUTE_GLOBAL_MEMORY_BUS_WIDTH = 37;

  /** {@code CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE}. */
  public static final int CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE = 38;

  /** {@code CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_MULTIPROCESSOR}. */
  public static final int CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_MULTIPROCESSOR = 39;

  /** {@code CU_DEVICE_ATTRIBUTE_ASYNC_ENGINE_COUNT}. */
  public static final int CU_DEVICE_ATTRIBUTE_ASYNC_ENGINE_COUNT = 40;

  /** {@code CU_DEVICE_ATTRIBUTE_UNIFIED_ADDRESSING}. */
  public static final int CU_DEVICE_ATTRIBUTE_UNIFIED_ADDRESSING = 41;

  /** {@code CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR}. */
  public static final int CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR = 75;

  /** {@code CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR}. */
  public static final int CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR = 76;

  /** {@code CU_DEVICE_ATTRIBUTE_STREAM_PRIORITIES_SUPPORTED}. */
  public static final int CU_DEVICE_ATTRIBUTE_STREAM_PRIORITIES_SUPPORTED = 78;

  /** {@code CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN}. */
  public static final int CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN = 97;

  /** {@code CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED}. */
  public static final int CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED = 115;

  /** {@code CU_DEVICE_ATTRIBUTE_MPS_ENABLED}. */
  public static final int CU_DEVICE_ATTRIBUTE_MPS_ENABLED = 133;

  /** {@code CU_POINTER_ATTRIBUTE_CONTEXT}. */
  public static final int CU_POINTER_ATTRIBUTE_CONTEXT = 1;

  /** {@code CU_POINTER_ATTRIBUTE_MEMORY_TYPE}. */
  public static final int CU_POINTER_ATTRIBUTE_MEMORY_TYPE = 2;

  /** {@code CU_POINTER_ATTRIBUTE_DEVICE_POINTER}. */
  public static final int CU_POINTER_ATTRIBUTE_DEVICE_POINTER = 3;

  /** {@code CU_POINTER_ATTRIBUTE_HOST_POINTER}. */
  public static final int CU_POINTER_ATTRIBUTE_HOST_POINTER = 4;

  /** {@code CU_POINTER_ATTRIBUTE_BUFFER_ID}. */
  public static final int CU_POINTER_ATTRIBUTE_BUFFER_ID = 7;

  /** {@code CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL}. */
  public static final int CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL = 9;

  /** {@code CU_POINTER_ATTRIBUTE_RANGE_START_ADDR}. */
  public static final int CU_POINTER_ATTRIBUTE_RANGE_START_ADDR = 11;

  /** {@code CU_POINTER_ATTRIBUTE_RANGE_SIZE}. */
  public static final int CU_POINTER_ATTRIBUTE_RANGE_SIZE = 12;

  /** {@code CU_POINTER_ATTRIBUTE_MEMPOOL_HANDLE}. */
  public static final int CU_POINTER_ATTRIBUTE_MEMPOOL_HANDLE = 17;

  /** {@code CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK}. */
  public static final int CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK = 0;

  /** {@code CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES}. */
  public static final int CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES = 1;

  /** {@code CU_FUNC_ATTRIBUTE_CONST_SIZE_BYTES}. */
  public static final int CU_FUNC_ATTRIBUTE_CONST_SIZE_BYTES = 2;

  /** {@code CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES}. */
  public static final int CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES = 3;

  /** {@code CU_FUNC_ATTRIBUTE_NUM_REGS}. */
  public static final int CU_FUNC_ATTRIBUTE_NUM_REGS = 4;

  /** {@code CU_FUNC_ATTRIBUTE_PTX_VERSION}. */
  public static final int CU_FUNC_ATTRIBUTE_PTX_VERSION = 5;

  /** {@code CU_FUNC_ATTRIBUTE_BINARY_VERSION}. */
  public static final int CU_FUNC_ATTRIBUTE_BINARY_VERSION = 6;

  /** {@code CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES}. */
  public static final int CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES = 8;

  /** {@code CU_MEMORYTYPE_HOST}. */
  public static final int CU_MEMORYTYPE_HOST = 1;

  /** {@code CU_MEMORYTYPE_DEVICE}. */
  public static final int CU_MEMORYTYPE_DEVICE = 2;

  /** {@code CU_MEMORYTYPE_UNIFIED}. */
  public static final int CU_MEMORYTYPE_UNIFIED = 4;

  /** {@code CU_COMPUTEMODE_DEFAULT}. */
  public static final int CU_COMPUTEMODE_DEFAULT = 0;

  /** {@code CU_COMPUTEMODE_PROHIBITED}. */
  public static final int CU_COMPUTEMODE_PROHIBITED = 2;

  /** {@code CU_COMPUTEMODE_EXCLUSIVE_PROCESS}. */
  public static final int CU_COMPUTEMODE_EXCLUSIVE_PROCESS = 3;

  /** {@code CU_JIT_INFO_LOG_BUFFER}. */
  public static final int CU_JIT_INFO_LOG_BUFFER = 3;

  /** {@code CU_JIT_INFO_LOG_BUFFER_SIZE_BYTES}. */
  public static final int CU_JIT_INFO_LOG_BUFFER_SIZE_BYTES = 4;

  /** {@code CU_JIT_ERROR_LOG_BUFFER}. */
  public static final int CU_JIT_ERROR_LOG_BUFFER = 5;

  /** {@code CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES}. */
  public static final int CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES = 6;

  /** {@code CU_GRAPH_NODE_TYPE_KERNEL}. */
  public static final int CU_GRAPH_NODE_TYPE_KERNEL = 0;

  /** {@code CU_GRAPH_NODE_TYPE_MEMCPY}. */
  public static final int CU_GRAPH_NODE_TYPE_MEMCPY = 1;

  /** {@code CU_GRAPH_NODE_TYPE_MEMSET}. */
  public static final int CU_GRAPH_NODE_TYPE_MEMSET = 2;

  /** {@code CU_GRAPH_NODE_TYPE_HOST}. */
  public static final int CU_GRAPH_NODE_TYPE_HOST = 3;

  /** {@code CU_GRAPH_NODE_TYPE_GRAPH}. */
  public static final int CU_GRAPH_NODE_TYPE_GRAPH = 4;

  /** {@code CU_GRAPH_NODE_TYPE_EMPTY}. */
  public static final int CU_GRAPH_NODE_TYPE_EMPTY = 5;

  /** {@code CU_GRAPH_NODE_TYPE_WAIT_EVENT}. */
  public static final int CU_GRAPH_NODE_TYPE_WAIT_EVENT = 6;

  /** {@code CU_GRAPH_NODE_TYPE_EVENT_RECORD}. */
  public static final int CU_GRAPH_NODE_TYPE_EVENT_RECORD = 7;

  /** {@code CU_GRAPH_NODE_TYPE_MEM_ALLOC}. */
  public static final int CU_GRAPH_NODE_TYPE_MEM_ALLOC = 10;

  /** {@code CU_GRAPH_NODE_TYPE_MEM_FREE}. */
  public static final int CU_GRAPH_NODE_TYPE_MEM_FREE = 11;

  /** {@code CU_STREAM_CAPTURE_STATUS_NONE}. */
  public static final int CU_STREAM_CAPTURE_STATUS_NONE = 0;

  /** {@code CU_STREAM_CAPTURE_STATUS_ACTIVE}. */
  public static final int CU_STREAM_CAPTURE_STATUS_ACTIVE = 1;

  /** {@code CU_STREAM_CAPTURE_STATUS_INVALIDATED}. */
  public static final int CU_STREAM_CAPTURE_STATUS_INVALIDATED = 2;

  /** {@code CU_STREAM_CAPTURE_MODE_GLOBAL}. */
  public static final int CU_STREAM_CAPTURE_MODE_GLOBAL = 0;

  /** {@code CU_STREAM_CAPTURE_MODE_THREAD_LOCAL}. */
  public static final int CU_STREAM_CAPTURE_MODE_THREAD_LOCAL = 1;

  /** {@code CU_STREAM_CAPTURE_MODE_RELAXED}. */
  public static final int CU_STREAM_CAPTURE_MODE_RELAXED = 2;

  /** {@code CU_MEM_HANDLE_TYPE_NONE}. */
  public static final int CU_MEM_HANDLE_TYPE_NONE = 0;

  /** {@code CU_MEM_LOCATION_TYPE_DEVICE}. */
  public static final int CU_MEM_LOCATION_TYPE_DEVICE = 1;

  /** {@code CU_MEM_ALLOCATION_TYPE_PINNED}. */
  public static final int CU_MEM_ALLOCATION_TYPE_PINNED = 1;

  /** {@code CU_GRAPH_EXEC_UPDATE_SUCCESS}. */
  public static final int CU_GRAPH_EXEC_UPDATE_SUCCESS = 0;

  /** {@code CU_GRAPH_EXEC_UPDATE_ERROR}. */
  public static final int CU_GRAPH_EXEC_UPDATE_ERROR = 1;

  /** {@code CU_GRAPH_EXEC_UPDATE_ERROR_TOPOLOGY_CHANGED}. */
  public static final int CU_GRAPH_EXEC_UPDATE_ERROR_TOPOLOGY_CHANGED = 2;

  /** {@code CU_GRAPH_EXEC_UPDATE_ERROR_NODE_TYPE_CHANGED}. */
  public static final int CU_GRAPH_EXEC_UPDATE_ERROR_NODE_TYPE_CHANGED = 3;

  /** {@code CU_GRAPH_EXEC_UPDATE_ERROR_FUNCTION_CHANGED}. */
  public static final int CU_GRAPH_EXEC_UPDATE_ERROR_FUNCTION_CHANGED = 4;

  /** {@code CU_GRAPH_EXEC_UPDATE_ERROR_PARAMETERS_CHANGED}. */
  public static final int CU_GRAPH_EXEC_UPDATE_ERROR_PARAMETERS_CHANGED = 5;

  /** {@code CU_GRAPH_EXEC_UPDATE_ERROR_NOT_SUPPORTED}. */
  public static final int CU_GRAPH_EXEC_UPDATE_ERROR_NOT_SUPPORTED = 6;

  /** {@code CU_GRAPH_EXEC_UPDATE_ERROR_UNSUPPORTED_FUNCTION_CHANGE}. */
  public static final int CU_GRAPH_EXEC_UPDATE_ERROR_UNSUPPORTED_FUNCTION_CHANGE = 7;

  /** {@code CU_GRAPH_EXEC_UPDATE_ERROR_ATTRIBUTES_CHANGED}. */
  public static final int CU_GRAPH_EXEC_UPDATE_ERROR_ATTRIBUTES_CHANGED = 8;

  /** {@code CU_MEMPOOL_ATTR_REUSE_FOLLOW_EVENT_DEPENDENCIES}. */
  public static final int CU_MEMPOOL_ATTR_REUSE_FOLLOW_EVENT_DEPENDENCIES = 1;

  /** {@code CU_MEMPOOL_ATTR_REUSE_ALLOW_OPPORTUNISTIC}. */
  public static final int CU_MEMPOOL_ATTR_REUSE_ALLOW_OPPORTUNISTIC = 2;

  /** {@code CU_MEMPOOL_ATTR_REUSE_ALLOW_INTERNAL_DEPENDENCIES}. */
  public static final int CU_MEMPOOL_ATTR_REUSE_ALLOW_INTERNAL_DEPENDENCIES = 3;

  /** {@code CU_MEMPOOL_ATTR_RELEASE_THRESHOLD}. */
  public static final int CU_MEMPOOL_ATTR_RELEASE_THRESHOLD = 4;

  /** {@code CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT}. */
  public static final int CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT = 5;

  /** {@code CU_MEMPOOL_ATTR_RESERVED_MEM_HIGH}. */
  public static final int CU_MEMPOOL_ATTR_RESERVED_MEM_HIGH = 6;

  /** {@code CU_MEMPOOL_ATTR_USED_MEM_CURRENT}. */
  public static final int CU_MEMPOOL_ATTR_USED_MEM_CURRENT = 7;

  /** {@code CU_MEMPOOL_ATTR_USED_MEM_HIGH}. */
  public static final int CU_MEMPOOL_ATTR_USED_MEM_HIGH = 8;
}
