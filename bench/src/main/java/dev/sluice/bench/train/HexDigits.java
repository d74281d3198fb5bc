package dev.sluice.bench.train;

import dev.sluice.bench.train.Canvas.Pen;
import dev.sluice.bench.train.GlyphShapes.Drawing;
import dev.sluice.bindings.ElementType;
import java.util.List;

/**
 * The data set of drawn hexadecimal digits: sample {@code index} of a family under a seed is always
 * the same image, whatever was made before it. Labels go round, so every run of 16 samples holds
 * each class once. {@link Family} says what the two families do not share.
 *
 * <p>Not thread-safe: it draws on one canvas.
 */
final class HexDigits implements Dataset {
  /** The models' input. */
  static final String INPUT = "image";

  /** Width and height of an image in pixels. */
  static final int SIDE = 20;

  /** Bytes of an image, one per pixel, row by row, 0 for black. */
  static final int PIXELS = SIDE * SIDE;

  /** How many classes there are. */
  static final int CLASSES = GlyphShapes.CLASSES.length();

  private final Style style;
  private final long seed;
  private final GlyphShapes shapes;
  private final Canvas canvas = new Canvas(SIDE);
  private final byte[] drawn = new byte[PIXELS];

  HexDigits(Family family, long seed) {
    this.style = family.style();
    this.seed = family.apart(seed);
    this.shapes = GlyphShapes.of(family);
  }

  @Override
  public String input() {
    return INPUT;
  }

  @Override
  public ElementType type() {
    return ElementType.FLOAT;
  }

  @Override
  public long[] rowShape() {
    return new long[] {1, SIDE, SIDE};
  }

  @Override
  public int classes() {
    return CLASSES;
  }

  @Override
  public void draw(long index, float[] values, int at) {
    draw(index, drawn, 0);
    scale(drawn, 0, values, at);
  }

  /**
   * Draws one sample as bytes.
   *
   * @param pixels receives {@link #PIXELS} bytes
   * @param at where in {@code pixels}
   */
  void draw(long index, byte[] pixels, int at) {
    SeededDraws draws = SeededDraws.of(seed, index);
    double contrast = draws.in(style.contrast());
    double level = 0.04 + (0.92 - contrast) * draws.unit();
    canvas.background(
        level, draws.within(style.gradient() / 2), draws.within(style.gradient() / 2));
    canvas.clearInk();
    glyph(label(index), draws);
    if (draws.chance(style.occlusion())) {
      double x = SIDE / 2.0 + draws.within(6);
      double y = SIDE / 2.0 + draws.within(6);
      canvas.wipe(x, y, draws.within(Math.PI), 0.6 + 0.6 * draws.unit());
    }
    canvas.apply(contrast);
    canvas.clearInk();
    int pieces = draws.below(style.maxClutter() + 1);
    for (int i = 0; i < pieces; i++) {
      clutter(draws);
    }
    canvas.apply(contrast * (0.3 + 0.5 * draws.unit()));
    canvas.blur(draws.in(style.blur()));
    develop(draws, pixels, at);
  }

  /** The pixels of a sample as the network takes them: light from 0 to 1. */
  static void scale(byte[] pixels, int from, float[] values, int at) {
    for (int i = 0; i < PIXELS; i++) {
      values[at + i] = (pixels[from + i] & 0xFF) / 255f;
    }
  }

  private void glyph(int label, SeededDraws draws) {
    List<Drawing> drawings = shapes.drawings(label);
    Drawing drawing = drawings.get(draws.below(drawings.size()));
    double height = draws.in(style.height());
    double width = height * draws.in(style.aspect());
    double rotation = draws.within(style.rotation());
    double cos = StrictMath.cos(rotation);
    double sin = StrictMath.sin(rotation);
    double shear = draws.within(style.shear());
    double centreX = SIDE / 2.0 + draws.within(style.shift());
    double centreY = SIDE / 2.0 + draws.within(style.shift());
    double amplitude = draws.in(style.wave());
    double phase = draws.within(Math.PI);
    double cycles = 0.6 + 0.9 * draws.unit();
    Pen pen = new Pen(draws.in(style.pen()), draws.in(style.nib()), draws.within(Math.PI));
    for (double[] stroke : drawing.strokes()) {
      double[] moved = stroke.clone();
      for (int i = 0; i < moved.length; i++) {
        moved[i] += style.jitter() * draws.gaussian();
      }
      double[] line = GlyphShapes.flatten(moved);
      for (int i = 0; i < line.length; i += 2) {
        double turn = 2 * Math.PI * cycles / 100;
        double bentX = line[i] + amplitude * StrictMath.sin(turn * line[i + 1] + phase);
        double bentY = line[i + 1] + amplitude * StrictMath.cos(turn * line[i] + phase);
        double x = (bentX - 50) / 100 * width;
        double y = (bentY - 50) / 100 * height;
        x += shear * y;
        line[i] = centreX + cos * x - sin * y;
        line[i + 1] = centreY + sin * x + cos * y;
      }
      canvas.stroke(line, pen);
    }
  }

  private void clutter(SeededDraws draws) {
    double x = SIDE * draws.unit();
    double y = SIDE * draws.unit();
    switch (style.clutter()) {
      case SCRATCHES -> {
        double angle = draws.within(Math.PI);
        double length = 3 + 8 * draws.unit();
        double[] line = {
          x, y, x + length * StrictMath.cos(angle), y + length * StrictMath.sin(angle)
        };
        canvas.stroke(line, new Pen(0.3 + 0.5 * draws.unit(), 1, 0));
      }
      case ARCS_AND_DOTS -> {
        double radius = draws.chance(0.5) ? 0.1 : 3 + 5 * draws.unit();
        double start = draws.within(Math.PI);
        double[] line = new double[14];
        for (int i = 0; i < line.length; i += 2) {
          double angle = start + i * 0.1;
          line[i] = x + radius * StrictMath.cos(angle);
          line[i + 1] = y + radius * StrictMath.sin(angle);
        }
        canvas.stroke(line, new Pen(0.4 + 0.6 * draws.unit(), 1, 0));
      }
    }
  }

  private void develop(SeededDraws draws, byte[] pixels, int at) {
    double noise = draws.in(style.noise());
    double wrong = draws.in(style.wrongPixels());
    for (int i = 0; i < PIXELS; i++) {
      double light = canvas.pixels()[i];
      if (noise > 0) {
        light += noise * draws.gaussian();
      }
      if (wrong > 0 && draws.chance(wrong)) {
        light = draws.unit();
      }
      pixels[at + i] = (byte) (int) (Math.clamp(light, 0.0, 1.0) * 255 + 0.5);
    }
  }
}
