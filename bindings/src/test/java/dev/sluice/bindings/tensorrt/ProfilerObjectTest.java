package dev.sluice.bindings.tensorrt;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.bindings.HandleLedger;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** C++ calls the object as one of a class that is declared as TensorRT 11 declares it. */
class ProfilerObjectTest {
  private static final String SOURCE =
      """
      namespace nvinfer1 {
      namespace v_1_0 {
      class IProfiler : public IVersionedInterface {
      public:
        InterfaceInfo getInterfaceInfo() const noexcept override { return {"C++", 7, 7}; }
        virtual void reportLayerTime(char const *layerName, float ms) noexcept = 0;
        ~IProfiler() override = default;
      };
      }
      }
      extern "C" int run(nvinfer1::v_1_0::IProfiler *p, int layers) {
        for (int i = 0; i < layers; i++) {
          char name[] = {'l', 'a', 'y', 'e', 'r', ' ', (char) ('0' + i), 0};
          p->reportLayerTime(name, 0.25f * i);
        }
        return layers;
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

  private static int run(ProfilerObject profiler, int layers) throws Throwable {
    return (int) cxx.function("run", JAVA_LONG, JAVA_INT).invokeExact(profiler.address(), layers);
  }

  @Test
  void hearsEveryLayer() throws Throwable {
    try (ProfilerObject profiler =
        new ProfilerObject((layer, ms) -> heard.add(layer + ": " + ms), errors::add)) {
      assertThat(run(profiler, 3)).isEqualTo(3);
    }
    assertThat(heard).containsExactly("layer 0: 0.0", "layer 1: 0.25", "layer 2: 0.5");
    assertThat(errors).isEmpty();
  }

  @Test
  void tellsWhichInterfaceItIsAndItsDestructorsLeaveItWhole() throws Throwable {
    try (ProfilerObject profiler =
        new ProfilerObject((layer, _) -> heard.add(layer), errors::add)) {
      assertThat(cxx.call("language", profiler)).isZero();
      assertThat(cxx.version(profiler)).isEqualTo("IProfiler 100");
      assertThat(cxx.call("destroy", profiler)).isEqualTo(1);
      assertThat(run(profiler, 1)).isEqualTo(1);
      assertThat(HandleLedger.snapshot().live()).containsEntry("IProfiler", 1L);
    }
    assertThat(heard).containsExactly("layer 0");
    assertThat(HandleLedger.snapshot().live()).doesNotContainKey("IProfiler");
  }

  @Test
  void aProfilerThatFailsEndsNeitherTheReportNorTheProcess() throws Throwable {
    TensorRtApi.Profiler failing =
        (layer, _) -> {
          heard.add(layer);
          throw new IllegalStateException("thrown by a test");
        };
    try (ProfilerObject profiler = new ProfilerObject(failing, errors::add)) {
      assertThat(run(profiler, 2)).isEqualTo(2);
    }
    assertThat(heard).hasSize(2);
    assertThat(errors).hasSize(2).allMatch(error -> error.contains("thrown by a test"));
  }
}
