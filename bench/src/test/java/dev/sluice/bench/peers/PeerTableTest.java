package dev.sluice.bench.peers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.sluice.bench.models.PackageFolder;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

@Timeout(300)
class PeerTableTest {
  private static final String ORT = "ort-reused-1";

  @TempDir private static Path folder;

  private static String before;

  @BeforeAll
  static void shareThePackages() {
    before = System.getProperty(PackageFolder.PROPERTY);
    System.setProperty(PackageFolder.PROPERTY, folder.toString());
  }

  @AfterAll
  static void forgetThePackages() {
    if (before == null) {
      System.clearProperty(PackageFolder.PROPERTY);
    } else {
      System.setProperty(PackageFolder.PROPERTY, before);
    }
  }

  /** The ids of a part's rows for the model a. */
  private static List<String> ids(Part part) throws InterruptedException {
    return switch (part) {
      case ONE ->
          Stream.concat(
                  CProgram.canBeMade() ? Stream.of("a-1-platform-time-c-1") : Stream.of(),
                  Stream.of(
                      "a-1-platform-time-" + ORT,
                      "a-1-platform-time-ort-usual-1",
                      "a-1-platform-time-djl-1",
                      "a-1-platform-heap-" + ORT))
              .toList();
      case VIRTUAL -> List.of("a-1-virtual-time-" + ORT, "a-1-virtual-tuned-time-" + ORT);
      case MANY ->
          Stream.concat(
                  many("platform", "a-64-platform-rows-batched", "a-64-platform-heap-" + ORT),
                  many("virtual", "a-64-virtual-rows-batched"))
              .toList();
      case OPEN ->
          Stream.of("platform", "virtual")
              .flatMap(threads ->
                  Stream.of("15-%s-%s-" + ORT, "60-%s-%s-" + ORT, "90-%s-%s-" + ORT + "-fair")
                      .flatMap(id ->
                          Stream.of("p50", "p99")
                              .map(figure -> "a-open-" + id.formatted(threads, figure))))
              .toList();
      case START ->
          List.of(
              "a-again-open-" + ORT,
              "a-again-first-steady",
              "a-again-first-" + ORT,
              "a-fresh-open-" + ORT,
              "a-fresh-first-" + ORT);
      case EIGHT ->
          List.of(
              "all-eight-rows-ort-reused",
              "all-eight-p99-ort-reused",
              "a-eight-rows-ort-reused",
              "a-eight-p99-ort-reused");
    };
  }

  private static Stream<String> many(String threads, String... more) {
    Stream<String> rows =
        Stream.of(ORT, "ort-reused", ORT + "-fair", "ort-reused-fair", "djl-1")
            .flatMap(peer -> Stream.of("rows-" + peer, "p99-" + peer));
    return Stream.of(
            Stream.of("a-64-" + threads + "-rows-ort-best"),
            rows.map(row -> "a-64-" + threads + "-" + row),
            Stream.of(more))
        .flatMap(each -> each);
  }

  @ParameterizedTest
  @EnumSource(Part.class)
  void aPartGivesItsRows(Part part) throws Exception {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    Path json = folder.resolve(part + ".json");
    int status =
        PeerTable.command(new PrintStream(bytes, true, StandardCharsets.UTF_8))
            .execute(
                "--parts",
                part.toString(),
                "--models",
                "a",
                "--rounds",
                "1",
                "--turn",
                "50",
                "--json",
                json.toString());
    String text = bytes.toString(StandardCharsets.UTF_8);
    assertThat(status).as(text).isZero();
    TableResults results = TableResults.read(json);
    assertThat(results.rows()).extracting(TableRow::id).isEqualTo(ids(part));
    assertThat(results.rows())
        .allSatisfy(row -> {
          // On a busy machine callers may find no core in so short a turn.
          assertThat(row.other()).as(row.id()).isNotNegative();
          assertThat(row.sluice()).as(row.id()).isNotNegative();
          assertThat(text).contains(row.what()).contains(row.peer());
        });
    assertThat(results.command()).startsWith("--parts " + part);
    assertThat(results.versions()).containsKeys("Java", "ONNX Runtime", "DJL", "Sluice");
  }

