package dev.sluice.bindings.cuda;

import static java.lang.foreign.ValueLayout.ADDRESS;
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
 * fails where {@link #fail} says so.
 */
final class FakeCudaDriver {
  static final long TOTAL_BYTES = 80L << 30;
  static final long FREE_BYTES = 79L << 30;
  static final long CALLERS_CONTEXT = 4242;

  private static final long PRIMARY_CONTEXT = 77;

  private final Map<String, Integer> failures = new HashMap<>();
  private final List<String> calls = new ArrayList<>();
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

  FakeCudaDriver fail(String function, int status) {
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

  CudaDriverApi api() {
    return (CudaDriverApi)
        Proxy.newProxyInstance(
            CudaDriverApi.class.getClassLoader(),
            new Class<?>[] {CudaDriverApi.class},
            (_, method, args) -> {
              calls.add(method.getName());
              Integer failure = failures.get(method.getName());
              if (failure != null) {
                return failure;
              }
              answer(method.getName(), args);
              return CudaDriverApi.CUDA_SUCCESS;
            });
  }

  private void answer(String function, Object[] args) {
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
                    case CudaDriverApi.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR -> 9;
                    case CudaDriverApi.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR -> 0;
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

  private static void write(Object out, String text) {
    ((MemorySegment) out).set(ADDRESS, 0, Arena.global().allocateFrom(text));
  }
}
