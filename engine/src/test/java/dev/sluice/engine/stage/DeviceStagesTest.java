package dev.sluice.engine.stage;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.bindings.ElementType;
import dev.sluice.bindings.sim.SimulatedCuda;
import dev.sluice.kernels.Kernel;
import dev.sluice.kernels.KernelCall;
import dev.sluice.kernels.SimulatedKernels;
import dev.sluice.kernels.StageMachine;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;

/**
 * Launches on the simulated device, which runs the same reference as the host: what is held here
 * are the parameters of a launch, and the bounds of all that it touches.
 */
class DeviceStagesTest extends DeviceStagesContract {
  /** Memory, a module with every kernel, and a stream on a simulated device. */
  private static final class Device implements StageMachine {
    private final Arena arena = Arena.ofConfined();
    private final MemorySegment out = arena.allocate(8);
    private final SimulatedCuda api =
        SimulatedCuda.builder()
            .memoryBytes(64 << 20)
            .kernels(SimulatedKernels.all())
            .threaded()
            .build();
    private final long module;
    private final long stream;

    Device() {
      done(api.cuInit(0));
      done(api.cuDevicePrimaryCtxRetain(out, 0));
      done(api.cuCtxSetCurrent(out.get(ValueLayout.JAVA_LONG, 0)));
      StringBuilder image = new StringBuilder("sluice-sim-module\n");
      for (Kernel kernel : Kernel.values()) {
        image.append(kernel.function()).append('\n');
      }
      MemorySegment none = MemorySegment.NULL;
      done(api.cuModuleLoadDataEx(out, arena.allocateFrom(image.toString()), 0, none, none));
      module = out.get(ValueLayout.JAVA_LONG, 0);
      done(api.cuStreamCreateWithPriority(out, 1, 0));
      stream = out.get(ValueLayout.JAVA_LONG, 0);
    }

    private static void done(int status) {
      assertThat(status).isZero();
    }

    long allocate(long sizeBytes) {
      done(api.cuMemAlloc_v2(out, sizeBytes));
      return out.get(ValueLayout.JAVA_LONG, 0);
    }

    @Override
    public long place(MemorySegment host) {
      long address = allocate(host.byteSize());
      done(api.cuMemcpyHtoD_v2(address, host, host.byteSize()));
      return address;
    }

    @Override
    public void run(KernelCall call) {
      MemorySegment name = arena.allocateFrom(call.kernel().function());
      done(api.cuModuleGetFunction(out, module, name));
      done(call.launch(api, out.get(ValueLayout.JAVA_LONG, 0), stream));
      done(api.cuStreamSynchronize(stream));
    }

    @Override
    public void fetch(long address, MemorySegment into) {
      done(api.cuMemcpyDtoH_v2(into, address, into.byteSize()));
    }

    @Override
    public void close() {
      assertThat(api.failures()).isEmpty();
      api.close();
      arena.close();
    }
  }

  @Override
  StageMachine machine() {
    return new Device();
  }

  @Test
  void aLaunchThatReadsTooFarIsCaught() {
    InputStep step = plan("x=u8", ElementType.FLOAT, 3, "y=argmax", 41).inputs().getFirst();
    Device device = new Device();
    try (KernelCall call = new KernelCall(3)) {
      long images = device.allocate(step.stage().capacityBytes());
      step.prepare(call, images, 0, device.allocate(4L * 2 * 3 * 13 * 9), 2);
      MemorySegment name = device.arena.allocateFrom(call.kernel().function());
      assertThat(device.api.cuModuleGetFunction(device.out, device.module, name)).isZero();
      long function = device.out.get(ValueLayout.JAVA_LONG, 0);
      assertThat(call.launch(device.api, function, device.stream)).isZero();
      assertThat(device.api.cuStreamSynchronize(device.stream)).isNotZero();
    } finally {
      device.api.close();
      device.arena.close();
    }
  }
}
