package dev.sluice.kernels;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.bindings.nvrtc.Nvrtc;
import dev.sluice.bindings.sim.SimulatedCuda;
import dev.sluice.bindings.sim.SimulatedNvrtc;
import dev.sluice.kernels.compile.KernelCompiler;
import dev.sluice.kernels.compile.LoadedKernels;
import dev.sluice.bindings.cuda.PrimaryContext;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Launches on the simulated device: the arguments arrive as they were given. */
class SimulatedKernelsTest extends KernelContract {
  @TempDir private static Path cache;
  private String before;

  @BeforeEach
  void useOwnCache() {
    before = System.getProperty("sluice.cache", "");
    System.setProperty("sluice.cache", cache.toString());
  }

  @AfterEach
  void restore() {
    System.setProperty("sluice.cache", before);
  }

  @Test
  void everyKernelHasASimulation() {
    List<String> functions = new ArrayList<>();
    for (Kernel kernel : Kernel.values()) {
      functions.add(kernel.function());
    }
    assertThat(SimulatedKernels.all().keySet()).containsExactlyInAnyOrderElementsOf(functions);
  }

  @Override
  protected KernelMachine machine() {
    return new Simulated();
  }

  private static final class Simulated implements KernelMachine {
    private final SimulatedCuda cuda =
        SimulatedCuda.builder().kernels(SimulatedKernels.all()).build();
    private final PrimaryContext context;
    private final LoadedKernels kernels;
    private final List<Long> places = new ArrayList<>();

    Simulated() {
      SimulatedNvrtc nvrtc = new SimulatedNvrtc(SimulatedKernels.all().keySet(), 90);
      assertThat(cuda.cuInit(0)).isZero();
      context = PrimaryContext.enter(cuda, 0);
      kernels =
          LoadedKernels.load(cuda, 0, new KernelCompiler(() -> new Nvrtc(nvrtc, "simulated")));
    }

    @Override
    public long place(MemorySegment bytes, int offset, int guard) {
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment out = arena.allocate(8, 8);
        assertThat(cuda.cuMemAlloc_v2(out, bytes.byteSize() + offset)).isZero();
        long address = out.get(ValueLayout.JAVA_LONG, 0);
        places.add(address);
        assertThat(cuda.cuMemcpyHtoD_v2(address + offset, bytes, bytes.byteSize())).isZero();
        return address + offset;
      }
    }

    @Override
    public void run(KernelCall call) {
      kernels.launch(call, 0);
      assertThat(cuda.cuCtxSynchronize()).as(() -> cuda.failures().toString()).isZero();
    }

    @Override
    public void fetch(long address, MemorySegment into) {
      assertThat(cuda.cuMemcpyDtoH_v2(into, address, into.byteSize())).isZero();
    }

    @Override
    public void clear() {
      places.forEach(place -> assertThat(cuda.cuMemFree_v2(place)).isZero());
      places.clear();
    }

    @Override
    public void close() {
      clear();
      kernels.close();
      context.close();
      assertThat(cuda.leaks()).isEmpty();
      cuda.close();
    }
  }
}
