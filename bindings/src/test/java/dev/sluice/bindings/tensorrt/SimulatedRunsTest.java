package dev.sluice.bindings.tensorrt;

import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.bindings.NativeException;
import dev.sluice.bindings.cuda.CudaGraph;
import dev.sluice.bindings.cuda.CudaStream;
import dev.sluice.bindings.cuda.DeviceMemory;
import dev.sluice.bindings.sim.SimulatedCuda;
import dev.sluice.bindings.tensorrt.SimulatedTensorRtTest.Rig;
import dev.sluice.bindings.tensorrt.SimulatedTensorRtTest.Run;
import dev.sluice.bindings.tensorrt.TensorRtApi.ProfilingVerbosity;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** Runs of the simulated TensorRT whose outputs' shapes depend on data, or which are profiled. */
class SimulatedRunsTest {
  /** What an output of the two rows may need: 2 times 4 numbers of 8 bytes. */
  private static final long MOST_BYTES = 64;

  /** Gives the same memory always, and keeps what it hears. */
  private static final class Block implements TensorRtApi.OutputAllocator {
    final List<Long> sizes = new ArrayList<>();
    final List<long[]> told = new ArrayList<>();
    final List<long[]> kept = new ArrayList<>();
    long address;
    long current;
    RuntimeException failure;

    Block(long address) {
      this.address = address;
    }

    @Override
    public long reallocate(long currentAddress, long sizeBytes, long alignment, long stream) {
      assertThat(alignment).isEqualTo(256);
      assertThat(stream).isNotZero();
      current = currentAddress;
      sizes.add(sizeBytes);
      return address;
    }

    @Override
    public void notifyShape(long... dims) {
      if (failure != null) {
        throw failure;
      }
      told.add(dims.clone());
      kept.add(dims);
    }
  }

  private static byte[] nonZero(Rig rig) {
    return rig.plan(ScaleModel.nonZero(), _ -> {});
  }

  /** Puts numbers into the two rows of the input. */
  private static void input(Run run, float... x) {
    MemorySegment host = run.rig.weights(x);
    run.rig.cuda.cuMemcpyHtoDAsync_v2(run.x.raw(), host.address(), 16, run.stream.raw());
  }

  private static long[] output(Run run, DeviceMemory from, int count) {
    MemorySegment host = run.rig.arena.allocate(JAVA_LONG, count);
    run.rig.cuda.cuMemcpyDtoHAsync_v2(
        host.address(), from.raw(), host.byteSize(), run.stream.raw());
    run.stream.await(CudaStream.Wait.BLOCK);
    return host.toArray(JAVA_LONG);
  }

  @Test
  void anAllocatorIsAskedForWhatTheDataTake() {
    SimulatedCuda stepped = SimulatedCuda.builder().stepped(1).build();
    try (Rig rig = new Rig(stepped, _ -> {});
        Run run = new Run(rig, nonZero(rig));
        DeviceMemory memory = DeviceMemory.allocate(rig.cuda, "found", MOST_BYTES)) {
      Block block = new Block(memory.raw());
      assertThat(run.execution.getTensorShape("y")).containsExactly(2, -1);
      assertThat(run.execution.getMaxOutputSize("y")).isEqualTo(MOST_BYTES);
      assertThat(run.execution.setOutputAllocator("y", block)).isTrue();

      input(run, 0, 7, 8, 9);
      assertThat(run.enqueues()).isTrue();
      assertThat(stepped.streamLength(run.stream.raw())).as("one operation").isEqualTo(1);
      assertThat(block.sizes).containsExactly(48L);
      assertThat(block.current).isEqualTo(run.y.raw());
      assertThat(block.told.getFirst()).containsExactly(2, 3);
      assertThat(block.kept.getFirst()).as("a kept array").containsExactly(-1, -1);
      assertThat(output(run, memory, 6)).containsExactly(0, 1, 1, 1, 0, 1);

      run.execution.setTensorAddress("y", 0);
      input(run, 0, 0, 0, 0);
      assertThat(run.enqueues()).isTrue();
      assertThat(block.sizes.getLast()).isEqualTo(1);
      assertThat(block.current).isZero();
      assertThat(block.told.getLast()).containsExactly(2, 0);
      run.stream.await(CudaStream.Wait.BLOCK);
    }
  }

  @Test
  void anAllocatorWithoutMemoryOrThatFailsMakesTheEnqueueFail() {
    try (Rig rig = new Rig();
        Run run = new Run(rig, nonZero(rig));
        DeviceMemory memory = DeviceMemory.allocate(rig.cuda, "found", MOST_BYTES)) {
      input(run, 1, 2, 3, 4);
      Block block = new Block(0);
      run.execution.setOutputAllocator("y", block);
      assertThat(run.enqueues()).isFalse();
      rig.refused("no memory of 64 bytes");
      block.address = memory.raw();
      block.failure = new IllegalStateException("thrown by a test");
      assertThat(run.enqueues()).isFalse();
      rig.refused("the allocator of output y failed: java.lang.IllegalStateException: thrown");
      run.stream.await(CudaStream.Wait.BLOCK);
      block.failure = null;
      assertThat(run.enqueues()).isTrue();
      assertThat(output(run, memory, 8)).containsExactly(0, 0, 1, 1, 0, 1, 0, 1);
      assertThat(run.execution.setOutputAllocator("x", block)).isFalse();
      rig.refused("no output x");
    }
  }

