package dev.sluice.bindings.onnxruntime;

import static java.lang.foreign.ValueLayout.JAVA_BOOLEAN;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemoryLayout.PathElement;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/**
 * {@link OrtApi} on the table of function pointers of the loaded library.
 *
 * <p>Pointers travel as {@code JAVA_LONG}: address-typed parameters allocate where the call site
 * stays cold. The method handles are constants, so that the just-in-time compiler sees through
 * them; that is why this class is initialised only after {@link OnnxRuntimeLibrary} loaded. It is
 * longer than most because the table is.
 *
 * <p>Thread safety: stateless.
 */
@SuppressWarnings("MemberName") // the library's own names
final class FfmOrtApi implements OrtApi {
  private static final MethodHandle CREATE_ENV =
      handle("CreateEnv", JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_LONG);
  private static final MethodHandle RELEASE_ENV = handle("ReleaseEnv", null, JAVA_LONG);
  private static final MethodHandle GET_ALLOCATOR_WITH_DEFAULT_OPTIONS =
      handle("GetAllocatorWithDefaultOptions", JAVA_LONG, JAVA_LONG);
  private static final MethodHandle ALLOCATOR_FREE =
      handle("AllocatorFree", JAVA_LONG, JAVA_LONG, JAVA_LONG);
  private static final MethodHandle CREATE_CPU_MEMORY_INFO =
      handle("CreateCpuMemoryInfo", JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_LONG);
  private static final MethodHandle RELEASE_MEMORY_INFO =
      handle("ReleaseMemoryInfo", null, JAVA_LONG);
  private static final MethodHandle GET_ERROR_CODE = handle("GetErrorCode", JAVA_INT, JAVA_LONG);
  private static final MethodHandle GET_ERROR_MESSAGE =
      handle("GetErrorMessage", JAVA_LONG, JAVA_LONG);
  private static final MethodHandle RELEASE_STATUS = handle("ReleaseStatus", null, JAVA_LONG);
  private static final MethodHandle CREATE_SESSION_OPTIONS =
      handle("CreateSessionOptions", JAVA_LONG, JAVA_LONG);
  private static final MethodHandle RELEASE_SESSION_OPTIONS =
      handle("ReleaseSessionOptions", null, JAVA_LONG);
  private static final MethodHandle SET_INTRA_OP_NUM_THREADS =
      handle("SetIntraOpNumThreads", JAVA_LONG, JAVA_LONG, JAVA_INT);
  private static final MethodHandle SET_INTER_OP_NUM_THREADS =
      handle("SetInterOpNumThreads", JAVA_LONG, JAVA_LONG, JAVA_INT);
  private static final MethodHandle SET_SESSION_EXECUTION_MODE =
      handle("SetSessionExecutionMode", JAVA_LONG, JAVA_LONG, JAVA_INT);
  private static final MethodHandle SET_SESSION_GRAPH_OPTIMIZATION_LEVEL =
      handle("SetSessionGraphOptimizationLevel", JAVA_LONG, JAVA_LONG, JAVA_INT);
  private static final MethodHandle SET_SESSION_LOG_SEVERITY_LEVEL =
      handle("SetSessionLogSeverityLevel", JAVA_LONG, JAVA_LONG, JAVA_INT);
  private static final MethodHandle DISABLE_MEM_PATTERN =
      handle("DisableMemPattern", JAVA_LONG, JAVA_LONG);
  private static final MethodHandle DISABLE_CPU_MEM_ARENA =
      handle("DisableCpuMemArena", JAVA_LONG, JAVA_LONG);
  private static final MethodHandle ADD_SESSION_CONFIG_ENTRY =
      handle("AddSessionConfigEntry", JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG);
  private static final MethodHandle REGISTER_CUSTOM_OPS_LIBRARY =
      handle("RegisterCustomOpsLibrary_V2", JAVA_LONG, JAVA_LONG, JAVA_LONG);
  private static final MethodHandle ADD_EXTERNAL_INITIALIZERS_FROM_FILES_IN_MEMORY =
      handle(
          "AddExternalInitializersFromFilesInMemory",
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG);
  private static final MethodHandle CREATE_RUN_OPTIONS =
      handle("CreateRunOptions", JAVA_LONG, JAVA_LONG);
  private static final MethodHandle RELEASE_RUN_OPTIONS =
      handle("ReleaseRunOptions", null, JAVA_LONG);
  private static final MethodHandle RUN_OPTIONS_SET_TERMINATE =
      handle("RunOptionsSetTerminate", JAVA_LONG, JAVA_LONG);
  private static final MethodHandle RUN_OPTIONS_UNSET_TERMINATE =
      handle("RunOptionsUnsetTerminate", JAVA_LONG, JAVA_LONG);
  private static final MethodHandle CREATE_SESSION_FROM_ARRAY =
      handle(
          "CreateSessionFromArray",
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG);
  private static final MethodHandle RELEASE_SESSION = handle("ReleaseSession", null, JAVA_LONG);
  private static final MethodHandle SESSION_GET_INPUT_COUNT =
      handle("SessionGetInputCount", JAVA_LONG, JAVA_LONG, JAVA_LONG);
  private static final MethodHandle SESSION_GET_OUTPUT_COUNT =
      handle("SessionGetOutputCount", JAVA_LONG, JAVA_LONG, JAVA_LONG);
  private static final MethodHandle SESSION_GET_INPUT_NAME =
      handle("SessionGetInputName", JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG);
  private static final MethodHandle SESSION_GET_OUTPUT_NAME =
      handle("SessionGetOutputName", JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG);
  private static final MethodHandle SESSION_GET_INPUT_TYPE_INFO =
      handle("SessionGetInputTypeInfo", JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG);
  private static final MethodHandle SESSION_GET_OUTPUT_TYPE_INFO =
      handle("SessionGetOutputTypeInfo", JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG);
  private static final MethodHandle RUN =
      handle(
          "Run", JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG,
          JAVA_LONG, JAVA_LONG);
  private static final MethodHandle GET_ONNX_TYPE_FROM_TYPE_INFO =
      handle("GetOnnxTypeFromTypeInfo", JAVA_LONG, JAVA_LONG, JAVA_LONG);
  private static final MethodHandle CAST_TYPE_INFO_TO_TENSOR_INFO =
      handle("CastTypeInfoToTensorInfo", JAVA_LONG, JAVA_LONG, JAVA_LONG);
  private static final MethodHandle RELEASE_TYPE_INFO = handle("ReleaseTypeInfo", null, JAVA_LONG);
  private static final MethodHandle GET_TENSOR_ELEMENT_TYPE =
      handle("GetTensorElementType", JAVA_LONG, JAVA_LONG, JAVA_LONG);
  private static final MethodHandle TENSOR_TYPE_AND_SHAPE_HAS_SHAPE =
      handle("TensorTypeAndShape_HasShape", JAVA_BOOLEAN, JAVA_LONG);
  private static final MethodHandle GET_DIMENSIONS_COUNT =
      handle("GetDimensionsCount", JAVA_LONG, JAVA_LONG, JAVA_LONG);
  private static final MethodHandle GET_DIMENSIONS =
      handle("GetDimensions", JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG);
  private static final MethodHandle GET_SYMBOLIC_DIMENSIONS =
      handle("GetSymbolicDimensions", JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG);
  private static final MethodHandle RELEASE_TENSOR_TYPE_AND_SHAPE_INFO =
      handle("ReleaseTensorTypeAndShapeInfo", null, JAVA_LONG);
  private static final MethodHandle CREATE_TENSOR_WITH_DATA_AS_ORT_VALUE =
      handle(
          "CreateTensorWithDataAsOrtValue",
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_INT,
          JAVA_LONG);
  private static final MethodHandle CREATE_TENSOR_AS_ORT_VALUE =
      handle(
          "CreateTensorAsOrtValue",
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_INT,
          JAVA_LONG);
  private static final MethodHandle RELEASE_VALUE = handle("ReleaseValue", null, JAVA_LONG);
  private static final MethodHandle GET_VALUE_TYPE =
      handle("GetValueType", JAVA_LONG, JAVA_LONG, JAVA_LONG);
  private static final MethodHandle GET_TENSOR_TYPE_AND_SHAPE =
      handle("GetTensorTypeAndShape", JAVA_LONG, JAVA_LONG, JAVA_LONG);
  private static final MethodHandle GET_TENSOR_SIZE_IN_BYTES =
      handle("GetTensorSizeInBytes", JAVA_LONG, JAVA_LONG, JAVA_LONG);
  private static final MethodHandle GET_TENSOR_MUTABLE_DATA =
      handle("GetTensorMutableData", JAVA_LONG, JAVA_LONG, JAVA_LONG);
  private static final MethodHandle GET_RESIZED_STRING_TENSOR_ELEMENT_BUFFER =
      handle(
          "GetResizedStringTensorElementBuffer",
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG);
  private static final MethodHandle GET_STRING_TENSOR_DATA_LENGTH =
      handle("GetStringTensorDataLength", JAVA_LONG, JAVA_LONG, JAVA_LONG);
  private static final MethodHandle GET_STRING_TENSOR_CONTENT =
      handle(
          "GetStringTensorContent",
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG);
  private static final MethodHandle CREATE_IO_BINDING =
      handle("CreateIoBinding", JAVA_LONG, JAVA_LONG, JAVA_LONG);
  private static final MethodHandle RELEASE_IO_BINDING =
      handle("ReleaseIoBinding", null, JAVA_LONG);
  private static final MethodHandle BIND_INPUT =
      handle("BindInput", JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG);
  private static final MethodHandle BIND_OUTPUT =
      handle("BindOutput", JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG);
  private static final MethodHandle BIND_OUTPUT_TO_DEVICE =
      handle("BindOutputToDevice", JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG);
  private static final MethodHandle GET_BOUND_OUTPUT_VALUES =
      handle("GetBoundOutputValues", JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG);
  private static final MethodHandle CLEAR_BOUND_INPUTS =
      handle("ClearBoundInputs", null, JAVA_LONG);
  private static final MethodHandle CLEAR_BOUND_OUTPUTS =
      handle("ClearBoundOutputs", null, JAVA_LONG);
  private static final MethodHandle RUN_WITH_BINDING =
      handle("RunWithBinding", JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG);

