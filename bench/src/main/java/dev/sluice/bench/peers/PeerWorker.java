package dev.sluice.bench.peers;

import ai.onnxruntime.OrtException;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Semaphore;
import java.util.concurrent.ThreadFactory;
import java.util.stream.Stream;

/**
 * The process of one peer: opens its models and measures when it is told to, and rests meanwhile. A
 * line of the standard input is a turn, and is answered with a line of numbers:
 *
 * <ul>
 *   <li>{@code one MILLIS THREADS}: a lone caller, as {@link LoneCaller} says
 *   <li>{@code many CALLERS MILLIS THREADS}: callers in a closed loop, a {@link Tally#line}
 *   <li>{@code open RATE CALLERS MILLIS THREADS}: an {@link OpenLoop} of {@code RATE} requests a
 *       second, a {@link Tally#line}
 *   <li>{@code all CALLERS MILLIS THREADS}: as many callers for each of the models at once, a
 *       {@link Tally#line} for each
 *   <li>{@code anew}: microseconds of another opening of the model, and of the first request then
 *   <li>{@code start}: the same of the opening that this process began with
 *   <li>{@code warm REQUESTS}: asks the model {@link PeerModel#A} so often from a platform and a
 *       virtual caller, that the JVM compiles what a request passes through: a slow model's own
 *       requests are too few for that. Tells how often
 * </ul>
 *
 * <p>{@code THREADS} is {@code platform}, {@code virtual}, {@code platform-fair} or {@code
 * virtual-fair}; the latter two have callers take turns, by a fair semaphore with a permit for each
 * core. But for {@code all} the first model is asked. Every answer is compared with the first that
 * its caller got alone.
 *
 * <p>Not thread-safe.
 */
final class PeerWorker implements AutoCloseable {
  /** Opens a model. */
  @FunctionalInterface
  interface Opener {
    Peer open(PeerModel model) throws Exception;
  }

  /** What the kind of threads ends with where callers take turns. */
  static final String FAIR = "-fair";

  private final Opener opener;
  private final List<Station> stations = new ArrayList<>();
  private final String start;

  /** A model and its callers. */
  private record Station(PeerModel model, Peer peer, List<CheckedCaller> callers) {
    CheckedCaller caller(int index) throws Exception {
      while (callers.size() <= index) {
        callers.add(new CheckedCaller(peer.newCaller(row(model, callers.size()))));
      }
      return callers.get(index);
    }

    List<Asker> askers(int count, Semaphore permits) throws Exception {
      caller(count - 1);
      return callers.stream().limit(count).map(each -> each.behind(permits)).toList();
    }
  }

  /** Opens models, each of which is asked once. */
  PeerWorker(List<PeerModel> models, Opener opener) throws Exception {
    this.opener = opener;
    this.start = open(models.getFirst());
    for (PeerModel model : models.subList(1, models.size())) {
      open(model);
    }
  }

  /** Serves turns until the input ends; {@link PeerProcess} says what the arguments are. */
  public static void main(String[] arguments) throws Exception {
    Subject subject =
        new Subject(
            Peer.Kind.valueOf(arguments[0]),
            Integer.parseInt(arguments[1]),
            Integer.parseInt(arguments[2]));
    Path folder = Path.of(arguments[3]);
    List<PeerModel> models =
        Stream.of(arguments[4].split(",", -1)).map(PeerModel::valueOf).toList();
    try (PeerWorker worker = new PeerWorker(models, model -> subject.open(model, folder))) {
      worker.serve(System.out);
    }
  }

  private static Peer.Row row(PeerModel model, int number) {
    return Peer.Row.of(model.model().inputs(), number);
  }

  /** Opens a model, and asks it once; microseconds of either. */
  private String open(PeerModel model) throws Exception {
    Peer.Row row = row(model, 0);
    long startNs = System.nanoTime();
    Peer peer = opener.open(model);
    long openedNs = System.nanoTime();
    Station station = new Station(model, peer, new ArrayList<>());
    stations.add(station);
    station.callers.add(new CheckedCaller(peer.newCaller(row)));
    return micros(openedNs - startNs, System.nanoTime() - openedNs);
  }

