package dev.sluice.bindings.cuda;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.BeforeAll;

/** The contract on this machine's driver, through the JavaCPP presets. */
class JavaCppCudaContractIT extends CudaApiContract {
  private static CudaApi driver;

  @BeforeAll
  static void load() throws ReflectiveOperationException {
    // The presets must not be loaded before a driver has answered.
    RealGpu.driver();
    driver = JavaCppCudaApi.load();
  }

  @Override
  protected CudaApi api() {
    return driver;
  }

  @Override
  protected String image() {
    return FILL_PTX;
  }

  /** The presets cannot ask for the number of nodes alone. */
  @Override
  protected long countNodes(long graph) {
    MemorySegment count = arena.allocateFrom(ValueLayout.JAVA_LONG, 16L);
    is(CudaStatus.SUCCESS, api().cuGraphGetNodes(graph, arena.allocate(16 * 8, 8), count));
    return count.get(ValueLayout.JAVA_LONG, 0);
  }
}