  private static MethodHandle handle(String name, ValueLayout result, MemoryLayout... parameters) {
    long offset =
        dev.sluice.bindings.onnxruntime.generated.OrtApi.layout()
            .byteOffset(PathElement.groupElement(name));
    MemorySegment function = OnnxRuntimeLibrary.table().get(ValueLayout.ADDRESS, offset);
    FunctionDescriptor descriptor =
        result == null
            ? FunctionDescriptor.ofVoid(parameters)
            : FunctionDescriptor.of(result, parameters);
    return Linker.nativeLinker().downcallHandle(function, descriptor);
  }

  @Override
  public long CreateEnv(int level, long logId, long out) {
    return call(CREATE_ENV, level, logId, out);
  }

  @Override
  public void ReleaseEnv(long env) {
    release(RELEASE_ENV, env);
  }

  @Override
  public long GetAllocatorWithDefaultOptions(long out) {
    return call(GET_ALLOCATOR_WITH_DEFAULT_OPTIONS, out);
  }

  @Override
  public long AllocatorFree(long allocator, long pointer) {
    return call(ALLOCATOR_FREE, allocator, pointer);
  }

  @Override
  public long CreateCpuMemoryInfo(int allocatorType, int memoryType, long out) {
    return call(CREATE_CPU_MEMORY_INFO, allocatorType, memoryType, out);
  }

