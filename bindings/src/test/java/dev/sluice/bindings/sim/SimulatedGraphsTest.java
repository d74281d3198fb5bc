package dev.sluice.bindings.sim;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.bindings.cuda.CudaConstants;
import dev.sluice.bindings.cuda.CudaStatus;
import dev.sluice.bindings.cuda.generated.CUDA_MEMCPY3D_st;
import dev.sluice.bindings.cuda.generated.CUgraphExecUpdateResultInfo_st;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.function.LongToIntFunction;
import org.junit.jupiter.api.Test;

/** Captures and graphs of the simulated device, beyond the contract of the driver. */
class SimulatedGraphsTest extends SimulatedCudaFixture {
  private long capture(long stream, Runnable work) {
    ok(cuda.cuStreamBeginCapture_v2(stream, CudaConstants.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL));
    work.run();
    ok(cuda.cuStreamEndCapture(stream, out));
    return result();
  }

  private long instantiate(long graph) {
    ok(cuda.cuGraphInstantiateWithFlags(out, graph, 0));
    return result();
  }

  private long onlyNode(long graph) {
    ok(cuda.cuGraphGetNodes(graph, out, arena.allocateFrom(JAVA_LONG, 1L)));
    return result();
  }

  @Test
  void launchesOfOneGraphRunOneAfterTheOther() {
    start(SimulatedCuda.builder().stepped(1));
    long one = stream();
    long two = stream();
    long a = memory(8);
    long exec = instantiate(capture(one, () -> ok(cuda.cuMemsetD8Async(a, (byte) 9, 8, one))));
    ok(cuda.cuGraphLaunch(exec, one));
    ok(cuda.cuGraphLaunch(exec, two));
    assertThat(cuda.step(two)).isFalse();
    assertThat(cuda.step(one)).isTrue();
    assertThat(cuda.step(two)).isTrue();
    ok(cuda.cuGraphLaunch(exec, one));
    cuda.runAll();
    assertThat(cuda.races()).isEmpty();
  }

  @Test
  void launchesOfTwoGraphsAreNotOrdered() {
    start(SimulatedCuda.builder().stepped(1));
    long one = stream();
    long two = stream();
    long a = memory(8);
    long graph = capture(one, () -> ok(cuda.cuMemsetD8Async(a, (byte) 9, 8, one)));
    ok(cuda.cuGraphLaunch(instantiate(graph), one));
    ok(cuda.cuGraphLaunch(instantiate(graph), two));
    assertThat(cuda.step(two)).isTrue();
    cuda.runAll();
    assertThat(cuda.races()).hasSize(1);
  }

  @Test
  void aStreamThatGoesEndsItsCapture() {
    start(SimulatedCuda.builder());
    long stream = stream();
    long event = event();
    long joined = stream();
    ok(cuda.cuStreamBeginCapture_v2(stream, CudaConstants.CU_STREAM_CAPTURE_MODE_GLOBAL));
    ok(cuda.cuEventRecord(event, stream));
    ok(cuda.cuStreamWaitEvent(joined, event, 0));
    ok(cuda.cuStreamDestroy_v2(stream));
    ok(cuda.cuMemFree_v2(memory(8)));
    ok(cuda.cuStreamSynchronize(joined));
    ok(cuda.cuStreamBeginCapture_v2(joined, CudaConstants.CU_STREAM_CAPTURE_MODE_GLOBAL));
    ok(cuda.cuDevicePrimaryCtxRelease_v2(0));
    ok(cuda.cuDevicePrimaryCtxRetain(out, 0));
    ok(cuda.cuCtxSetCurrent(result()));
    memory(8);
  }

