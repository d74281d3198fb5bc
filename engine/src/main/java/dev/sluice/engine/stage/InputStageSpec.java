package dev.sluice.engine.stage;

import dev.sluice.bindings.ElementType;
import dev.sluice.engine.Shape;
import dev.sluice.engine.TensorSpec;
import dev.sluice.engine.stage.StageWords.Size;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * An input stage as the command line has it, before the model is known:
 *
 * <pre>
 *   NAME=u8[,KEY=VALUE]...
 *   resize=HxW | letterbox=HxW    how images get the model's size; without either they have it
 *   fill=V                        pixel value around a letterboxed image, 114 by default
 *   size=HxW | max=HxW            all images have this size | any up to so many pixels
 *   scale=S                       1/255 by default
 *   mean=M, std=S                 a number, or one per channel: 0.1:0.2:0.3 or 0.1,0.2,0.3
 *   order=rgb | bgr               of the model's channels, rgb by default
 * </pre>
 *
 * <p>Thread safety: immutable.
 */
public final class InputStageSpec {
  private static final Pattern TEXT = Pattern.compile("(.+?)=u8(?:,(.*))?", Pattern.DOTALL);
  private static final List<String> KEYS =
      List.of("resize", "letterbox", "fill", "size", "max", "scale", "mean", "std", "order");
  private static final int DEFAULT_FILL = 114;

  /** Pixels of a largest image by default: all of COCO and most photographs of ImageNet. */
  private static final Size DEFAULT_MAX = new Size(768, 768);

  private final String tensor;
  private final Map<String, String> values;
  private final Fit fit;
  private final Size target;
  private final Size size;
  private final Size max;
  private final int fill;
  private final double scale;
  private final List<Double> mean;
  private final List<Double> std;
  private final ChannelOrder order;

  private InputStageSpec(String tensor, Map<String, String> values) {
    this.tensor = tensor;
    this.values = values;
    exclude("resize", "letterbox");
    exclude("size", "max");
    this.fit = fit();
    this.target = fit == Fit.RESIZE ? size("resize") : size("letterbox");
    this.size = size("size");
    this.max = size("max");
    this.fill = fill();
    this.scale =
        values.containsKey("scale") ? StageWords.number("scale", values.get("scale")) : 1.0 / 255;
    this.mean = numbers("mean", 0.0);
    this.std = numbers("std", 1.0);
    this.order = order();
    check();
  }

  /**
   * Reads a text.
   *
   * @throws IllegalArgumentException saying what is wrong with it and how to write it
   */
  public static InputStageSpec parse(String text) {
    Matcher matcher = TEXT.matcher(text);
    if (!matcher.matches()) {
      throw new IllegalArgumentException(
          "'"
              + text
              + "' is no input stage; write NAME=u8,KEY=VALUE,..., as in"
              + " image=u8,letterbox=224x224,mean=0.485:0.456:0.406,std=0.229:0.224:0.225");
    }
    Map<String, String> values = new LinkedHashMap<>();
    String key = null;
    String words = matcher.group(2);
    for (String word : words == null ? new String[0] : words.split(",", -1)) {
      int split = word.indexOf('=');
      if (split < 0 && ("mean".equals(key) || "std".equals(key))) {
        values.merge(key, word.strip(), (list, more) -> list + ":" + more);
        continue;
      }
      key = (split < 0 ? word : word.substring(0, split)).strip();
      if (!KEYS.contains(key) || split < 0) {
        throw new IllegalArgumentException(
            "'"
                + word
                + "' in '"
                + text
                + "' is no KEY=VALUE of an input stage; the keys are "
                + String.join(", ", KEYS));
      }
      if (values.put(key, word.substring(split + 1).strip()) != null) {
        throw new IllegalArgumentException(key + " is given twice in '" + text + "'; give it once");
      }
    }
    return new InputStageSpec(matcher.group(1), values);
  }

  private void exclude(String one, String other) {
    if (values.containsKey(one) && values.containsKey(other)) {
      throw new IllegalArgumentException(
          one + " and " + other + " of '" + tensor + "' exclude each other; give one of them");
    }
  }

  private Fit fit() {
    if (values.containsKey("letterbox")) {
      return Fit.LETTERBOX;
    }
    return values.containsKey("resize") ? Fit.RESIZE : Fit.NONE;
  }

  private Size size(String key) {
    String text = values.get(key);
    return text == null ? null : StageWords.size(key, text);
  }

  private int fill() {
    String text = values.get("fill");
    if (text == null) {
      return DEFAULT_FILL;
    }
    if (fit != Fit.LETTERBOX) {
      throw new IllegalArgumentException(
          "fill=" + text + " is for letterbox, which fills; leave it out");
    }
    if (!text.matches("\\d{1,3}") || Integer.parseInt(text) > 255) {
      throw new IllegalArgumentException("fill=" + text + ": write a pixel value of 0 to 255");
    }
    return Integer.parseInt(text);
  }

  private List<Double> numbers(String key, double byDefault) {
    String text = values.get(key);
    return text == null ? List.of(byDefault) : StageWords.numbers(key, text);
  }

  private ChannelOrder order() {
    return switch (values.getOrDefault("order", "rgb")) {
      case "rgb" -> ChannelOrder.RGB;
      case "bgr" -> ChannelOrder.BGR;
      default ->
          throw new IllegalArgumentException("order=" + values.get("order") + ": write rgb or bgr");
    };
  }

