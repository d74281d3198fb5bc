package dev.sluice.kernels;

import dev.sluice.bindings.cuda.CudaApi;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;

/** Something that stages are launched on; here, because the kernels' tests keep theirs to them. */
public interface StageMachine extends AutoCloseable {
  /** The kernels' sources compiled for the host; skips the test where there is no g++. */
  static Host compile(Path folder, Arena library) throws IOException, InterruptedException {
    HostMachine.Library compiled = HostMachine.compile(HostMachine.SOURCES, folder, library);
    return () -> of(new HostMachine(compiled));
  }

  /** The host in the place of a GPU, with what {@link #compile} made. */
  static StageMachine host(Host compiled) {
    return compiled.open();
  }

  /** The kernels' sources, compiled for the host. */
  interface Host {
    /** Places for another test. */
    StageMachine open();
  }

  /** This machine's GPU, with kernels that its NVRTC compiled. */
  static StageMachine gpu(CudaApi driver) {
    return of(new KernelsIT.Gpu(driver));
  }

  private static StageMachine of(KernelMachine machine) {
    return new StageMachine() {
      @Override
      public long place(MemorySegment bytes) {
        return machine.place(bytes, 0, 0);
      }

      @Override
      public void run(KernelCall call) {
        machine.run(call);
      }

      @Override
      public void fetch(long address, MemorySegment into) {
        machine.fetch(address, into);
      }

      @Override
      public void close() {
        machine.close();
      }
    };
  }

  /** Copies bytes to a place of the machine's. */
  long place(MemorySegment bytes);

  /** Runs a kernel to its end. */
  void run(KernelCall call);

  /** Copies bytes back. */
  void fetch(long address, MemorySegment into);

  @Override
  void close();
}
