package dev.sluice.converter.build;

import dev.sluice.bindings.ElementType;
import dev.sluice.bindings.NativeException;
import dev.sluice.engine.Shape;
import dev.sluice.engine.format.Manifest;
import dev.sluice.engine.format.PackageWriter;
import dev.sluice.engine.npy.Npy;
import dev.sluice.engine.npy.NpyArray;
import dev.sluice.engine.stage.StagePlan;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * Runs a model on a few samples and keeps what goes in and out in the package.
 *
 * <p>Thread safety: used by one thread.
 */
final class GoldenSamples {
  private static final List<SampleData.Kind> KINDS =
      List.of(SampleData.Kind.UNIT, SampleData.Kind.NORMAL);

  /** A package should not grow by more than this for its self-test. */
  private static final long MAX_BYTES = 8 << 20;

  /**
   * Another machine sums in another order and with other instructions, so ten times what {@link
   * RowComparison} allows on one machine.
   */
  private static final double ACROSS_MACHINES = 10;

  private static final double ABS_TOLERANCE = 1e-6;

  private final StagePlan plan;
  private final SampleRunner runner;
  private final SampleSearch samples;
  private final double tolerance;

  /**
   * Samples of a model.
   *
   * @param plan the stages around it: what goes in and out is what callers see
   * @param tolerance of the model's precision
   */
  GoldenSamples(StagePlan plan, SampleRunner runner, SampleSearch samples, double tolerance) {
    this.plan = plan;
    this.runner = runner;
    this.samples = samples;
    this.tolerance = tolerance;
  }

  /**
   * The samples that were kept.
   *
   * @param samples what the manifest says about them
   * @param whyNone why there are none; null where there are some
   */
  record Kept(List<Manifest.GoldenSample> samples, String whyNone) {}

  /** Writes the entries of the samples. */
  Kept write(PackageWriter writer) throws IOException {
    if (samples.whyNone() != null) {
      return new Kept(List.of(), samples.whyNone());
    }
    List<Manifest.GoldenSample> golden = new ArrayList<>();
    String whyNone = "inputs and outputs of a sample are larger than " + (MAX_BYTES >> 20) + " MiB";
    List<Shape> shapes = samples.shapes().getFirst();
    long left = MAX_BYTES;
    for (int i = 0; i < KINDS.size(); i++) {
      StagedSample staged =
          new StagedSample(plan, samples.data().sample(shapes, KINDS.get(i), i), i);
      List<SampleTensor> inputs = staged.modelInputs();
      List<SampleTensor> outputs;
      try {
        outputs = runner.run(inputs);
      } catch (NativeException e) {
        whyNone = "the model refuses a sample that was made up: " + e.getMessage();
        continue;
      }
      Optional<ElementType> lacking =
          Stream.concat(inputs.stream(), outputs.stream())
              .map(SampleTensor::type)
              .filter(type -> !Npy.isSupported(type))
              .findFirst();
      if (lacking.isPresent()) {
        return new Kept(
            List.of(),
            "an input or output is of the type " + lacking.get() + ", which NumPy lacks");
      }
      if (!agree(outputs, runner.run(inputs))) {
        return new Kept(List.of(), "two runs of one sample differ");
      }
      double allowed = tolerance * ACROSS_MACHINES;
      Map<String, SampleTensor> served =
          staged.servedOutputs(outputs, new RankMargin(ABS_TOLERANCE, allowed));
      left -= sizeBytes(staged.servedInputs().values()) + sizeBytes(served.values());
      if (left < 0) {
        break;
      }
      String folder = "golden/" + i + "/";
      golden.add(
          new Manifest.GoldenSample(
              write(writer, folder + "input_", staged.servedInputs()),
              write(writer, folder + "output_", served),
              ABS_TOLERANCE,
              allowed));
    }
    return new Kept(golden, golden.isEmpty() ? whyNone : null);
  }

  private static Map<String, String> write(
      PackageWriter writer, String prefix, Map<String, SampleTensor> tensors) throws IOException {
    Map<String, String> entries = new LinkedHashMap<>();
    for (var named : tensors.entrySet()) {
      SampleTensor tensor = named.getValue();
      NpyArray array = new NpyArray(tensor.type(), tensor.shape(), tensor.data());
      String entry = prefix + entries.size() + ".npy";
      writer.entry(entry, MemorySegment.ofArray(Npy.encode(array)));
      entries.put(named.getKey(), entry);
    }
    return entries;
  }

  private static boolean agree(List<SampleTensor> first, List<SampleTensor> second) {
    for (int i = 0; i < first.size(); i++) {
      if (!first.get(i).shape().equals(second.get(i).shape())
          || first.get(i).data().mismatch(second.get(i).data()) != -1) {
        return false;
      }
    }
    return true;
  }

  private static long sizeBytes(Collection<SampleTensor> tensors) {
    return tensors.stream().mapToLong(tensor -> tensor.data().byteSize()).sum();
  }
}
