package dev.sluice.bindings.sim;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.bindings.cuda.CudaConstants;
import dev.sluice.bindings.cuda.CudaStatus;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;

/** A simulated device of a test, and short forms of its calls. */
abstract class SimulatedCudaFixture {
  Arena arena;
  MemorySegment out;
  SimulatedCuda cuda;

  @BeforeEach
  @SuppressWarnings("MustBeClosedChecker") // closed by close
  void open() {
    arena = Arena.ofShared();
    out = arena.allocate(64, 8);
  }

  @AfterEach
  void close() {
    if (cuda != null) {
      cuda.close();
    }
    arena.close();
  }

  void start(SimulatedDevices devices) {
    cuda = devices.kernels(Map.of("sluice_fill", SimulatedCudaContractTest.FILL)).build();
    ok(cuda.cuInit(0));
    ok(cuda.cuDevicePrimaryCtxRetain(out, 0));
    ok(cuda.cuCtxSetCurrent(result()));
  }

  static void is(CudaStatus expected, int code) {
    assertThat(CudaStatus.of(code).orElseThrow()).isEqualTo(expected);
  }

  static void ok(int code) {
    is(CudaStatus.SUCCESS, code);
  }

  long result() {
    return out.get(JAVA_LONG, 0);
  }

  long memory(long sizeBytes) {
    ok(cuda.cuMemAlloc_v2(out, sizeBytes));
    return result();
  }

  long event() {
    ok(cuda.cuEventCreate(out, CudaConstants.CU_EVENT_DEFAULT));
    return result();
  }

  MemorySegment pinned(long sizeBytes) {
    ok(cuda.cuMemHostAlloc(out, sizeBytes, CudaConstants.CU_MEMHOSTALLOC_PORTABLE));
    return MemorySegment.ofAddress(result()).reinterpret(sizeBytes);
  }

  byte read(long address) {
    MemorySegment host = arena.allocate(1);
    ok(cuda.cuMemcpyDtoH_v2(host, address, 1));
    return host.get(JAVA_BYTE, 0);
  }

  /** What a host function does. */
  interface HostFunction {
    void run() throws Exception;
  }

  /** The address of a function that stays for ever, as no stub may go while it runs. */
  static long hostFunction(HostFunction body) {
    try {
      MethodHandle call =
          MethodHandles.lookup()
              .findStatic(
                  SimulatedCudaFixture.class,
                  "callHost",
                  MethodType.methodType(void.class, HostFunction.class, long.class))
              .bindTo(body);
      return Linker.nativeLinker()
          .upcallStub(call, FunctionDescriptor.ofVoid(JAVA_LONG), Arena.global())
          .address();
    } catch (ReflectiveOperationException e) {
      throw new LinkageError(e.getMessage(), e);
    }
  }

  @SuppressWarnings("UnusedMethod") // called by its name
  private static void callHost(HostFunction body, long unused) {
    try {
      body.run();
    } catch (Exception e) {
      // Must not leave a function that native code calls.
      throw new AssertionError(e);
    }
  }

  long stream() {
    ok(cuda.cuStreamCreateWithPriority(out, CudaConstants.CU_STREAM_NON_BLOCKING, 0));
    return result();
  }

  int fill(long address, int n, long stream) {
    ok(
        cuda.cuModuleLoadDataEx(
            out,
            arena.allocateFrom("sluice-sim-module\nsluice_fill\n"),
            0,
            MemorySegment.NULL,
            MemorySegment.NULL));
    ok(cuda.cuModuleGetFunction(out, result(), arena.allocateFrom("sluice_fill")));
    MemorySegment values = arena.allocate(24, 8);
    values.set(JAVA_LONG, 0, address);
    values.set(JAVA_INT, 8, n);
    values.set(JAVA_INT, 16, 7);
    MemorySegment pointers =
        arena.allocateFrom(
            JAVA_LONG, values.address(), values.address() + 8, values.address() + 16);
    return cuda.cuLaunchKernel(
        result(), (n + 31) / 32, 1, 1, 32, 1, 1, 0, stream, pointers, MemorySegment.NULL);
  }
}
