package dev.sluice.converter.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.sluice.converter.report.PrecisionReport.Activation;
import dev.sluice.converter.report.PrecisionReport.Bar;
import dev.sluice.converter.report.PrecisionReport.Choice;
import dev.sluice.converter.report.PrecisionReport.Layer;
import dev.sluice.converter.report.PrecisionReport.Output;
import dev.sluice.converter.report.PrecisionReport.Variant;
import dev.sluice.converter.report.PrecisionReport.Weight;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.Set;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.w3c.dom.Element;

class PrecisionPageTest {
  private static final long SEED = Long.getLong("sluice.seed", 7);
  private static final int TEN_MB = 10_000_000;
  private static final Pattern BAR = Pattern.compile("V[^V]*H");

  private static final Pattern ELSEWHERE =
      Pattern.compile("(?i)https?:|@import|@font-face|url\\((?!#)");
  private static final Pattern NO_NUMBER =
      Pattern.compile(" [a-z0-9]+=\"[^\"a-z]*(NaN|Infinity)|Infinity|null");

  private static final PrecisionReport SQUEEZE_NET = SampleReports.squeezeNet(SEED);

  @TempDir Path folder;

  static Stream<PrecisionReport> reports() {
    return Stream.of(
        SampleReports.empty(),
        SQUEEZE_NET,
        SampleReports.large(SEED, 700, "layer "),
        strange(Double.NaN),
        strange(Double.POSITIVE_INFINITY),
        strange(Double.NEGATIVE_INFINITY),
        strange(0),
        strange(Double.MAX_VALUE),
        strange(-Double.MIN_VALUE));
  }

  /** Each number that may be strange is this one. */
  private static PrecisionReport strange(double number) {
    Output output = new Output("o", number, number, number, number);
    double width = Math.abs(number);
    Histogram one = Histogram.of(number, Double.isNaN(number) ? number : width, 3, 0, 1);
    return report(
        "m",
        List.of(new Layer("n", "Conv", "int8", Choice.LOWERED, "", number, 0L, Long.MAX_VALUE)),
        List.of(
            new Activation("t", one, number, number, number, number, number, number),
            new Activation("t", Histogram.of(0, 0, 5), 0, 0, number, number, number, null),
            new Activation("t", Histogram.of(0, 1, 5, 1), 0, 2, number, number, number, null)),
        List.of(new Weight("n", one, Histogram.of(0, 1), number, 0)),
        List.of(
            new Variant("a", null, 0L, number, List.of()),
            new Variant("b", "", 1L, number, List.of(output)),
            new Variant("c", null, null, null, List.of(output))),
        List.of(output));
  }

  private static PrecisionReport report(
      String name,
      List<Layer> layers,
      List<Activation> activations,
      List<Weight> weights,
      List<Variant> variants,
      List<Output> outputs) {
    return new PrecisionReport(
        name,
        name,
        name,
        0,
        1,
        new Bar(name, false),
        layers,
        activations,
        weights,
        variants,
        outputs,
        Collections.nCopies(1000, name),
        name,
        SampleReports.MADE_AT);
  }

  /** As much as can be of everything, all of it with one name. */
  private static PrecisionReport full(String name) {
    Histogram histogram = Histogram.of(-1, 0.001, new Random(SEED).longs(2048, 0, 99).toArray());
    Output output = new Output(name, 1.0, 1.0, 1.0, 1.0);
    return report(
        name,
        Collections.nCopies(
            3000, new Layer(name, name, name, Choice.GIVEN_BACK, name, 1.0, 1000L, 100L)),
        Collections.nCopies(3000, new Activation(name, histogram, -1, 1, -0.5, 0.5, 0.1, 1.0)),
        Collections.nCopies(3000, new Weight(name, histogram, histogram, 1.0, 64)),
        Collections.nCopies(100, new Variant(name, name, 1L, 1.0, List.of(output, output))),
        Collections.nCopies(1000, output));
  }