  @Override
  public void ReleaseMemoryInfo(long info) {
    release(RELEASE_MEMORY_INFO, info);
  }

  @Override
  public int GetErrorCode(long status) {
    try {
      return (int) GET_ERROR_CODE.invokeExact(status);
    } catch (Throwable thrown) {
      throw unexpected(thrown);
    }
  }

  @Override
  public long GetErrorMessage(long status) {
    return call(GET_ERROR_MESSAGE, status);
  }

  @Override
  public void ReleaseStatus(long status) {
    release(RELEASE_STATUS, status);
  }

  @Override
  public long CreateSessionOptions(long out) {
    return call(CREATE_SESSION_OPTIONS, out);
  }

  @Override
  public void ReleaseSessionOptions(long options) {
    release(RELEASE_SESSION_OPTIONS, options);
  }

  @Override
  public long SetIntraOpNumThreads(long options, int threads) {
    return call(SET_INTRA_OP_NUM_THREADS, options, threads);
  }

  @Override
  public long SetInterOpNumThreads(long options, int threads) {
    return call(SET_INTER_OP_NUM_THREADS, options, threads);
  }

  @Override
  public long SetSessionExecutionMode(long options, int mode) {
    return call(SET_SESSION_EXECUTION_MODE, options, mode);
  }

