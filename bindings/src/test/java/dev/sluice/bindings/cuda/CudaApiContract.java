package dev.sluice.bindings.cuda;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.sluice.bindings.cuda.generated.CUDA_MEMCPY3D_st;
import dev.sluice.bindings.cuda.generated.CUgraphExecUpdateResultInfo_st;
import dev.sluice.bindings.cuda.generated.CUmemLocation_st;
import dev.sluice.bindings.cuda.generated.CUmemPoolProps_st;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.function.LongConsumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * What the documentation of the driver API promises of the functions of {@link CudaApi}, on any
 * driver. Nothing in here loses a device. Long because the interface is.
 */
public abstract class CudaApiContract {
  /** A kernel {@code sluice_fill(unsigned* out, unsigned n, unsigned value)}. */
  protected static final String FILL = "sluice_fill";

  /** {@link #FILL} for a real driver. */
  protected static final String FILL_PTX =
      """
      .version 7.0
      .target sm_75
      .address_size 64
      .visible .entry sluice_fill(.param .u64 out, .param .u32 n, .param .u32 value)
      {
        .reg .pred %p<2>;
        .reg .b32 %r<8>;
        .reg .b64 %rd<5>;
        ld.param.u64 %rd1, [out];
        ld.param.u32 %r1, [n];
        ld.param.u32 %r2, [value];
        mov.u32 %r3, %ctaid.x;
        mov.u32 %r4, %ntid.x;
        mov.u32 %r5, %tid.x;
        mad.lo.s32 %r6, %r3, %r4, %r5;
        setp.ge.u32 %p1, %r6, %r1;
        @%p1 ret;
        cvta.to.global.u64 %rd2, %rd1;
        mul.wide.u32 %rd3, %r6, 4;
        add.s64 %rd4, %rd2, %rd3;
        st.global.u32 [%rd4], %r2;
        ret;
      }
      """;

  private static final long MIB = 1 << 20;

  /** Of the test's thread; closed after it. */
  protected Arena arena;

  private CudaApi api;
  private MemorySegment out;
  private long before;

  /** The driver. */
  protected abstract CudaApi api();

  /** An image with {@link #FILL}, for {@code cuModuleLoadDataEx}. */
  protected abstract String image();

  /** Whether streams make progress while the caller does something else. */
  protected boolean runsByItself() {
    return true;
  }

  @BeforeEach
  @SuppressWarnings("MustBeClosedChecker") // closed by release
  void retain() {
    api = api();
    arena = Arena.ofShared();
    out = arena.allocate(64, 8);
    ok(api.cuInit(0));
    ok(api.cuCtxGetCurrent(out));
    before = out.get(JAVA_LONG, 0);
    ok(api.cuDevicePrimaryCtxRetain(out, 0));
    ok(api.cuCtxSetCurrent(result()));
  }

  @AfterEach
  void release() {
    ok(api.cuCtxSetCurrent(before));
    ok(api.cuDevicePrimaryCtxRelease_v2(0));
    arena.close();
    nothingIsLeft();
  }

  /** Called after each test, when all was given back. */
  protected void nothingIsLeft() {}

  /** Checks a status by its name, so that a failure can be read. */
  protected static void is(CudaStatus expected, int code) {
    assertThat(CudaStatus.of(code).map(Enum::name).orElse("code " + code))
        .isEqualTo(expected.name());
  }

  /** Checks that a call was refused where the documentation does not say with which status. */
  private static void refused(int code) {
    assertThat(code).isNotEqualTo(CudaApi.CUDA_SUCCESS);
  }

  private static void ok(int code) {
    is(CudaStatus.SUCCESS, code);
  }

  private long result() {
    return out.get(JAVA_LONG, 0);
  }

  private long stream(int flags) {
    ok(api.cuStreamCreateWithPriority(out, flags, 0));
    return result();
  }

  private long stream() {
    return stream(CudaConstants.CU_STREAM_NON_BLOCKING);
  }

  private long event() {
    ok(api.cuEventCreate(out, CudaConstants.CU_EVENT_DEFAULT));
    return result();
  }

  private long device(long sizeBytes) {
    ok(api.cuMemAlloc_v2(out, sizeBytes));
    return result();
  }

  private MemorySegment pinned(long sizeBytes) {
    ok(api.cuMemHostAlloc(out, sizeBytes, CudaConstants.CU_MEMHOSTALLOC_PORTABLE));
    return MemorySegment.ofAddress(result()).reinterpret(sizeBytes);
  }

  private byte[] read(long address, int sizeBytes) {
    MemorySegment host = arena.allocate(sizeBytes);
    ok(api.cuMemcpyDtoH_v2(host, address, sizeBytes));
    return host.toArray(JAVA_BYTE);
  }

  @Test
  void describesItsDevices() {
    ok(api.cuDriverGetVersion(out));
    assertThat(out.get(JAVA_INT, 0)).isGreaterThanOrEqualTo(DriverProbe.NEEDED_CUDA_VERSION);
    ok(api.cuDeviceGetCount(out));
    int count = out.get(JAVA_INT, 0);
    assertThat(count).isPositive();
    ok(api.cuDeviceGet(out, 0));
    refused(api.cuDeviceGet(out, count));
    refused(api.cuDeviceGet(out, -1));
    MemorySegment name = arena.allocate(64);
    ok(api.cuDeviceGetName(name, 64, 0));
    assertThat(name.getString(0)).isNotEmpty();
    ok(api.cuDeviceGetPCIBusId(name, 64, 0));
    assertThat(name.getString(0)).matches("[0-9A-Fa-f]{4,8}:[0-9A-Fa-f]{2}:[0-9A-Fa-f]{2}\\.0");
    ok(api.cuDeviceGetUuid_v2(name, 0));
    assertThat(name.asSlice(0, 16).toArray(JAVA_BYTE)).isNotEqualTo(new byte[16]);
    ok(api.cuDeviceTotalMem_v2(out, 0));
    long total = result();
    MemorySegment free = arena.allocate(8);
    ok(api.cuMemGetInfo_v2(free, out));
    assertThat(free.get(JAVA_LONG, 0)).isPositive().isLessThanOrEqualTo(result());
    assertThat(result()).isLessThanOrEqualTo(total);
    ok(api.cuDeviceGetAttribute(out, CudaConstants.CU_DEVICE_ATTRIBUTE_WARP_SIZE, 0));
    assertThat(out.get(JAVA_INT, 0)).isEqualTo(32);
  }

