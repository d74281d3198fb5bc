package dev.sluice.bench.peers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.IntStream;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.w3c.dom.Element;
import org.w3c.dom.NodeList;
import picocli.CommandLine;

/** The charts, read back by the JDK's XML parser. */
class ChartTest {
  /** Of a character, in parts of the font's size; Verdana and DejaVu Sans are not wider. */
  private static final double CHARACTER_EM = 0.62;

  private static final long SEED = 20261127;

  @TempDir private Path folder;

  private static TableRow row(String id, double low, double median, double high, Double bar) {
    String model = id.substring(0, id.indexOf('-'));
    PairedRatio ratio = new PairedRatio(median, low, high);
    return new TableRow(
        id, model, "load of " + id, "a peer", "us", 1, 2, ratio, id.contains("rows"), bar, false);
  }

  private static TableResults results(List<TableRow> rows) {
    return new TableResults(
        "2026-11-27", "", "a processor of 2 cores", Map.of("Java", "25", "DJL", "0.38"), rows);
  }

  /** As many as a table has, of all kinds, with ratios between 1 / spread and spread. */
  private static List<TableRow> many(double spread) {
    Random random = new Random(SEED);
    List<TableRow> rows = new ArrayList<>();
    for (String model : List.of("a", "b", "d", "all")) {
      for (String load :
          List.of("1-platform-time", "64-virtual-rows", "open-60-platform-p99", "again-open")) {
        for (int i = 0; i < 4; i++) {
          double median = Math.pow(spread, 2 * random.nextDouble() - 1);
          Double bar = random.nextBoolean() ? (Double) Math.pow(spread, random.nextDouble()) : null;
          String id = model + "-" + load + "-peer-" + i;
          rows.add(row(id, median * 0.9, median, median * (1 + random.nextDouble()), bar));
        }
      }
    }
    return rows;
  }

  /** Draws; the pictures by their files' names. */
  private Map<String, Element> draw(List<TableRow> rows) throws Exception {
    Path file = folder.resolve("results.json");
    results(rows).write(file);
    Path pictures = folder.resolve("pictures");
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    PrintStream out = new PrintStream(bytes, true, StandardCharsets.UTF_8);
    int status = new CommandLine(new Chart(out)).execute(file.toString(), pictures.toString());
    assertThat(status).isZero();
    Map<String, Element> drawn = new TreeMap<>();
    for (String line : bytes.toString(StandardCharsets.UTF_8).lines().toList()) {
      Path picture = Path.of(line);
      drawn.put(
          picture.getFileName().toString(),
          DocumentBuilderFactory.newInstance()
              .newDocumentBuilder()
              .parse(picture.toFile())
              .getDocumentElement());
    }
    return drawn;
  }

  private static List<Element> all(Element in, String tag, String kind) {
    NodeList nodes = in.getElementsByTagName(tag);
    return IntStream.range(0, nodes.getLength())
        .mapToObj(i -> (Element) nodes.item(i))
        .filter(each -> kind.isEmpty() || each.getAttribute("class").equals(kind))
        .toList();
  }

  private static double number(Element element, String name) {
    return Double.parseDouble(element.getAttribute(name));
  }

  private static String id(Element row) {
    return all(row, "title", "").getFirst().getTextContent();
  }

  @Test
  void everyRowIsDrawnOnce() throws Exception {
    List<TableRow> rows = many(3);
    Map<String, Element> drawn = draw(rows);
    assertThat(drawn.keySet()).containsExactly("many-callers.svg", "one-caller.svg", "others.svg");
    List<String> ids = new ArrayList<>();
    drawn.forEach((file, svg) -> {
      for (Element row : all(svg, "g", "row")) {
        ids.add(id(row));
        assertThat(id(row).contains("-1-platform-time-")).isEqualTo(file.equals("one-caller.svg"));
        assertThat(id(row).contains("-64-virtual-rows-"))
            .isEqualTo(file.equals("many-callers.svg"));
      }
    });
    assertThat(ids).containsExactlyInAnyOrderElementsOf(rows.stream().map(TableRow::id).toList());
  }