  @ParameterizedTest
  @MethodSource("reports")
  void everyPageIsWellFormedAndStandsAlone(PrecisionReport report) throws Exception {
    String page = PrecisionPage.html(report);
    Dom dom = new Dom(page);
    assertThat(dom.all("//script | //img | //link | //iframe | //object | //*[@src]")).isEmpty();
    assertThat(ELSEWHERE.matcher(page).results().map(MatchResult::group)).isEmpty();
    assertThat(dom.all("//*[@*[starts-with(name(), 'on')][name() != 'open']]")).isEmpty();
    assertThat(NO_NUMBER.matcher(page).results().map(MatchResult::group)).isEmpty();
    assertThat(dom.all("//rect[@width < 0 or @height < 0]")).isEmpty();
  }

  @ParameterizedTest
  @MethodSource("reports")
  void everyPageCanBeReadWithoutSeeingIt(PrecisionReport report) throws Exception {
    Dom dom = new Dom(PrecisionPage.html(report));
    assertThat(dom.all("//table[not(caption)]")).isEmpty();
    assertThat(dom.all("//th[not(@scope)]")).isEmpty();
    assertThat(dom.all("//tbody/tr[not(th)]")).isEmpty();
    assertThat(dom.all("//svg[not(@aria-hidden='true') and not(@role='img' and @aria-label)]"))
        .isEmpty();
    assertThat(dom.all("//h1")).hasSize(1);
    assertThat(dom.all("//section[not(h2)]")).isEmpty();
    assertThat(dom.text("/html/head/title")).contains("precision report");
    Set<String> ids = new HashSet<>();
    for (Element element : dom.all("//*[@id]")) {
      assertThat(ids.add(element.getAttribute("id"))).as(element.getAttribute("id")).isTrue();
    }
    for (Element link : dom.all("//a")) {
      assertThat(ids).contains(link.getAttribute("href").substring(1));
    }
  }

  @Test
  void levelsOfLayersAreThoseOfTheReport() throws Exception {
    PrecisionReport report = SQUEEZE_NET;
    Dom dom = new Dom(PrecisionPage.html(report));
    String rows = "//section[@id='layers']//details[summary[contains(., 'All 60')]]//tbody/tr";
    List<String> names = dom.texts(rows + "/th/bdi");
    List<String> levels = dom.texts(rows + "/td[3]/span");
    List<Element> bars = dom.all("//figure[contains(@class, 'columns')]//rect[title]");
    assertThat(names).hasSize(60);
    int bar = 0;
    for (int i = 0; i < 60; i++) {
      Layer layer = report.layers().get(i);
      assertThat(names.get(i)).isEqualTo(layer.name());
      if (layer.sqnrDb() == null) {
        assertThat(levels.get(i)).isEqualTo("–");
      } else {
        String level = String.format(Locale.ROOT, "%.1f", layer.sqnrDb());
        assertThat(levels.get(i)).isEqualTo(level);
        assertThat(bars.get(bar++).getTextContent()).contains(layer.name()).contains(level);
      }
    }
    assertThat(bars).hasSize(bar);
    assertThat(dom.texts("//section[@id='layers']/p").getFirst())
        .isEqualTo("52 of 60 layers run in INT8; 4 were given back; 4 were no candidate.");
  }

  @Test
  void layersThatWereGivenBackAreMarkedWithTheirReason() throws Exception {
    PrecisionReport report = SQUEEZE_NET;
    Dom dom = new Dom(PrecisionPage.html(report));
    List<Layer> given =
        report.layers().stream().filter(l -> l.choice() == Choice.GIVEN_BACK).toList();
    String rows = "//section[@id='layers']//details[1]//tbody/tr";
    assertThat(dom.texts(rows + "/th/bdi")).isEqualTo(given.stream().map(Layer::name).toList());
    assertThat(dom.texts(rows + "/th/span/bdi[2]"))
        .isEqualTo(given.stream().map(Layer::reason).toList());
    assertThat(dom.texts(rows + "/td[2]")).containsOnly("fp32 ▲ given back");
    assertThat(dom.all("//rect[@class='flag']")).hasSameSizeAs(given);
  }