  @Override
  public long SetSessionGraphOptimizationLevel(long options, int level) {
    return call(SET_SESSION_GRAPH_OPTIMIZATION_LEVEL, options, level);
  }

  @Override
  public long SetSessionLogSeverityLevel(long options, int level) {
    return call(SET_SESSION_LOG_SEVERITY_LEVEL, options, level);
  }

  @Override
  public long DisableMemPattern(long options) {
    return call(DISABLE_MEM_PATTERN, options);
  }

  @Override
  public long DisableCpuMemArena(long options) {
    return call(DISABLE_CPU_MEM_ARENA, options);
  }

  @Override
  public long AddSessionConfigEntry(long options, long key, long value) {
    return call(ADD_SESSION_CONFIG_ENTRY, options, key, value);
  }

  @Override
  public long RegisterCustomOpsLibrary_V2(long options, long path) {
    return call(REGISTER_CUSTOM_OPS_LIBRARY, options, path);
  }

  @Override
  public long AddExternalInitializersFromFilesInMemory(
      long options, long names, long buffers, long lengths, long count) {
    return call(
        ADD_EXTERNAL_INITIALIZERS_FROM_FILES_IN_MEMORY, options, names, buffers, lengths, count);
  }

  @Override
  public long CreateRunOptions(long out) {
    return call(CREATE_RUN_OPTIONS, out);
  }

  @Override
  public void ReleaseRunOptions(long options) {
    release(RELEASE_RUN_OPTIONS, options);
  }

  @Override
  public long RunOptionsSetTerminate(long options) {
    return call(RUN_OPTIONS_SET_TERMINATE, options);
  }

  @Override
  public long RunOptionsUnsetTerminate(long options) {
    return call(RUN_OPTIONS_UNSET_TERMINATE, options);
  }

  @Override
  public long CreateSessionFromArray(
      long env, long model, long modelBytes, long options, long out) {
    return call(CREATE_SESSION_FROM_ARRAY, env, model, modelBytes, options, out);
  }

  @Override
  public void ReleaseSession(long session) {
    release(RELEASE_SESSION, session);
  }

  @Override
  public long SessionGetInputCount(long session, long out) {
    return call(SESSION_GET_INPUT_COUNT, session, out);
  }

  @Override
  public long SessionGetOutputCount(long session, long out) {
    return call(SESSION_GET_OUTPUT_COUNT, session, out);
  }

  @Override
  public long SessionGetInputName(long session, long index, long allocator, long out) {
    return call(SESSION_GET_INPUT_NAME, session, index, allocator, out);
  }

  @Override
  public long SessionGetOutputName(long session, long index, long allocator, long out) {
    return call(SESSION_GET_OUTPUT_NAME, session, index, allocator, out);
  }

  @Override
  public long SessionGetInputTypeInfo(long session, long index, long out) {
    return call(SESSION_GET_INPUT_TYPE_INFO, session, index, out);
  }

  @Override
  public long SessionGetOutputTypeInfo(long session, long index, long out) {
    return call(SESSION_GET_OUTPUT_TYPE_INFO, session, index, out);
  }