  private void check() {
    if (max != null && fit == Fit.NONE) {
      throw new IllegalArgumentException(
          "max=" + max + " is for images that are resized; add resize=HxW or letterbox=HxW");
    }
    if (scale <= 0) {
      throw new IllegalArgumentException("scale=" + values.get("scale") + ": must be positive");
    }
    if (std.stream().anyMatch(value -> value <= 0)) {
      throw new IllegalArgumentException("std=" + values.get("std") + ": must be positive");
    }
    boolean bytes =
        mean.stream().anyMatch(value -> Math.abs(value) > 1)
            || (values.containsKey("std") && std.stream().anyMatch(value -> value > 1));
    if (bytes && !values.containsKey("scale")) {
      throw new IllegalArgumentException(
          "mean="
              + StageWords.list(mean)
              + ", std="
              + StageWords.list(std)
              + " of '"
              + tensor
              + "' look like pixel values of 0 to 255: a pixel x becomes (x * scale - mean) / std"
              + " with scale 1/255, so that they are of 0 to 1; add scale=1 where they are of 0 to"
              + " 255, or scale=1/255 where they are right as they are");
    }
  }

  /** The model's input. */
  public String tensor() {
    return tensor;
  }

  /**
   * The shape that the stage gives the model's input, for one row.
   *
   * @param model the input as the model declares it
   * @throws IllegalArgumentException naming the input, its shape and what to do
   */
  public Shape modelShape(TensorSpec model) {
    InputStage stage = resolve(model);
    return Shape.of(1, stage.channels(), stage.height(), stage.width());
  }

  /**
   * The stage for a model.
   *
   * @param model the input as the model declares it
   * @throws IllegalArgumentException naming the input, its shape and what to do
   */
  public InputStage resolve(TensorSpec model) {
    Shape shape = model.shape();
    if (model.type() != ElementType.FLOAT && model.type() != ElementType.FLOAT16) {
      throw refusal(
          model, "a stage writes float or float16; give the model such an input, or no stage");
    }
    if (shape.rank() != 4) {
      throw refusal(model, "a stage writes [N, channels, height, width]: 4 dimensions");
    }
    long channels = shape.dim(1);
    if (channels != 1 && channels != 3) {
      boolean last = shape.dim(3) == 1 || shape.dim(3) == 3;
      throw refusal(
          model,
          last
              ? "its channels stand last, but a stage writes [N, channels, height, width]: begin the"
                  + " model with a Transpose of perm [0, 2, 3, 1]"
              : "a stage writes 1 or 3 channels in axis 1, which must be declared");
    }
    if (channels == 1 && order == ChannelOrder.BGR) {
      throw refusal(model, "order=bgr is for three channels, and it has one: leave order out");
    }
    int height = extent(model, 2);
    int width = extent(model, 3);
    Size source = size != null ? size : fit == Fit.NONE ? new Size(height, width) : max(channels);
    if (fit == Fit.NONE && (source.height() != height || source.width() != width)) {
      throw refusal(
          model,
          "size="
              + source
              + " is another, and nothing resizes: add resize="
              + height
              + "x"
              + width);
    }
    return new InputStage(
        tensor,
        model.type(),
        (int) channels,
        height,
        width,
        fit,
        fill,
        scale,
        perChannel("mean", mean, (int) channels, model),
        perChannel("std", std, (int) channels, model),
        order,
        source.height(),
        source.width(),
        fit != Fit.NONE && size == null);
  }

  private Size max(long channels) {
    if (max != null) {
      return max;
    }
    boolean larger = target.height() * target.width() > DEFAULT_MAX.height() * DEFAULT_MAX.width();
    return larger && channels > 0 ? target : DEFAULT_MAX;
  }

  private int extent(TensorSpec model, int axis) {
    long declared = model.shape().dim(axis);
    Size wanted = fit == Fit.NONE ? size : target;
    int own = wanted == null ? 0 : axis == 2 ? wanted.height() : wanted.width();
    if (declared == Shape.DYNAMIC) {
      if (wanted == null) {
        throw refusal(
            model,
            "its height and width are open: say them with letterbox=HxW, resize=HxW or size=HxW");
      }
      return own;
    }
    if (declared < 1 || declared > InputStage.MAX_SIDE) {
      throw refusal(model, "a stage writes 1 to " + InputStage.MAX_SIDE + " rows and columns");
    }
    if (fit != Fit.NONE && own != declared) {
      throw refusal(
          model,
          (fit == Fit.RESIZE ? "resize=" : "letterbox=")
              + target
              + " is another size than the model's: say "
              + model.shape().dim(2)
              + "x"
              + model.shape().dim(3));
    }
    return (int) declared;
  }

  private List<Double> perChannel(String key, List<Double> given, int channels, TensorSpec model) {
    if (given.size() == channels) {
      return given;
    }
    if (given.size() != 1) {
      throw refusal(
          model,
          key
              + " has "
              + given.size()
              + " values; give one, or one for each of "
              + channels
              + " channels");
    }
    return new ArrayList<>(Collections.nCopies(channels, given.getFirst()));
  }

  private static IllegalArgumentException refusal(TensorSpec model, String problem) {
    return new IllegalArgumentException(
        "the input " + model + " can't have this stage: " + problem);
  }

  @Override
  public String toString() {
    StringBuilder text = new StringBuilder(tensor).append("=u8");
    values.forEach((key, value) -> text.append(',').append(key).append('=').append(value));
    return text.toString();
  }
}
