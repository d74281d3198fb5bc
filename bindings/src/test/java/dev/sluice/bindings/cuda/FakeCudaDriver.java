package dev.sluice.bindings.cuda;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * A driver that answers as it is told: every function succeeds, writes what a small GPU would, and
 * fails where {@link #fail} says so. Device memory is host memory; a stream does everything at
 * once, but for what it captures.
 */
public final class FakeCudaDriver {
  static final long TOTAL_BYTES = 80L << 30;
  static final long FREE_BYTES = 79L << 30;
  static final long CALLERS_CONTEXT = 4242;

  private static final long PRIMARY_CONTEXT = 77;

  private final Map<String, Integer> failures = new HashMap<>();
  private final List<String> calls = new ArrayList<>();
  private final Map<Long, Object> live = new HashMap<>();
  private final List<Runnable> captured = new ArrayList<>();
  private long lastHandle = 100;
  private boolean capturing;
  private int version = 13_000;
  private int devices = 1;
  private int retained;
  private long current = CALLERS_CONTEXT;

  FakeCudaDriver version(int cudaVersion) {
    version = cudaVersion;
    return this;
  }

  FakeCudaDriver devices(int count) {
    devices = count;
    return this;
  }

  /** Lets a function return this status from now on. */
  public FakeCudaDriver fail(String function, int status) {
    failures.put(function, status);
    return this;
  }

  /** Names of the functions that were called. */
  List<String> calls() {
    return calls;
  }

  /** Retains of the primary context that were not given back. */
  int retained() {
    return retained;
  }

  long currentContext() {
    return current;
  }

  /** The driver. */
  public CudaApi api() {
    return (CudaApi)
        Proxy.newProxyInstance(
            CudaApi.class.getClassLoader(),
            new Class<?>[] {CudaApi.class},
            (_, method, args) -> {
              calls.add(method.getName());
              Integer failure = failures.get(method.getName());
              if (failure != null) {
                return failure;
              }
              if (!answerStream(method.getName(), args)) {
                answerDevice(method.getName(), args);
              }
              return CudaApi.CUDA_SUCCESS;
            });
  }

  /** Handles and allocations that were not given back. */
  public Map<Long, Object> live() {
    return live;
  }

  /** Puts work into the stream: it runs now, or with every launch of the graph being captured. */
  public void enqueue(Runnable work) {
    if (capturing) {
      captured.add(work);
    } else {
      work.run();
    }
  }

  private void answerDevice(String function, Object[] args) {
    switch (function) {
      case "cuGetErrorName" -> write(args[1], "CUDA_ERROR_OF_TEST_" + args[0]);
      case "cuGetErrorString" -> write(args[1], "description of " + args[0]);
      case "cuDriverGetVersion" -> ((MemorySegment) args[0]).set(JAVA_INT, 0, version);
      case "cuDeviceGetCount" -> ((MemorySegment) args[0]).set(JAVA_INT, 0, devices);
      case "cuDeviceGet" -> ((MemorySegment) args[0]).set(JAVA_INT, 0, (int) args[1]);
      case "cuDeviceGetName" -> ((MemorySegment) args[0]).setString(0, "GPU of test");
      case "cuDeviceTotalMem_v2" -> ((MemorySegment) args[0]).set(JAVA_LONG, 0, TOTAL_BYTES);
      case "cuDeviceGetAttribute" ->
          ((MemorySegment) args[0])
              .set(
                  JAVA_INT,
                  0,
                  switch ((int) args[1]) {
                    case CudaConstants.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR -> 9;
                    case CudaConstants.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR -> 0;
                    default -> 132;
                  });
      case "cuDevicePrimaryCtxRetain" -> {
        retained++;
        ((MemorySegment) args[0]).set(JAVA_LONG, 0, PRIMARY_CONTEXT);
      }
      case "cuDevicePrimaryCtxRelease_v2" -> retained--;
      case "cuCtxGetCurrent" -> ((MemorySegment) args[0]).set(JAVA_LONG, 0, current);
      case "cuCtxSetCurrent" -> current = (long) args[0];
      case "cuMemGetInfo_v2" -> {
        ((MemorySegment) args[0]).set(JAVA_LONG, 0, FREE_BYTES);
        ((MemorySegment) args[1]).set(JAVA_LONG, 0, TOTAL_BYTES);
      }
      case "cuInit" -> {}
      default -> throw new AssertionError("the probe does not call " + function);
    }
  }

  /** Whether the function is one of memory, streams, events and graphs. */
  private boolean answerStream(String function, Object[] args) {
    switch (function) {
      case "cuMemAlloc_v2" -> {
        MemorySegment memory = Arena.ofAuto().allocate((long) args[1], 8);
        live.put(memory.address(), memory);
        ((MemorySegment) args[0]).set(JAVA_LONG, 0, memory.address());
      }
      case "cuMemcpyHtoDAsync_v2" -> memory(args[0]).copyFrom(host(args[1], args[2]));
      case "cuMemcpyDtoHAsync_v2" ->
          host(args[0], args[2]).copyFrom(memory(args[1]).asSlice(0, (long) args[2]));
      case "cuStreamCreateWithPriority", "cuEventCreate", "cuGraphInstantiateWithFlags" ->
          make(args[0], function);
      case "cuStreamBeginCapture_v2" -> {
        capturing = true;
        captured.clear();
      }
      case "cuStreamEndCapture" -> {
        capturing = false;
        make(args[1], function);
      }
      case "cuGraphLaunch" -> captured.forEach(Runnable::run);
      case "cuEventElapsedTime_v2" -> ((MemorySegment) args[0]).set(JAVA_FLOAT, 0, 2);
      case "cuStreamSynchronize",
          "cuEventRecord",
          "cuEventSynchronize",
          "cuThreadExchangeStreamCaptureMode" -> {}
      case "cuMemFree_v2",
          "cuStreamDestroy_v2",
          "cuEventDestroy_v2",
          "cuGraphExecDestroy",
          "cuGraphDestroy" -> {
        if (live.remove((long) args[0]) == null) {
          throw new AssertionError(function + " of a handle that is not live: " + args[0]);
        }
      }
      default -> {
        return false;
      }
    }
    return true;
  }

  private void make(Object out, String function) {
    live.put(++lastHandle, function);
    ((MemorySegment) out).set(JAVA_LONG, 0, lastHandle);
  }

  private MemorySegment memory(Object address) {
    return (MemorySegment) live.get((long) address);
  }

  private static MemorySegment host(Object address, Object sizeBytes) {
    return MemorySegment.ofAddress((long) address).reinterpret((long) sizeBytes);
  }

  private static void write(Object out, String text) {
    ((MemorySegment) out).set(ADDRESS, 0, Arena.global().allocateFrom(text));
  }
}
