package dev.sluice.engine.batch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.openjdk.jcstress.Main;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.infra.Status;
import org.openjdk.jcstress.infra.collectors.DiskReadCollector;
import org.openjdk.jcstress.infra.collectors.InProcessCollector;
import org.openjdk.jcstress.infra.collectors.TestResult;
import org.openjdk.jcstress.infra.grading.ReportUtils;
import org.openjdk.jcstress.infra.runners.TestList;

/**
 * Runs the JCStress tests of the claim protocol: the {@code *Stress} classes of this package. One
 * that shows a forbidden outcome fails the build, and so does a {@code Broken...} variant that
 * shows none.
 *
 * <p>{@code sluice.effort} multiplies the time. The harness runs in a JVM of its own, as it forks
 * one per test.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class ClaimProtocolStressTest {
  /** Two threads must really run at once. */
  private static final int PROCESSORS = 2;

  private static final int ITERATIONS = 3;
  private static final int ITERATION_MS = 150;

  /** A variant that shows its fault too rarely for one run, on a busy machine, gets longer ones. */
  private static final int BROKEN_TRIES = 4;

  private static final Duration LONGEST = Duration.ofMinutes(10);

  @TempDir private static Path results;

  @BeforeAll
  static void needsProcessors() {
    int processors = Runtime.getRuntime().availableProcessors();
    assumeTrue(processors >= PROCESSORS, "stress tests need two processors, not " + processors);
  }

  @Test
  void theProtocolShowsNoForbiddenOutcome() throws Exception {
    List<TestResult> found = run(ofKind(false), effort());
    for (TestResult result : found) {
      assertThat(forbidden(result)).as(() -> report(result)).isZero();
    }
  }

  @Test
  void everyBrokenVariantShowsAForbiddenOutcome() throws Exception {
    Set<String> left = ofKind(true);
    for (int i = 0; i < BROKEN_TRIES && !left.isEmpty(); i++) {
      for (TestResult result : run(left, effort() << (2 * i))) {
        if (forbidden(result) > 0) {
          left.remove(result.getName());
        }
      }
    }
    assertThat(left).as("broken variants that the tests did not catch").isEmpty();
  }

  private static int effort() {
    return Math.max(1, Integer.getInteger("sluice.effort", 1));
  }

  private static Set<String> ofKind(boolean broken) {
    return TestList.tests().stream()
        .filter(name -> name.substring(name.lastIndexOf('.') + 1).startsWith("Broken") == broken)
        .collect(Collectors.toCollection(TreeSet::new));
  }

  /** Runs these tests in another JVM; one result each. */
  private static List<TestResult> run(Set<String> tests, int effort) throws Exception {
    Path folder = Files.createTempDirectory(results, "run");
    Path log = folder.resolve("log.txt");
    long startNs = System.nanoTime();
    Process process =
        new ProcessBuilder(command(tests, ITERATION_MS * effort))
            .directory(folder.toFile())
            .redirectErrorStream(true)
            .redirectOutput(log.toFile())
            .start();
    try {
      assertThat(process.waitFor(LONGEST.toSeconds() * effort, TimeUnit.SECONDS))
          .as("the harness ended in time")
          .isTrue();
    } finally {
      process.descendants().forEach(ProcessHandle::destroyForcibly);
      process.destroyForcibly();
    }
    List<TestResult> found = ReportUtils.mergedByName(read(folder, log));
    print(found, System.nanoTime() - startNs);
    assertThat(found)
        .as(() -> "every test was run; the harness said:\n" + text(log))
        .extracting(TestResult::getName)
        .containsExactlyInAnyOrderElementsOf(tests);
    for (TestResult result : found) {
      assertThat(result.status()).as(() -> report(result)).isEqualTo(Status.NORMAL);
    }
    return found;
  }

  private static List<String> command(Set<String> tests, int iterationMs) {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("-cp", System.getProperty("java.class.path")));
    command.add("--sun-misc-unsafe-memory-access=allow");
    command.add(Main.class.getName());
    command.addAll(List.of("-t", "^(" + String.join("|", tests).replace(".", "\\.") + ")$"));
    command.addAll(List.of("-jvmArgs", "-XX:+UseSerialGC"));
    command.addAll(List.of("-sc", "false", "-f", "1", "-iters", Integer.toString(ITERATIONS)));
    command.addAll(List.of("-time", Integer.toString(iterationMs), "-af", "NONE", "-r", "report"));
    return command;
  }

  private static Collection<TestResult> read(Path folder, Path log) throws Exception {
    InProcessCollector collector = new InProcessCollector();
    try (var files = Files.newDirectoryStream(folder, "jcstress-results-*.bin.gz")) {
      for (Path file : files) {
        DiskReadCollector reader = new DiskReadCollector(file.toString(), collector);
        reader.dump();
        reader.close();
      }
    }
    assertThat(collector.getTestResults())
        .as(() -> "the harness left results; it said:\n" + text(log))
        .isNotEmpty();
    return collector.getTestResults();
  }

  private static long forbidden(TestResult result) {
    return result.grading().gradingResults.values().stream()
        .filter(outcome -> outcome.expect == Expect.FORBIDDEN)
        .mapToLong(outcome -> outcome.count)
        .sum();
  }

  private static void print(List<TestResult> found, long tookNs) {
    found.forEach(result -> System.out.println(report(result)));
    System.out.printf(
        "claim protocol: %d stress tests, %,d samples, %.1f s%n",
        found.size(),
        found.stream().mapToLong(TestResult::getTotalCount).sum(),
        Duration.ofNanos(tookNs).toMillis() / 1e3);
  }

  private static String report(TestResult result) {
    StringBuilder text = new StringBuilder();
    text.append(result.getName().replaceFirst("^.*\\.batch\\.", "")).append(':');
    if (result.status() != Status.NORMAL) {
      text.append(' ').append(result.status()).append(' ').append(result.getMessages());
      text.append(result.getVmErr());
    }
    result
        .grading()
        .gradingResults
        .values()
        .forEach(outcome -> {
          if (outcome.count > 0) {
            text.append(" (").append(outcome.id).append(") ").append(outcome.count);
            text.append(outcome.expect == Expect.FORBIDDEN ? " forbidden" : "");
          }
        });
    return text.toString();
  }

  private static String text(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      return "nothing that could be read: " + e;
    }
  }
}
