package dev.sluice.bindings.sim;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.bindings.cuda.CudaApi;
import dev.sluice.bindings.cuda.CudaStatus;
import dev.sluice.bindings.cuda.CudaStream;
import dev.sluice.bindings.cuda.DeviceMemory;
import dev.sluice.bindings.cuda.PrimaryContext;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;

/**
 * The example in the description of {@code dev.sluice.bindings.sim}: it is edited here, between the
 * markers, and copied over.
 */
class PackageExampleTest {
  private static final Path SOURCES = Path.of("src");

  private static void check(boolean holds) {
    assertThat(holds).isTrue();
  }

  @Test
  @SuppressWarnings("try") // the context is only held
  void theExampleRuns() {
    // example
    SimulatedKernel addOne =
        new SimulatedKernel() {
          @Override
          public int[] parameterBytes() {
            return new int[] {Long.BYTES, Integer.BYTES};
          }

          @Override
          public void run(KernelLaunch launch) {
            int count = launch.intArgument(1);
            MemorySegment values = launch.device(launch.longArgument(0), 4L * count);
            for (int i = 0; i < count; i++) {
              values.setAtIndex(JAVA_INT, i, values.getAtIndex(JAVA_INT, i) + 1);
            }
          }
        };
    try (SimulatedCuda cuda =
            SimulatedCuda.builder()
                .memoryBytes(1 << 30)
                .kernels(Map.of("add_one", addOne))
                .faults(FaultPlan.none().failAllocation(3))
                .build();
        Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(8, 8);
      CudaStatus.check(cuda, cuda.cuInit(0), "cuInit", "0");
      try (PrimaryContext context = PrimaryContext.enter(cuda, 0);
          CudaStream stream = CudaStream.create(cuda, "example", 0);
          DeviceMemory memory = DeviceMemory.allocate(cuda, "values", 64)) {
        MemorySegment image = arena.allocateFrom("sluice-sim-module\nadd_one\n");
        cuda.cuModuleLoadDataEx(out, image, 0, MemorySegment.NULL, MemorySegment.NULL);
        long module = out.get(JAVA_LONG, 0);
        cuda.cuModuleGetFunction(out, module, arena.allocateFrom("add_one"));
        long function = out.get(JAVA_LONG, 0);
        cuda.cuMemsetD32Async(memory.raw(), 41, 16, stream.raw());
        MemorySegment address = arena.allocateFrom(JAVA_LONG, memory.raw());
        MemorySegment count = arena.allocateFrom(JAVA_INT, 16);
        MemorySegment parameters =
            arena.allocateFrom(JAVA_LONG, address.address(), count.address());
        cuda.cuLaunchKernel(
            function, 1, 1, 1, 16, 1, 1, 0, stream.raw(), parameters, MemorySegment.NULL);
        stream.await(CudaStream.Wait.BLOCK);
        MemorySegment host = arena.allocate(64, 4);
        cuda.cuMemcpyDtoH_v2(host, memory.raw(), 64);
        check(host.getAtIndex(JAVA_INT, 15) == 42);
        check(cuda.cuMemAlloc_v2(out, 64) == CudaApi.CUDA_SUCCESS);
        check(cuda.cuMemAlloc_v2(out, 64) == CudaStatus.OUT_OF_MEMORY.code());
        cuda.cuModuleUnload(module);
      }
      check(cuda.races().isEmpty());
    }
    // end of the example
  }

  @Test
  void theDescriptionHasTheExample() throws IOException {
    String here = read("test/java/dev/sluice/bindings/sim/PackageExampleTest.java");
    String example =
        here.substring(
            here.indexOf("// example\n") + 11, here.indexOf("    // end of the example"));
    String description = read("main/java/dev/sluice/bindings/sim/package-info.java");
    assertThat(words(description.replaceAll("(?m)^ \\* ?", ""))).contains(words(example));
  }

  /** The text with one space wherever it has some. */
  private static String words(String text) {
    return text.replaceAll("\\s+", " ").strip();
  }

  private static String read(String path) throws IOException {
    return Files.readString(SOURCES.resolve(path));
  }
}
