package dev.sluice.converter.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.engine.EngineOptions;
import dev.sluice.engine.cuda.GpuLibraries;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;

/** What {@code --device} makes of the engine's options. */
class DeviceOptionTest {
  @TempDir Path cache;

  private static EngineOptions options(
      GpuLibraries.Result gpu, String command, String... arguments) {
    String[] words = Stream.concat(Stream.of(command), Stream.of(arguments)).toArray(String[]::new);
    CommandSpec parsed = Sluice.commandLine(gpu).parseArgs(words).subcommand().commandSpec();
    return ((DeviceOption) parsed.mixins().get("device").userObject()).engine().build();
  }

  @ParameterizedTest
  @CsvSource({"auto, auto", "cpu, cpu", "cuda, cuda:0", "cuda:0, cuda:0", "cuda:012, cuda:12"})
  void aDeviceIsNamedToTheEngine(String given, String engine) {
    for (String command : List.of("run", "bench")) {
      EngineOptions options = options(null, command, "a.sluice", "--device", given);
      assertThat(options.device()).isEqualTo(engine);
      assertThat(options.gpu()).isNull();
    }
    assertThat(
            options(null, "verify", "a", "--against", "b", "--data", "c", "--device=" + given)
                .device())
        .isEqualTo(engine);
  }

  @Test
  void theEngineGetsTheLibrariesThatTheCommandHas() {
    try (SimulatedGpu gpu = new SimulatedGpu(cache)) {
      EngineOptions options = options(gpu.libraries, "run", "a.sluice");
      assertThat(options.device()).isEqualTo("auto");
      assertThat(options.gpu()).isSameAs(gpu.libraries.libraries().orElseThrow());
    }
    assertThat(options(SimulatedGpu.NONE, "run", "a.sluice").gpu()).isNull();
  }

  @ParameterizedTest
  @ValueSource(strings = {"gpu", "cuda:", "cuda:-1", "cuda:x", "cuda:00000", "Cuda", "cuda0", ""})
  void othersAreRefused(String device) {
    assertThatThrownBy(() -> options(null, "run", "a.sluice", "--device=" + device))
        .isInstanceOf(ParameterException.class)
        .hasMessageContaining("say auto, cpu, or cuda:N");
  }
}
