package dev.sluice.converter.build;

import dev.sluice.converter.onnx.OnnxModel;
import dev.sluice.engine.Shape;
import dev.sluice.engine.format.Manifest;
import dev.sluice.engine.format.PackageWriter;
import dev.sluice.engine.npy.Npy;
import dev.sluice.engine.npy.NpyArray;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

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

  private GoldenSamples() {}

  /**
   * Writes the entries of the samples.
   *
   * @param tolerance of the model's precision
   * @return what the manifest says about them; empty where a tensor has a type that NumPy lacks,
   *     where two runs of one sample differ, or where the samples are too large
   */
  static List<Manifest.GoldenSample> write(
      OnnxModel model,
      SampleRunner runner,
      SampleSearch samples,
      double tolerance,
      PackageWriter writer)
      throws IOException {
    List<Manifest.GoldenSample> golden = new ArrayList<>();
    List<Shape> shapes = samples.shapes().getFirst();
    long left = MAX_BYTES;
    for (int i = 0; i < KINDS.size(); i++) {
      List<SampleTensor> inputs = samples.data().sample(shapes, KINDS.get(i), i);
      List<SampleTensor> outputs = runner.run(inputs);
      if (!isWritable(inputs) || !isWritable(outputs) || !agree(outputs, runner.run(inputs))) {
        return List.of();
      }
      left -= sizeBytes(inputs) + sizeBytes(outputs);
      if (left < 0) {
        return golden;
      }
      String folder = "golden/" + i + "/";
      golden.add(
          new Manifest.GoldenSample(
              write(writer, folder + "input_", names(model.inputs()), inputs),
              write(writer, folder + "output_", names(model.outputs()), outputs),
              ABS_TOLERANCE,
              tolerance * ACROSS_MACHINES));
    }
    return golden;
  }

  private static Map<String, String> write(
      PackageWriter writer, String prefix, List<String> names, List<SampleTensor> tensors)
      throws IOException {
    Map<String, String> entries = new LinkedHashMap<>();
    for (int i = 0; i < names.size(); i++) {
      SampleTensor tensor = tensors.get(i);
      NpyArray array = new NpyArray(tensor.type(), tensor.shape(), tensor.data());
      String entry = prefix + i + ".npy";
      writer.entry(entry, MemorySegment.ofArray(Npy.encode(array)));
      entries.put(names.get(i), entry);
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

  private static boolean isWritable(List<SampleTensor> tensors) {
    return tensors.stream().allMatch(tensor -> Npy.isSupported(tensor.type()));
  }

  private static long sizeBytes(List<SampleTensor> tensors) {
    return tensors.stream().mapToLong(tensor -> tensor.data().byteSize()).sum();
  }

  private static List<String> names(List<OnnxModel.Value> values) {
    return values.stream().map(OnnxModel.Value::name).toList();
  }
}
