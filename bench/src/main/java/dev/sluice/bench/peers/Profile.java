package dev.sluice.bench.peers;

import dev.sluice.bench.models.PackageFolder;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * Where the processors' time goes while the engine serves: samples of a process of the comparison,
 * taken by Linux' {@code perf} while the process has its turn. The JVM tells {@code perf} what it
 * compiled.
 *
 * <p>Not thread-safe.
 */
public final class Profile {
  private static final int SAMPLES_PER_S = 997;
  private static final int SECONDS = 5;

  /** The turn is so much longer, since {@code perf} takes a while to begin. */
  private static final int LONGER_S = 2;

  private static final int SYMBOLS = 6;

  /** Whose code a sample was taken in. */
  enum Owner {
    /** ONNX Runtime. */
    BACKEND("ONNX Runtime"),
    /**
     * Java that the JVM compiled, with its interpreter and stubs, which {@code perf} sees alike.
     */
    JAVA("compiled Java"),
    /** The JVM's library. */
    JVM("JVM"),
    /** The kernel. */
    LINUX("Linux"),
    /** The C library and what else there is. */
    OTHERS("libc, others");

    private final String label;

    Owner(String label) {
      this.label = label;
    }

    /** Of a file that {@code perf} names. */
    static Owner of(String file) {
      if (file.contains("onnxruntime")) {
        return BACKEND;
      }
      if (file.startsWith("perf-") || file.contains("JIT")) {
        return JAVA;
      }
      if (file.equals("libjvm.so")) {
        return JVM;
      }
      return file.startsWith("[kernel") || file.equals("[vdso]") ? LINUX : OTHERS;
    }
  }

  /**
   * A line of {@code perf report}.
   *
   * @param percent of all samples
   * @param file that the code is of
   * @param symbol the function; an address where that is not known
   */
  record Share(double percent, String file, String symbol) {
    /** Those of a report with fields that {@code ;} separates, in its order. */
    static List<Share> parse(String report) {
      List<Share> shares = new ArrayList<>();
      for (String line : report.lines().toList()) {
        String[] fields = line.split(";", 3);
        if (!line.startsWith("#") && fields.length == 3) {
          double percent = Double.parseDouble(fields[0].strip().replace("%", ""));
          shares.add(new Share(percent, fields[1].strip(), fields[2].strip()));
        }
      }
      return shares;
    }

    /** Percents by owner. */
    static Map<Owner, Double> byOwner(List<Share> shares) {
      Map<Owner, Double> sums = new EnumMap<>(Owner.class);
      shares.forEach(share -> sums.merge(Owner.of(share.file()), share.percent(), Double::sum));
      return sums;
    }
  }

  private record Load(PeerModel model, String turn) {}

  private static final List<Load> LOADS =
      List.of(
          new Load(PeerModel.A, "one %d platform"),
          new Load(PeerModel.A, "many 64 %d platform"),
          new Load(PeerModel.A, "many 64 %d virtual"),
          new Load(PeerModel.B, "one %d platform"),
          new Load(PeerModel.B, "many 4 %d platform"),
          new Load(PeerModel.B, "many 64 %d platform"),
          new Load(PeerModel.B, "many 64 %d virtual"),
          new Load(PeerModel.D, "many 64 %d platform"));

  private final PrintStream out;

  private Profile(PrintStream out) {
    this.out = out;
  }

  /** Prints the profiles; takes no arguments. */
  public static void main(String[] arguments) throws IOException, InterruptedException {
    Profile profile = new Profile(System.out);
    try (PackageFolder packages = new PackageFolder()) {
      PeerModel.A.make(packages.path());
      for (Load load : LOADS) {
        load.model().make(packages.path());
        profile.print(load, packages.path());
      }
    }
  }

  private void print(Load load, Path folder) throws IOException, InterruptedException {
    Path data = folder.resolve("perf.data");
    try (PeerProcess process =
        new PeerProcess(Subject.of(Peer.Kind.SLUICE, 0), List.of(load.model()), folder)) {
      process.turn("warm 20000");
      process.turn(turn(load, LONGER_S));
      String pid = Long.toString(process.pid());
      Process perf =
          new ProcessBuilder(
                  "perf",
                  "record",
                  "--quiet",
                  "--event=cpu-clock",
                  "--freq=" + SAMPLES_PER_S,
                  "--pid=" + pid,
                  "--output=" + data,
                  "sleep",
                  Integer.toString(SECONDS))
              .inheritIO()
              .start();
      process.turn(turn(load, SECONDS + LONGER_S));
      if (perf.waitFor() != 0) {
        throw new IOException("perf record failed; what it said is above");
      }
      Path jcmd = Path.of(System.getProperty("java.home"), "bin", "jcmd");
      output(List.of(jcmd.toString(), pid, "Compiler.perfmap"));
    }
    String report =
        output(
            List.of(
                "perf",
                "report",
                "--stdio",
                "--input=" + data,
                "--field-separator=;",
                "--fields=overhead,dso,symbol"));
    print(load, Share.parse(report));
  }

  private static String turn(Load load, int seconds) {
    return String.format(Locale.ROOT, load.turn(), seconds * 1000);
  }

  private void print(Load load, List<Share> shares) {
    StringBuilder line = new StringBuilder();
    Map<Owner, Double> sums = Share.byOwner(shares);
    for (Owner owner : Owner.values()) {
      line.append(
          String.format(Locale.ROOT, "  %s %.1f %%", owner.label, sums.getOrDefault(owner, 0.0)));
    }
    out.printf("%s, %s%n%s%n", load.model().id(), load.turn().replace(" %d", ""), line);
    shares.stream()
        .filter(share -> Owner.of(share.file()) != Owner.BACKEND)
        .sorted(Comparator.comparingDouble(Share::percent).reversed())
        .limit(SYMBOLS)
        .forEach(share ->
            out.printf(
                Locale.ROOT,
                "    %5.1f %%  %s  %s%n",
                share.percent(),
                share.file(),
                share.symbol()));
    out.flush();
  }

  private static String output(List<String> command) throws IOException, InterruptedException {
    Process process =
        new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.DISCARD).start();
    String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    if (process.waitFor() != 0) {
      throw new IOException("'" + String.join(" ", command) + "' failed");
    }
    return text;
  }
}