  @Test
  void namesItsErrors() {
    ok(api.cuGetErrorName(CudaStatus.OUT_OF_MEMORY.code(), out));
    assertThat(MemorySegment.ofAddress(result()).reinterpret(64).getString(0))
        .isEqualTo("CUDA_ERROR_OUT_OF_MEMORY");
    ok(api.cuGetErrorString(CudaStatus.OUT_OF_MEMORY.code(), out));
    assertThat(MemorySegment.ofAddress(result()).reinterpret(64).getString(0)).contains("memory");
    is(CudaStatus.INVALID_VALUE, api.cuGetErrorName(123_456, out));
  }

  @Test
  void thePrimaryContextIsOneAndCounted() {
    ok(api.cuCtxGetCurrent(out));
    long primary = result();
    ok(api.cuDevicePrimaryCtxRetain(out, 0));
    assertThat(result()).isEqualTo(primary);
    MemorySegment active = arena.allocate(JAVA_INT);
    ok(api.cuDevicePrimaryCtxGetState(0, out, active));
    assertThat(active.get(JAVA_INT, 0)).isEqualTo(1);
    ok(api.cuDevicePrimaryCtxRelease_v2(0));
    MemorySegment flags = arena.allocate(JAVA_INT);
    ok(api.cuDevicePrimaryCtxGetState(0, flags, active));
    int before = flags.get(JAVA_INT, 0);
    ok(api.cuDevicePrimaryCtxSetFlags_v2(0, CudaConstants.CU_CTX_SCHED_BLOCKING_SYNC));
    ok(api.cuDevicePrimaryCtxGetState(0, flags, active));
    assertThat(flags.get(JAVA_INT, 0) & CudaConstants.CU_CTX_SCHED_BLOCKING_SYNC).isNotZero();
    ok(api.cuDevicePrimaryCtxSetFlags_v2(0, before));
    ok(api.cuCtxGetDevice(out));
    assertThat(out.get(JAVA_INT, 0)).isZero();
    ok(api.cuCtxSynchronize());
  }

  @Test
  void aCallersOwnContextIsItsOwn() {
    ok(api.cuCtxGetCurrent(out));
    long primary = result();
    ok(api.cuCtxCreate_v4(out, 0, CudaConstants.CU_CTX_SCHED_AUTO, 0));
    long own = result();
    assertThat(own).isNotEqualTo(primary);
    ok(api.cuCtxGetCurrent(out));
    assertThat(result()).isEqualTo(own);
    ok(api.cuCtxSetCurrent(primary));
    long memory = device(64);
    ok(api.cuCtxSetCurrent(own));
    ok(api.cuCtxDestroy_v2(own));
    ok(api.cuCtxGetCurrent(out));
    assertThat(result()).as("the one below on the thread's stack").isEqualTo(primary);
    ok(api.cuMemFree_v2(memory));
  }

  @Test
  void theCurrentContextIsTheThreads() throws Exception {
    try (ExecutorService other = Executors.newSingleThreadExecutor()) {
      other
          .submit(() -> {
            try (Arena own = Arena.ofConfined()) {
              MemorySegment result = own.allocate(8);
              ok(api.cuCtxGetCurrent(result));
              assertThat(result.get(JAVA_LONG, 0)).isZero();
              is(CudaStatus.INVALID_CONTEXT, api.cuMemAlloc_v2(result, 64));
            }
          })
          .get();
    }
  }

  @Test
  void copiesGoThereAndBack() {
    MemorySegment source = pinned(4096);
    MemorySegment target = pinned(4096);
    long a = device(4096);
    long b = device(4096);
    long stream = stream();
    for (int i = 0; i < 4096; i++) {
      source.set(JAVA_BYTE, i, (byte) (i * 7));
    }
    ok(api.cuMemcpyHtoDAsync_v2(a, source.address(), 4096, stream));
    ok(api.cuMemcpyDtoDAsync_v2(b, a, 4095, stream));
    ok(api.cuMemsetD8Async(b + 4095, (byte) 9, 1, stream));
    ok(api.cuMemcpyDtoHAsync_v2(target.address(), b, 4096, stream));
    ok(api.cuStreamSynchronize(stream));
    assertThat(target.asSlice(0, 4095).mismatch(source.asSlice(0, 4095))).isEqualTo(-1);
    assertThat(target.get(JAVA_BYTE, 4095)).isEqualTo((byte) 9);
    ok(api.cuStreamDestroy_v2(stream));
    ok(api.cuMemFree_v2(a));
    ok(api.cuMemFree_v2(b));
    ok(api.cuMemFreeHost(source.address()));
    ok(api.cuMemFreeHost(target.address()));
  }

  @Test
  void copiesOfPageableMemoryGoThereAndBack() {
    MemorySegment host = arena.allocate(1024).fill((byte) 3);
    MemorySegment back = arena.allocate(1024);
    long a = device(1024);
    long b = device(1024);
    long stream = stream();
    ok(api.cuMemcpyHtoD_v2(a, host, 1024));
    ok(api.cuMemcpyDtoDAsync_v2(b, a, 1024, stream));
    ok(api.cuMemcpyHtoDAsync_v2(b + 512, host.address(), 512, stream));
    ok(api.cuMemcpyDtoHAsync_v2(back.address(), b, 1024, stream));
    ok(api.cuStreamSynchronize(stream));
    assertThat(back.toArray(JAVA_BYTE)).containsOnly(3);
    ok(api.cuStreamDestroy_v2(stream));
    ok(api.cuMemFree_v2(a));
    ok(api.cuMemFree_v2(b));
  }

