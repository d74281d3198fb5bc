package dev.sluice.bench.gpu;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The script {@code .ci/gpu}, over a Java whose answers are written in this test. */
class GpuKitTest {
  private static final String NO_GPU = "skipped, no GPU: no driver; install one";
  private static final List<String> CLASSES = List.of("a.OneIT", "a.TwoIT", "b.ThreeIT");

  @TempDir private Path folder;
  private Path root;
  private Path answers;
  private Path python;

  private record Run(int status, String output, String table) {}

  @BeforeEach
  void fakeARuntime() throws IOException {
    root = Files.createDirectories(folder.resolve("root"));
    Path script = Path.of(System.getProperty("sluice.root", ".."), ".ci", "gpu");
    Files.copy(script, Files.createDirectories(root.resolve(".ci")).resolve("gpu"));
    Path app = Files.createDirectories(root.resolve(".gpu/app/tests"));
    Files.write(app.resolveSibling("tests.txt"), CLASSES);
    Files.writeString(app.resolveSibling("commit.txt"), "abc1234\n");
    answers = Files.createDirectories(folder.resolve("answers"));
    Path java = Files.createDirectories(folder.resolve("runtime/jre/bin")).resolve("java");
    // Finds out which part is asked for, and does what this test wrote for it.
    Files.writeString(
        java,
        """
        #!/usr/bin/env bash
        name=version
        for word in "$@"; do
          case $word in
            --select-*=*) name=${word#*=} ;;
            *GpuProbe) name=probe ;;
            doctor) name=doctor ;;
            *KernelBandwidth) name=bench ;;
            *SideBySide) name=table ;;
            -Dsluice.checked=*) checked=${word#*=} ;;
          esac
        done
        CHECKED=$checked exec bash "%s/$name"
        """
            .formatted(answers));
    // No PyTorch, whatever this machine has.
    python = Files.createDirectories(folder.resolve("bin")).resolve("python3");
    python("exit 1");
    assertThat(java.toFile().setExecutable(true)).isTrue();
    answer("version", "echo; echo 'Runtime 25'");
    answer("probe", "echo 'VERDICT loads: yes'");
    answer("doctor", "echo 'cuda: the machine has what it takes'");
    answer("bench", "echo '3 kernels right, 0 below their bar'");
    answer("table", "echo \"  batch  1 checked=$CHECKED  ok\"; echo '  64 callers  ok'");
    for (String name : CLASSES) {
      answer(name, summary(3, 0));
    }
  }

  private void answer(String part, String script) throws IOException {
    Files.writeString(answers.resolve(part), script + "\n");
  }

  private void python(String script) throws IOException {
    Files.writeString(python, "#!/usr/bin/env bash\n" + script + "\n");
    assertThat(python.toFile().setExecutable(true)).isTrue();
  }

  private static String summary(int successful, int failed) {
    return Stream.of("successful " + successful, "failed " + failed, "aborted 0", "skipped 0")
            .map(text -> text.split(" "))
            .map(pair -> "printf '[%10s tests " + pair[0] + " ]\\n' " + pair[1])
            .reduce("", (all, line) -> all + line + "\n")
        + (failed > 0 ? "exit 1" : "");
  }

  private Run run(Map<String, String> settings, String... parts)
      throws IOException, InterruptedException {
    List<String> command = new ArrayList<>(List.of("bash", root.resolve(".ci/gpu").toString()));
    command.add(folder.resolve("runtime").toString());
    command.addAll(List.of(parts));
    ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
    Path results = folder.resolve("results");
    builder.environment().put("OUT", results.toString());
    builder.environment().put("PATH", python.getParent() + ":" + System.getenv("PATH"));
    builder.environment().putAll(settings);
    Process process = builder.start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    Path table = results.resolve("table.txt");
    int status = process.waitFor();
    return new Run(status, output, Files.exists(table) ? Files.readString(table) : "");
  }

  private Run run(String... parts) throws IOException, InterruptedException {
    return run(Map.of(), parts);
  }

  @Test
  void everythingRunsAndTheTableSaysWhatItBelongsTo() throws Exception {
    answer("b.ThreeIT", "echo 'Result[name=cuLaunchKernel, ratio=1.01]'\n" + summary(1, 0));
    Run run = run();
    assertThat(run.status()).as(run.output()).isZero();
    assertThat(run.table().lines().map(line -> line.replaceAll(" +", " ")))
        .contains(
            "commit abc1234",
            "java Runtime 25",
            "probe ok 1 verdicts",
            " VERDICT loads: yes",
            "doctor ok cuda: the machine has what it takes",
            "OneIT ok 3 passed, 0 failed, 0 aborted, 0 skipped",
            "ThreeIT ok 1 passed, 0 failed, 0 aborted, 0 skipped",
            " Result[name=cuLaunchKernel, ratio=1.01]",
            "KernelBandwidth ok 3 kernels right, 0 below their bar",
            "table-resnet50 ok 2 lines ok, 0 missed",
            "table-bert-base ok 2 lines ok, 0 missed",
            " batch 1 checked=false ok",
            "torch skipped no python3 with PyTorch that sees a GPU");
    assertThat(folder.resolve("results"))
        .isDirectoryContaining("glob:**/log.txt")
        .isDirectoryContaining("glob:**/table.txt");
    try (Stream<Path> files = Files.list(folder.resolve("results"))) {
      assertThat(files).hasSize(2);
    }
    assertThat(folder.resolve("results/log.txt"))
        .content()
        .contains("==== probe, exit status 0", "==== KernelBandwidth, exit status 0");
  }

