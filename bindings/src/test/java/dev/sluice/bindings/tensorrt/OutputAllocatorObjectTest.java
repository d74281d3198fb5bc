package dev.sluice.bindings.tensorrt;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** C++ calls the object as one of a class that is declared as TensorRT 11 declares it. */
class OutputAllocatorObjectTest {
  private static final String SOURCE =
      """
      using cudaStream_t = struct CUstream_st *;
      namespace nvinfer1 {
      class Dims64 { public: static constexpr int32_t MAX_DIMS{8}; int32_t nbDims; int64_t d[MAX_DIMS]; };
      namespace v_1_0 {
      class IOutputAllocator : public IVersionedInterface {
      public:
        InterfaceInfo getInterfaceInfo() const noexcept override { return {"C++", 7, 7}; }
        virtual void *reallocateOutput(char const *, void *, uint64_t, uint64_t) noexcept {
          return nullptr;
        }
        virtual void *reallocateOutputAsync(
            char const *name, void *memory, uint64_t size, uint64_t alignment, cudaStream_t) {
          return reallocateOutput(name, memory, size, alignment);
        }
        virtual void notifyShape(char const *name, Dims64 const &dims) noexcept = 0;
      };
      }
      }
      using Allocator = nvinfer1::v_1_0::IOutputAllocator;
      extern "C" int run(Allocator *a, int async, int rank, uint64_t *address) {
        void *now = (void *) 0x100;
        void *got = async
            ? a->reallocateOutputAsync("y", now, 1ull << 40, 256, (cudaStream_t) 0x77)
            : a->reallocateOutput("y", now, 1ull << 40, 256);
        *address = (uint64_t) got;
        if (!got) return 0;
        nvinfer1::Dims64 dims{rank, {}};
        for (int i = 0; i < rank && i < 8; i++) dims.d[i] = (1ll << 33) + i;
        a->notifyShape("y", dims);
        return 1;
      }
      """;

  @TempDir private static Path folder;

  private static CxxCaller cxx;

  private final List<String> heard = new ArrayList<>();
  private final List<String> errors = new ArrayList<>();

  @BeforeAll
  static void compile() throws IOException, InterruptedException {
    cxx = new CxxCaller(folder, SOURCE);
  }

  private static MethodHandle run() {
    return cxx.function("run", JAVA_LONG, JAVA_INT, JAVA_INT, ADDRESS);
  }

  /** The address that C++ got. */
  private static long run(OutputAllocatorObject object, boolean async, int rank) throws Throwable {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment address = arena.allocate(JAVA_LONG);
      int found = (int) run().invokeExact(object.address(), async ? 1 : 0, rank, address);
      long got = address.get(JAVA_LONG, 0);
      assertThat(found != 0).isEqualTo(got != 0);
      return got;
    }
  }

  private OutputAllocatorObject object(TensorRtApi.OutputAllocator allocator) {
    return new OutputAllocatorObject("y", allocator, errors::add);
  }

  /** Notes what it hears. */
  private final class Noting implements TensorRtApi.OutputAllocator {
    @Override
    public long reallocate(long currentAddress, long sizeBytes, long alignment, long stream) {
      heard.add(currentAddress + " " + sizeBytes + " " + alignment + " " + stream);
      return 0x7000_0000_0000L;
    }

    @Override
    public void notifyShape(long... dims) {
      heard.add(Arrays.toString(dims));
    }
  }

  @Test
  void findsMemoryAndHearsTheShape() throws Throwable {
    try (OutputAllocatorObject object = object(new Noting())) {
      assertThat(run(object, true, 2)).isEqualTo(0x7000_0000_0000L);
      assertThat(run(object, false, 0)).isEqualTo(0x7000_0000_0000L);
      assertThat(run(object, true, 8)).isEqualTo(0x7000_0000_0000L);
      assertThat(object.hasFailed()).isFalse();
    }
    assertThat(heard.subList(0, 4))
        .containsExactly(
            "256 1099511627776 256 119",
            "[8589934592, 8589934593]",
            "256 1099511627776 256 0",
            "[]");
    assertThat(heard.getLast()).endsWith("8589934598, 8589934599]");
    assertThat(errors).isEmpty();
  }

  @Test
  void tellsWhichInterfaceItIsAndItsDestructorsLeaveItWhole() throws Throwable {
    try (OutputAllocatorObject object = object(new Noting())) {
      assertThat(cxx.call("language", object)).isZero();
      assertThat(cxx.version(object)).isEqualTo("IOutputAllocator 100");
      assertThat(cxx.call("destroy", object)).isEqualTo(1);
      assertThat(run(object, true, 1)).isNotZero();
    }
  }

  @Test
  void anAllocatorThatFailsIsToldOnceAndEndsNoProcess() throws Throwable {
    TensorRtApi.OutputAllocator failing =
        new TensorRtApi.OutputAllocator() {
          @Override
          public long reallocate(long current, long sizeBytes, long alignment, long stream) {
            if (stream == 0) {
              throw new IllegalStateException("no memory, says a test");
            }
            return 0x200;
          }

          @Override
          public void notifyShape(long... dims) {
            throw new IllegalStateException("no shape, says a test");
          }
        };
    try (OutputAllocatorObject object = object(failing)) {
      assertThat(run(object, false, 1)).isZero();
      assertThat(object.hasFailed()).isTrue();
      assertThat(object.hasFailed()).isFalse();
      assertThat(run(object, true, 1)).isEqualTo(0x200);
      assertThat(object.hasFailed()).isTrue();
      assertThat(run(object, true, -1)).isEqualTo(0x200);
      assertThat(object.hasFailed()).isTrue();
    }
    assertThat(errors).hasSize(3);
    assertThat(errors.get(0)).contains("output y failed in reallocate", "no memory, says a test");
    assertThat(errors.get(1)).contains("output y failed in notifyShape", "no shape, says a test");
    assertThat(errors.get(2)).contains("a shape of -1 dimensions");
  }

  /** Sums what it hears. */
  private static final class Summing implements TensorRtApi.OutputAllocator {
    long sum;

    @Override
    public long reallocate(long currentAddress, long sizeBytes, long alignment, long stream) {
      return currentAddress;
    }

    @Override
    public void notifyShape(long... dims) {
      sum += dims[0];
    }
  }

  @Test
  void aCallMakesNoObject() throws Throwable {
    Summing summing = new Summing();
    MethodHandle run = run();
    try (Arena arena = Arena.ofConfined();
        OutputAllocatorObject object = object(summing)) {
      MemorySegment address = arena.allocate(JAVA_LONG);
      ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
      long taken = Long.MAX_VALUE;
      for (int round = 0; round < 20 && taken > 0; round++) {
        long before = threads.getCurrentThreadAllocatedBytes();
        for (int i = 0; i < 10_000; i++) {
          int done = (int) run.invokeExact(object.address(), 1, 3, address);
          summing.sum -= done;
        }
        taken = threads.getCurrentThreadAllocatedBytes() - before;
      }
      assertThat(taken).isZero();
      assertThat(summing.sum).isPositive();
    }
  }
}
