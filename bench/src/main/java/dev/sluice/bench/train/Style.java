package dev.sluice.bench.train;

import dev.sluice.bench.train.SeededDraws.Range;

/**
 * The ranges that a family draws from.
 *
 * @param height of the digit
 * @param aspect width of the digit over its height
 * @param rotation largest, in radians, either way
 * @param shear largest, either way
 * @param shift largest displacement of the centre, per axis
 * @param jitter standard deviation of each corner's displacement, in hundredths of the digit's box
 * @param wave amplitude of the sine that bends the strokes, in hundredths of the digit's box
 * @param pen half the stroke's width
 * @param nib shorter over longer axis of the pen's tip
 * @param contrast ink over background, 1 being black to white
 * @param gradient largest difference of the background across the image
 * @param clutter what is drawn over and beside the digit
 * @param maxClutter most pieces of clutter
 * @param occlusion probability that a bar hides part of the digit
 * @param noise standard deviation of each pixel's normal noise
 * @param wrongPixels fraction of the pixels that are replaced by any grey
 * @param blur weight of a pixel's four neighbours against its own
 */
record Style(
    Range height,
    Range aspect,
    double rotation,
    double shear,
    double shift,
    double jitter,
    Range wave,
    Range pen,
    Range nib,
    Range contrast,
    double gradient,
    Clutter clutter,
    int maxClutter,
    double occlusion,
    Range noise,
    Range wrongPixels,
    Range blur) {
  static final Style TRAINING =
      new Style(
          Range.of(12.5, 17.5),
          Range.of(0.52, 0.95),
          0.24,
          0.28,
          1.6,
          4.0,
          Range.of(0, 0),
          Range.of(0.65, 1.35),
          Range.of(1, 1),
          Range.of(0.35, 0.85),
          0.0,
          Clutter.SCRATCHES,
          3,
          0.35,
          Range.of(0.02, 0.13),
          Range.of(0, 0),
          Range.of(0, 0.55));
  static final Style HELD_OUT =
      new Style(
          Range.of(12.0, 17.0),
          Range.of(0.55, 0.9),
          0.2,
          0.22,
          1.5,
          0.0,
          Range.of(2, 6),
          Range.of(0.8, 1.5),
          Range.of(0.4, 0.75),
          Range.of(0.35, 0.85),
          0.3,
          Clutter.ARCS_AND_DOTS,
          3,
          0.3,
          Range.of(0, 0),
          Range.of(0.0, 0.06),
          Range.of(0, 0.5));

  /** What is drawn over and beside the digit. */
  enum Clutter {
    SCRATCHES,
    ARCS_AND_DOTS
  }
}
