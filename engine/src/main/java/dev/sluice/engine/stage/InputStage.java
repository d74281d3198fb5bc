package dev.sluice.engine.stage;

import dev.sluice.bindings.ElementType;
import dev.sluice.engine.Shape;
import dev.sluice.engine.TensorSpec;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/**
 * Images of bytes become an input [N, channels, height, width] of the model. Each pixel value
 * {@code x} of 0 to 255, resized where that is asked for, becomes {@code (x * scale - mean) / std};
 * so {@code mean} and {@code std} are in the unit that {@code scale} makes: 0 to 1 with a scale of
 * 1/255, 0 to 255 with a scale of 1.
 *
 * <p>Callers give NAME as bytes in the order row, column, channel (red, green, blue): [N, height,
 * width, channels] where all images have one size; else [N, {@link #capacityBytes}], packed from
 * the start of the row, and NAME{@value #SIZE_SUFFIX} with height and width of each.
 *
 * <p>Thread safety: immutable.
 *
 * @param tensor the model's input
 * @param type of the model's input: FLOAT or FLOAT16
 * @param channels of the model and of the images: 1 or 3
 * @param height of the model's input
 * @param width of the model's input
 * @param fit how images get that size
 * @param fill pixel value, 0 to 255, of what a letterboxed image leaves free
 * @param scale factor of the pixel values
 * @param mean one value per channel, in the model's order
 * @param std one value per channel, in the model's order, positive
 * @param order of the model's channels
 * @param sourceHeight height of the images; with {@code anySize} the height of a largest one
 * @param sourceWidth width of the images; with {@code anySize} the width of a largest one
 * @param anySize whether images have a size of their own: any that takes no more bytes than the
 *     largest one
 */
