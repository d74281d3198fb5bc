package dev.sluice.bindings.tensorrt;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import dev.sluice.bindings.cuda.CudaApi;
import dev.sluice.bindings.cuda.CudaStream;
import dev.sluice.bindings.cuda.RealGpu;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.lang.management.ManagementFactory;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** TensorRT itself, on this machine's GPU. */
class TensorRtIT extends TensorRtContract {
  private static final int ROWS = 5;
  private static final int WARMUP_RUNS = 20_000;
  private static final int COUNTED_RUNS = 1_000;

  private static CudaApi realDriver;
  private static TensorRtApi realTensorRt;

  @BeforeAll
  static void load() {
    // Nothing of JavaCPP may be touched before a driver has answered.
    realDriver = RealGpu.driver();
    TensorRtLoader.Result loaded = TensorRtLoader.load();
    realTensorRt =
        loaded
            .api()
            .orElseThrow(() -> new AssertionError(loaded.missing() + "; " + loaded.remedies()));
  }

  @Override
  protected CudaApi driver() {
    return realDriver;
  }

  @Override
  protected TensorRtApi tensorRt() {
    return realTensorRt;
  }

  @Test
  void runsTakeNoHeap() {
    byte[] plan = plan();
    try (TensorRtApi.Runtime runtime = made(api.createInferRuntime(log), "createInferRuntime");
        TensorRtApi.Engine engine = made(load(runtime, plan), "deserializeCudaEngine");
        Lane lane = new Lane(engine)) {
      lane.addresses();
      lane.shape(ROWS);
      run(lane, WARMUP_RUNS);
      ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
      threads.getCurrentThreadAllocatedBytes();
      long before = threads.getCurrentThreadAllocatedBytes();
      run(lane, COUNTED_RUNS);
      assertThat(threads.getCurrentThreadAllocatedBytes() - before).isZero();
      lane.stream.await(CudaStream.Wait.BLOCK);
    }
  }

  private static void run(Lane lane, int times) {
    boolean enqueued = true;
    for (int i = 0; i < times; i++) {
      enqueued &= lane.execution.enqueueV3(lane.stream.raw());
    }
    assertThat(enqueued).isTrue();
  }

  @Test
  void aRefittablePlanTakesAModelsWeights() {
    byte[] plan =
        made(
            build(rows(1, 4, ROWS), (_, config) -> config.setFlag(TensorRtApi.BuilderFlag.REFIT)),
            "buildSerializedNetwork");
    try (Arena arena = Arena.ofConfined();
        TensorRtApi.Runtime runtime = made(api.createInferRuntime(log), "createInferRuntime");
        TensorRtApi.Engine engine = made(load(runtime, plan), "deserializeCudaEngine")) {
      assertThat(engine.isRefittable()).isTrue();
      assertThat(engine.refit(arena.allocateFrom(ValueLayout.JAVA_BYTE, model.onnx()), List.of()))
          .isTrue();
      try (Lane lane = new Lane(engine)) {
        lane.addresses();
        lane.shape(ROWS);
        lane.answers(ROWS, 3, lane::enqueue);
      }
    }
  }
}