  @Test
  void anAddressAloneHasToTakeTheMost() {
    try (Rig rig = new Rig();
        Run run = new Run(rig, nonZero(rig));
        DeviceMemory memory = DeviceMemory.allocate(rig.cuda, "found", MOST_BYTES)) {
      input(run, 0, 7, 0, 9);
      assertThat(run.enqueues()).isFalse();
      rig.refused("set an allocator, or an address with 64 bytes, not 32");
      run.execution.setOutputAllocator("y", new Block(memory.raw()));
      run.execution.setOutputAllocator("y", TensorRtApi.OutputAllocator.NONE);
      run.execution.setTensorAddress("y", 0);
      assertThat(run.enqueues()).isFalse();
      rig.refused("Neither address nor allocator is set for y");
      run.execution.setTensorAddress("y", memory.raw());
      assertThat(run.enqueues()).isTrue();
      assertThat(output(run, memory, 4)).containsExactly(0, 1, 1, 1);
    }
  }

  @Test
  void onlyAShapeThatIsKnownBeforeTheRunIsCaptured() {
    SimulatedCuda cuda = SimulatedCuda.builder().build();
    try (Rig rig = new Rig(cuda, options -> options.uncapturable(Set.of()));
        Run run = new Run(rig, nonZero(rig));
        DeviceMemory memory = DeviceMemory.allocate(rig.cuda, "found", MOST_BYTES)) {
      input(run, 0, 7, 0, 9);
      run.execution.setTensorAddress("y", memory.raw());
      assertThat(run.enqueues()).isTrue();
      try (CudaGraph graph = run.stream.capture(run::enqueues);
          CudaGraph.Ready ready = graph.instantiate()) {
        input(run, 1, 0, 0, 0);
        ready.launch(run.stream);
        assertThat(output(run, memory, 2)).containsExactly(0, 0);
      }
      run.execution.setOutputAllocator("y", new Block(memory.raw()));
      assertThatThrownBy(() -> run.stream.capture(run::enqueues))
          .isInstanceOf(NativeException.class);
      rig.refused("not known before the run");
    }
  }

  @Test
  void anAllocatorServesAShapeThatIsKnownToo() {
    try (Rig rig = new Rig();
        Run run = new Run(rig, rig.plan())) {
      Block block = new Block(run.y.raw());
      run.execution.setOutputAllocator("y", block);
      assertThat(run.answer()).containsExactly(2, 6, 0, 12);
      assertThat(block.sizes).containsExactly(16L);
      assertThat(block.told.getFirst()).containsExactly(2, 2);
      run.stream.capture(() -> assertThat(run.enqueues()).isTrue()).close();
    }
  }

  /** Keeps the names of layers, and the sum of their times. */
  private static final class Heard implements TensorRtApi.Profiler {
    final List<String> layers = new ArrayList<>();
    float totalMs;

    @Override
    public void reportLayerTime(String layerName, float ms) {
      layers.add(layerName);
      totalMs += ms;
    }
  }

  @Test
  void aProfilerHearsOfEachLayerBeforeTheEnqueueReturns() {
    try (Rig rig = new Rig();
        Run run = new Run(rig, rig.plan())) {
      Heard heard = new Heard();
      run.execution.setProfiler(heard);
      assertThat(run.enqueues()).isTrue();
      assertThat(heard.layers).containsExactly("Mul_0", "last \"f\"");
      assertThat(heard.totalMs).isPositive();
      assertThat(run.execution.reportToProfiler()).isTrue();
      assertThat(heard.layers).hasSize(2);
      assertThatThrownBy(() -> run.stream.capture(run::enqueues))
          .isInstanceOf(NativeException.class);
      rig.refused("reports to its profiler at once");
      run.execution.setProfiler(TensorRtApi.Profiler.NONE);
      assertThat(run.answer()).containsExactly(2, 6, 0, 12);
      assertThat(heard.layers).hasSize(2);
    }
  }

  @Test
  void layersOfAPlanThatTellsNothingAreNumbers() {
    try (Rig rig = new Rig()) {
      byte[] plan =
          rig.plan("Relu", config -> config.setProfilingVerbosity(ProfilingVerbosity.NONE));
      try (Run run = new Run(rig, plan)) {
        Heard heard = new Heard();
        run.execution.setProfiler(heard);
        assertThat(run.enqueues()).isTrue();
        assertThat(heard.layers).containsExactly("0", "1");
      }
    }
  }

