package dev.sluice.kernels;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.sluice.bindings.NativeException;
import dev.sluice.bindings.cuda.CudaApi;
import dev.sluice.bindings.cuda.CudaStatus;
import dev.sluice.bindings.cuda.PrimaryContext;
import dev.sluice.bindings.cuda.RealGpu;
import dev.sluice.kernels.compile.KernelCompiler;
import dev.sluice.kernels.compile.LoadedKernels;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;

/** The kernels, compiled by this machine's NVRTC, on this machine's GPU, against the references. */
class KernelsIT extends KernelContract {
  private static CudaApi driver;

  @BeforeAll
  static void load() {
    driver = RealGpu.driverWithNvrtc();
  }

  static CudaApi driver() {
    return driver;
  }

  @Override
  protected KernelMachine machine() {
    return new Gpu(driver);
  }

  /** Device memory and the legacy stream. */
  static final class Gpu implements KernelMachine {
    private final CudaApi api;
    private final PrimaryContext context;
    private final LoadedKernels kernels;
    private final List<Long> places = new ArrayList<>();

    Gpu(CudaApi api) {
      this.api = api;
      this.context = PrimaryContext.enter(api, 0);
      try {
        this.kernels = LoadedKernels.load(api, 0, new KernelCompiler());
      } catch (NativeException e) {
        context.close();
        throw e;
      }
    }

    @Override
    public long place(MemorySegment bytes, int offset, int guard) {
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment out = arena.allocate(JAVA_LONG);
        check(api.cuMemAlloc_v2(out, bytes.byteSize() + offset), "cuMemAlloc_v2");
        long address = out.get(JAVA_LONG, 0);
        places.add(address);
        check(api.cuMemcpyHtoD_v2(address + offset, bytes, bytes.byteSize()), "cuMemcpyHtoD_v2");
        return address + offset;
      }
    }

    private void check(int status, String function) {
      CudaStatus.check(api, status, function, "");
    }

    @Override
    public void run(KernelCall call) {
      kernels.launch(call, 0);
      CudaStatus.check(api, api.cuCtxSynchronize(), "cuCtxSynchronize", call.toString());
    }

    @Override
    public void fetch(long address, MemorySegment into) {
      check(api.cuMemcpyDtoH_v2(into, address, into.byteSize()), "cuMemcpyDtoH_v2");
    }

    @Override
    public void clear() {
      places.forEach(place -> check(api.cuMemFree_v2(place), "cuMemFree_v2"));
      places.clear();
    }

    @Override
    public void close() {
      // A device that a kernel lost frees nothing any more, and the test has failed already.
      places.forEach(api::cuMemFree_v2);
      kernels.close();
      context.close();
    }
  }
}
