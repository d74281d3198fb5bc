package dev.sluice.bench.peers;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStreamWriter;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * A {@link PeerWorker} in a process of its own: two copies of a library's thread pools and caches
 * do not meet, and who does not have its turn waits for a line.
 *
 * <p>Not thread-safe.
 */
final class PeerProcess implements AutoCloseable {
  /** Threads of a pool that spin after a run have stopped by then. */
  private static final long REST_MS = 60;

  private static final long LAST_WORDS_S = 20;

  private final Process process;
  private final Writer in;
  private final BufferedReader out;
  private final double[] answers;

  /**
   * Starts it.
   *
   * @param models to open; {@link PeerModel#make} has made them in the folder
   */
  PeerProcess(Subject subject, List<PeerModel> models, Path folder) throws IOException {
    process =
        new ProcessBuilder(
                subject.kind() == Peer.Kind.C
                    ? CProgram.command(models.getFirst(), folder, subject.threads())
                    : java(subject, models, folder))
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    in = new OutputStreamWriter(process.getOutputStream(), StandardCharsets.UTF_8);
    out =
        new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
    answers = numbers(line().replaceFirst("^ready ", ""));
  }

  private static List<String> java(Subject subject, List<PeerModel> models, Path folder) {
    return List.of(
        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
        "--enable-native-access=ALL-UNNAMED",
        "--sun-misc-unsafe-memory-access=allow",
        // DJL would look for newer libraries, and say that it is in use.
        "-Dai.djl.offline=true",
        "-DOPT_OUT_TRACKING=true",
        "-Dslf4j.internal.verbosity=ERROR",
        // What the engine measures of a model belongs to this run of the table.
        "-Dsluice.cache=" + folder.resolve("cache"),
        "-cp",
        System.getProperty("java.class.path"),
        PeerWorker.class.getName(),
        subject.kind().name(),
        Integer.toString(subject.threads()),
        Integer.toString(subject.rows()),
        folder.toString(),
        String.join(",", models.stream().map(PeerModel::name).toList()));
  }

  private String line() throws IOException {
    String line = out.readLine();
    if (line == null) {
      throw new IOException("a peer's process ended; its last words are above");
    }
    return line;
  }

  private static double[] numbers(String line) {
    return Arrays.stream(line.split(" ", -1)).mapToDouble(Double::parseDouble).toArray();
  }

  /** The first number of the first row's answer, of each model. */
  double[] answers() {
    return answers.clone();
  }

  /** The system's number of the process. */
  long pid() {
    return process.pid();
  }

  /** Has its turn, and rests; the numbers that it gave. */
  double[] turn(String words) throws IOException, InterruptedException {
    in.write(words + "\n");
    in.flush();
    double[] numbers = numbers(line());
    Thread.sleep(REST_MS);
    return numbers;
  }

  /** Ends the processes, all of them even where one makes trouble. */
  static void closeAll(List<PeerProcess> processes) throws IOException {
    for (PeerProcess each : processes) {
      each.close();
    }
  }

  @Override
  public void close() throws IOException {
    try (Writer end = in) {
      end.flush();
    } finally {
      try {
        if (!process.waitFor(LAST_WORDS_S, TimeUnit.SECONDS)) {
          process.destroyForcibly();
        }
      } catch (InterruptedException e) {
        process.destroyForcibly();
        Thread.currentThread().interrupt();
      }
    }
  }
}
