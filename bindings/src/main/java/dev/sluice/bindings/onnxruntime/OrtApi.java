package dev.sluice.bindings.onnxruntime;

/**
 * The functions of ONNX Runtime's C API that Sluice uses, by their C names and raw: every pointer
 * is an address as {@code long}, and a function that can fail returns the address of an {@code
 * OrtStatus}, 0 for success, which the caller releases. Nothing is checked here; the owners beside
 * ({@link OrtSession}, {@link OrtValue}, {@link OrtBinding}) do that.
 *
 * <p>Parameters named {@code out} are addresses that take the result. Strings are zero-terminated
 * UTF-8. Numbers of enumerations are those of {@code onnxruntime_c_api.h}.
 *
 * <p>Thread safety: as the C API: any thread; a handle is not released while a call uses it.
 */
@SuppressWarnings("MemberName") // the library's own names
public interface OrtApi {
  /**
   * Creates the process's environment, or adds a reference to it where it exists; {@code level} is
   * an {@code OrtLoggingLevel}.
   */
  long CreateEnv(int level, long logId, long out);

  /** Drops a reference to the environment. */
  void ReleaseEnv(long env);

  /** The CPU allocator that ONNX Runtime owns. */
  long GetAllocatorWithDefaultOptions(long out);

  /** Frees what an allocator gave. */
  long AllocatorFree(long allocator, long pointer);

  /** A description of CPU memory. */
  long CreateCpuMemoryInfo(int allocatorType, int memoryType, long out);

  /** Frees a memory description. */
  void ReleaseMemoryInfo(long info);

  /** The {@code OrtErrorCode} of a failed call. */
  int GetErrorCode(long status);

  /** Address of the UTF-8 message of a failed call; it lives as long as the status. */
  long GetErrorMessage(long status);

  /** Frees a status. */
  void ReleaseStatus(long status);

  /** Options with ONNX Runtime's defaults. */
  long CreateSessionOptions(long out);

  /** Frees session options. */
  void ReleaseSessionOptions(long options);

  /** Threads inside one operator; 0 for one per core. */
  long SetIntraOpNumThreads(long options, int threads);

  /** Threads across operators, in parallel execution mode. */
  long SetInterOpNumThreads(long options, int threads);

  /** 0 sequential, 1 parallel ({@code ExecutionMode}). */
  long SetSessionExecutionMode(long options, int mode);

  /** A {@code GraphOptimizationLevel}. */
  long SetSessionGraphOptimizationLevel(long options, int level);

  /** An {@code OrtLoggingLevel}, for this session's log. */
  long SetSessionLogSeverityLevel(long options, int level);

  /** Has no block planned that all values of a run with known shapes lie in. */
  long DisableMemPattern(long options);

  /** Has memory taken from the C library, and not from an arena. */
  long DisableCpuMemArena(long options);

  /** Sets one of the string options of {@code onnxruntime_session_options_config_keys.h}. */
  long AddSessionConfigEntry(long options, long key, long value);

  /** Loads a library of operators, by its path; ONNX Runtime keeps it. */
  long RegisterCustomOpsLibrary_V2(long options, long path);

  /** Gives the bytes of files that external weights lie in, by their {@code location}. */
  long AddExternalInitializersFromFilesInMemory(
      long options, long names, long buffers, long lengths, long count);

  /** Options of one run with ONNX Runtime's defaults. */
  long CreateRunOptions(long out);

  /** Frees run options. */
  void ReleaseRunOptions(long options);

  /** Makes the runs that use these options end with an error soon. */
  long RunOptionsSetTerminate(long options);

  /** Takes back {@link #RunOptionsSetTerminate}. */
  long RunOptionsUnsetTerminate(long options);

  /** A session from the bytes of an ONNX model. */
  long CreateSessionFromArray(long env, long model, long modelBytes, long options, long out);

  /** Frees a session. */
  void ReleaseSession(long session);

  /** Number of inputs ({@code size_t}). */
  long SessionGetInputCount(long session, long out);

  /** Number of outputs ({@code size_t}). */
  long SessionGetOutputCount(long session, long out);

