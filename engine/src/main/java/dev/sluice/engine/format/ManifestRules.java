package dev.sluice.engine.format;

import dev.sluice.bindings.ElementType;
import dev.sluice.engine.Shape;
import dev.sluice.engine.Signature;
import dev.sluice.engine.TensorSpec;
import dev.sluice.engine.stage.InputStage;
import dev.sluice.engine.stage.Stage;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;

/**
 * What must hold between the parts of a manifest, whoever wrote it.
 *
 * <p>Thread safety: stateless.
 */
final class ManifestRules {
  private ManifestRules() {}

  /**
   * Checks a manifest whose entries are filled in.
   *
   * @throws IllegalArgumentException naming the rule that is broken
   */
  static void check(Manifest manifest) {
    Set<String> inputs = names(manifest.signature().inputs(), "input");
    Set<String> outputs = names(manifest.signature().outputs(), "output");
    require(
        manifest.formatVersion() <= Manifest.FORMAT_VERSION,
        "format " + manifest.formatVersion() + " is newer than " + Manifest.FORMAT_VERSION);
    Set<String> staged = new HashSet<>();
    for (Stage stage : manifest.stages()) {
      boolean input = stage instanceof InputStage;
      require(
          staged.add((input ? "input '" : "output '") + stage.tensor()),
          "'" + stage.tensor() + "' has two stages");
      checkStage(stage, input ? manifest.signature().inputs() : manifest.signature().outputs());
    }
    Manifest.Entry weights = manifest.entries().get(ZipLayout.WEIGHTS);
    require(weights != null, "there is no entry " + ZipLayout.WEIGHTS);
    require(
        manifest.weights().offset() == ZipLayout.WEIGHTS_OFFSET
            && manifest.weights().sizeBytes() == weights.sizeBytes(),
        "the weights lie elsewhere than the manifest says");
    require(manifest.graphs().containsKey(Manifest.CPU), "there is no graph for the CPU");
    manifest.graphs().values().forEach(graph -> hasEntry(manifest, graph.entry(), "a graph"));
    for (Manifest.GoldenSample sample : manifest.golden()) {
      hasEntries(manifest, sample.inputs(), inputs, "input");
      hasEntries(manifest, sample.outputs(), outputs, "output");
    }
    require(
        inputs.containsAll(manifest.profile().shapes().keySet()),
        "the profile has a shape for something that is no input");
    checkPadding(manifest);
    if (manifest.batching().proven()) {
      checkBatched(manifest.signature());
    }
  }

  private static void checkPadding(Manifest manifest) {
    Set<String> padded = new HashSet<>();
    for (Manifest.PadRule rule : manifest.padding().rules()) {
      TensorSpec input = spec(manifest.signature().inputs(), rule.input(), "padding is for");
      require(
          rule.axis() < input.shape().rank() && input.shape().dim(rule.axis()) == Shape.DYNAMIC,
          "padding is for axis " + rule.axis() + " of " + input + ", which is not dynamic");
      require(
          input.type() != ElementType.STRING && input.type().bits() % 8 == 0,
          "padding is for " + input + ", whose elements are no bytes");
      require(
          padded.add(rule.axis() + " " + rule.input()),
          "axis " + rule.axis() + " of '" + rule.input() + "' is padded twice");
      for (Manifest.PadRule other : manifest.padding().rules()) {
        require(
            !other.input().equals(rule.input())
                || (other.value() == rule.value() && Objects.equals(other.mask(), rule.mask())),
            "'" + rule.input() + "' is padded with two values or masks");
        require(
            !other.input().equals(rule.mask()),
            "'" + rule.mask() + "' is a mask, and padded by a rule of its own");
      }
      if (rule.mask() != null) {
        TensorSpec mask = spec(manifest.signature().inputs(), rule.mask(), "a mask is");
        require(
            mask.shape().equals(input.shape()),
            "the mask " + mask + " is not of the shape of " + input);
        require(
            mask.type() != ElementType.STRING && mask.type().bits() % 8 == 0,
            "the mask " + mask + " has elements that are no bytes");
      }
    }
    for (Manifest.PadCut cut : manifest.padding().cuts()) {
      TensorSpec output = spec(manifest.signature().outputs(), cut.output(), "cut is");
      require(
          cut.axis() < output.shape().rank()
              && padded.contains(cut.inputAxis() + " " + cut.input()),
          "axis " + cut.axis() + " of " + output + " is cut by no padding");
    }
  }

  private static TensorSpec spec(List<TensorSpec> specs, String name, String what) {
    return specs.stream()
        .filter(spec -> spec.name().equals(name))
        .findFirst()
        .orElseThrow(() -> new IllegalArgumentException(what + " '" + name + "', there is none"));
  }

  private static void checkBatched(Signature signature) {
    for (List<TensorSpec> specs : List.of(signature.inputs(), signature.outputs())) {
      for (TensorSpec spec : specs) {
        require(
            spec.shape().rank() > 0, "batching is said to be proven, but " + spec + " has no rows");
      }
    }
  }

  /** What a stage serves stands in the signature, one tensor after the other. */
  private static void checkStage(Stage stage, List<TensorSpec> specs) {
    int at = 0;
    String first = stage.served(Shape.DYNAMIC).getFirst().name();
    while (at < specs.size() && !specs.get(at).name().equals(first)) {
      at++;
    }
    int count = stage.served(Shape.DYNAMIC).size();
    boolean there = at + count <= specs.size() && specs.get(at).shape().rank() > 0;
    require(
        there && stage.served(specs.get(at).shape().dim(0)).equals(specs.subList(at, at + count)),
        "the signature does not have what the stage " + stage.text() + " serves");
  }

  private static void hasEntries(
      Manifest manifest, Map<String, String> tensors, Set<String> names, String kind) {
    tensors.forEach((name, entry) -> {
      require(names.contains(name), "a golden sample is of no known " + kind + ": " + name);
      hasEntry(manifest, entry, "a golden sample");
    });
  }

  private static void hasEntry(Manifest manifest, String entry, String who) {
    require(
        manifest.entries().containsKey(entry), who + " is in entry '" + entry + "', there is none");
  }

  private static Set<String> names(List<TensorSpec> specs, String kind) {
    Set<String> names = new HashSet<>();
    for (TensorSpec spec : specs) {
      require(!spec.name().isEmpty(), "an " + kind + " has no name");
      require(names.add(spec.name()), "two " + kind + "s are named '" + spec.name() + "'");
    }
    return names;
  }

  private static void require(boolean holds, String problem) {
    if (!holds) {
      throw new IllegalArgumentException(problem);
    }
  }
}
