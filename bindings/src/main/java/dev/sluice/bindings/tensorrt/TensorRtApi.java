package dev.sluice.bindings.tensorrt;

import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * TensorRT 11 and its ONNX parser, as far as Sluice uses them, under their own names. The constants
 * of each enum have the names of {@code NvInfer.h} without the leading {@code k}; their values are
 * the library's business.
 *
 * <p>Nothing is thrown for what TensorRT refuses: a method that returns {@code boolean} returns
 * false, one that makes an object returns null. What TensorRT said of it went to the {@link
 * TensorRtLog} that the root object (builder, runtime) was made with; {@link TensorRtLog#check}
 * puts both together.
 *
 * <p>Every object has one owner, who closes it: what another was made from is closed after it
 * (engine before runtime, context before engine). Closing twice is safe; use after close throws an
 * {@link IllegalStateException} that names the object. The primary context of the device that an
 * object belongs to is current in every call, closing included.
 *
 * <p>Thread safety: as TensorRT says. A builder, and all made from it, is used by one thread at a
 * time; a runtime and an engine by any; a context by one at a time.
 */
public interface TensorRtApi {
  /** The release of the library, {@code 10000 * major + 100 * minor + patch}. */
  int getInferLibVersion();

  /**
   * A builder of plans for the device whose context is current, or null.
   *
   * @param log gets what the builder and all made from it say
   */
  Builder createInferBuilder(TensorRtLog log);

  /**
   * What loads plans for the device whose context is current, or null.
   *
   * @param log gets what the runtime and all made from it say
   */
  Runtime createInferRuntime(TensorRtLog log);

  /** What all objects of TensorRT have. */
  interface Resource extends AutoCloseable {
    /** Gives the object back. */
    @Override
    void close();
  }

  /** {@code nvinfer1::DataType}. */
  enum DataType {
    /** IEEE 754 binary32. */
    FLOAT,
    /** IEEE 754 binary16. */
    HALF,
    /** Signed 8-bit integer. */
    INT8,
    /** Signed 32-bit integer. */
    INT32,
    /** One byte, 0 or 1. */
    BOOL,
    /** Unsigned 8-bit integer. */
    UINT8,
    /** 8-bit float of 4 exponent bits. */
    FP8,
    /** The upper 16 bits of a binary32. */
    BF16,
    /** Signed 64-bit integer. */
    INT64,
    /** Signed 4-bit integer, two to a byte. */
    INT4,
    /** 4-bit float of 2 exponent bits, two to a byte. */
    FP4,
    /** An exponent of 8 bits. */
    E8M0
  }

  /** {@code nvinfer1::BuilderFlag}, those that are used. */
  enum BuilderFlag {
    /** Weights of the plan can be exchanged later. */
    REFIT,
    /** Products of 32-bit floats round their inputs to 10 bits of fraction; on by default. */
    TF32
  }

  /** {@code nvinfer1::HardwareCompatibilityLevel}. */
  enum HardwareCompatibilityLevel {
    /** The plan runs on devices like the one that it was built on. */
    NONE,
    /** It runs on all of compute capability 8.0 and above. */
    AMPERE_PLUS,
    /** It runs on all of the same compute capability. */
    SAME_COMPUTE_CAPABILITY
  }

  /** {@code nvinfer1::ProfilingVerbosity}: what the inspector can tell of a plan. */
  enum ProfilingVerbosity {
    /** The names of layers. */
    LAYER_NAMES_ONLY,
    /** Nothing. */
    NONE,
    /** Names, types, formats and kernels. */
    DETAILED
  }

  /** {@code nvinfer1::OptProfileSelector}. */
  enum OptProfileSelector {
    /** The least. */
    MIN,
    /** What kernels are chosen for. */
    OPT,
    /** The most. */
    MAX
  }

  /** {@code nvinfer1::TensorIOMode}. */
  enum TensorIOMode {
    /** Not of the engine's boundary. */
    NONE,
    /** An input. */
    INPUT,
    /** An output. */
    OUTPUT
  }

  /** Builds plans: {@code nvinfer1::IBuilder}. */
  interface Builder extends Resource {
    /** An empty network; every network of TensorRT 11 is strongly typed. */
    Network createNetworkV2();

    /** How a plan is to be built. */
    BuilderConfig createBuilderConfig();

    /** An empty range of shapes; the builder owns it. */
    OptimizationProfile createOptimizationProfile();

    /** What reads ONNX into a network: {@code nvonnxparser::createParser}. */
    Parser createParser(Network network);

    /** Builds; takes seconds to minutes. The plan, or null. */
    HostMemory buildSerializedNetwork(Network network, BuilderConfig config);
  }

  /** What is built: {@code nvinfer1::INetworkDefinition}. */
  interface Network extends Resource {
    /** How many layers there are. */
    int getNbLayers();

    /** How many inputs there are. */
    int getNbInputs();

    /** The name of an input. */
    String getInputName(int index);

    /** The dimensions of an input, -1 where one is dynamic. */
    long[] getInputDimensions(int index);

    /** Whether the values of an input, not only its shape, decide on shapes of the network. */
    boolean isShapeTensor(int index);
  }

  /** The range of shapes that a plan takes: {@code nvinfer1::IOptimizationProfile}. */
  interface OptimizationProfile {
    /** Sets the dimensions of an input; those that are not dynamic as the network has them. */
    boolean setDimensions(String input, OptProfileSelector select, long... dims);

    /** Sets the values of an input that is a shape tensor. */
    boolean setShapeValuesV2(String input, OptProfileSelector select, long... values);

    /** Whether all is set that has to be, in order. */
    boolean isValid();
  }

  /** How a plan is built: {@code nvinfer1::IBuilderConfig}. */
  interface BuilderConfig extends Resource {
    /** Sets a flag. */
    void setFlag(BuilderFlag flag);

    /** Takes a flag back. */
    void clearFlag(BuilderFlag flag);

    /** Limits what kernels may use beside their inputs and outputs. */
    void setWorkspaceLimit(long sizeBytes);

    /** How much the builder tries, 0 (least time to build) to 5; 3 by default. */
    void setBuilderOptimizationLevel(int level);

    /** Which devices the plan has to run on. */
    void setHardwareCompatibilityLevel(HardwareCompatibilityLevel level);

    /** What the inspector will tell. */
    void setProfilingVerbosity(ProfilingVerbosity verbosity);

    /** Adds a range of shapes; its index in the plan, or -1. */
    int addOptimizationProfile(OptimizationProfile profile);

    /**
     * A cache of kernels' timings.
     *
     * @param blob what {@link TimingCache#serialize} gave; of 0 bytes for an empty cache
     * @return null where the blob is of another version or another device
     */
    TimingCache createTimingCache(MemorySegment blob);

    /** Uses a cache, which stays open until the plan is built. */
    boolean setTimingCache(TimingCache cache);

    /** Tells of progress from now on; {@link ProgressMonitor#NONE} ends it. */
    void setProgressMonitor(ProgressMonitor monitor);
  }

  /**
   * Hears of a build's progress: {@code nvinfer1::IProgressMonitor}. Called by the builder's
   * threads, several at once.
   */
  interface ProgressMonitor {
    /** Hears nothing. */
    ProgressMonitor NONE = (_, _, _) -> true;

    /**
     * Step {@code step} of {@code steps} of a phase is done.
     *
     * @param step counts from 1; 0 where the phase begins
     * @return whether the build shall go on; false ends it, and it gives no plan
     */
    boolean step(String phase, int step, int steps);
  }

  /** Timings of kernels: {@code nvinfer1::ITimingCache}. */
  interface TimingCache extends Resource {
    /** The cache as bytes. */
    HostMemory serialize();
  }

  /** Bytes that TensorRT holds: {@code nvinfer1::IHostMemory}. */
  interface HostMemory extends Resource {
    /** The bytes, valid until this is closed. */
    MemorySegment data();
  }

  /** Reads ONNX: {@code nvonnxparser::IParser}. */
  interface Parser extends Resource {
    /**
     * Takes a serialized {@code ModelProto}, whose external initializers may follow by {@link
     * #loadInitializer}.
     *
     * @param model native memory, which stays until {@link #parseModelProto} returned
     */
    boolean loadModelProto(MemorySegment model);

    /**
     * Gives the data of an external initializer, without a copy.
     *
     * @param data native memory, which stays until the plan is built
     */
    boolean loadInitializer(String name, MemorySegment data);

    /** Makes the network of what was loaded. */
    boolean parseModelProto();

    /** Whether every node is supported; finds all that are not, and makes no network. */
    boolean supportsModelV2(MemorySegment model);

    /** What was wrong, since the last {@link #clearErrors}. */
    List<ParserError> errors();

    /** Forgets the errors. */
    void clearErrors();
  }

  /**
   * {@code nvonnxparser::IParserError}.
   *
   * @param code the name of the {@code ErrorCode}, such as {@code UNSUPPORTED_NODE}
   * @param description TensorRT's words
   * @param node the node's index in the graph, or -1
   * @param nodeName may be empty
   * @param nodeOperator may be empty
   */
  record ParserError(
      String code, String description, int node, String nodeName, String nodeOperator) {}

  /** Loads plans: {@code nvinfer1::IRuntime}. */
  @SuppressWarnings("AvoidCommonTypeNames") // the library's own name
  interface Runtime extends Resource {
    /**
     * Loads a plan; null where it is of another TensorRT, another device, or damaged.
     *
     * @param plan native memory; not needed afterwards
     */
    Engine deserializeCudaEngine(MemorySegment plan);
  }

  /** A loaded plan: {@code nvinfer1::ICudaEngine}. */
  interface Engine extends Resource {
    /** How many inputs and outputs there are. */
    int getNbIOTensors();

    /** The name of an input or output. */
    String getIOTensorName(int index);

    /** Whether it is an input or an output. */
    TensorIOMode getTensorIOMode(String name);

    /** Its element type. */
    DataType getTensorDataType(String name);

    /** Its dimensions, -1 where one is dynamic. */
    long[] getTensorShape(String name);

    /** Whether it lies in host memory, as the values of shape tensors do. */
    boolean isHostTensor(String name);

    /** Whether its elements lie in C order without padding. */
    boolean isLinear(String name, int profile);

    /** How many layers there are after optimization. */
    int getNbLayers();

    /** How many ranges of shapes there are. */
    int getNbOptimizationProfiles();

    /** A bound of a range for an input. */
    long[] getProfileShape(String input, int profile, OptProfileSelector select);

    /** What a context needs beside inputs and outputs, for any shape of a range, in bytes. */
    long getDeviceMemorySizeForProfileV2(int profile);

    /** Whether weights can be exchanged. */
    boolean isRefittable();

    /** Takes the weights of a model in place of those that it has. */
    boolean refit(MemorySegment model, List<Initializer> initializers);

    /** A context without device memory: {@code kUSER_MANAGED}. */
    ExecutionContext createExecutionContext();

    /**
     * The layers as JSON, as far as the plan was built to tell: {@code IEngineInspector}. What
     * depends on the inputs' shapes is -1 in dimensions, and not told of formats.
     *
     * <p>With {@link ProfilingVerbosity#DETAILED} it is an object with a list {@code Layers}, whose
     * elements have {@code Name}, {@code LayerType}, {@code Inputs} and {@code Outputs} (lists of
     * {@code Name}, {@code Dimensions} and {@code Format/Datatype}) and what else TensorRT likes to
     * tell of that kind of layer, such as {@code TacticName}, the kernel; and a list {@code
     * Bindings} of the names of inputs and outputs. With {@link
     * ProfilingVerbosity#LAYER_NAMES_ONLY} the elements of {@code Layers} are names.
     *
     * @return null where TensorRT refuses
     */
    String getEngineInformation();

    /** The same for the inputs' shapes that a context of this engine has. */
    String getEngineInformation(ExecutionContext context);
  }

  /**
   * Data of an external initializer.
   *
   * @param name as the graph has it
   * @param data native memory
   */
  record Initializer(String name, MemorySegment data) {}

  /**
   * Hears how long layers took: {@code nvinfer1::IProfiler}. Called on the thread that enqueues, or
   * that asks for the report; what it throws is an error in the log, and the report goes on.
   */
  interface Profiler {
    /** Hears nothing. */
    Profiler NONE = (_, _) -> {};

    /**
     * Called once per layer for each run.
     *
     * @param layerName as the inspector has it; the layer's index in decimal where the plan was
     *     built with {@link ProfilingVerbosity#NONE}
     * @param ms milliseconds
     */
    void reportLayerTime(String layerName, float ms);
  }

  /**
   * Finds memory for an output whose shape depends on data: {@code nvinfer1::IOutputAllocator}.
   * Called by {@link ExecutionContext#enqueueV3} on its thread, which waits for the device as far
   * as the shape takes it. Where it throws, the error is in the log, and the enqueue returns false.
   */
  interface OutputAllocator {
    /** Takes an allocator back. */
    OutputAllocator NONE =
        new OutputAllocator() {
          @Override
          public long reallocate(long currentAddress, long sizeBytes, long alignment, long stream) {
            return 0;
          }

          @Override
          public void notifyShape(long... dims) {}
        };

    /**
     * Memory for the output ({@code reallocateOutputAsync}).
     *
     * @param currentAddress what {@link ExecutionContext#setTensorAddress} set, or 0; it may be
     *     given back where it is too small, or returned where it is large enough
     * @param sizeBytes how much is needed, at least 1 also for an empty tensor
     * @param alignment what the address must be a multiple of
     * @param stream the {@code CUstream} in which the output is written
     * @return a {@code CUdeviceptr}; 0 where there is no memory, which makes the run fail
     */
    long reallocate(long currentAddress, long sizeBytes, long alignment, long stream);

    /**
     * The output's shape is known; called after {@link #reallocate}, before the enqueue returns.
     *
     * @param dims valid during the call: the array serves the next one, too
     */
    void notifyShape(long... dims);
  }

  /** Runs a plan: {@code nvinfer1::IExecutionContext}. */
  interface ExecutionContext extends Resource {
    /**
     * Gives the memory for activations.
     *
     * @param address a {@code CUdeviceptr}, a multiple of 256
     * @param sizeBytes at least what the engine says of the range of shapes
     */
    void setDeviceMemoryV2(long address, long sizeBytes);

    /** Chooses the range of shapes; the stream has work for it. */
    boolean setOptimizationProfileAsync(int profile, long stream);

    /** Sets the shape of an input. */
    boolean setInputShape(String input, long... dims);

    /** The shape of a tensor for the inputs' shapes; -1 where it depends on data. */
    long[] getTensorShape(String name);

    /**
     * The most bytes that an output may need for the inputs' shapes; -1 where these are not set.
     */
    long getMaxOutputSize(String output);

    /**
     * Where a tensor lies: a {@code CUdeviceptr}, or the address of a shape tensor's values. An
     * output has none (0) where an allocator finds the memory.
     */
    boolean setTensorAddress(String name, long address);

    /**
     * Has an allocator find the memory of an output from now on, and hear its shape; it is needed
     * where {@link #getTensorShape} has a -1 though all inputs have shapes. It may be called for an
     * output that has an address, too, and is then asked with that.
     *
     * @param allocator {@link OutputAllocator#NONE} takes it back
     * @return false where there is no such output
     */
    boolean setOutputAllocator(String output, OutputAllocator allocator);

    /**
     * Reports the time of each layer of later runs; {@link Profiler#NONE} ends it. Runs are slower
     * meanwhile. Unless {@link #setEnqueueEmitsProfile} says otherwise, an enqueue then waits for
     * its run and reports it before it returns, so nothing can be captured.
     */
    void setProfiler(Profiler profiler);

    /**
     * Whether an enqueue reports to the profiler itself, which is so by default. If not, it returns
     * at once as it does without a profiler, and {@link #reportToProfiler} reports.
     */
    void setEnqueueEmitsProfile(boolean emits);

    /**
     * Waits for the latest run, in the stream of the latest enqueue, and reports the times of its
     * layers; does nothing, and returns true, where enqueues report themselves. A graph that was
     * captured with the profiler set takes the times, too: this reports them after its launch in
     * that stream.
     *
     * @return false where there is no profiler or no such run, or the stream captures
     */
    boolean reportToProfiler();

    /**
     * Enqueues a run. Takes no heap memory.
     *
     * @param stream a {@code CUstream}
     * @return false where nothing may have been enqueued: outputs then hold nothing of use
     */
    boolean enqueueV3(long stream);
  }
}
