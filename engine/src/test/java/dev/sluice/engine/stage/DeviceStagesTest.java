package dev.sluice.engine.stage;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.bindings.ElementType;
import dev.sluice.bindings.sim.SimulatedCuda;
import dev.sluice.engine.Shape;
import dev.sluice.engine.Signature;
import dev.sluice.engine.TensorSpec;
import dev.sluice.kernels.Kernel;
import dev.sluice.kernels.KernelCall;
import dev.sluice.kernels.SimulatedKernels;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A stage on the host and its launch on the simulated device leave the same bytes. */
class DeviceStagesTest {
  private static final long SEED = Long.getLong("sluice.seed", 20261124L);

  /** Memory, a module with every kernel, and a stream on a simulated device. */
  private static final class Device implements AutoCloseable {
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

    long copyOf(MemorySegment host) {
      long address = allocate(host.byteSize());
      done(api.cuMemcpyHtoD_v2(address, host, host.byteSize()));
      return address;
    }

    void launch(KernelCall call) {
      MemorySegment name = arena.allocateFrom(call.kernel().function());
      done(api.cuModuleGetFunction(out, module, name));
      done(call.launch(api, out.get(ValueLayout.JAVA_LONG, 0), stream));
      done(api.cuStreamSynchronize(stream));
    }

    byte[] fetch(long address, long sizeBytes) {
      MemorySegment host = arena.allocate(sizeBytes);
      done(api.cuMemcpyDtoH_v2(host, address, sizeBytes));
      return host.toArray(ValueLayout.JAVA_BYTE);
    }

    @Override
    public void close() {
      assertThat(api.failures()).isEmpty();
      api.close();
      arena.close();
    }
  }

  private static StagePlan plan(String input, ElementType type, int channels, String output) {
    TensorSpec x = new TensorSpec("x", type, Shape.of(-1, channels, 13, 9));
    TensorSpec y = new TensorSpec("y", type, Shape.of(-1, 41));
    return StagePlan.of(
        new Signature(List.of(x), List.of(y)),
        true,
        List.of(
            InputStageSpec.parse(input).resolve(x),
            OutputStageSpec.parse(output).resolve(y, Shape.of(1, 41))));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "x=u8,letterbox=13x9,max=32x32,mean=0.485:0.456:0.406,std=0.229:0.224:0.225|FLOAT|3",
        "x=u8,resize=13x9,max=32x32,scale=1,mean=104:117:123,order=bgr|FLOAT16|3",
        "x=u8,letterbox=13x9,size=31x17,fill=3|FLOAT|1",
        "x=u8,order=bgr|FLOAT16|3",
      })
  void imagesAreTheSameBytes(String text, ElementType type, int channels) {
    Random random = new Random(SEED);
    InputStep step = plan(text, type, channels, "y=argmax").inputs().getFirst();
    int count = 7;
    try (Device device = new Device();
        KernelCall call = new KernelCall(3);
        Arena arena = Arena.ofConfined()) {
      byte[] pixels = new byte[count * step.stage().capacityBytes()];
      random.nextBytes(pixels);
      MemorySegment images = arena.allocateFrom(ValueLayout.JAVA_BYTE, pixels);
      MemorySegment sizes = null;
      if (step.sizes() >= 0) {
        sizes = arena.allocate(8L * count, 8);
        for (int i = 0; i < count; i++) {
          int height = 1 + random.nextInt(40);
          // The last two have garbage for a size.
          sizes.setAtIndex(ValueLayout.JAVA_INT, 2L * i, i < 5 ? height : random.nextInt());
          int width = i < 5 ? 1 + random.nextInt(1024 / height) : -1;
          sizes.setAtIndex(ValueLayout.JAVA_INT, 2L * i + 1, width);
        }
      }
      long bytes = type.byteSize((long) count * channels * 13 * 9);
      MemorySegment onHost = arena.allocate(bytes, 64);
      step.run(images, sizes, onHost, count);
      long target = device.allocate(bytes);
      step.prepare(
          call, device.copyOf(images), sizes == null ? 0 : device.copyOf(sizes), target, count);
      device.launch(call);
      assertThat(device.fetch(target, bytes))
          .as("seed %d", SEED)
          .isEqualTo(onHost.toArray(ValueLayout.JAVA_BYTE));
    }
  }

  @ParameterizedTest
  @CsvSource({"y=softmax_topk:5,FLOAT", "y=softmax_topk:5,FLOAT16", "y=argmax,FLOAT"})
  void bestScoresAreTheSameBytes(String text, ElementType type) {
    Random random = new Random(SEED);
    OutputStep step = plan("x=u8", type, 3, text).outputs().getFirst();
    int rows = 6;
    try (Device device = new Device();
        KernelCall call = new KernelCall(3);
        Arena arena = Arena.ofConfined()) {
      MemorySegment scores = arena.allocate(type.byteSize(rows * 41L), 64);
      for (int i = 0; i < rows * 41; i++) {
        float score = (float) random.nextGaussian() * 5;
        if (type == ElementType.FLOAT) {
          scores.setAtIndex(ValueLayout.JAVA_FLOAT, i, score);
        } else {
          scores.setAtIndex(ValueLayout.JAVA_SHORT, i, Float.floatToFloat16(score));
        }
      }
      long bytes = 4L * rows * step.stage().k();
      MemorySegment values = arena.allocate(bytes, 64);
      MemorySegment indices = arena.allocate(bytes, 64);
      step.run(scores, values, indices, rows);
      long best = device.allocate(bytes);
      long places = device.allocate(bytes);
      step.prepare(call, device.copyOf(scores), best, places, rows);
      device.launch(call);
      assertThat(device.fetch(best, bytes)).isEqualTo(values.toArray(ValueLayout.JAVA_BYTE));
      assertThat(device.fetch(places, bytes)).isEqualTo(indices.toArray(ValueLayout.JAVA_BYTE));
    }
  }

  @Test
  void aLaunchThatReadsTooFarIsCaught() {
    InputStep step = plan("x=u8", ElementType.FLOAT, 3, "y=argmax").inputs().getFirst();
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