  @Override
  public long Run(
      long session,
      long options,
      long inputNames,
      long inputs,
      long inputCount,
      long outputNames,
      long outputCount,
      long outputs) {
    return call(
        RUN, session, options, inputNames, inputs, inputCount, outputNames, outputCount, outputs);
  }

  @Override
  public long GetOnnxTypeFromTypeInfo(long typeInfo, long out) {
    return call(GET_ONNX_TYPE_FROM_TYPE_INFO, typeInfo, out);
  }

  @Override
  public long CastTypeInfoToTensorInfo(long typeInfo, long out) {
    return call(CAST_TYPE_INFO_TO_TENSOR_INFO, typeInfo, out);
  }

  @Override
  public void ReleaseTypeInfo(long typeInfo) {
    release(RELEASE_TYPE_INFO, typeInfo);
  }

  @Override
  public long GetTensorElementType(long tensorInfo, long out) {
    return call(GET_TENSOR_ELEMENT_TYPE, tensorInfo, out);
  }

  @Override
  public boolean TensorTypeAndShape_HasShape(long tensorInfo) {
    try {
      return (boolean) TENSOR_TYPE_AND_SHAPE_HAS_SHAPE.invokeExact(tensorInfo);
    } catch (Throwable thrown) {
      throw unexpected(thrown);
    }
  }

  @Override
  public long GetDimensionsCount(long tensorInfo, long out) {
    return call(GET_DIMENSIONS_COUNT, tensorInfo, out);
  }

  @Override
  public long GetDimensions(long tensorInfo, long dims, long count) {
    return call(GET_DIMENSIONS, tensorInfo, dims, count);
  }

  @Override
  public long GetSymbolicDimensions(long tensorInfo, long names, long count) {
    return call(GET_SYMBOLIC_DIMENSIONS, tensorInfo, names, count);
  }

  @Override
  public void ReleaseTensorTypeAndShapeInfo(long tensorInfo) {
    release(RELEASE_TENSOR_TYPE_AND_SHAPE_INFO, tensorInfo);
  }

  @Override
  public long CreateTensorWithDataAsOrtValue(
      long memoryInfo, long data, long bytes, long dims, long rank, int elementType, long out) {
    return call(
        CREATE_TENSOR_WITH_DATA_AS_ORT_VALUE,
        memoryInfo,
        data,
        bytes,
        dims,
        rank,
        elementType,
        out);
  }

  @Override
  public long CreateTensorAsOrtValue(
      long allocator, long dims, long rank, int elementType, long out) {
    return call(CREATE_TENSOR_AS_ORT_VALUE, allocator, dims, rank, elementType, out);
  }

  @Override
  public void ReleaseValue(long value) {
    release(RELEASE_VALUE, value);
  }

  @Override
  public long GetValueType(long value, long out) {
    return call(GET_VALUE_TYPE, value, out);
  }

  @Override
  public long GetTensorTypeAndShape(long value, long out) {
    return call(GET_TENSOR_TYPE_AND_SHAPE, value, out);
  }

  @Override
  public long GetTensorSizeInBytes(long value, long out) {
    return call(GET_TENSOR_SIZE_IN_BYTES, value, out);
  }

  @Override
  public long GetTensorMutableData(long value, long out) {
    return call(GET_TENSOR_MUTABLE_DATA, value, out);
  }

  @Override
  public long GetResizedStringTensorElementBuffer(long value, long index, long bytes, long out) {
    return call(GET_RESIZED_STRING_TENSOR_ELEMENT_BUFFER, value, index, bytes, out);
  }

  @Override
  public long GetStringTensorDataLength(long value, long out) {
    return call(GET_STRING_TENSOR_DATA_LENGTH, value, out);
  }

  @Override
  public long GetStringTensorContent(
      long value, long bytes, long byteCount, long offsets, long offsetCount) {
    return call(GET_STRING_TENSOR_CONTENT, value, bytes, byteCount, offsets, offsetCount);
  }

  @Override
  public long CreateIoBinding(long session, long out) {
    return call(CREATE_IO_BINDING, session, out);
  }