  @Test
  void theVerdictIsOneSentence() throws Exception {
    String page = PrecisionPage.html(SQUEEZE_NET);
    assertThat(new Dom(page).text("//p[starts-with(@class, 'verdict')]"))
        .isEqualTo(
            "✓ Bar met INT8 meets the bar of 30 dB: on 128 held-out samples its output keeps"
                + " 31.3 dB SQNR and 99.22 % of top-1 answers, at 26.06 % of the size and 2.9 times"
                + " the speed of fp32 cpu; 4 of 60 layers were given back to higher precision.");
    assertThat(Verdict.of(SampleReports.empty()))
        .isEqualTo(
            "FP16 was built without an accuracy bar: its outputs were not compared on held-out"
                + " samples.");
    assertThat(Verdict.of(strange(Double.NaN)))
        .isEqualTo(
            "M misses the bar of m: on 1 held-out sample its output keeps NaN\u00a0dB SQNR and"
                + " NaN\u00a0% of top-1 answers; no layer was given back to higher"
                + " precision.");
  }

  @Test
  void numbersOfTensorsAreThoseOfTheReport() throws Exception {
    Histogram histogram = Histogram.of(-4, 1, 1, 0, 5, 100, 890, 3, 1, 0);
    PrecisionReport report =
        report(
            "m",
            List.of(),
            List.of(new Activation("t", histogram, -3.9, 2.875, -2, 2, 0.015625, 33.25)),
            List.of(new Weight("w", histogram, histogram, 41.77, 64)),
            List.of(),
            List.of());
    Dom dom = new Dom(PrecisionPage.html(report));
    assertThat(dom.texts("//section[@id='activations']//dd"))
        .containsExactly("33.3 dB", "0.20 %", "−2 … 2", "−3.9 … 2.875", "0.01563");
    assertThat(dom.all("//section[@id='activations']//svg").getFirst().getAttribute("aria-label"))
        .isEqualTo(
            "Histogram of 1,000 values from −3.9 to 2.875; the thresholds clip 0.20\u00a0%.");
    assertThat(dom.texts("//section[@id='weights']//dd"))
        .containsExactly("41.8 dB", "64, per channel", "1,000");
    assertThat(dom.all("//line[@class='threshold']")).hasSize(2);
    assertThat(dom.all("//rect[@class='clipped']")).hasSize(2);
    assertThat(dom.all("//path[@class='outside']")).hasSize(2);
  }

  @Test
  void whatAThresholdRoundsIsNotClipped() throws Exception {
    // The largest value lies in the middle of the last bin, and half a step is 0.02.
    long[] counts = new long[1001];
    Arrays.fill(counts, 7);
    Histogram histogram = Histogram.of(0, 0.01, counts);
    Activation whole = new Activation("t", histogram, 0, 10.005, 0, 9.999, 0.04, null);
    Activation cut = new Activation("t", histogram, 0, 10.005, 0, 9.9, 0.04, null);
    assertThat(whole.clippedShare()).isZero();
    assertThat(cut.clippedShare()).isCloseTo(11 / 1001.0, within(1e-9));
    PrecisionReport report =
        report("m", List.of(), List.of(whole, cut), List.of(), List.of(), List.of());
    Dom dom = new Dom(PrecisionPage.html(report));
    assertThat(dom.all("//figure[1]//*[@class='outside' or @class='clipped']")).isEmpty();
    assertThat(dom.all("//figure[2]//*[@class='outside' or @class='clipped']")).hasSize(2);
    assertThat(dom.texts("//section[@id='activations']//dd")).contains("0 %", "1.10 %");
  }

  @Test
  void variantsAndOutputsAreThoseOfTheReport() throws Exception {
    Dom dom = new Dom(PrecisionPage.html(SQUEEZE_NET));
    String rows = "//section[@id='variants']//tbody/tr";
    assertThat(dom.texts(rows + "[2]/td"))
        .containsExactly("1.3 MB 26.06 %", "5.11 ms 2.9×", "31.3", "99.22 %");
    assertThat(dom.texts(rows + "[3]/td"))
        .containsExactly("1.3 MB 26.28 %", "–", "30.6", "98.44 %");
    assertThat(dom.texts("//section[@id='outputs']/div//td"))
        .containsExactly("31.3", "0.999631", "0.8423", "99.22 %");
    assertThat(dom.texts("//section[@id='outputs']/details//tbody/tr")).hasSize(3);
  }

