package dev.sluice.converter.report;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.List;
import java.util.Locale;

/**
 * A report as one page of HTML that needs nothing else: no script, no font, no image, no network.
 * The same report gives the same bytes. A page of however many layers stays below 10 MB: what is
 * left out is said.
 *
 * <p>Thread safety: stateless.
 */
public final class PrecisionPage {
  /** The page's name in its folder. */
  public static final String FILE_NAME = "report.html";

  private static final int MAX_NOTES = 50;
  private static final int NOTE_LENGTH = 600;
  private static final DateTimeFormatter DAY_AND_TIME =
      DateTimeFormatter.ofPattern("uuuu-MM-dd HH:mm 'UTC'", Locale.ROOT).withZone(ZoneOffset.UTC);

  private PrecisionPage() {}

  /**
   * Writes the page beside its place and renames it.
   *
   * @param report what it tells
   * @param folder where {@value #FILE_NAME} is put, or replaced; made where it is missing
   * @return the page
   * @throws IOException where it can't be written; nothing is left of it then
   */
  public static Path write(PrecisionReport report, Path folder) throws IOException {
    byte[] page = html(report).getBytes(StandardCharsets.UTF_8);
    Files.createDirectories(folder);
    Path target = folder.resolve(FILE_NAME);
    Path part =
        folder.resolve(
            ".sluice-"
                + ProcessHandle.current().pid()
                + "-"
                + Thread.currentThread().threadId()
                + ".part");
    try {
      Files.write(part, page);
      Files.move(part, target, StandardCopyOption.ATOMIC_MOVE);
    } finally {
      Files.deleteIfExists(part);
    }
    return target;
  }

  /** The page. */
  public static String html(PrecisionReport report) {
    Html html = new Html();
    html.open("html", "lang", "en").open("head");
    html.empty("meta", "charset", "utf-8");
    html.empty("meta", "name", "viewport", "content", "width=device-width, initial-scale=1");
    html.empty("meta", "name", "color-scheme", "content", "light dark");
    // Whatever a name may smuggle in: nothing is run, and nothing is fetched.
    html.empty(
        "meta",
        "http-equiv",
        "Content-Security-Policy",
        "content",
        "default-src 'none'; style-src 'unsafe-inline'");
    html.element("title", title(report) + ": precision report").style(styleSheet()).close("head");
    html.open("body");
    Svg.patterns(html);
    header(html, report);
    html.open("main");
    VariantSection.write(html, report);
    VariantSection.outputs(html, report);
    LayerSection.write(html, report);
    TensorSections.activations(html, report);
    TensorSections.weights(html, report);
    notes(html, report.notes());
    Glossary.write(html);
    html.close("main");
    html.open("footer").element("p", madeBy(report)).close("footer");
    html.close("body").close("html");
    return html.finish();
  }

  private static String title(PrecisionReport report) {
    return Names.shown(report.model(), Html.NAME_LENGTH) + " in " + Verdict.precision(report);
  }

  private static String madeBy(PrecisionReport report) {
    return "Made by "
        + Names.shown(report.producer(), Html.NAME_LENGTH)
        + " on "
        + DAY_AND_TIME.format(report.madeAt())
        + ".";
  }

  private static void header(Html html, PrecisionReport report) {
    html.open("header").open("h1").name(report.model());
    html.text(" in " + Verdict.precision(report)).close("h1");
    String state = report.bar() == null ? "open" : report.bar().met() ? "met" : "missed";
    html.open("p", "class", "verdict " + state);
    if (report.bar() != null) {
      html.element("strong", report.bar().met() ? "✓ Bar met" : "✗ Bar missed").text(" ");
    }
    html.element("bdi", Verdict.of(report)).close("p");
    html.open("dl", "class", "facts");
    Gallery.fact(html, "Calibration", calibration(report));
    Gallery.fact(
        html,
        "Hold-out",
        report.holdoutSamples() == 0
            ? "none"
            : Amounts.count(report.holdoutSamples(), "sample", "samples"));
    Gallery.fact(
        html,
        "Accuracy bar",
        report.bar() == null
            ? "none"
            : Verdict.limit(report.bar()) + (report.bar().met() ? ", met" : ", missed"));
    Gallery.fact(html, "Made", DAY_AND_TIME.format(report.madeAt()));
    html.close("dl");
    navigation(html);
    html.close("header");
  }

  private static String calibration(PrecisionReport report) {
    return report.calibrator() == null
        ? "none"
        : Names.shown(report.calibrator(), LayerSection.WORD_LENGTH)
            + ", "
            + Amounts.count(report.calibrationSamples(), "sample", "samples");
  }

  private static void navigation(Html html) {
    html.open("nav", "aria-label", "Sections").open("ul");
    String[][] sections = {
      {"variants", "Accuracy, size and speed"},
      {"outputs", "Outputs"},
      {"layers", "Layers"},
      {"activations", "Activations"},
      {"weights", "Weights"},
      {"notes", "Notes"},
      {"terms", "Terms"}
    };
    for (String[] section : sections) {
      html.open("li").element("a", section[1], "href", "#" + section[0]).close("li");
    }
    html.close("ul").close("nav");
  }

  private static void notes(Html html, List<String> notes) {
    html.open("section", "id", "notes").element("h2", "Notes");
    if (notes.isEmpty()) {
      html.element("p", "None.", "class", "none");
    } else {
      html.open("ul");
      notes.stream()
          .limit(MAX_NOTES)
          .forEach(note -> html.open("li").words(note, NOTE_LENGTH).close("li"));
      html.close("ul");
      Sections.leftOut(html, MAX_NOTES, notes.size(), "notes");
    }
    html.close("section");
  }

  private static String styleSheet() {
    try (InputStream in = PrecisionPage.class.getResourceAsStream("report.css")) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException("report.css, which is part of the program", e);
    }
  }
}