  @Test
  void aRowSaysWhetherItsBarIsReached() {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    Report report = new Report(new PrintStream(bytes, true, StandardCharsets.UTF_8));
    Turn turn = new Turn(Subject.of(Peer.Kind.ORT_REUSED, 1), "many 1 1 platform");
    Figures sluice = new Figures(turn, new double[][] {{4, 5, 6}, {1, 1, 1}});
    Figures other = new Figures(turn, new double[][] {{1, 1, 1}, {1, 1, 1}});
    Load load = new Load("b", "64-platform", "64 callers", sluice);
    report.add(load.against(other, Figure.ROWS, Bar.median(4.5)));
    report.add(load.against(other, Figure.ROWS, Bar.bound(4.5)));
    report.add(load.against(other, Figure.P50, Bar.median(0.99)));
    report.add(load.against(other, Figure.P50, null));
    report.summary();
    assertThat(report.rows())
        .extracting(TableRow::reached)
        .containsExactly(true, false, false, true);
    List<String> lines = bytes.toString(StandardCharsets.UTF_8).lines().toList();
    assertThat(lines.get(0)).endsWith("bar >= 4.50: reached");
    assertThat(lines.get(1)).endsWith("bar >= 4.50 for the whole interval: MISSED");
    assertThat(lines.get(2)).endsWith("bar <= 0.99: MISSED");
    assertThat(lines.get(3)).doesNotContain("bar");
    assertThat(lines.get(4))
        .startsWith("1 of 3 bars are reached; missed: b-64-platform-rows-ort-reused-1, ")
        .endsWith("b-64-platform-p50-ort-reused-1");
  }

  @Test
  void roundsOfOtherProcessesFollowTheFirst() {
    Turn turn = new Turn(Subject.of(Peer.Kind.SLUICE, 1), "one 1 platform");
    Figures first = new Figures(turn, new double[][] {{1, 2}, {7, 8}});
    Figures second = new Figures(turn, new double[][] {{3}, {9}});
    assertThat(first.and(second).all(Figure.TIME)).containsExactly(1, 2, 3);
    assertThat(first.and(second).least(Figure.HEAP).all(Figure.HEAP)).containsExactly(7, 7, 7);
  }

  @Test
  void modelsOfDifferentSpeedCountTheSame() {
    Turn turn = new Turn(Subject.of(Peer.Kind.SLUICE, 0), "all 4 1 platform");
    double[][] lines = new double[2 * Figure.OF_TALLY][];
    Arrays.setAll(lines, i -> new double[] {i < Figure.OF_TALLY ? 4 : 900});
    Figures both = new Figures(turn, lines);
    assertThat(both.mean(0, 2).median(Figure.ROWS)).isCloseTo(60, within(1e-9));
    assertThat(both.mean(1, 2).median(Figure.P99)).isCloseTo(900, within(1e-9));
  }

  @ParameterizedTest
  @EnumSource(PeerModel.class)
  void theModelsHaveTheSizesThatTheTableNames(PeerModel model) {
    long parameters =
        switch (model) {
          case A -> 1_060;
          case B -> 1_837_312;
          case C -> 25_557_032;
          case D -> 3_498_240;
          case E -> 1_235_496;
        };
    assertThat(model.model().parameters()).isEqualTo(parameters);
  }

  @Test
  void theIntervalOfAPairedRatioHoldsTheMedianOfAllPairs() {
    Random random = new Random(7);
    int held = 0;
    int repetitions = 200;
    for (int i = 0; i < repetitions; i++) {
      double[] others = new double[15];
      double[] ones = new double[15];
      // What drifts hits both of a pair; the ratio is 1.2, with noise that is symmetric in its
      // logarithm.
      Arrays.setAll(others, _ -> 1 + random.nextDouble());
      Arrays.setAll(ones, j -> 1.2 * others[j] * Math.exp(0.05 * random.nextGaussian()));
      PairedRatio ratio = PairedRatio.of(ones, others);
      assertThat(ratio.median()).isCloseTo(1.2, within(0.1));
      held += ratio.low() <= 1.2 && 1.2 <= ratio.high() ? 1 : 0;
    }
    assertThat(held).isBetween(repetitions * 85 / 100, repetitions * 99 / 100);
  }

  @Test
  void aRatioWithoutNoiseHasNoWidth() {
    PairedRatio ratio = PairedRatio.of(new double[] {2, 4, 8}, new double[] {1, 2, 4});
    assertThat(ratio).isEqualTo(new PairedRatio(2, 2, 2));
    assertThat(ratio).hasToString("2.000 (2.000 to 2.000)");
    assertThat(PairedRatio.median(new double[] {4, 1, 3, 2})).isEqualTo(2.5);
  }
}
