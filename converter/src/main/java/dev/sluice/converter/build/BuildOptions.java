package dev.sluice.converter.build;

import dev.sluice.engine.format.Manifest;
import dev.sluice.engine.format.Manifest.PadRule;
import dev.sluice.engine.format.Manifest.Range;
import dev.sluice.engine.stage.InputStageSpec;
import dev.sluice.engine.stage.OutputStageSpec;
import java.lang.module.ModuleDescriptor;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.regex.Pattern;

/**
 * How a package is built.
 *
 * <p>Thread safety: immutable.
 *
 * @param rows rows of one run that the package is made for, where batching is proven
 * @param shapes for inputs with dynamic dimensions: the range of each dimension, the batch
 *     included; inputs that are not named get shapes that are found by trying
 * @param batching false leaves out the proof: the model runs unbatched
 * @param producer what the manifest says about who made it
 * @param dynamicBatch whether a model whose inputs have a fixed first dimension gets a dynamic one
 * @param seed of the samples
 * @param inputStages what is done before the model, at most one for each input
 * @param outputStages what is done after the model, at most one for each output
 * @param pads axes that are filled up, so that requests of different extents share batches
 * @param customOps libraries with operators that ONNX Runtime lacks; native code, which stays
 *     loaded
 */
public record BuildOptions(
    Range rows,
    Map<String, List<Range>> shapes,
    boolean batching,
    boolean dynamicBatch,
    String producer,
    long seed,
    List<InputStageSpec> inputStages,
    List<OutputStageSpec> outputStages,
    List<PadRule> pads,
    List<Path> customOps) {
  private static final Pattern PAD = Pattern.compile("(.+)=(\\d{1,3}):(.*)");
  private static final Pattern RANGE = Pattern.compile("(\\d{1,15})(?::(\\d{1,15}):(\\d{1,15}))?");

  /** Copies the collections. */
  public BuildOptions {
    Objects.requireNonNull(rows, "rows");
    Objects.requireNonNull(producer, "producer");
    shapes = Map.copyOf(shapes);
    inputStages = List.copyOf(inputStages);
    outputStages = List.copyOf(outputStages);
    pads = List.copyOf(pads);
    customOps = List.copyOf(customOps);
    if (rows.min() < 1) {
      throw new IllegalArgumentException("a batch has at least 1 row, but min is " + rows.min());
    }
  }

  /** Up to 64 rows, shapes found by trying, batching where it can be proven. */
  public static BuildOptions defaults() {
    return new BuildOptions(
        new Range(1, 16, 64),
        Map.of(),
        true,
        false,
        producer("sluice"),
        1,
        List.of(),
        List.of(),
        List.of(),
        List.of());
  }

  /** The name with the version, which is known where this runs as a named module. */
  private static String producer(String name) {
    ModuleDescriptor module = BuildOptions.class.getModule().getDescriptor();
    return module == null ? name : module.rawVersion().map(v -> name + " " + v).orElse(name);
  }

  /**
   * These options with another range of rows; where that is more than one, a fixed batch is made
   * dynamic.
   */
  public BuildOptions withRows(Range newRows) {
    return new BuildOptions(
        newRows,
        shapes,
        batching,
        newRows.max() > 1,
        producer,
        seed,
        inputStages,
        outputStages,
        pads,
        customOps);
  }

  /** These options with the shape of one more input. */
  public BuildOptions withShape(String input, List<Range> dims) {
    Map<String, List<Range>> more = new LinkedHashMap<>(shapes);
    more.put(input, List.copyOf(dims));
    return new BuildOptions(
        rows,
        more,
        batching,
        dynamicBatch,
        producer,
        seed,
        inputStages,
        outputStages,
        pads,
        customOps);
  }

  /**
   * These options with the shape of one more input, as the command line has it: {@code NAME=DIMS}.
   *
   * @throws IllegalArgumentException when it is something else
   */
  public BuildOptions withShape(String text) {
    // Names may contain '='; dimensions don't.
    int split = text.lastIndexOf('=');
    if (split < 1) {
      throw new IllegalArgumentException(
          "--shape " + text + ": write NAME=DIMS, as in image=1:8:64,3,224,224");
    }
    List<Range> dims = new ArrayList<>();
    for (String dim : text.substring(split + 1).split(",", -1)) {
      dims.add(range(dim.strip()));
    }
    return withShape(text.substring(0, split), dims);
  }

  /** These options without the proof, so that the model runs unbatched. */
  public BuildOptions withoutBatching() {
    return new BuildOptions(
        rows, shapes, false, false, producer, seed, inputStages, outputStages, pads, customOps);
  }

  /** These options with other samples. */
  public BuildOptions withSeed(long newSeed) {
    return new BuildOptions(
        rows,
        shapes,
        batching,
        dynamicBatch,
        producer,
        newSeed,
        inputStages,
        outputStages,
        pads,
        customOps);
  }

  /** These options with one more stage before the model. */
  public BuildOptions withInputStage(InputStageSpec stage) {
    List<InputStageSpec> more = new ArrayList<>(inputStages);
    more.add(stage);
    return new BuildOptions(
        rows, shapes, batching, dynamicBatch, producer, seed, more, outputStages, pads, customOps);
  }

  /** These options with one more stage after the model. */
  public BuildOptions withOutputStage(OutputStageSpec stage) {
    List<OutputStageSpec> more = new ArrayList<>(outputStages);
    more.add(stage);
    return new BuildOptions(
        rows, shapes, batching, dynamicBatch, producer, seed, inputStages, more, pads, customOps);
  }

  /** These options with other axes that are filled up. */
  public BuildOptions withPads(List<PadRule> rules) {
    return new BuildOptions(
        rows,
        shapes,
        batching,
        dynamicBatch,
        producer,
        seed,
        inputStages,
        outputStages,
        rules,
        customOps);
  }

  /**
   * Reads a rule of padding as the command line has it: {@code NAME=AXIS:8,16,32}, then {@code
   * value=X} and {@code mask=INPUT} where they are wanted.
   *
   * @throws IllegalArgumentException when it is something else
   */
  public static PadRule pad(String text) {
    var matcher = PAD.matcher(text);
    if (!matcher.matches()) {
      throw new IllegalArgumentException(
          "--pad "
              + text
              + ": write NAME=AXIS:BUCKETS, as in input_ids=1:16,32,64,value=0,mask=attention_mask");
    }
    List<Long> buckets = new ArrayList<>();
    double value = 0;
    String mask = null;
    for (String word : matcher.group(3).split(",", -1)) {
      try {
        if (word.startsWith("value=")) {
          value = Double.parseDouble(word.substring("value=".length()));
        } else if (word.startsWith("mask=")) {
          mask = word.substring("mask=".length());
        } else {
          buckets.add(Long.parseLong(word.strip()));
        }
      } catch (NumberFormatException e) {
        throw new IllegalArgumentException("--pad " + text + ": '" + word + "' is no number", e);
      }
    }
    try {
      return new PadRule(
          matcher.group(1), Integer.parseInt(matcher.group(2)), buckets, value, mask);
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException("--pad " + text + ": " + e.getMessage(), e);
    }
  }

  /** These options with libraries of operators. */
  public BuildOptions withCustomOps(List<Path> libraries) {
    return new BuildOptions(
        rows,
        shapes,
        batching,
        dynamicBatch,
        producer,
        seed,
        inputStages,
        outputStages,
        pads,
        libraries);
  }

  /**
   * Reads a range as the command line has it: {@code MIN:OPT:MAX}, or one number for all three.
   *
   * @throws IllegalArgumentException when it is neither
   */
  public static Manifest.Range range(String text) {
    var matcher = RANGE.matcher(text);
    if (!matcher.matches()) {
      throw new IllegalArgumentException(
          "'" + text + "' is no range; write MIN:OPT:MAX, or one number");
    }
    long min = Long.parseLong(matcher.group(1));
    return matcher.group(2) == null
        ? new Range(min, min, min)
        : new Range(min, Long.parseLong(matcher.group(2)), Long.parseLong(matcher.group(3)));
  }
}
