package dev.sluice.bench.train;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/**
 * The drawings in {@code glyphs.txt}: for each class of a family, several ways to write it.
 *
 * <p>Immutable, hence thread-safe.
 */
final class GlyphShapes {
  /** One character per class, in the order of the labels. */
  static final String CLASSES = "0123456789ABCDEF";

  /** Straight pieces that one curve becomes; at 20 pixels no eye can tell them from it. */
  private static final int PIECES_PER_CURVE = 6;

  /**
   * One drawing: connected strokes, each a list of segments.
   *
   * @param strokes for each stroke its start point, then per segment a control point and an end
   *     point, as x, y pairs in a box of 100 by 100; a line's control point is its middle
   */
  record Drawing(List<double[]> strokes) {}

  private final List<List<Drawing>> byClass;

  private GlyphShapes(List<List<Drawing>> byClass) {
    this.byClass = byClass;
  }

  /** Reads the drawings of one family. */
  static GlyphShapes of(Family family) {
    List<List<Drawing>> byClass = new ArrayList<>();
    for (int i = 0; i < CLASSES.length(); i++) {
      byClass.add(new ArrayList<>());
    }
    String wanted = family.name().replace("_", "").toLowerCase(Locale.ROOT);
    try (InputStream stream = GlyphShapes.class.getResourceAsStream("glyphs.txt");
        BufferedReader lines =
            new BufferedReader(new InputStreamReader(stream, StandardCharsets.UTF_8))) {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        if (line.isEmpty() || line.startsWith("#")) {
          continue;
        }
        String[] parts = line.split(" ", 3);
        if (parts[0].equals(wanted)) {
          byClass.get(CLASSES.indexOf(parts[1])).add(parse(parts[2]));
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException("glyphs.txt is on the class path but cannot be read", e);
    }
    return new GlyphShapes(byClass.stream().map(List::copyOf).toList());
  }

  /** All ways to draw a class in this family. */
  List<Drawing> drawings(int label) {
    return byClass.get(label);
  }

  private static Drawing parse(String path) {
    List<double[]> strokes = new ArrayList<>();
    double[] stroke = {};
    String[] tokens = path.split(" ", -1);
    for (int i = 0; i < tokens.length; i++) {
      double[] point = point(tokens[i].substring(1));
      switch (tokens[i].charAt(0)) {
        case 'M' -> {
          if (stroke.length > 0) {
            strokes.add(stroke);
          }
          stroke = point;
        }
        case 'L' -> {
          double x = stroke[stroke.length - 2];
          double y = stroke[stroke.length - 1];
          stroke = append(stroke, (x + point[0]) / 2, (y + point[1]) / 2, point[0], point[1]);
        }
        case 'Q' -> {
          double[] end = point(tokens[++i]);
          stroke = append(stroke, point[0], point[1], end[0], end[1]);
        }
        default ->
            throw new IllegalStateException(
                "glyphs.txt: '" + tokens[i] + "' is none of M, L and Q; correct the path: " + path);
      }
    }
    strokes.add(stroke);
    return new Drawing(List.copyOf(strokes));
  }

  private static double[] point(String text) {
    int comma = text.indexOf(',');
    return new double[] {
      Double.parseDouble(text.substring(0, comma)), Double.parseDouble(text.substring(comma + 1))
    };
  }

  private static double[] append(double[] stroke, double... more) {
    double[] longer = Arrays.copyOf(stroke, stroke.length + more.length);
    System.arraycopy(more, 0, longer, stroke.length, more.length);
    return longer;
  }

  /**
   * Turns a stroke's curves into straight pieces.
   *
   * @param stroke as in {@link Drawing}
   * @return x, y pairs of the corners of one connected line
   */
  static double[] flatten(double[] stroke) {
    int segments = (stroke.length - 2) / 4;
    double[] line = new double[2 + segments * PIECES_PER_CURVE * 2];
    line[0] = stroke[0];
    line[1] = stroke[1];
    int at = 2;
    for (int s = 0; s < segments; s++) {
      int p = s * 4;
      for (int i = 1; i <= PIECES_PER_CURVE; i++) {
        double t = (double) i / PIECES_PER_CURVE;
        double u = 1 - t;
        for (int axis = 0; axis < 2; axis++) {
          line[at++] =
              u * u * stroke[p + axis]
                  + 2 * u * t * stroke[p + 2 + axis]
                  + t * t * stroke[p + 4 + axis];
        }
      }
    }
    return line;
  }
}