  /** The value at a place, by the numbers at the axis. */
  private static double value(Element svg, double x) {
    List<Element> grid = all(svg, "line", "grid");
    double[] places = grid.stream().mapToDouble(line -> number(line, "x1")).sorted().toArray();
    Map<Double, Double> values = new TreeMap<>();
    for (Element text : all(svg, "text", "")) {
      if (text.getAttribute("text-anchor").equals("middle")) {
        values.put(number(text, "x"), Double.valueOf(text.getTextContent()));
      }
    }
    assertThat(values.keySet()).hasSize(places.length);
    double from = places[0];
    double to = places[places.length - 1];
    double part = (x - from) / (to - from);
    double least = values.get(from);
    double most = values.get(to);
    boolean linear = least == 0;
    return linear ? most * part : least * Math.pow(most / least, part);
  }

  private static void assertPlaces(Element svg, Element drawn, TableRow row) {
    Element whisker = all(drawn, "line", "whisker").getFirst();
    Element bar = all(drawn, "rect", "bar").getFirst();
    double left = number(bar, "x");
    double right = left + number(bar, "width");
    double median = row.ratio().median();
    Map<Double, Double> places = new TreeMap<>();
    places.put(number(whisker, "x1"), row.ratio().low());
    places.put(number(whisker, "x2"), row.ratio().high());
    places.put(median < 1 ? left : right, median);
    places.put(median < 1 ? right : left, 1.0);
    List<Element> asked = all(drawn, "line", "asked");
    assertThat(asked).hasSize(row.bar() == null ? 0 : 1);
    asked.forEach(tick -> places.put(number(tick, "x1"), row.bar()));
    places.forEach((x, value) ->
        assertThat(value(svg, x))
            .as("%s at %s", row.id(), x)
            .isCloseTo(value, within(value / 100 + 0.005)));
  }

  @Test
  void barsWhiskersAndTicksAreWhereTheNumbersAre() throws Exception {
    for (double spread : new double[] {1.5, 3, 50}) {
      List<TableRow> rows = many(spread);
      int drawn = 0;
      for (Element svg : draw(rows).values()) {
        for (Element element : all(svg, "g", "row")) {
          TableRow row =
              rows.stream().filter(each -> each.id().equals(id(element))).findFirst().orElseThrow();
          assertPlaces(svg, element, row);
          assertThat(element.getTextContent()).contains(row.ratio().toString());
          drawn++;
        }
        double one = number(all(svg, "line", "one").getFirst(), "x1");
        assertThat(value(svg, one)).isCloseTo(1, within(0.01));
      }
      assertThat(drawn).isEqualTo(rows.size());
    }
  }

  @Test
  void coloursTellWhoIsAhead() throws Exception {
    Map<String, Element> drawn =
        draw(
            List.of(
                row("a-1-platform-time-x", 0.7, 0.8, 0.9, null),
                row("a-1-platform-time-y", 1.1, 1.2, 1.3, null),
                row("a-64-platform-rows-x", 0.7, 0.8, 0.9, null),
                row("a-64-platform-rows-y", 1.1, 1.2, 1.3, null)));
    List<String> one = fills(drawn.get("one-caller.svg"));
    List<String> many = fills(drawn.get("many-callers.svg"));
    assertThat(one).hasSize(2).doesNotHaveDuplicates();
    assertThat(many).isEqualTo(one.reversed());
  }

  private static List<String> fills(Element svg) {
    return all(svg, "rect", "bar").stream().map(bar -> bar.getAttribute("fill")).toList();
  }

  /** What a text covers, had it the widest font: left, right, baseline, size. */
  private record Extent(double left, double right, double y, double size, String words) {
    static Extent of(Element text) {
      String own = text.getAttribute("font-size");
      double size = own.isEmpty() ? 11 : Double.parseDouble(own);
      double width = text.getTextContent().length() * CHARACTER_EM * size;
      boolean middle = text.getAttribute("text-anchor").equals("middle");
      double left = number(text, "x") - (middle ? width / 2 : 0);
      return new Extent(left, left + width, number(text, "y"), size, text.getTextContent());
    }

    boolean meets(Extent other) {
      return left < other.right
          && other.left < right
          && y - size < other.y
          && other.y - other.size < y;
    }
  }