  /** Name of an input, to be freed with the allocator. */
  long SessionGetInputName(long session, long index, long allocator, long out);

  /** Name of an output, to be freed with the allocator. */
  long SessionGetOutputName(long session, long index, long allocator, long out);

  /** Type of an input. */
  long SessionGetInputTypeInfo(long session, long index, long out);

  /** Type of an output. */
  long SessionGetOutputTypeInfo(long session, long index, long out);

  /** Runs the model; {@code outputs} holds values to fill, or 0 for ones to allocate. */
  long Run(
      long session,
      long options,
      long inputNames,
      long inputs,
      long inputCount,
      long outputNames,
      long outputCount,
      long outputs);

  /** The {@code ONNXType}: tensor, sequence, map ... */
  long GetOnnxTypeFromTypeInfo(long typeInfo, long out);

  /** The tensor part of a type, owned by it; 0 where it is no tensor. */
  long CastTypeInfoToTensorInfo(long typeInfo, long out);

  /** Frees a type. */
  void ReleaseTypeInfo(long typeInfo);

  /** The {@code ONNXTensorElementDataType}. */
  long GetTensorElementType(long tensorInfo, long out);

  /** Whether the shape is known at all; without it the rank reads as 0. */
  boolean TensorTypeAndShape_HasShape(long tensorInfo);

  /** The rank ({@code size_t}). */
  long GetDimensionsCount(long tensorInfo, long out);

  /** The dimensions; -1 for a dynamic one. */
  long GetDimensions(long tensorInfo, long dims, long count);

  /** Addresses of the names of dynamic dimensions, owned by the type; empty where it has none. */
  long GetSymbolicDimensions(long tensorInfo, long names, long count);

  /** Frees what {@link #GetTensorTypeAndShape} gave. */
  void ReleaseTensorTypeAndShapeInfo(long tensorInfo);

  /** A tensor over the caller's memory, which must outlive it. */
  long CreateTensorWithDataAsOrtValue(
      long memoryInfo, long data, long bytes, long dims, long rank, int elementType, long out);

  /** A tensor in memory of the allocator. */
  long CreateTensorAsOrtValue(long allocator, long dims, long rank, int elementType, long out);

  /** Frees a value. */
  void ReleaseValue(long value);

  /** The {@code ONNXType} of a value. */
  long GetValueType(long value, long out);

  /** Element type and shape of a tensor. */
  long GetTensorTypeAndShape(long value, long out);

  /** Bytes of a tensor that is not of strings ({@code size_t}). */
  long GetTensorSizeInBytes(long value, long out);

  /** Address of the elements of a tensor that is not of strings. */
  long GetTensorMutableData(long value, long out);

  /** Sizes an element of a tensor of strings and gives the address to write its UTF-8 bytes to. */
  long GetResizedStringTensorElementBuffer(long value, long index, long bytes, long out);

  /** Bytes of all strings of a tensor together ({@code size_t}). */
  long GetStringTensorDataLength(long value, long out);

  /** Copies all strings of a tensor, one after the other, and where each starts. */
  long GetStringTensorContent(
      long value, long bytes, long byteCount, long offsets, long offsetCount);

  /** An empty set of bound inputs and outputs. */
  long CreateIoBinding(long session, long out);

  /** Frees a binding. */
  void ReleaseIoBinding(long binding);

  /** Binds an input; the binding shares the value, not the caller's handle of it. */
  long BindInput(long binding, long name, long value);

  /** Binds an output to a value that takes the result. */
  long BindOutput(long binding, long name, long value);

  /** Has the run allocate an output. */
  long BindOutputToDevice(long binding, long name, long memoryInfo);

  /**
   * New handles of all outputs, in the order in which they were bound; the array is freed with the
   * allocator.
   */
  long GetBoundOutputValues(long binding, long allocator, long out, long count);

  /** Unbinds all inputs. */
  void ClearBoundInputs(long binding);

  /** Unbinds all outputs. */
  void ClearBoundOutputs(long binding);

  /** Runs the model on what the binding holds. */
  long RunWithBinding(long session, long options, long binding);
}
