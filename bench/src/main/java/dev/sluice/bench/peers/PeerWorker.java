package dev.sluice.bench.peers;

import com.sun.management.ThreadMXBean;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.ThreadFactory;
import org.HdrHistogram.Histogram;

/**
 * The process of one peer: opens the model and measures when it is told to, and rests meanwhile. A
 * line of the standard input is a turn: {@code one MILLIS} for a lone caller, {@code many CALLERS
 * MILLIS platform|virtual} for many in a closed loop. Each turn is answered with a line of numbers.
 *
 * <p>Every answer is compared with the first that its caller got alone.
 *
 * <p>Not thread-safe.
 */
final class PeerWorker {
  /** Answers of FP32 that differ by the order of additions. */
  private static final float TOLERANCE = 1e-3f;

  /** Requests between two looks at the clock take at least this, so that looking costs nothing. */
  private static final long BLOCK_NS = 20_000;

  private static final int WARM_UP_CALLS = 5;
  private static final long LONGEST_NS = 60_000_000_000L;
  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

  private final PeerModel model;
  private final Peer peer;
  private final List<Checked> callers = new ArrayList<>();

  /** A caller whose answers are checked. */
  private static final class Checked {
    private final Peer.Caller caller;
    private final float expected;

    Checked(Peer.Caller caller) throws Exception {
      this.caller = caller;
      this.expected = caller.ask();
    }

    void ask() throws Exception {
      float answer = caller.ask();
      if (!(Math.abs(answer - expected) <= TOLERANCE * Math.max(1, Math.abs(expected)))) {
        throw new IllegalStateException("the answer is " + answer + ", not " + expected);
      }
    }
  }

  PeerWorker(PeerModel model, Peer peer) {
    this.model = model;
    this.peer = peer;
  }

  /** Serves turns until the input ends; the arguments are peer, model, folder and threads. */
  public static void main(String[] arguments) throws Exception {
    PeerModel model = PeerModel.valueOf(arguments[1]);
    Peer.Kind kind = Peer.Kind.valueOf(arguments[0]);
    try (Peer peer = kind.open(model, Path.of(arguments[2]), Integer.parseInt(arguments[3]))) {
      new PeerWorker(model, peer).serve(System.out);
    }
  }

  private void serve(PrintStream out) throws Exception {
    out.println("ready " + caller(0).expected);
    BufferedReader in =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      String[] turn = line.split(" ", -1);
      switch (turn[0]) {
        case "one" -> out.println(one(Long.parseLong(turn[1]) * 1_000_000));
        case "many" ->
            out.println(
                many(
                    Integer.parseInt(turn[1]),
                    Long.parseLong(turn[2]) * 1_000_000,
                    turn[3].equals("virtual")
                        ? Thread.ofVirtual().factory()
                        : Thread.ofPlatform().factory()));
        default -> throw new IOException("there is no turn '" + line + "'");
      }
    }
    for (Checked each : callers) {
      each.caller.close();
    }
  }

  private Checked caller(int index) throws Exception {
    while (callers.size() <= index) {
      Peer.Row row = Peer.Row.of(model.model().inputs(), callers.size());
      callers.add(new Checked(peer.newCaller(row)));
    }
    return callers.get(index);
  }

  /** Nanoseconds of a request, the median of blocks, and bytes of heap that each allocated. */
  String one(long durationNs) throws Exception {
    Checked caller = caller(0);
    long startNs = System.nanoTime();
    for (int i = 0; i < WARM_UP_CALLS; i++) {
      caller.ask();
    }
    long callNs = Math.max(1, (System.nanoTime() - startNs) / WARM_UP_CALLS);
    int block = (int) Math.max(1, BLOCK_NS / callNs);
    double[] blocks = new double[(int) Math.max(1, 4 * durationNs / (block * callNs))];
    int count = 0;
    long allocated = THREADS.getCurrentThreadAllocatedBytes();
    long fromNs = System.nanoTime();
    long nowNs = fromNs;
    while (nowNs - fromNs < durationNs && count < blocks.length) {
      for (int i = 0; i < block; i++) {
        caller.ask();
      }
      long doneNs = System.nanoTime();
      blocks[count++] = (double) (doneNs - nowNs) / block;
      nowNs = doneNs;
    }
    allocated = THREADS.getCurrentThreadAllocatedBytes() - allocated;
    Arrays.sort(blocks, 0, count);
    return String.format(
        Locale.ROOT, "%.1f %.2f", blocks[count / 2], (double) allocated / count / block);
  }

  /** Rows per second, and microseconds of a request: the median and the 99th percentile. */
  String many(int count, long durationNs, ThreadFactory threads) throws Exception {
    caller(count - 1);
    List<Histogram> latencies = new ArrayList<>();
    List<Thread> running = new ArrayList<>();
    List<Throwable> failures = new ArrayList<>();
    long endNs = System.nanoTime() + durationNs;
    for (Checked caller : callers.subList(0, count)) {
      Histogram latencyNs = new Histogram(LONGEST_NS, 2);
      latencies.add(latencyNs);
      Thread thread =
          threads.newThread(() -> {
            try {
              loop(caller, endNs, latencyNs);
            } catch (Throwable t) { // whatever a peer throws ends the measurement
              synchronized (failures) {
                failures.add(t);
              }
            }
          });
      running.add(thread);
      thread.start();
    }
    for (Thread thread : running) {
      thread.join();
    }
    if (!failures.isEmpty()) {
      throw new IllegalStateException("a caller failed", failures.getFirst());
    }
    Histogram all = new Histogram(LONGEST_NS, 2);
    latencies.forEach(all::add);
    return String.format(
        Locale.ROOT,
        "%.1f %.1f %.1f",
        all.getTotalCount() / (durationNs / 1e9),
        all.getValueAtPercentile(50) / 1e3,
        all.getValueAtPercentile(99) / 1e3);
  }

  private static void loop(Checked caller, long endNs, Histogram latencyNs) throws Exception {
    long nowNs = System.nanoTime();
    while (true) {
      caller.ask();
      long doneNs = System.nanoTime();
      if (doneNs - endNs > 0) {
        return;
      }
      latencyNs.recordValue(Math.min(doneNs - nowNs, LONGEST_NS));
      nowNs = doneNs;
    }
  }
}