  @Test
  void theLegacyStreamCannotComeIntoACapture() {
    start(SimulatedCuda.builder());
    long stream = stream();
    long event = event();
    ok(cuda.cuStreamBeginCapture_v2(stream, CudaConstants.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL));
    ok(cuda.cuEventRecord(event, stream));
    is(CudaStatus.STREAM_CAPTURE_IMPLICIT, cuda.cuStreamWaitEvent(0, event, 0));
    is(CudaStatus.STREAM_CAPTURE_INVALIDATED, cuda.cuStreamWaitEvent(stream(), event, 0));
    is(CudaStatus.STREAM_CAPTURE_INVALIDATED, cuda.cuStreamEndCapture(stream, out));
    ok(cuda.cuStreamSynchronize(0));
  }

  @Test
  void aForkWithoutWorkMustBeJoinedToo() {
    start(SimulatedCuda.builder());
    long stream = stream();
    long fork = stream();
    long event = event();
    for (boolean joins : new boolean[] {true, false}) {
      ok(cuda.cuStreamBeginCapture_v2(stream, CudaConstants.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL));
      ok(cuda.cuEventRecord(event, stream));
      ok(cuda.cuStreamWaitEvent(fork, event, 0));
      if (joins) {
        ok(cuda.cuEventRecord(event, fork));
        ok(cuda.cuStreamWaitEvent(stream, event, 0));
      }
      is(
          joins ? CudaStatus.SUCCESS : CudaStatus.STREAM_CAPTURE_UNJOINED,
          cuda.cuStreamEndCapture(stream, out));
    }
  }

  @Test
  void eventsAreNeitherAskedNorWaitedForWhileCapturingUnlessRelaxed() {
    start(SimulatedCuda.builder());
    long stream = stream();
    long event = event();
    ok(cuda.cuEventRecord(event, stream));
    for (LongToIntFunction call :
        List.<LongToIntFunction>of(cuda::cuEventQuery, cuda::cuEventSynchronize)) {
      ok(cuda.cuStreamBeginCapture_v2(stream, CudaConstants.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL));
      is(CudaStatus.STREAM_CAPTURE_UNSUPPORTED, call.applyAsInt(event));
      is(CudaStatus.STREAM_CAPTURE_INVALIDATED, cuda.cuStreamEndCapture(stream, out));
      MemorySegment mode =
          arena.allocateFrom(JAVA_INT, CudaConstants.CU_STREAM_CAPTURE_MODE_RELAXED);
      ok(cuda.cuThreadExchangeStreamCaptureMode(mode));
      ok(cuda.cuStreamBeginCapture_v2(stream, CudaConstants.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL));
      ok(call.applyAsInt(event));
      ok(cuda.cuThreadExchangeStreamCaptureMode(mode));
      ok(cuda.cuStreamEndCapture(stream, out));
    }
  }

  @Test
  void theNodesOfTheFirstGraphNameThoseOfAnUpdatedOne() {
    start(SimulatedCuda.builder());
    long stream = stream();
    long a = memory(8);
    MemorySegment host = pinned(8).fill((byte) 1);
    MemorySegment later = pinned(8).fill((byte) 2);
    Runnable copy = () -> ok(cuda.cuMemcpyHtoDAsync_v2(a, host.address(), 8, stream));
    long first = capture(stream, copy);
    long node = onlyNode(first);
    long exec = instantiate(first);
    ok(
        cuda.cuGraphExecUpdate_v2(
            exec, capture(stream, copy), CUgraphExecUpdateResultInfo_st.allocate(arena)));
    MemorySegment parameters = CUDA_MEMCPY3D_st.allocate(arena);
    ok(cuda.cuGraphMemcpyNodeGetParams(node, parameters));
    CUDA_MEMCPY3D_st.srcHost(parameters, arena.allocate(8));
    is(CudaStatus.INVALID_VALUE, cuda.cuGraphExecMemcpyNodeSetParams(exec, node, parameters, 0));
    CUDA_MEMCPY3D_st.srcHost(parameters, later);
    ok(cuda.cuGraphExecMemcpyNodeSetParams(exec, node, parameters, 0));
    ok(cuda.cuGraphLaunch(exec, stream));
    ok(cuda.cuStreamSynchronize(stream));
    assertThat(read(a)).isEqualTo((byte) 2);
  }
}
