package dev.sluice.engine.format;

import dev.sluice.engine.Signature;
import dev.sluice.engine.stage.Stage;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.regex.Pattern;

/**
 * What {@code manifest.json} says. The maps keep the order of the file.
 *
 * <p>Thread safety: immutable.
 *
 * @param formatVersion version of the package format, see {@link #versionFor}
 * @param producer who wrote the package: name and version
 * @param model the model's name
 * @param signature inputs and outputs as callers see them, which is outside of the stages; dynamic
 *     dimensions are -1, the batch axis included
 * @param batching whether rows may share a run, and why or why not
 * @param precision how the numbers are computed
 * @param profile the shapes that the package was made for
 * @param graphs the graph of each backend, by {@code cpu} and {@code tensorrt}; two backends may
 *     name one entry
 * @param weights where the shared weights lie
 * @param parameters number of elements of all initializers
 * @param golden samples of a self-test
 * @param stages pre- and post-processing, at most one stage for each input and output
 * @param padding how requests of different extents share batches
 * @param entries every entry of the file but the manifest itself, by name; filled in by the writer
 */
public record Manifest(
    int formatVersion,
    String producer,
    String model,
    Signature signature,
    Batching batching,
    Precision precision,
    Profile profile,
    Map<String, Graph> graphs,
    Weights weights,
    long parameters,
    List<GoldenSample> golden,
    List<Stage> stages,
    Padding padding,
    Map<String, Entry> entries) {

  /** The newest format version that this code reads, and the one of packages with padding. */
  public static final int FORMAT_VERSION = 3;

  /** The format version of packages with stages and without padding. */
  public static final int STAGED_VERSION = 2;

  /** The format version of packages without either, which older readers read, too. */
  public static final int PLAIN_VERSION = 1;

  /** The backend key of ONNX Runtime's CPU graph. */
  public static final String CPU = "cpu";

  /** The backend key of TensorRT's graph. */
  public static final String TENSORRT = "tensorrt";

  private static final Pattern SHA256 = Pattern.compile("[0-9a-f]{64}");

  /**
   * Copies the collections and checks what needs no other part of the file.
   *
   * @throws IllegalArgumentException naming the field that is missing or absurd
   */
  public Manifest {
    require(formatVersion >= 1, "formatVersion is " + formatVersion + ", it starts at 1");
    present(producer, "producer");
    present(model, "model");
    present(signature, "signature");
    present(batching, "batching");
    present(precision, "precision");
    present(profile, "profile");
    present(weights, "weights");
    graphs = copy(graphs, "graphs");
    entries = copy(entries, "entries");
    golden = copy(golden, "golden");
    stages = copy(stages, "stages");
    require(!graphs.isEmpty(), "graphs is empty");
    require(parameters >= 0, "parameters is " + parameters);
    present(padding, "padding");
    require(
        stages.isEmpty() || formatVersion >= STAGED_VERSION,
        "format " + formatVersion + " has no stages, but there are some");
    require(
        padding.rules().isEmpty() || formatVersion >= FORMAT_VERSION,
        "format " + formatVersion + " has no padding, but there is some");
  }

  /** The format version of a package with these stages and this padding. */
  public static int versionFor(List<Stage> stages, Padding padding) {
    return !padding.rules().isEmpty()
        ? FORMAT_VERSION
        : stages.isEmpty() ? PLAIN_VERSION : STAGED_VERSION;
  }

  /** This manifest with other entries. */
  public Manifest withEntries(Map<String, Entry> newEntries) {
    return new Manifest(
        formatVersion,
        producer,
        model,
        signature,
        batching,
        precision,
        profile,
        graphs,
        weights,
        parameters,
        golden,
        stages,
        padding,
        newEntries);
  }

  /**
   * How requests of different extents share batches.
   *
   * @param rules which axes are filled up
   * @param cuts which axes of outputs follow them, and are cut back
   */
  public record Padding(List<PadRule> rules, List<PadCut> cuts) {
    /** No padding: requests of different shapes share no batch. */
    public static final Padding NONE = new Padding(List.of(), List.of());

    /** Copies and checks the fields. */
    public Padding {
      rules = copy(rules, "padding.rules");
      cuts = copy(cuts, "padding.cuts");
      require(!rules.isEmpty() || cuts.isEmpty(), "padding.cuts are of no rule");
    }
  }

  /**
   * An axis of an input that is filled up to the least bucket that holds it.
   *
   * @param input the input
   * @param axis 1 or more; axis 0 is the batch
   * @param buckets extents that batches have, ascending
   * @param value what the rest is filled with, as a number of the input's type
   * @param mask an input of the same shape that is 1 where a request has elements and 0 in the
   *     rest, written by the engine; null where there is none
   */
  public record PadRule(String input, int axis, List<Long> buckets, double value, String mask) {
    /** Copies and checks the fields. */
    public PadRule {
      present(input, "padding.input");
      buckets = copy(buckets, "padding.buckets");
      require(axis >= 1, "padding.axis is " + axis + ", axis 0 is the batch");
      require(!buckets.isEmpty(), "padding.buckets of '" + input + "' is empty");
      long before = 0;
      for (long bucket : buckets) {
        require(bucket > before, "padding.buckets of '" + input + "' do not rise from 1 on");
        before = bucket;
      }
      require(!input.equals(mask), "'" + input + "' is its own mask");
    }
  }

  /**
   * An axis of an output that has the extent of a padded axis.
   *
   * @param output the output
   * @param axis its axis, 1 or more
   * @param input an input of a rule
   * @param inputAxis the rule's axis
   */
  public record PadCut(String output, int axis, String input, int inputAxis) {
    /** Checks the fields. */
    public PadCut {
      present(output, "padding.cuts.output");
      present(input, "padding.cuts.input");
      require(axis >= 1, "padding.cuts.axis is " + axis + ", axis 0 is the batch");
    }
  }

  /**
   * Whether several rows may share one run.
   *
   * @param proven true where it was shown at build that n rows together equal n single runs
   * @param axis the batch axis of every input and output: always 0
   * @param reason how it was proven, or why it was not
   */
  public record Batching(boolean proven, int axis, String reason) {
    /** Checks the fields. */
    public Batching {
      present(reason, "batching.reason");
      require(axis == 0, "batching.axis is " + axis + ", only 0 is known");
    }
  }

  /**
   * The precision of the whole and of its layers.
   *
   * @param overall {@code fp32}, {@code fp16}, {@code bf16} or {@code int8}
   * @param layers layers with a precision or a reason of their own; empty where all agree
   * @param reason one sentence about the whole
   */
  public record Precision(String overall, List<Layer> layers, String reason) {
    /** Copies and checks the fields. */
    public Precision {
      present(overall, "precision.overall");
      present(reason, "precision.reason");
      layers = copy(layers, "precision.layers");
    }
  }

  /**
   * The precision of one layer.
   *
   * @param name the node's name
   * @param op the operator
   * @param precision as {@link Precision#overall}
   * @param reason why this precision
   * @param sqnrDb signal to quantization noise in decibels, or null where it was not measured
   */
  public record Layer(String name, String op, String precision, String reason, Double sqnrDb) {
    /** Checks the fields. */
    public Layer {
      present(name, "layer.name");
      present(op, "layer.op");
      present(precision, "layer.precision");
      present(reason, "layer.reason");
    }
  }

  /**
   * The shapes that the package was made for.
   *
   * @param rows rows of one run; 1 to 1 for a model that is not batched
   * @param shapes for each input with dynamic dimensions besides the batch: the range of every one
   *     of its dimensions, the batch included
   */
  public record Profile(Range rows, Map<String, List<Range>> shapes) {
    /** Copies and checks the fields. */
    public Profile {
      present(rows, "profile.rows");
      shapes = copy(shapes, "profile.shapes");
      Map<String, List<Range>> copies = new LinkedHashMap<>();
      shapes.forEach((name, ranges) -> copies.put(name, copy(ranges, "profile.shapes." + name)));
      shapes = Collections.unmodifiableMap(copies);
      require(rows.min() >= 1, "profile.rows.min is " + rows.min());
    }
  }

  /**
   * The extent of one dimension.
   *
   * @param min smallest
   * @param opt the one to be fast at
   * @param max largest
   */
  public record Range(long min, long opt, long max) {
    /** Checks the order. */
    public Range {
      require(
          0 <= min && min <= opt && opt <= max,
          "a range is 0 <= min <= opt <= max, but this is " + min + ":" + opt + ":" + max);
    }
  }

  /**
   * One graph.
   *
   * @param entry the entry that holds the ONNX model
   * @param opset version of the default operator set
   * @param nodes number of nodes, those of subgraphs included
   */
  public record Graph(String entry, long opset, int nodes) {
    /** Checks the fields. */
    public Graph {
      present(entry, "graph.entry");
      require(nodes >= 0, "graph.nodes is " + nodes);
    }
  }

  /**
   * The shared weights.
   *
   * @param offset first byte of {@code weights.bin}'s data in the package
   * @param sizeBytes its size
   * @param location the file name that the graphs' external data names; where the package has
   *     another name by now, the weights must be handed to the backend from memory
   */
  public record Weights(long offset, long sizeBytes, String location) {
    /** Checks the fields. */
    public Weights {
      present(location, "weights.location");
      require(offset >= 0 && sizeBytes >= 0, "weights: " + offset + "+" + sizeBytes);
    }
  }

  /**
   * One run of the model.
   *
   * @param inputs entry of each input, by the input's name; {@link SluicePackage#goldenInput} reads
   *     them
   * @param outputs entry of each output, by the output's name
   * @param absTolerance largest difference from the stored output plus {@code relTolerance} times
   *     the output's largest magnitude
   * @param relTolerance see {@code absTolerance}
   */
  public record GoldenSample(
      Map<String, String> inputs,
      Map<String, String> outputs,
      double absTolerance,
      double relTolerance) {
    /** Copies and checks the fields. */
    public GoldenSample {
      inputs = copy(inputs, "golden.inputs");
      outputs = copy(outputs, "golden.outputs");
      require(absTolerance >= 0 && relTolerance >= 0, "a golden tolerance is negative");
    }
  }

  /**
   * One entry of the file.
   *
   * @param sizeBytes its size
   * @param sha256 of its data, 64 lower-case hexadecimal digits
   */
  public record Entry(long sizeBytes, String sha256) {
    /** Checks the fields. */
    public Entry {
      present(sha256, "entry.sha256");
      require(sizeBytes >= 0, "entry.sizeBytes is " + sizeBytes);
      require(SHA256.matcher(sha256).matches(), "entry.sha256 is not a SHA-256: " + sha256);
    }
  }

  private static <T> List<T> copy(List<T> list, String field) {
    present(list, field);
    list.forEach(element -> present(element, "an element of " + field));
    return List.copyOf(list);
  }

  private static <T> Map<String, T> copy(Map<String, T> map, String field) {
    present(map, field);
    map.forEach((key, value) -> present(value, field + "." + key));
    return Collections.unmodifiableMap(new LinkedHashMap<>(map));
  }

  private static void present(Object value, String field) {
    require(Objects.nonNull(value), field + " is missing");
  }

  private static void require(boolean holds, String problem) {
    if (!holds) {
      throw new IllegalArgumentException(problem);
    }
  }
}