  @Test
  void aReportComesWhenItIsAskedFor() {
    SimulatedCuda stepped = SimulatedCuda.builder().stepped(1).build();
    try (Rig rig = new Rig(stepped, _ -> {});
        Run run = new Run(rig, rig.plan())) {
      Heard heard = new Heard();
      run.execution.setEnqueueEmitsProfile(false);
      assertThat(run.execution.reportToProfiler()).isFalse();
      rig.refused("no profiler is set");
      run.execution.setProfiler(heard);
      assertThat(run.enqueues()).isTrue();
      assertThat(stepped.streamLength(run.stream.raw())).isEqualTo(1);
      assertThat(heard.layers).isEmpty();
      assertThat(run.execution.reportToProfiler()).isTrue();
      assertThat(heard.layers).hasSize(2);
      try (CudaGraph graph =
              run.stream.capture(() -> {
                run.enqueues();
                assertThat(run.execution.reportToProfiler()).isFalse();
              });
          CudaGraph.Ready ready = graph.instantiate()) {
        rig.refused("the stream captures");
        assertThat(run.execution.reportToProfiler()).isFalse();
        rig.refused("did not begin");
        ready.launch(run.stream);
        assertThat(run.execution.reportToProfiler()).isTrue();
        assertThat(heard.layers).hasSize(4);
      }
    }
  }

  @Test
  void aProfilerThatFailsIsAnErrorInTheLogAndNoMore() {
    try (Rig rig = new Rig();
        Run run = new Run(rig, rig.plan())) {
      run.execution.setProfiler((_, _) -> {
        throw new IllegalStateException("thrown by a test");
      });
      assertThat(run.enqueues()).isTrue();
      rig.refused("thrown by a test");
    }
  }

  @Test
  void theInspectorTellsWhatThePlanWasBuiltToTell() {
    try (Rig rig = new Rig()) {
      for (ProfilingVerbosity verbosity : ProfilingVerbosity.values()) {
        byte[] plan = rig.plan("Relu", config -> config.setProfilingVerbosity(verbosity));
        try (Run run = new Run(rig, plan)) {
          String layers =
              switch (verbosity) {
                case NONE -> "";
                case LAYER_NAMES_ONLY -> "\"Mul_0\"\n,\"last \\\"f\\\"\"";
                case DETAILED ->
                    layer("Mul_0", "Mul", "x", "-1,2", "w", "2", "h")
                        + ","
                        + layer("last \\\"f\\\"", "Relu", "h", "-1,2", "", "", "y");
              };
          assertThat(run.engine.getEngineInformation())
              .isEqualTo("{\"Layers\": [" + layers + "],\n\"Bindings\": [\"x\"\n,\"y\"]}");
        }
      }
    }
  }

  /** A layer of a plan with dynamic rows; the second input is none where its name is empty. */
  private static String layer(
      String name, String type, String input, String dims, String other, String width, String to) {
    String format = dims.contains("-1") ? "N/A due to dynamic shapes" : "Float";
    String second = other.isEmpty() ? "" : ",\n  " + tensor(other, width, "Float");
    return "{\n  \"Name\": \""
        + name
        + "\",\n  \"LayerType\": \""
        + type
        + "\",\n  \"Inputs\": ["
        + tensor(input, dims, format)
        + second
        + "],\n  \"Outputs\": ["
        + tensor(to, dims, format)
        + "],\n  \"TacticName\": \"simulated_"
        + type.toLowerCase(Locale.ROOT)
        + "_float\",\n  \"StreamId\": 0,\n  \"Metadata\": \"[ONNX Layer: "
        + name
        + "]\"\n}";
  }

  private static String tensor(String name, String dims, String format) {
    return "\n  {\n    \"Name\": \""
        + name
        + "\",\n    \"Location\": \"Device\",\n    \"Dimensions\": ["
        + dims
        + "],\n    \"Format/Datatype\": \""
        + format
        + "\"\n  }";
  }

  @Test
  void theInspectorTellsTheShapesOfAContext() {
    try (Rig rig = new Rig()) {
      byte[] scale =
          rig.plan("Relu", config -> config.setProfilingVerbosity(ProfilingVerbosity.DETAILED));
      try (Run run = new Run(rig, scale)) {
        assertThat(run.engine.getEngineInformation(run.execution))
            .contains(layer("Mul_0", "Mul", "x", "2,2", "w", "2", "h"));
      }
      byte[] found =
          rig.plan(
              ScaleModel.nonZero(),
              config -> config.setProfilingVerbosity(ProfilingVerbosity.DETAILED));
      try (Run run = new Run(rig, found)) {
        assertThat(run.engine.getEngineInformation(run.execution))
            .contains(tensor("h", "2,2", "Float"))
            .contains(tensor("y", "2,-1", "N/A due to dynamic shapes"));
      }
    }
  }
}