  @Test
  void fillsHaveWidths() {
    long a = device(64);
    ok(api.cuMemsetD8Async(a, (byte) 1, 64, 0));
    ok(api.cuMemsetD16Async(a + 2, (short) 0x0302, 3, 0));
    ok(api.cuMemsetD32Async(a + 8, 0x07060504, 2, 0));
    ok(api.cuMemsetD32Async(a, 0, 0, 0));
    ok(api.cuCtxSynchronize());
    assertThat(read(a, 18)).containsExactly(1, 1, 2, 3, 2, 3, 2, 3, 4, 5, 6, 7, 4, 5, 6, 7, 1, 1);
    refused(api.cuMemsetD16Async(a + 1, (short) 0, 1, 0));
    refused(api.cuMemsetD32Async(a + 2, 0, 1, 0));
    ok(api.cuMemFree_v2(a));
  }

  @Test
  void refusesMemoryThatIsNotThere() {
    is(CudaStatus.INVALID_VALUE, api.cuMemAlloc_v2(out, 0));
    is(CudaStatus.OUT_OF_MEMORY, api.cuMemAlloc_v2(out, 1L << 50));
    long a = device(4096);
    assertThat(a % 256).isZero();
    refused(api.cuMemFree_v2(a + 16));
    ok(api.cuMemFree_v2(a));
    refused(api.cuMemFree_v2(a));
    MemorySegment host = arena.allocate(64);
    refused(api.cuMemFreeHost(host.address()));
    is(
        CudaStatus.INVALID_VALUE,
        api.cuPointerGetAttribute(
            out, CudaConstants.CU_POINTER_ATTRIBUTE_MEMORY_TYPE, host.address()));
  }

  @Test
  void knowsItsPointers() {
    long a = device(4096);
    ok(api.cuPointerGetAttribute(out, CudaConstants.CU_POINTER_ATTRIBUTE_MEMORY_TYPE, a + 100));
    assertThat(out.get(JAVA_INT, 0)).isEqualTo(CudaConstants.CU_MEMORYTYPE_DEVICE);
    ok(api.cuPointerGetAttribute(out, CudaConstants.CU_POINTER_ATTRIBUTE_RANGE_START_ADDR, a + 9));
    assertThat(result()).isEqualTo(a);
    ok(api.cuPointerGetAttribute(out, CudaConstants.CU_POINTER_ATTRIBUTE_RANGE_SIZE, a + 9));
    assertThat(result()).isGreaterThanOrEqualTo(4096);
    ok(api.cuPointerGetAttribute(out, CudaConstants.CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL, a));
    assertThat(out.get(JAVA_INT, 0)).isZero();
    ok(api.cuMemFree_v2(a));
    MemorySegment host = pinned(256);
    ok(
        api.cuPointerGetAttribute(
            out, CudaConstants.CU_POINTER_ATTRIBUTE_MEMORY_TYPE, host.address()));
    assertThat(out.get(JAVA_INT, 0)).isEqualTo(CudaConstants.CU_MEMORYTYPE_HOST);
    ok(api.cuMemHostGetDevicePointer_v2(out, host.address(), 0));
    assertThat(result()).isNotZero();
    ok(api.cuMemFreeHost(host.address()));
  }

  @Test
  void registersMemoryOfTheCallers() {
    MemorySegment host = arena.allocate(1 << 16, 4096).fill((byte) 5);
    ok(api.cuMemHostRegister_v2(host.address(), 1 << 16, 0));
    is(
        CudaStatus.HOST_MEMORY_ALREADY_REGISTERED,
        api.cuMemHostRegister_v2(host.address(), 1 << 16, 0));
    long a = device(1 << 16);
    long stream = stream();
    ok(api.cuMemcpyHtoDAsync_v2(a, host.address(), 1 << 16, stream));
    ok(api.cuStreamSynchronize(stream));
    assertThat(read(a, 1 << 16)).containsOnly(5);
    ok(api.cuStreamDestroy_v2(stream));
    ok(api.cuMemFree_v2(a));
    ok(api.cuMemHostUnregister(host.address()));
    is(CudaStatus.HOST_MEMORY_NOT_REGISTERED, api.cuMemHostUnregister(host.address()));
  }

  @Test
  void streamsHavePrioritiesAndFlags() {
    MemorySegment greatest = arena.allocate(JAVA_INT);
    ok(api.cuCtxGetStreamPriorityRange(out, greatest));
    int least = out.get(JAVA_INT, 0);
    assertThat(greatest.get(JAVA_INT, 0)).isLessThanOrEqualTo(least);
    ok(api.cuStreamCreateWithPriority(out, CudaConstants.CU_STREAM_NON_BLOCKING, -1000));
    long stream = result();
    ok(api.cuStreamGetPriority(stream, out));
    assertThat(out.get(JAVA_INT, 0)).isEqualTo(greatest.get(JAVA_INT, 0));
    ok(api.cuStreamGetFlags(stream, out));
    assertThat(out.get(JAVA_INT, 0)).isEqualTo(CudaConstants.CU_STREAM_NON_BLOCKING);
    ok(api.cuStreamQuery(stream));
    ok(api.cuStreamDestroy_v2(stream));
    refused(api.cuStreamCreateWithPriority(out, 77, 0));
  }

  @Test
  void eventsKeepTimeAndOrder() {
    long first = stream();
    long second = stream();
    long begin = event();
    long end = event();
    ok(api.cuEventQuery(begin));
    long a = device(8 * MIB);
    ok(api.cuEventRecord(begin, first));
    ok(api.cuMemsetD32Async(a, 7, 2 * MIB, first));
    ok(api.cuEventRecord(end, first));
    ok(api.cuStreamWaitEvent(second, end, CudaConstants.CU_EVENT_WAIT_DEFAULT));
    ok(api.cuMemsetD32Async(a, 8, 1, second));
    ok(api.cuStreamSynchronize(second));
    ok(api.cuEventSynchronize(end));
    ok(api.cuEventQuery(end));
    ok(api.cuEventElapsedTime_v2(out, begin, end));
    assertThat(out.get(JAVA_FLOAT, 0)).isGreaterThanOrEqualTo(0);
    assertThat(read(a, 8)).containsExactly(8, 0, 0, 0, 7, 0, 0, 0);
    ok(api.cuEventCreate(out, CudaConstants.CU_EVENT_DISABLE_TIMING));
    long untimed = result();
    ok(api.cuEventRecord(untimed, first));
    ok(api.cuEventSynchronize(untimed));
    is(CudaStatus.INVALID_HANDLE, api.cuEventElapsedTime_v2(out, begin, untimed));
    refused(api.cuEventCreate(out, 0x70));
    for (long event : new long[] {begin, end, untimed}) {
      ok(api.cuEventDestroy_v2(event));
    }
    ok(api.cuStreamDestroy_v2(first));
    ok(api.cuStreamDestroy_v2(second));
    ok(api.cuMemFree_v2(a));
  }

