package dev.sluice.converter.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/**
 * The command in a process of its own, with little heap, whose memory is watched.
 *
 * @param output what it printed
 * @param mostMib the most that each kind of its memory took, in MiB, as /proc/PID/status names it
 */
record WatchedCommand(String output, Map<String, Long> mostMib) {
  /** Skips a test where memory can't be watched. */
  static void assumeWatchable() {
    assumeTrue(Files.exists(Path.of("/proc/self/status")), "memory is read from /proc");
  }

  /**
   * Runs a command, which must end well.
   *
   * @param maxHeap as in {@code -Xmx256m}
   * @param log a file for what it prints
   */
  static WatchedCommand run(String maxHeap, Path log, Object... arguments)
      throws IOException, InterruptedException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(
        List.of(
            maxHeap,
            "--enable-native-access=ALL-UNNAMED",
            "--sun-misc-unsafe-memory-access=deny",
            "-cp",
            System.getProperty("java.class.path"),
            Sluice.class.getName()));
    for (Object argument : arguments) {
      command.add(argument.toString());
    }
    long startNs = System.nanoTime();
    Process process =
        new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(log.toFile()).start();
    Map<String, Long> most = new TreeMap<>();
    try {
      while (process.isAlive()) {
        memory(process.pid()).forEach((kind, mib) -> most.merge(kind, mib, Math::max));
        Thread.sleep(20);
      }
    } finally {
      process.destroyForcibly();
    }
    String output = Files.readString(log);
    assertThat(process.waitFor()).as(output).isZero();
    System.out.printf(
        Locale.ROOT,
        "sluice %s %s: %.1f s, MiB %s%n",
        arguments[0],
        maxHeap,
        (System.nanoTime() - startNs) / 1e9,
        most);
    return new WatchedCommand(output, most);
  }

  /** What it took but for pages of files: heap, code, ONNX Runtime's memory. */
  long ownMib() {
    return mostMib.get("RssAnon") + mostMib.get("RssShmem");
  }

  private static Map<String, Long> memory(long process) {
    Map<String, Long> memory = new TreeMap<>();
    try {
      for (String line : Files.readAllLines(Path.of("/proc/" + process + "/status"))) {
        if (line.startsWith("Rss") || line.startsWith("VmHWM")) {
          String kind = line.substring(0, line.indexOf(':'));
          memory.put(kind, Long.parseLong(line.replaceAll("\\D", "")) / 1024);
        }
      }
    } catch (IOException e) {
      return Map.of(); // it has just ended
    }
    return memory;
  }
}
