package dev.sluice.converter.report;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** Texts and drawings stand out from the page as WCAG 2 asks: 4.5 to 1 and 3 to 1. */
class StyleSheetTest {
  private static final Pattern PALETTE = Pattern.compile(":root \\{([^}]*)\\}");
  private static final Pattern COLOUR = Pattern.compile("--([a-z]+): #([0-9a-f]{6})");

  private static double luminance(int rgb) {
    double[] parts = new double[3];
    for (int i = 0; i < 3; i++) {
      double part = ((rgb >> (16 - 8 * i)) & 0xff) / 255.0;
      parts[i] = part <= 0.03928 ? part / 12.92 : Math.pow((part + 0.055) / 1.055, 2.4);
    }
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
  }

  private static double contrast(int one, int other) {
    double lighter = Math.max(luminance(one), luminance(other));
    double darker = Math.min(luminance(one), luminance(other));
    return (lighter + 0.05) / (darker + 0.05);
  }

  private static Map<String, Integer> colours(String palette) {
    Map<String, Integer> colours = new HashMap<>();
    Matcher matcher = COLOUR.matcher(palette);
    while (matcher.find()) {
      colours.put(matcher.group(1), Integer.parseInt(matcher.group(2), 16));
    }
    return colours;
  }

  @Test
  void everyPaletteHasContrast() {
    Matcher palettes = PALETTE.matcher(PrecisionPage.html(SampleReports.empty()));
    int found = 0;
    while (palettes.find()) {
      Map<String, Integer> colours = colours(palettes.group(1));
      Map<String, Double> least = new LinkedHashMap<>();
      least.put("ink", 4.5);
      least.put("soft", 4.5);
      least.put("warn", 4.5);
      least.put("good", 4.5);
      least.put("fill", 4.5); // Links have it, too.
      least.put("reference", 3.0);
      least.forEach((name, ratio) ->
          assertThat(contrast(colours.get(name), colours.get("paper")))
              .as(name)
              .isGreaterThanOrEqualTo(ratio));
      found++;
    }
    assertThat(found).as("light, dark and print").isEqualTo(3);
  }

  @Test
  void contrastIsMeasuredAsTheStandardDoes() {
    assertThat(contrast(0xffffff, 0x000000)).isEqualTo(21);
    assertThat(contrast(0x777777, 0xffffff)).isLessThan(4.5);
    assertThat(contrast(0x767676, 0xffffff)).isGreaterThan(4.5);
  }
}