  /**
   * The address of a function {@code void (void*)}. It stays for ever: a stub must not go while a
   * failed test's stream may still call it.
   */
  private static long hostFunction(LongConsumer body) throws ReflectiveOperationException {
    MethodHandle accept =
        MethodHandles.lookup()
            .findVirtual(
                LongConsumer.class, "accept", MethodType.methodType(void.class, long.class))
            .bindTo(body);
    return Linker.nativeLinker()
        .upcallStub(accept, FunctionDescriptor.ofVoid(JAVA_LONG), Arena.global())
        .address();
  }

  /** A host function that waits; a test that hangs in it fails by what it asserts next. */
  private static long waitsFor(CountDownLatch gate) throws ReflectiveOperationException {
    return hostFunction(_ -> {
      try {
        boolean _ = gate.await(30, TimeUnit.SECONDS);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    });
  }

  @Test
  void hostFunctionsRunInOrder() throws Exception {
    List<Long> seen = new ArrayList<>();
    long function = hostFunction(seen::add);
    long stream = stream();
    for (int i = 0; i < 20; i++) {
      ok(api.cuLaunchHostFunc(stream, function, i));
    }
    ok(api.cuStreamSynchronize(stream));
    assertThat(seen).hasSize(20).isSorted();
    ok(api.cuStreamDestroy_v2(stream));
  }

  @Test
  void aHostFunctionHoldsItsStreamButNoOther() throws Exception {
    assumeTrue(runsByItself(), "a stepped device runs host functions on the caller's thread");
    CountDownLatch gate = new CountDownLatch(1);
    long function = waitsFor(gate);
    long held = stream();
    long other = stream();
    long event = event();
    long a = device(64);
    // What is loaded at its first use is loaded before the gate shuts: loading may wait for all.
    ok(api.cuMemsetD8Async(a, (byte) 0, 64, other));
    ok(api.cuStreamSynchronize(other));
    try {
      ok(api.cuLaunchHostFunc(held, function, 0));
      ok(api.cuEventRecord(event, held));
      is(CudaStatus.NOT_READY, api.cuStreamQuery(held));
      is(CudaStatus.NOT_READY, api.cuEventQuery(event));
      ok(api.cuMemsetD8Async(a, (byte) 1, 64, other));
      ok(api.cuStreamSynchronize(other));
      is(CudaStatus.NOT_READY, api.cuEventQuery(event));
    } finally {
      gate.countDown();
    }
    ok(api.cuEventSynchronize(event));
    ok(api.cuStreamSynchronize(held));
    ok(api.cuStreamQuery(held));
    ok(api.cuStreamDestroy_v2(held));
    ok(api.cuStreamDestroy_v2(other));
    ok(api.cuEventDestroy_v2(event));
    ok(api.cuMemFree_v2(a));
  }

  @Test
  void aWaitIsForTheRecordThatItSaw() throws Exception {
    assumeTrue(runsByItself(), "a stepped device runs host functions on the caller's thread");
    CountDownLatch gate = new CountDownLatch(1);
    long function = waitsFor(gate);
    long held = stream();
    long other = stream();
    long waiting = stream();
    long event = event();
    try {
      ok(api.cuLaunchHostFunc(held, function, 0));
      ok(api.cuEventRecord(event, held));
      ok(api.cuStreamWaitEvent(waiting, event, CudaConstants.CU_EVENT_WAIT_DEFAULT));
      ok(api.cuEventRecord(event, other));
      ok(api.cuEventSynchronize(event));
      is(CudaStatus.NOT_READY, api.cuStreamQuery(waiting));
    } finally {
      gate.countDown();
    }
    ok(api.cuStreamSynchronize(waiting));
    for (long stream : new long[] {held, other, waiting}) {
      ok(api.cuStreamDestroy_v2(stream));
    }
    ok(api.cuEventDestroy_v2(event));
  }

  @Test
  void aWaitForAnEventThatWasNotRecordedIsNone() {
    long stream = stream();
    long event = event();
    ok(api.cuStreamWaitEvent(stream, event, CudaConstants.CU_EVENT_WAIT_DEFAULT));
    ok(api.cuStreamSynchronize(stream));
    ok(api.cuEventSynchronize(event));
    ok(api.cuEventDestroy_v2(event));
    ok(api.cuStreamDestroy_v2(stream));
  }

  @Test
  void streamOrderedMemoryComesFromPools() {
    long stream = stream();
    MemorySegment properties = CUmemPoolProps_st.allocate(arena);
    CUmemPoolProps_st.allocType(properties, CudaConstants.CU_MEM_ALLOCATION_TYPE_PINNED);
    MemorySegment location = CUmemPoolProps_st.location(properties);
    CUmemLocation_st.type(location, CudaConstants.CU_MEM_LOCATION_TYPE_DEVICE);
    CUmemLocation_st.id(location, 0);
    ok(api.cuMemPoolCreate(out, properties));
    long pool = result();
    out.set(JAVA_LONG, 0, -1);
    ok(api.cuMemPoolSetAttribute(pool, CudaConstants.CU_MEMPOOL_ATTR_RELEASE_THRESHOLD, out));
    ok(api.cuMemAllocFromPoolAsync(out, 3 * MIB, pool, stream));
    long a = result();
    ok(api.cuMemsetD8Async(a, (byte) 6, 3 * MIB, stream));
    ok(api.cuMemFreeAsync(a, stream));
    ok(api.cuStreamSynchronize(stream));
    ok(api.cuMemPoolGetAttribute(pool, CudaConstants.CU_MEMPOOL_ATTR_USED_MEM_CURRENT, out));
    assertThat(result()).isZero();
    ok(api.cuMemPoolGetAttribute(pool, CudaConstants.CU_MEMPOOL_ATTR_USED_MEM_HIGH, out));
    assertThat(result()).isGreaterThanOrEqualTo(3 * MIB);
    ok(api.cuMemPoolGetAttribute(pool, CudaConstants.CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT, out));
    assertThat(result()).isGreaterThanOrEqualTo(3 * MIB);
    out.set(JAVA_LONG, 0, 0);
    ok(api.cuMemPoolSetAttribute(pool, CudaConstants.CU_MEMPOOL_ATTR_RELEASE_THRESHOLD, out));
    ok(api.cuMemPoolGetAttribute(pool, CudaConstants.CU_MEMPOOL_ATTR_RELEASE_THRESHOLD, out));
    assertThat(result()).isZero();
    ok(api.cuMemPoolTrimTo(pool, 0));
    ok(api.cuMemPoolGetAttribute(pool, CudaConstants.CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT, out));
    assertThat(result()).isZero();
    ok(api.cuMemPoolDestroy(pool));
    ok(api.cuDeviceGetDefaultMemPool(out, 0));
    assertThat(result()).isNotZero();
    ok(api.cuMemAllocAsync(out, 64, stream));
    ok(api.cuMemFreeAsync(result(), stream));
    ok(api.cuStreamSynchronize(stream));
    ok(api.cuStreamDestroy_v2(stream));
  }

  @Test
  void whatIsCapturedRunsWhenItIsLaunched() {
    long stream = stream();
    long a = device(64);
    ok(api.cuMemsetD8Async(a, (byte) 1, 64, stream));
    ok(api.cuStreamSynchronize(stream));
    long exec = captureFill(stream, a, 5);
    assertThat(read(a, 1)).containsExactly(1);
    ok(api.cuGraphUpload(exec, stream));
    ok(api.cuGraphLaunch(exec, stream));
    ok(api.cuStreamSynchronize(stream));
    assertThat(read(a, 64)).containsOnly(5);
    ok(api.cuMemsetD8Async(a, (byte) 1, 64, stream));
    ok(api.cuGraphLaunch(exec, stream));
    ok(api.cuStreamSynchronize(stream));
    assertThat(read(a, 64)).containsOnly(5);
    ok(api.cuGraphExecDestroy(exec));
    ok(api.cuStreamDestroy_v2(stream));
    ok(api.cuMemFree_v2(a));
  }

  private long capture(long stream, Runnable work) {
    ok(api.cuStreamBeginCapture_v2(stream, CudaConstants.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL));
    work.run();
    ok(api.cuStreamEndCapture(stream, out));
    return result();
  }

  private long captureFill(long stream, long address, int value) {
    long graph = capture(stream, () -> ok(api.cuMemsetD8Async(address, (byte) value, 64, stream)));
    ok(api.cuGraphInstantiateWithFlags(out, graph, 0));
    long exec = result();
    ok(api.cuGraphDestroy(graph));
    return exec;
  }

  @Test
  void aGraphTakesNewParametersOfTheSameTopology() {
    long stream = stream();
    long a = device(64);
    long exec = captureFill(stream, a, 5);
    long other = capture(stream, () -> ok(api.cuMemsetD8Async(a, (byte) 6, 64, stream)));
    MemorySegment info = CUgraphExecUpdateResultInfo_st.allocate(arena);
    ok(api.cuGraphExecUpdate_v2(exec, other, info));
    ok(api.cuGraphLaunch(exec, stream));
    ok(api.cuStreamSynchronize(stream));
    assertThat(read(a, 64)).containsOnly(6);
    long longer =
        capture(
            stream,
            () -> {
              ok(api.cuMemsetD8Async(a, (byte) 7, 64, stream));
              ok(api.cuMemsetD8Async(a, (byte) 8, 64, stream));
            });
    is(CudaStatus.GRAPH_EXEC_UPDATE_FAILURE, api.cuGraphExecUpdate_v2(exec, longer, info));
    assertThat(CUgraphExecUpdateResultInfo_st.result(info))
        .isEqualTo(CudaConstants.CU_GRAPH_EXEC_UPDATE_ERROR_TOPOLOGY_CHANGED);
    ok(api.cuGraphDestroy(other));
    ok(api.cuGraphDestroy(longer));
    ok(api.cuGraphExecDestroy(exec));
    ok(api.cuStreamDestroy_v2(stream));
    ok(api.cuMemFree_v2(a));
  }

  /** How many nodes a graph has. */
  protected long countNodes(long graph) {
    MemorySegment count = arena.allocate(JAVA_LONG);
    ok(api.cuGraphGetNodes(graph, MemorySegment.NULL, count));
    return count.get(JAVA_LONG, 0);
  }

  @Test
  void aCopyOfAGraphIsPointedElsewhere() {
    long stream = stream();
    long a = device(64);
    MemorySegment one = pinned(64).fill((byte) 1);
    MemorySegment two = pinned(64).fill((byte) 2);
    long graph = capture(stream, () -> ok(api.cuMemcpyHtoDAsync_v2(a, one.address(), 64, stream)));
    assertThat(countNodes(graph)).isEqualTo(1);
    ok(api.cuGraphGetNodes(graph, out, arena.allocateFrom(JAVA_LONG, 1L)));
    long node = result();
    ok(api.cuGraphNodeGetType(node, out));
    assertThat(out.get(JAVA_INT, 0)).isEqualTo(CudaConstants.CU_GRAPH_NODE_TYPE_MEMCPY);
    ok(api.cuGraphInstantiateWithFlags(out, graph, 0));
    long exec = result();
    MemorySegment copy = CUDA_MEMCPY3D_st.allocate(arena);
    ok(api.cuGraphMemcpyNodeGetParams(node, copy));
    assertThat(CUDA_MEMCPY3D_st.WidthInBytes(copy)).isEqualTo(64);
    CUDA_MEMCPY3D_st.srcMemoryType(copy, CudaConstants.CU_MEMORYTYPE_HOST);
    CUDA_MEMCPY3D_st.srcHost(copy, two);
    ok(api.cuCtxGetCurrent(out));
    ok(api.cuGraphExecMemcpyNodeSetParams(exec, node, copy, result()));
    ok(api.cuGraphLaunch(exec, stream));
    ok(api.cuStreamSynchronize(stream));
    assertThat(read(a, 64)).containsOnly(2);
    ok(api.cuGraphExecDestroy(exec));
    ok(api.cuGraphDestroy(graph));
    ok(api.cuStreamDestroy_v2(stream));
    ok(api.cuMemFree_v2(a));
    ok(api.cuMemFreeHost(one.address()));
    ok(api.cuMemFreeHost(two.address()));
  }

  @Test
  void eventsTakeOtherStreamsIntoACapture() {
    long first = stream();
    long second = stream();
    long fork = event();
    long join = event();
    long a = device(128);
    long graph =
        capture(
            first,
            () -> {
              ok(api.cuEventRecord(fork, first));
              ok(api.cuStreamWaitEvent(second, fork, 0));
              ok(api.cuStreamIsCapturing(second, out));
              assertThat(out.get(JAVA_INT, 0))
                  .isEqualTo(CudaConstants.CU_STREAM_CAPTURE_STATUS_ACTIVE);
              ok(api.cuMemsetD8Async(a, (byte) 1, 64, first));
              ok(api.cuMemsetD8Async(a + 64, (byte) 2, 64, second));
              ok(api.cuEventRecord(join, second));
              ok(api.cuStreamWaitEvent(first, join, 0));
            });
    ok(api.cuStreamIsCapturing(second, out));
    assertThat(out.get(JAVA_INT, 0)).isEqualTo(CudaConstants.CU_STREAM_CAPTURE_STATUS_NONE);
    ok(api.cuGraphInstantiateWithFlags(out, graph, 0));
    long exec = result();
    ok(api.cuGraphLaunch(exec, second));
    ok(api.cuStreamSynchronize(second));
    assertThat(read(a, 64)).containsOnly(1);
    assertThat(read(a + 64, 64)).containsOnly(2);
    ok(api.cuGraphExecDestroy(exec));
    ok(api.cuGraphDestroy(graph));
    for (long handle : new long[] {fork, join}) {
      ok(api.cuEventDestroy_v2(handle));
    }
    ok(api.cuStreamDestroy_v2(first));
    ok(api.cuStreamDestroy_v2(second));
    ok(api.cuMemFree_v2(a));
  }

  @Test
  void aForkThatIsNotJoinedSpoilsACapture() {
    long first = stream();
    long second = stream();
    long fork = event();
    long a = device(64);
    ok(api.cuStreamBeginCapture_v2(first, CudaConstants.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL));
    ok(api.cuEventRecord(fork, first));
    ok(api.cuStreamWaitEvent(second, fork, 0));
    ok(api.cuMemsetD8Async(a, (byte) 1, 64, second));
    is(CudaStatus.STREAM_CAPTURE_UNJOINED, api.cuStreamEndCapture(first, out));
    ok(api.cuStreamSynchronize(first));
    ok(api.cuStreamSynchronize(second));
    ok(api.cuEventDestroy_v2(fork));
    ok(api.cuStreamDestroy_v2(first));
    ok(api.cuStreamDestroy_v2(second));
    ok(api.cuMemFree_v2(a));
  }

  @Test
  void aCaptureProhibitsToWaitForIt() {
    long stream = stream();
    ok(api.cuStreamBeginCapture_v2(stream, CudaConstants.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL));
    is(CudaStatus.STREAM_CAPTURE_UNSUPPORTED, api.cuStreamSynchronize(stream));
    ok(api.cuStreamIsCapturing(stream, out));
    assertThat(out.get(JAVA_INT, 0)).isEqualTo(CudaConstants.CU_STREAM_CAPTURE_STATUS_INVALIDATED);
    is(CudaStatus.STREAM_CAPTURE_INVALIDATED, api.cuStreamEndCapture(stream, out));
    ok(api.cuStreamSynchronize(stream));
    ok(api.cuStreamDestroy_v2(stream));
  }

  @Test
  void aCaptureProhibitsUnsafeCallsUnlessRelaxed() {
    long stream = stream();
    ok(api.cuStreamBeginCapture_v2(stream, CudaConstants.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL));
    is(CudaStatus.STREAM_CAPTURE_UNSUPPORTED, api.cuMemAlloc_v2(out, 64));
    is(CudaStatus.STREAM_CAPTURE_INVALIDATED, api.cuStreamEndCapture(stream, out));
    MemorySegment mode = arena.allocate(JAVA_INT);
    mode.set(JAVA_INT, 0, CudaConstants.CU_STREAM_CAPTURE_MODE_RELAXED);
    ok(api.cuThreadExchangeStreamCaptureMode(mode));
    ok(api.cuStreamBeginCapture_v2(stream, CudaConstants.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL));
    long a = device(64);
    ok(api.cuStreamEndCapture(stream, out));
    ok(api.cuGraphDestroy(result()));
    ok(api.cuThreadExchangeStreamCaptureMode(mode));
    assertThat(mode.get(JAVA_INT, 0)).isEqualTo(CudaConstants.CU_STREAM_CAPTURE_MODE_RELAXED);
    ok(api.cuMemFree_v2(a));
    ok(api.cuStreamDestroy_v2(stream));
  }

  private void begin(long stream, int mode) {
    ok(api.cuStreamBeginCapture_v2(stream, mode));
  }

  @Test
  void capturesDoNotMerge() {
    long first = stream();
    long second = stream();
    long event = event();
    begin(first, CudaConstants.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL);
    begin(second, CudaConstants.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL);
    ok(api.cuEventRecord(event, first));
    is(CudaStatus.STREAM_CAPTURE_MERGE, api.cuStreamWaitEvent(second, event, 0));
    is(CudaStatus.STREAM_CAPTURE_INVALIDATED, api.cuStreamEndCapture(second, out));
    endSomehow(first);
    ok(api.cuEventDestroy_v2(event));
    ok(api.cuStreamDestroy_v2(first));
    ok(api.cuStreamDestroy_v2(second));
  }

  @Test
  void aCaptureWaitsForNothingOutside() {
    long first = stream();
    long second = stream();
    long event = event();
    ok(api.cuEventRecord(event, second));
    begin(first, CudaConstants.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL);
    is(CudaStatus.STREAM_CAPTURE_ISOLATION, api.cuStreamWaitEvent(first, event, 0));
    is(CudaStatus.STREAM_CAPTURE_INVALIDATED, api.cuStreamEndCapture(first, out));
    ok(api.cuEventDestroy_v2(event));
    ok(api.cuStreamDestroy_v2(first));
    ok(api.cuStreamDestroy_v2(second));
  }

  @Test
  void theLegacyStreamIsNotUsedWhileABlockingOneCaptures() {
    long stream = stream(CudaConstants.CU_STREAM_DEFAULT);
    long a = device(64);
    begin(stream, CudaConstants.CU_STREAM_CAPTURE_MODE_RELAXED);
    is(CudaStatus.STREAM_CAPTURE_IMPLICIT, api.cuMemsetD8Async(a, (byte) 1, 64, 0));
    is(CudaStatus.STREAM_CAPTURE_INVALIDATED, api.cuStreamEndCapture(stream, out));
    ok(api.cuMemsetD8Async(a, (byte) 1, 64, 0));
    ok(api.cuCtxSynchronize());
    ok(api.cuStreamDestroy_v2(stream));
    ok(api.cuMemFree_v2(a));
  }

  @Test
  void aCapturedEventIsNotAsked() {
    long stream = stream();
    long event = event();
    begin(stream, CudaConstants.CU_STREAM_CAPTURE_MODE_RELAXED);
    ok(api.cuEventRecord(event, stream));
    is(CudaStatus.CAPTURED_EVENT, api.cuEventQuery(event));
    endSomehow(stream);
    ok(api.cuEventRecord(event, stream));
    ok(api.cuEventSynchronize(event));
    ok(api.cuEventDestroy_v2(event));
    ok(api.cuStreamDestroy_v2(stream));
  }

  @Test
  void aGlobalCaptureProhibitsOtherThreadsUnsafeCalls() throws Exception {
    long stream = stream();
    ok(api.cuCtxGetCurrent(out));
    long context = result();
    begin(stream, CudaConstants.CU_STREAM_CAPTURE_MODE_GLOBAL);
    try (ExecutorService other = Executors.newSingleThreadExecutor()) {
      other
          .submit(() -> {
            try (Arena own = Arena.ofConfined()) {
              ok(api.cuCtxSetCurrent(context));
              is(CudaStatus.STREAM_CAPTURE_UNSUPPORTED, api.cuMemAlloc_v2(own.allocate(8), 64));
            }
          })
          .get();
    }
    is(CudaStatus.STREAM_CAPTURE_INVALIDATED, api.cuStreamEndCapture(stream, out));
    ok(api.cuStreamDestroy_v2(stream));
  }

  @Test
  void aThreadLocalCaptureLeavesOtherThreadsAlone() throws Exception {
    long stream = stream();
    ok(api.cuCtxGetCurrent(out));
    long context = result();
    ok(api.cuStreamBeginCapture_v2(stream, CudaConstants.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL));
    try (ExecutorService other = Executors.newSingleThreadExecutor()) {
      other
          .submit(() -> {
            try (Arena own = Arena.ofConfined()) {
              MemorySegment memory = own.allocate(8);
              ok(api.cuCtxSetCurrent(context));
              ok(api.cuMemAlloc_v2(memory, 64));
              ok(api.cuMemFree_v2(memory.get(JAVA_LONG, 0)));
              is(CudaStatus.STREAM_CAPTURE_WRONG_THREAD, api.cuStreamEndCapture(stream, memory));
            }
          })
          .get();
    }
    endSomehow(stream);
    ok(api.cuStreamDestroy_v2(stream));
  }

  /** Ends a capture that a refused call may have spoilt; the documentation does not say. */
  private void endSomehow(long stream) {
    int status = api.cuStreamEndCapture(stream, out);
    if (status == CudaApi.CUDA_SUCCESS) {
      ok(api.cuGraphDestroy(result()));
    } else {
      assertThat(CudaStatus.of(status))
          .isPresent()
          .get()
          .isIn(CudaStatus.STREAM_CAPTURE_INVALIDATED, CudaStatus.STREAM_CAPTURE_UNJOINED);
    }
  }

  @Test
  void onlyTheStreamThatBeganACaptureEndsIt() {
    long first = stream();
    long second = stream();
    long fork = event();
    ok(api.cuStreamBeginCapture_v2(first, CudaConstants.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL));
    ok(api.cuEventRecord(fork, first));
    ok(api.cuStreamWaitEvent(second, fork, 0));
    is(CudaStatus.STREAM_CAPTURE_UNMATCHED, api.cuStreamEndCapture(second, out));
    endSomehow(first);
    ok(api.cuEventDestroy_v2(fork));
    ok(api.cuStreamDestroy_v2(first));
    ok(api.cuStreamDestroy_v2(second));
  }

  private long loadModule() {
    ok(
        api.cuModuleLoadDataEx(
            out, arena.allocateFrom(image()), 0, MemorySegment.NULL, MemorySegment.NULL));
    return result();
  }

  private long function(long module) {
    ok(api.cuModuleGetFunction(out, module, arena.allocateFrom(FILL)));
    return result();
  }

  private MemorySegment arguments(long address, int n, int value) {
    MemorySegment values = arena.allocate(24, 8);
    values.set(JAVA_LONG, 0, address);
    values.set(JAVA_INT, 8, n);
    values.set(JAVA_INT, 12, value);
    MemorySegment pointers = arena.allocate(24, 8);
    pointers.setAtIndex(JAVA_LONG, 0, values.address());
    pointers.setAtIndex(JAVA_LONG, 1, values.address() + 8);
    pointers.setAtIndex(JAVA_LONG, 2, values.address() + 12);
    return pointers;
  }

  private int launch(long function, int grid, int block, long stream, MemorySegment arguments) {
    return api.cuLaunchKernel(
        function, grid, 1, 1, block, 1, 1, 0, stream, arguments, MemorySegment.NULL);
  }

  @Test
  void kernelsAreLoadedAndLaunched() {
    long module = loadModule();
    long fill = function(module);
    long stream = stream();
    long a = device(4096);
    ok(api.cuMemsetD8Async(a, (byte) 0, 4096, stream));
    MemorySegment arguments = arguments(a, 1000, 0x01020304);
    ok(launch(fill, 8, 128, stream, arguments));
    // The values were read before the call returned.
    MemorySegment.ofAddress(arguments.get(JAVA_LONG, 16)).reinterpret(4).fill((byte) 0x7f);
    ok(api.cuStreamSynchronize(stream));
    byte[] read = read(a, 4096);
    for (int i = 0; i < 4096; i++) {
      assertThat(read[i]).isEqualTo(i < 4000 ? (byte) (4 - i % 4) : 0);
    }
    ok(api.cuMemFree_v2(a));
    ok(api.cuStreamDestroy_v2(stream));
    ok(api.cuModuleUnload(module));
  }

  @Test
  void kernelsAreCaptured() {
    long module = loadModule();
    long fill = function(module);
    long stream = stream();
    long a = device(64);
    long graph = capture(stream, () -> ok(launch(fill, 1, 32, stream, arguments(a, 16, 3))));
    ok(api.cuGraphGetNodes(graph, out, arena.allocateFrom(JAVA_LONG, 1L)));
    ok(api.cuGraphNodeGetType(result(), out));
    assertThat(out.get(JAVA_INT, 0)).isEqualTo(CudaConstants.CU_GRAPH_NODE_TYPE_KERNEL);
    ok(api.cuGraphInstantiateWithFlags(out, graph, 0));
    long exec = result();
    ok(api.cuGraphLaunch(exec, stream));
    ok(api.cuStreamSynchronize(stream));
    assertThat(read(a, 4)).containsExactly(3, 0, 0, 0);
    ok(api.cuGraphExecDestroy(exec));
    ok(api.cuGraphDestroy(graph));
    ok(api.cuStreamDestroy_v2(stream));
    ok(api.cuMemFree_v2(a));
    ok(api.cuModuleUnload(module));
  }

  @Test
  void kernelsTellTheirParametersAndLimits() {
    long module = loadModule();
    long fill = function(module);
    MemorySegment size = arena.allocate(JAVA_LONG);
    long[][] expected = {{0, 8}, {8, 4}, {12, 4}};
    for (int i = 0; i < 3; i++) {
      ok(api.cuFuncGetParamInfo(fill, i, out, size));
      assertThat(new long[] {result(), size.get(JAVA_LONG, 0)}).isEqualTo(expected[i]);
    }
    is(CudaStatus.INVALID_VALUE, api.cuFuncGetParamInfo(fill, 3, out, size));
    ok(api.cuFuncGetAttribute(out, CudaConstants.CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK, fill));
    assertThat(out.get(JAVA_INT, 0)).isEqualTo(1024);
    int shared = CudaConstants.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES;
    ok(api.cuFuncSetAttribute(fill, shared, 1024));
    ok(api.cuFuncGetAttribute(out, shared, fill));
    assertThat(out.get(JAVA_INT, 0)).isEqualTo(1024);
    refused(api.cuFuncSetAttribute(fill, shared, 1 << 30));
    is(
        CudaStatus.NOT_FOUND,
        api.cuModuleGetGlobal_v2(out, size, module, arena.allocateFrom("sluice_no_such_variable")));
    ok(api.cuOccupancyMaxActiveBlocksPerMultiprocessor(out, fill, 256, 0));
    assertThat(out.get(JAVA_INT, 0)).isPositive();
    ok(api.cuOccupancyMaxPotentialBlockSize(out, size, fill, 0, 0, 0));
    assertThat(size.get(JAVA_INT, 0)).isBetween(32, 1024);
    refused(launch(fill, 0, 32, 0, arguments(0, 0, 0)));
    refused(launch(fill, 1, 2048, 0, arguments(0, 0, 0)));
    is(
        CudaStatus.NOT_FOUND,
        api.cuModuleGetFunction(out, module, arena.allocateFrom("sluice_no_such_kernel")));
    ok(api.cuModuleUnload(module));
  }

  @Test
  void manyThreadsWorkAtOnce() throws Exception {
    ok(api.cuCtxGetCurrent(out));
    long context = result();
    try (ExecutorService pool = Executors.newFixedThreadPool(8)) {
      List<Future<?>> done = new ArrayList<>();
      for (int t = 0; t < 8; t++) {
        int value = t + 1;
        done.add(pool.submit(() -> rounds(context, value)));
      }
      for (Future<?> future : done) {
        future.get();
      }
    }
  }

  private void rounds(long context, int value) {
    try (Arena own = Arena.ofConfined()) {
      MemorySegment result = own.allocate(8);
      ok(api.cuCtxSetCurrent(context));
      ok(api.cuStreamCreateWithPriority(result, CudaConstants.CU_STREAM_NON_BLOCKING, 0));
      long stream = result.get(JAVA_LONG, 0);
      for (int i = 0; i < 50; i++) {
        ok(api.cuMemAllocAsync(result, 1000, stream));
        long memory = result.get(JAVA_LONG, 0);
        ok(api.cuMemsetD8Async(memory, (byte) value, 1000, stream));
        MemorySegment host = own.allocate(1000);
        ok(api.cuMemcpyDtoHAsync_v2(host.address(), memory, 1000, stream));
        ok(api.cuMemFreeAsync(memory, stream));
        ok(api.cuStreamSynchronize(stream));
        assertThat(host.toArray(JAVA_BYTE)).containsOnly(value);
      }
      ok(api.cuStreamDestroy_v2(stream));
    }
  }
}
