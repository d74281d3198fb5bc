package dev.sluice.engine.plan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.bindings.tensorrt.TensorRtApi.HardwareCompatibilityLevel;
import dev.sluice.bindings.tensorrt.TensorRtApi.Initializer;
import dev.sluice.bindings.tensorrt.TensorRtApi.ParserError;
import dev.sluice.bindings.tensorrt.TensorRtException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PlanBuilderTest {
  private static final PlanWatch QUIET = (_, _, _) -> {};

  @TempDir Path folder;

  private final ScriptedTensorRt api = new ScriptedTensorRt();
  private final PlanBuilder builder = new PlanBuilder(api);
  private String before;
  private Path file;

  @BeforeEach
  void useOwnCache() {
    before = PlanTests.useCache(folder.resolve("cache"));
    file = folder.resolve("a.plan");
  }

  @AfterEach
  void everythingIsClosed() {
    System.setProperty("sluice.cache", before);
    assertThat(api.open).hasValue(0);
  }

  private void leavesNothing() throws IOException {
    try (Stream<Path> left = Files.walk(folder)) {
      assertThat(left.filter(Files::isRegularFile)).isEmpty();
    }
  }

  @Test
  void buildsWhatTheKeySays() throws Exception {
    PlanOptions options =
        new PlanOptions(1 << 20, 5, HardwareCompatibilityLevel.AMPERE_PLUS, true, false);
    PlanModel model =
        new PlanModel(
            "tiny",
            Arena.ofAuto().allocate(8),
            List.of(new Initializer("w", Arena.ofAuto().allocate(12))));
    List<String> steps = new ArrayList<>();
    builder.build(
        model,
        PlanTests.key(options),
        (phase, step, count) -> steps.add(phase + " " + step + "/" + count),
        file);
    assertThat(Files.readString(file)).isEqualTo("plan 1\0");
    assertThat(api.calls)
        .containsExactly(
            "model native true",
            "initializer w 12 native true",
            "workspace 1048576",
            "level 5",
            "compatibility AMPERE_PLUS",
            "verbosity DETAILED",
            "set REFIT",
            "clear TF32",
            "x MIN [1, 3]",
            "x OPT [8, 3]",
            "x MAX [8, 3]",
            "timings ''");
    assertThat(steps)
        .containsExactly(
            "parse 0/1", "parse 1/1", "tactics 0/2", "tactics 1/2", "write 0/1", "write 1/1");
  }

  @Test
  void keepsTimingsBetweenBuilds() throws Exception {
    for (int i = 0; i < 3; i++) {
      builder.build(PlanTests.model(), PlanTests.key(), QUIET, file);
    }
    assertThat(api.calls).contains("timings ''", "timings 't'", "timings 'tt'");
  }

  @Test
  void refusedOrDamagedTimingsAreMadeAnew() throws Exception {
    builder.build(PlanTests.model(), PlanTests.key(), QUIET, file);
    Path timings = onlyFile(folder.resolve("cache/timings"));
    api.refusesTimings = true;
    api.calls.clear();
    builder.build(PlanTests.model(), PlanTests.key(), QUIET, file);
    assertThat(api.calls).containsSubsequence("timings 't'", "timings ''");
    byte[] bytes = Files.readAllBytes(timings);
    bytes[bytes.length - 1] ^= 1;
    Files.write(timings, bytes);
    api.calls.clear();
    builder.build(PlanTests.model(), PlanTests.key(), QUIET, file);
    assertThat(api.calls).contains("timings ''").doesNotContain("timings 't'");
  }

  @Test
  void keepsTimingsInAFileAsTheyAre() throws Exception {
    Path timings = folder.resolve("own.timings");
    PlanBuilder own = builder.withTimingCache(timings);
    for (int i = 0; i < 3; i++) {
      own.build(PlanTests.model(), PlanTests.key(), QUIET, file);
    }
    assertThat(api.calls).contains("timings ''", "timings 't'", "timings 'tt'");
    assertThat(timings).hasContent("ttt\0");
    assertThat(folder.resolve("cache")).doesNotExist();
  }

  @Test
  void timingsInAFileThatAreRefusedEndTheBuildAndStay() throws Exception {
    Path timings = Files.writeString(folder.resolve("own.timings"), "of another device\0");
    api.refusesTimings = true;
    PlanBuilder own = builder.withTimingCache(timings);
    assertThatThrownBy(() -> own.build(PlanTests.model(), PlanTests.key(), QUIET, file))
        .isInstanceOf(PlanException.class)
        .hasMessageContaining("own.timings")
        .hasMessageContaining("NVIDIA H100")
        .hasMessageContaining("name another file");
    assertThat(timings).hasContent("of another device\0");
    assertThat(api.builds).hasValue(0);
    assertThat(file).doesNotExist();
  }

  @Test
  void buildsWithoutAFolderForTimings() throws Exception {
    Files.writeString(folder.resolve("cache"), "in the way");
    builder.build(PlanTests.model(), PlanTests.key(), QUIET, file);
    assertThat(file).exists();
  }

  @Test
  void namesAllUnsupportedNodesAtOnce() throws IOException {
    ParserError first = new ParserError("UNSUPPORTED_NODE", "no importer", 3, "n3", "Fancy");
    ParserError second = new ParserError("UNSUPPORTED_NODE_ATTR", "mode 7", 9, "n9", "Resize");
    ParserError lack = new ParserError("INVALID_NODE", "weights are missing", 1, "n1", "Conv");
    api.parseErrors = List.of(first);
    api.allErrors = List.of(lack, first, second);
    assertThatThrownBy(() -> builder.build(PlanTests.model(), PlanTests.key(), QUIET, file))
        .isInstanceOfSatisfying(
            UnsupportedNodesException.class,
            e ->
                assertThat(e.nodes())
                    .extracting(UnsupportedNodesException.Node::name)
                    .containsExactly("n3", "n9"))
        .hasMessageContaining("'n3' (Fancy): UNSUPPORTED_NODE: no importer")
        .hasMessageContaining("'n9' (Resize): UNSUPPORTED_NODE_ATTR: mode 7")
        .hasMessageNotContaining("n1");
    assertThat(api.builds).hasValue(0);
    leavesNothing();
  }

  @Test
  void aParserThatNamesNoNodeIsQuoted() {
    api.parseErrors = List.of(new ParserError("MODEL_DESERIALIZE_FAILED", "not ONNX", -1, "", ""));
    assertThatThrownBy(() -> builder.build(PlanTests.model(), PlanTests.key(), QUIET, file))
        .isInstanceOf(TensorRtException.class)
        .hasMessageContaining("not ONNX");
  }

  @Test
  void profilesAreHeldAgainstTheGraph() throws IOException {
    api.inputs = List.of("y");
    refused("'x', which is no input");
    api.inputs = List.of("x", "y");
    refused("[x] alone");
    api.inputs = List.of("x");
    api.dims = new long[] {-1, 4};
    refused("[1, 3] to [8, 3] for 'x', which is [-1, 4]");
    api.dims = new long[] {-1};
    refused("which is [-1]");
    api.dims = new long[] {-1, 3};
    api.shapeTensor = true;
    refused("decide on shapes");
    api.shapeTensor = false;
    PlanKey none = new PlanKey("a", "b", List.of(), PlanOptions.defaults(), PlanTests.TARGET);
    assertThatThrownBy(() -> builder.build(PlanTests.model(), none, QUIET, file))
        .hasMessageContaining("there is no profile");
    assertThat(api.builds).hasValue(0);
    leavesNothing();
  }

  private void refused(String problem) {
    assertThatThrownBy(() -> builder.build(PlanTests.model(), PlanTests.key(), QUIET, file))
        .isInstanceOf(PlanException.class)
        .hasMessageContaining(problem);
  }

  @Test
  void anInterruptEndsABuildAndLeavesNothing() throws IOException {
    Thread self = Thread.currentThread();
    Thread other = new Thread(self::interrupt);
    api.midway =
        () -> {
          other.start();
          while (!self.isInterrupted()) {
            Thread.onSpinWait();
          }
        };
    assertThatThrownBy(() -> builder.build(PlanTests.model(), PlanTests.key(), QUIET, file))
        .isInstanceOf(PlanCancelledException.class)
        .hasMessageContaining("tiny");
    assertThat(Thread.interrupted()).isTrue();
    assertThat(api.went).isFalse();
    leavesNothing();
  }

  @Test
  void aFlagEndsABuildAndLeavesNothing() throws IOException {
    AtomicBoolean cancelled = new AtomicBoolean();
    api.midway = () -> cancelled.set(true);
    PlanWatch watch =
        new PlanWatch() {
          @Override
          public void step(String phase, int step, int steps) {}

          @Override
          public boolean cancelled() {
            return cancelled.get();
          }
        };
    assertThatThrownBy(() -> builder.build(PlanTests.model(), PlanTests.key(), watch, file))
        .isInstanceOf(PlanCancelledException.class);
    assertThat(api.went).isFalse();
    leavesNothing();
    assertThatThrownBy(() -> builder.build(PlanTests.model(), PlanTests.key(), watch, file))
        .isInstanceOf(PlanCancelledException.class);
    assertThat(api.builds).hasValue(1);
  }

  @Test
  void anInterruptWhileThePlanIsWrittenIsACancel() throws IOException {
    PlanWatch watch =
        (phase, _, _) -> {
          if (phase.equals("write")) {
            Thread.currentThread().interrupt();
          }
        };
    assertThatThrownBy(() -> builder.build(PlanTests.model(), PlanTests.key(), watch, file))
        .isInstanceOf(PlanCancelledException.class);
    assertThat(Thread.interrupted()).isTrue();
    leavesNothing();
  }

  @Test
  void whatAWatchThrowsComesOut() throws IOException {
    PlanWatch watch =
        (phase, _, _) -> {
          if (phase.equals("tactics")) {
            throw new IllegalStateException("enough");
          }
        };
    assertThatThrownBy(() -> builder.build(PlanTests.model(), PlanTests.key(), watch, file))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("enough");
    assertThat(api.went).isFalse();
    leavesNothing();
  }

  @Test
  void aFailedBuildQuotesTensorRt() throws IOException {
    api.buildFails = true;
    assertThatThrownBy(() -> builder.build(PlanTests.model(), PlanTests.key(), QUIET, file))
        .isInstanceOf(TensorRtException.class)
        .hasMessageContaining("buildSerializedNetwork")
        .hasMessageContaining("no kernel for layer 7");
    leavesNothing();
  }

  static Path onlyFile(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      List<Path> all = files.toList();
      assertThat(all).hasSize(1);
      return all.getFirst();
    }
  }
}
