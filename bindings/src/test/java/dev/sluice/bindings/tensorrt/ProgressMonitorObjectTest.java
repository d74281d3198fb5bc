package dev.sluice.bindings.tensorrt;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.bindings.HandleLedger;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** C++ calls the object as one of a class that is declared as TensorRT declares it. */
class ProgressMonitorObjectTest {
  private static final String SOURCE =
      """
      namespace nvinfer1 {
      namespace v_1_0 {
      class IProgressMonitor : public IVersionedInterface {
      public:
        virtual ~IProgressMonitor() noexcept = default;
        InterfaceInfo getInterfaceInfo() const noexcept override { return {"C++", 7, 7}; }
        virtual void phaseStart(char const *phase, char const *parent, int32_t steps) noexcept = 0;
        virtual bool stepComplete(char const *phase, int32_t step) noexcept = 0;
        virtual void phaseFinish(char const *phase) noexcept = 0;
      };
      }
      }
      using Monitor = nvinfer1::v_1_0::IProgressMonitor;
      static int run(Monitor *m) {
        int done = 0;
        m->phaseStart("build", nullptr, 2);
        for (int i = 0; i < 2; i++) {
          m->phaseStart("time kernels", "build", 3);
          for (int k = 0; k < 3; k++) {
            if (!m->stepComplete("time kernels", k)) return done;
            done++;
          }
          m->phaseFinish("time kernels");
          if (!m->stepComplete("build", i)) return done;
          done++;
        }
        m->phaseFinish("build");
        return done;
      }
      extern "C" int build(Monitor *m) { return run(m); }
      extern "C" int build_by_threads(Monitor *m) {
        int a = 0, b = 0;
        std::thread first([&] { a = run(m); }), second([&] { b = run(m); });
        first.join();
        second.join();
        return a + b;
      }
      """;

  @TempDir private static Path folder;

  private static CxxCaller cxx;

  private final List<String> heard = Collections.synchronizedList(new ArrayList<>());

  @BeforeAll
  static void compile() throws IOException, InterruptedException {
    cxx = new CxxCaller(folder, SOURCE);
  }

  private boolean hear(String phase, int step, int steps) {
    heard.add(phase + " " + step + "/" + steps);
    return true;
  }

  @Test
  void hearsEveryStep() throws Throwable {
    try (ProgressMonitorObject monitor = new ProgressMonitorObject(this::hear)) {
      assertThat(cxx.call("build", monitor)).isEqualTo(8);
    }
    List<String> kernels =
        List.of("time kernels 0/3", "time kernels 1/3", "time kernels 2/3", "time kernels 3/3");
    List<String> all = new ArrayList<>(List.of("build 0/2"));
    all.addAll(kernels);
    all.add("build 1/2");
    all.addAll(kernels);
    all.add("build 2/2");
    assertThat(heard).isEqualTo(all);
  }

  @Test
  void hearsThreadsOfCxx() throws Throwable {
    try (ProgressMonitorObject monitor = new ProgressMonitorObject(this::hear)) {
      assertThat(cxx.call("build_by_threads", monitor)).isEqualTo(16);
    }
    assertThat(heard).hasSize(22);
  }

  @Test
  void tellsWhichInterfaceItIs() throws Throwable {
    try (ProgressMonitorObject monitor = new ProgressMonitorObject(this::hear)) {
      assertThat(cxx.call("language", monitor)).isZero();
      assertThat(cxx.version(monitor)).isEqualTo("IProgressMonitor 100");
    }
  }

  @Test
  void anyNoEndsTheBuildAtItsNextStep() throws Throwable {
    TensorRtApi.ProgressMonitor second =
        (phase, step, steps) -> hear(phase, step, steps) && !heard.getLast().contains("2/3");
    try (ProgressMonitorObject monitor = new ProgressMonitorObject(second)) {
      assertThat(cxx.call("build", monitor)).isEqualTo(1);
      assertThat(cxx.call("build", monitor)).isZero();
    }
    assertThat(heard).hasSize(4);
  }

  @Test
  void aNoAtThePhasesBeginEndsItToo() throws Throwable {
    try (ProgressMonitorObject monitor = new ProgressMonitorObject((_, step, _) -> step > 0)) {
      assertThat(cxx.call("build", monitor)).isZero();
    }
  }

  @Test
  void aMonitorThatFailsEndsTheBuildAndNotTheProcess() throws Throwable {
    TensorRtApi.ProgressMonitor failing =
        (_, _, _) -> {
          throw new IllegalStateException("thrown by a test");
        };
    try (ProgressMonitorObject monitor = new ProgressMonitorObject(failing)) {
      assertThat(cxx.call("build", monitor)).isZero();
    }
  }

  @Test
  void itsDestructorsLeaveItWhole() throws Throwable {
    try (ProgressMonitorObject monitor = new ProgressMonitorObject(this::hear)) {
      assertThat(cxx.call("destroy", monitor)).isEqualTo(1);
      assertThat(cxx.call("build", monitor)).isEqualTo(8);
    }
  }

  @Test
  void isCountedUntilItIsClosed() {
    ProgressMonitorObject monitor = new ProgressMonitorObject(this::hear);
    assertThat(HandleLedger.snapshot().live()).containsEntry("IProgressMonitor", 1L);
    monitor.close();
    monitor.close();

    assertThat(HandleLedger.snapshot().live()).doesNotContainKey("IProgressMonitor");
    assertThatThrownBy(monitor::address)
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("IProgressMonitor@");
  }
}