  @Override
  public void ReleaseIoBinding(long binding) {
    release(RELEASE_IO_BINDING, binding);
  }

  @Override
  public long BindInput(long binding, long name, long value) {
    return call(BIND_INPUT, binding, name, value);
  }

  @Override
  public long BindOutput(long binding, long name, long value) {
    return call(BIND_OUTPUT, binding, name, value);
  }

  @Override
  public long BindOutputToDevice(long binding, long name, long memoryInfo) {
    return call(BIND_OUTPUT_TO_DEVICE, binding, name, memoryInfo);
  }

  @Override
  public long GetBoundOutputValues(long binding, long allocator, long out, long count) {
    return call(GET_BOUND_OUTPUT_VALUES, binding, allocator, out, count);
  }

  @Override
  public void ClearBoundInputs(long binding) {
    release(CLEAR_BOUND_INPUTS, binding);
  }

  @Override
  public void ClearBoundOutputs(long binding) {
    release(CLEAR_BOUND_OUTPUTS, binding);
  }

  @Override
  public long RunWithBinding(long session, long options, long binding) {
    try {
      return (long) RUN_WITH_BINDING.invokeExact(session, options, binding);
    } catch (Throwable thrown) {
      throw unexpected(thrown);
    }
  }

  private static long call(MethodHandle function, long a) {
    try {
      return (long) function.invokeExact(a);
    } catch (Throwable thrown) {
      throw unexpected(thrown);
    }
  }

  private static long call(MethodHandle function, long a, int b) {
    try {
      return (long) function.invokeExact(a, b);
    } catch (Throwable thrown) {
      throw unexpected(thrown);
    }
  }

  private static long call(MethodHandle function, long a, long b) {
    try {
      return (long) function.invokeExact(a, b);
    } catch (Throwable thrown) {
      throw unexpected(thrown);
    }
  }

  private static long call(MethodHandle function, int a, int b, long c) {
    try {
      return (long) function.invokeExact(a, b, c);
    } catch (Throwable thrown) {
      throw unexpected(thrown);
    }
  }

  private static long call(MethodHandle function, int a, long b, long c) {
    try {
      return (long) function.invokeExact(a, b, c);
    } catch (Throwable thrown) {
      throw unexpected(thrown);
    }
  }

  private static long call(MethodHandle function, long a, long b, long c) {
    try {
      return (long) function.invokeExact(a, b, c);
    } catch (Throwable thrown) {
      throw unexpected(thrown);
    }
  }

  private static long call(MethodHandle function, long a, long b, long c, long d) {
    try {
      return (long) function.invokeExact(a, b, c, d);
    } catch (Throwable thrown) {
      throw unexpected(thrown);
    }
  }

  private static long call(MethodHandle function, long a, long b, long c, int d, long e) {
    try {
      return (long) function.invokeExact(a, b, c, d, e);
    } catch (Throwable thrown) {
      throw unexpected(thrown);
    }
  }

  private static long call(MethodHandle function, long a, long b, long c, long d, long e) {
    try {
      return (long) function.invokeExact(a, b, c, d, e);
    } catch (Throwable thrown) {
      throw unexpected(thrown);
    }
  }

  private static long call(
      MethodHandle function, long a, long b, long c, long d, long e, int f, long g) {
    try {
      return (long) function.invokeExact(a, b, c, d, e, f, g);
    } catch (Throwable thrown) {
      throw unexpected(thrown);
    }
  }

  private static long call(
      MethodHandle function, long a, long b, long c, long d, long e, long f, long g, long h) {
    try {
      return (long) function.invokeExact(a, b, c, d, e, f, g, h);
    } catch (Throwable thrown) {
      throw unexpected(thrown);
    }
  }

  private static void release(MethodHandle function, long a) {
    try {
      function.invokeExact(a);
    } catch (Throwable thrown) {
      throw unexpected(thrown);
    }
  }

  private static AssertionError unexpected(Throwable thrown) {
    // A downcall with matching types throws only what the virtual machine itself raises.
    if (thrown instanceof Error error) {
      throw error;
    }
    return new AssertionError(thrown);
  }
}