  @Test
  void withoutAGpuAllIsSkippedWithTheReason() throws Exception {
    answer("probe", "echo 'No GPU to probe: no driver. To change that: install one'");
    answer("bench", "echo '" + NO_GPU + "'");
    answer("table", "echo '" + NO_GPU + "'");
    for (String name : CLASSES) {
      answer(name, "echo '" + NO_GPU + "'\n" + summary(0, 0));
    }
    Run run = run();
    assertThat(run.status()).as(run.output()).isZero();
    assertThat(run.table().lines().filter(line -> line.contains(" skipped "))).hasSize(9);
    assertThat(run.table()).contains("OneIT").contains(NO_GPU);
  }

  @Test
  void whatIsMissingBesideAGpuIsNoReasonToSkip() throws Exception {
    answer("a.OneIT", "echo 'skipped: no gcc'\n" + summary(0, 0));
    Run run = run("*IT");
    assertThat(run.status()).isEqualTo(1);
    assertThat(run.table()).containsPattern("OneIT +NOT RUN +skipped: no gcc");
  }

  @Test
  void aFailureIsAskedOnceMoreAloneAndTheOthersGoOn() throws Exception {
    answer("a.TwoIT", "echo '|   +-- breaks() [X] CUDA_ERROR_ILLEGAL_ADDRESS'\n" + summary(2, 1));
    answer("a.TwoIT#breaks", summary(1, 0));
    Run run = run("*IT");
    assertThat(run.status()).isEqualTo(1);
    assertThat(run.table())
        .containsPattern("TwoIT +FAILED +2 passed, 1 failed")
        .containsPattern("TwoIT.breaks +ok +1 passed")
        .containsPattern("ThreeIT +ok");
  }

  @Test
  void aProbeADoctorOrABenchmarkMayFail() throws Exception {
    for (String part : new String[] {"probe", "doctor", "bench"}) {
      answer(part, "echo broken; exit 1");
      Run run = run(part);
      assertThat(run.status()).as(part).isEqualTo(1);
      assertThat(run.table()).as(part).containsPattern(" FAILED ");
    }
  }

  @Test
  void aMissedBarOfTheTableFailsAndStandsInIt() throws Exception {
    answer("table", "echo '  batch  1 ratio 1.2  MISSED'; exit 1");
    Run run = run("table");
    assertThat(run.status()).isEqualTo(1);
    assertThat(run.table())
        .containsPattern("table-mobilenetv2 +FAILED +0 lines ok, 1 missed")
        .contains("  batch  1 ratio 1.2  MISSED");
  }

  @Test
  void pyTorchIsMeasuredWhereItSeesAGpu() throws Exception {
    python(
        "[[ $1 == -c ]] && exit 0; echo '{\"model\": \"m\", \"device_us\": 5}'; echo \"$@\" >&2");
    Run run = run("torch");
    assertThat(run.status()).as(run.output()).isZero();
    assertThat(run.table())
        .containsPattern("torch +ok +1 measured, 0 left out")
        .contains("  {\"model\": \"m\", \"device_us\": 5}");
    assertThat(run.output()).contains("torch_peer.py --seconds 480");
    python("[[ $1 == -c ]] && exit 0; exit 1");
    assertThat(run("torch").status()).isEqualTo(1);
  }

  @Test
  void aRunThatEndsWithoutASummaryFailed() throws Exception {
    answer("a.OneIT", "echo 'half a line'");
    Run run = run("OneIT");
    assertThat(run.status()).isEqualTo(1);
    assertThat(run.table()).containsPattern("OneIT +FAILED +no passed");
  }

  @Test
  void aHangEndsAndIsNamed() throws Exception {
    answer("a.OneIT", "exec sleep 60");
    Run run = run(Map.of("GPU_PART_SECONDS", "1"), "OneIT");
    assertThat(run.status()).isEqualTo(1);
    assertThat(folder.resolve("results/log.txt")).content().contains("OneIT ran past 1 s");
  }

  @Test
  void nothingStartsAfterTheTimeIsUp() throws Exception {
    Run run = run(Map.of("GPU_SECONDS", "0"));
    assertThat(run.status()).isEqualTo(1);
    assertThat(run.table().lines().filter(line -> line.contains("NOT RUN"))).hasSize(10);
  }

  @Test
  void aPartThatDoesNotExistIsWrongUsage() throws Exception {
    Run run = run("OneTest");
    assertThat(run.status()).isEqualTo(2);
    assertThat(run.output()).contains("no part and no test class is named 'OneTest'");
  }
}