  @Test
  void noTextMeetsAnotherOrTheEdge() throws Exception {
    List<TableRow> rows = new ArrayList<>(many(1.2));
    rows.addAll(many(10_000).stream().map(row -> renamed(row, row.id().repeat(9), "x ")).toList());
    for (Element svg : draw(rows).values()) {
      assertThat(number(svg, "width")).isLessThan(1_500);
      List<Extent> texts = all(svg, "text", "").stream().map(Extent::of).toList();
      for (int i = 0; i < texts.size(); i++) {
        Extent one = texts.get(i);
        assertThat(one.left).as(one.words).isGreaterThanOrEqualTo(0);
        assertThat(one.right).as(one.words).isLessThanOrEqualTo(number(svg, "width"));
        assertThat(one.y).as(one.words).isLessThanOrEqualTo(number(svg, "height"));
        assertThat(texts.subList(i + 1, texts.size())).as(one.words).noneMatch(one::meets);
      }
    }
  }

  private static TableRow renamed(TableRow row, String peer, String prefix) {
    return new TableRow(
        prefix + row.id(),
        row.model(),
        prefix + row.what().repeat(prefix.isEmpty() ? 1 : 9),
        peer,
        row.unit(),
        row.sluice(),
        row.other(),
        row.ratio(),
        row.moreIsBetter(),
        row.bar(),
        row.strict());
  }

  @Test
  void textIsEscaped() throws Exception {
    String peer = "<b> & \"c\" 'd' \u0001 \ud83d\ude80 ]]>";
    TableRow row = renamed(row("a-1-platform-time-x", 0.9, 1, 1.1, null), peer, "");
    Element svg = draw(List.of(row)).get("one-caller.svg");
    assertThat(all(svg, "text", "").stream().map(Element::getTextContent))
        .contains(peer.replace('\u0001', '?'));
  }

  @Test
  void whatNoScaleHoldsIsAtItsEnd() throws Exception {
    double none = Double.NaN;
    double endless = Double.POSITIVE_INFINITY;
    List<TableRow> rows =
        List.of(
            row("a-1-platform-heap-x", 0, 0, 0, 0.0),
            row("a-1-platform-heap-y", none, none, none, 0.0),
            row("a-1-platform-heap-z", endless, endless, endless, 0.0),
            row("a-fresh-open-x", 0.01, 0.02, 50, null));
    Element svg = draw(rows).get("others.svg");
    assertThat(all(svg, "g", "row")).hasSize(4);
    assertThat(all(svg, "rect", "bar")).hasSize(3);
    for (Element line : all(svg, "line", "")) {
      assertThat(number(line, "x1")).isBetween(0.0, number(svg, "width"));
      assertThat(number(line, "x2")).isBetween(0.0, number(svg, "width"));
    }
  }

  @Test
  void theBackgroundIsWhiteAndTheCaptionSaysWhereAndWhen() throws Exception {
    Element svg = draw(many(3)).get("others.svg");
    Element first = all(svg, "rect", "").getFirst();
    assertThat(first.getAttribute("fill")).isEqualTo("white");
    assertThat(first.getAttribute("width")).isEqualTo(svg.getAttribute("width"));
    assertThat(first.getAttribute("height")).isEqualTo(svg.getAttribute("height"));
    assertThat(svg.getTextContent())
        .contains("Measured 2026-11-27 on a processor of 2 cores, DJL 0.38, Java 25");
  }

  @Test
  void theSameRowsGiveTheSameFilesAndNoRowsNone() throws Exception {
    draw(many(3));
    List<String> once = files();
    draw(many(3));
    assertThat(files()).isEqualTo(once).hasSize(3);
    draw(List.of(row("a-1-platform-time-x", 0.9, 1, 1.1, null)));
    assertThat(files()).hasSize(1);
  }

  private List<String> files() throws IOException {
    List<String> texts = new ArrayList<>();
    for (Chart.Kind kind : Chart.Kind.values()) {
      Path file = folder.resolve("pictures").resolve(kind.file());
      if (Files.exists(file)) {
        texts.add(Files.readString(file));
      }
    }
    return texts;
  }
}