  @Test
  void hostileNamesStayNames() throws Exception {
    String name = "</script><script>alert(1)</script><!--]]>\"'&\u202e\u0000\ud800\u0007";
    Dom dom = new Dom(PrecisionPage.html(full(name)));
    assertThat(dom.all("//script")).isEmpty();
    assertThat(dom.text("//h1"))
        .startsWith("</script><script>alert(1)</script><!--]]>\"'&\\u{202e}\\u{0}\\u{d800}\\u{7}");
  }

  @ParameterizedTest
  @ValueSource(strings = {"\"", "<", "\u202e", "\udbff\udffe", "\ud83d\ude00", "x"})
  void aPageStaysSmallWhateverIsInIt(String character) throws Exception {
    String page = PrecisionPage.html(full(character.repeat(10_000)));
    assertThat(page.getBytes(StandardCharsets.UTF_8).length).isLessThan(TEN_MB);
  }

  @Test
  void whatIsLeftOutIsSaid() throws Exception {
    Dom dom = new Dom(PrecisionPage.html(full("x")));
    for (Element path : dom.all("//svg[@class='histogram']/path[@class='before']")) {
      assertThat(BAR.matcher(path.getAttribute("d")).results().count()).isBetween(100L, 128L);
    }
    assertThat(dom.texts("//p[@class='left-out']"))
        .contains(
            "1,000 of 3,000 layers are shown; the others are left out to keep this page small.",
            "50 of 1,000 notes are shown; the others are left out to keep this page small.",
            "Of 3,000 activations the 96 that lose most are drawn, the numbers of the next 500"
                + " listed, and the others left out, to keep this page small.");
  }

  @Test
  void ofManyTheWorstAreDrawn() throws Exception {
    PrecisionReport report = SampleReports.large(SEED, 700, "layer ");
    Dom dom = new Dom(PrecisionPage.html(report));
    List<String> worst =
        report.activations().stream()
            .sorted(Comparator.comparingDouble(Activation::sqnrDb))
            .map(Activation::tensor)
            .toList();
    List<String> shown = dom.texts("//section[@id='activations']//figcaption");
    assertThat(shown).hasSize(96).startsWith(worst.subList(0, 12).toArray(String[]::new));
    assertThat(shown).containsExactlyInAnyOrderElementsOf(worst.subList(0, 96));
    assertThat(dom.texts("//section[@id='activations']//tbody/tr")).hasSize(500);
    assertThat(dom.all("//figure[contains(@class, 'columns')]//rect[title]")).hasSize(350);
  }

  @Test
  void theSameReportGivesTheSameBytes() {
    assertThat(PrecisionPage.html(SQUEEZE_NET))
        .isEqualTo(PrecisionPage.html(SampleReports.squeezeNet(SEED)))
        .isNotEqualTo(PrecisionPage.html(SampleReports.squeezeNet(SEED + 1)));
  }

  @Test
  void thePageAppearsWhole() throws Exception {
    Path target = folder.resolve("a/b");
    Path page = PrecisionPage.write(SQUEEZE_NET, target);
    assertThat(page).isEqualTo(target.resolve("report.html"));
    PrecisionPage.write(SampleReports.empty(), target);
    assertThat(page).hasContent(PrecisionPage.html(SampleReports.empty()));
    assertThat(target).isDirectoryNotContaining("glob:**.part");
  }

  @Test
  void whereItCannotBeWrittenNothingIsLeft() throws Exception {
    Files.createDirectories(folder.resolve("report.html/in the way"));
    assertThatThrownBy(() -> PrecisionPage.write(SampleReports.empty(), folder))
        .isInstanceOf(IOException.class);
    try (Stream<Path> files = Files.list(folder)) {
      assertThat(files.map(file -> file.getFileName().toString())).containsExactly("report.html");
    }
  }

  @Test
  void aRecordKeepsItsOwnListsAndRefusesNull() {
    assertThatThrownBy(() -> new Layer(null, "", "", Choice.KEPT, "", null, null, null))
        .hasMessage("name");
    assertThatThrownBy(() -> SampleReports.empty().layers().add(null))
        .isInstanceOf(UnsupportedOperationException.class);
  }
}