  private static String micros(long openNs, long firstNs) {
    return String.format(Locale.ROOT, "%.3f %.3f", openNs / 1e3, firstNs / 1e3);
  }

  private void serve(PrintStream out) throws Exception {
    StringBuilder answers = new StringBuilder("ready");
    for (Station each : stations) {
      answers.append(' ').append(each.caller(0).expected());
    }
    out.println(answers);
    BufferedReader in =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      out.println(turn(line));
    }
  }

  /** Has a turn. */
  String turn(String line) throws Exception {
    String[] words = line.split(" ", -1);
    return switch (words[0]) {
      case "one" -> one(millis(words[1]), words[2]);
      case "many" ->
          closed(stations.subList(0, 1), Integer.parseInt(words[1]), millis(words[2]), words[3]);
      case "all" -> closed(stations, Integer.parseInt(words[1]), millis(words[2]), words[3]);
      case "open" ->
          OpenLoop.run(
              stations.getFirst().askers(Integer.parseInt(words[2]), permits(words[4])),
              Double.parseDouble(words[1]),
              millis(words[3]),
              threads(words[4]));
      case "anew" -> anew();
      case "start" -> start;
      case "warm" -> warm(Integer.parseInt(words[1]));
      default -> throw new IOException("there is no turn '" + line + "'");
    };
  }

  private static long millis(String word) {
    return Long.parseLong(word) * 1_000_000;
  }

  private static ThreadFactory threads(String word) {
    return word.startsWith("virtual")
        ? Thread.ofVirtual().factory()
        : Thread.ofPlatform().factory();
  }

  private static Semaphore permits(String word) {
    return word.endsWith(FAIR)
        ? new Semaphore(Runtime.getRuntime().availableProcessors(), true)
        : null;
  }

  private String one(long durationNs, String threads) throws Exception {
    Asker caller = stations.getFirst().caller(0);
    String[] line = new String[1];
    Crowd.run(List.of(_ -> line[0] = LoneCaller.run(caller, durationNs)), threads(threads));
    return line[0];
  }

  private static String closed(List<Station> asked, int callers, long durationNs, String threads)
      throws Exception {
    List<List<Asker>> groups = new ArrayList<>();
    for (Station each : asked) {
      groups.add(each.askers(callers, permits(threads)));
    }
    return ClosedLoop.run(groups, durationNs, threads(threads));
  }

  private String anew() throws Exception {
    Station served = stations.getFirst();
    Peer.Row row = row(served.model, 0);
    long startNs = System.nanoTime();
    Peer peer = opener.open(served.model);
    try (peer) {
      long openedNs = System.nanoTime();
      try (Peer.Caller caller = peer.newCaller(row)) {
        float answer = caller.ask();
        long doneNs = System.nanoTime();
        float expected = served.caller(0).expected();
        if (!CheckedCaller.same(answer, expected)) {
          throw new IllegalStateException("the answer is " + answer + ", not " + expected);
        }
        return micros(openedNs - startNs, doneNs - openedNs);
      }
    }
  }

  private String warm(int requests) throws Exception {
    Peer peer = opener.open(PeerModel.A);
    try (peer;
        CheckedCaller caller = new CheckedCaller(peer.newCaller(row(PeerModel.A, 0)))) {
      for (String threads : List.of("platform", "virtual")) {
        Crowd.Member asking =
            _ -> {
              for (int i = 0; i < requests; i++) {
                caller.ask();
              }
            };
        long _ = Crowd.run(List.of(asking), threads(threads));
      }
    }
    return Integer.toString(2 * requests);
  }

  @Override
  public void close() throws OrtException {
    for (Station each : stations) {
      each.callers.forEach(CheckedCaller::close);
      each.peer.close();
    }
  }
}