public record InputStage(
    String tensor,
    ElementType type,
    int channels,
    int height,
    int width,
    Fit fit,
    int fill,
    double scale,
    List<Double> mean,
    List<Double> std,
    ChannelOrder order,
    int sourceHeight,
    int sourceWidth,
    boolean anySize)
    implements Stage {
  /** What the name of the input with the images' sizes ends in. */
  public static final String SIZE_SUFFIX = ".size";

  /** The longest side of an image. */
  public static final int MAX_SIDE = 16_384;

  /** Most pixels of one image: the kernel finds its place in a line with a float's 24 bits. */
  public static final int MAX_PIXELS = 1 << 24;

  /** The largest finite number of FLOAT16. */
  private static final double MAX_HALF = 65_504;

  /**
   * Copies the lists and checks all values.
   *
   * @throws IllegalArgumentException naming the value that is missing or absurd
   */
  public InputStage {
    String who = "input stage of '" + tensor + "': ";
    require(tensor != null && !tensor.isEmpty(), "an input stage names no input");
    require(
        type == ElementType.FLOAT || type == ElementType.FLOAT16,
        who + "the type is " + type + ", not FLOAT or FLOAT16");
    require(channels == 1 || channels == 3, who + channels + " channels, not 1 or 3");
    require(fit != null, who + "fit is missing");
    require(order != null, who + "order is missing");
    side(height, who + "height");
    side(width, who + "width");
    side(sourceHeight, who + "sourceHeight");
    side(sourceWidth, who + "sourceWidth");
    require(
        (long) sourceHeight * sourceWidth <= MAX_PIXELS && (long) height * width <= MAX_PIXELS,
        who + "an image of more than " + MAX_PIXELS + " pixels");
    require(fill >= 0 && fill <= 255, who + "fill is " + fill + ", not 0 to 255");
    require(usable(scale) && scale > 0, who + "scale is " + scale + ", not positive");
    mean = values(mean, channels, who + "mean");
    std = values(std, channels, who + "std");
    for (double value : std) {
      require(value > 0 && usable(1 / value), who + "std is " + value + ", not positive");
    }
    for (int c = 0; c < channels; c++) {
      checkRange(type, scale / std.get(c), -mean.get(c) / std.get(c), who);
    }
    require(
        fit != Fit.NONE || (!anySize && sourceHeight == height && sourceWidth == width),
        who + "images that are not resized must have the model's size");
  }

  private static List<Double> values(List<Double> values, int channels, String who) {
    require(
        values != null && values.size() == channels && values.stream().allMatch(Objects::nonNull),
        who + " does not have " + channels + " values");
    values.forEach(value -> require(usable(value), who + " is " + value));
    return List.copyOf(values);
  }

  /** Whether a number is one, and stays finite as a float. */
  private static boolean usable(double value) {
    return Double.isFinite(value) && Float.isFinite((float) value);
  }

  /** What a pixel becomes is a multiple of it and a summand: both are floats, and so is the sum. */
  private static void checkRange(ElementType type, double factor, double summand, String who) {
    double largest = type == ElementType.FLOAT16 ? MAX_HALF : Float.MAX_VALUE;
    require(
        (float) factor != 0
            && (float) factor <= largest
            && Math.abs(summand) <= largest
            && Math.abs(255 * factor + summand) <= largest,
        who
            + "(x * scale - mean) / std makes "
            + (float) summand
            + " of a pixel value of 0 and "
            + (float) (255 * factor + summand)
            + " of 255, and "
            + type
            + " holds numbers up to "
            + (float) largest
            + ", or it makes the same of all: give another scale, mean or std");
  }

  private static void side(int extent, String who) {
    require(extent >= 1 && extent <= MAX_SIDE, who + " is " + extent + ", not 1 to " + MAX_SIDE);
  }

  private static void require(boolean holds, String problem) {
    if (!holds) {
      throw new IllegalArgumentException(problem);
    }
  }

  /** The name of the input with the images' sizes, where these differ. */
  public String sizeTensor() {
    return tensor + SIZE_SUFFIX;
  }

  /** Bytes of a largest image, and of a row of the input. */
  public int capacityBytes() {
    return sourceHeight * sourceWidth * channels;
  }

  /**
   * What is wrong with the size of an image, or null where it fits.
   *
   * @param imageHeight as the caller says
   * @param imageWidth as the caller says
   */
  public String sizeProblem(int imageHeight, int imageWidth) {
    if (fits(imageHeight, imageWidth)) {
      return null;
    }
    return "an image of "
        + imageHeight
        + "x"
        + imageWidth
        + " (height x width) for input '"
        + tensor
        + "', which takes "
        + (anySize
            ? "images of up to "
                + sourceHeight * sourceWidth
                + " pixels (as "
                + sourceHeight
                + "x"
                + sourceWidth
                + "), no side longer than "
                + MAX_SIDE
                + ": make it smaller, or build the package with a larger max="
            : "images of " + sourceHeight + "x" + sourceWidth + " only: resize it");
  }

  /** Whether an image of this size fits a row. */
  public boolean fits(int imageHeight, int imageWidth) {
    if (!anySize) {
      return imageHeight == sourceHeight && imageWidth == sourceWidth;
    }
    return imageHeight >= 1
        && imageHeight <= MAX_SIDE
        && imageWidth >= 1
        && imageWidth <= MAX_SIDE
        && (long) imageHeight * imageWidth * channels <= capacityBytes();
  }

  @Override
  public TensorSpec model(long rows) {
    return new TensorSpec(tensor, type, Shape.of(rows, channels, height, width));
  }

  @Override
  public List<TensorSpec> served(long rows) {
    if (!anySize) {
      Shape shape = Shape.of(rows, sourceHeight, sourceWidth, channels);
      return List.of(new TensorSpec(tensor, ElementType.UINT8, shape));
    }
    return List.of(
        new TensorSpec(tensor, ElementType.UINT8, Shape.of(rows, capacityBytes())),
        new TensorSpec(sizeTensor(), ElementType.INT32, Shape.of(rows, 2)));
  }

  @Override
  public void check(TensorSpec actual) {
    if (actual.type() != type
        || actual.shape().rank() != 4
        || !actual.shape().accepts(Shape.of(actual.shape().dim(0), channels, height, width))) {
      throw new IllegalArgumentException(
          "the stage "
              + text()
              + " was made for an input "
              + type
              + model(Shape.DYNAMIC).shape()
              + ", but the model has "
              + actual);
    }
  }

  @Override
  public String text() {
    List<String> words = new ArrayList<>();
    words.add(tensor + "=u8");
    if (fit != Fit.NONE) {
      words.add((fit == Fit.RESIZE ? "resize=" : "letterbox=") + height + "x" + width);
    }
    words.add((anySize ? "max=" : "size=") + sourceHeight + "x" + sourceWidth);
    if (fit == Fit.LETTERBOX) {
      words.add("fill=" + fill);
    }
    words.add("scale=" + StageWords.factor(scale));
    words.add("mean=" + StageWords.list(mean));
    words.add("std=" + StageWords.list(std));
    words.add("order=" + (order == ChannelOrder.RGB ? "rgb" : "bgr"));
    return String.join(",", words);
  }

  @Override
  public String toString() {
    return text();
  }
}
