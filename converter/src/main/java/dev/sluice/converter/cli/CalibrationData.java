package dev.sluice.converter.cli;

import dev.sluice.bindings.ElementType;
import dev.sluice.converter.calibrate.CalibrationSource;
import dev.sluice.converter.calibrate.SampleCheck;
import dev.sluice.engine.PaddedRow;
import dev.sluice.engine.Shape;
import dev.sluice.engine.TensorSpec;
import dev.sluice.engine.npy.NpyArray;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Samples out of files for {@code --calibration}: each row of a batched model's arrays is one, each
 * image, and otherwise each set of arrays.
 *
 * <p>Thread safety: one thread.
 */
final class CalibrationData implements CalibrationSource {
  private final Path path;
  private final Served served;
  private final List<Sample> samples = new ArrayList<>();

  /** Row {@code row} of some inputs, or all of them where that is -1. */
  private record Sample(RunInputs inputs, long row) {}

  private CalibrationData(Path path, Served served) {
    this.path = path;
    this.served = served;
  }

  /**
   * Finds the samples; images are decoded when they are asked for.
   *
   * @param path a folder as {@link DataFolder} takes it, or one file of it
   */
  static CalibrationData read(Path path, Served served) throws IOException, BadInputException {
    for (TensorSpec spec : served.signature().inputs()) {
      if (spec.type() == ElementType.STRING) {
        throw new BadInputException(
            path
                + ": the model's input '"
                + spec.name()
                + "' takes texts, which no calibration sample holds; build it with --precision fp32");
      }
    }
    CalibrationData data = new CalibrationData(path, served);
    List<RunInputs> found =
        Files.isRegularFile(path) ? DataFolder.file(path, served) : DataFolder.read(path, served);
    for (RunInputs inputs : found) {
      if (served.batched() || inputs.hasImages()) {
        for (long row = 0; row < inputs.rows(); row += inputs.rowsAtOnce()) {
          data.samples.add(new Sample(inputs, row));
        }
      } else {
        data.samples.add(new Sample(inputs, -1));
      }
    }
    return data;
  }

  @Override
  public int count() {
    return samples.size();
  }

  @Override
  public String name(int index) {
    Sample sample = samples.get(index);
    List<String> images = sample.inputs().images();
    if (!images.isEmpty()) {
      return path + ": " + images.get(Math.toIntExact(Math.max(0, sample.row())));
    }
    Path origin = sample.inputs().origin() == null ? path : sample.inputs().origin();
    return origin + (sample.row() < 0 ? "" : ": row " + sample.row());
  }

  @Override
  public Map<String, NpyArray> sample(int index) throws IOException {
    Sample sample = samples.get(index);
    RunInputs inputs = sample.inputs();
    int rows = sample.row() < 0 ? Math.toIntExact(inputs.rows()) : inputs.rowsAtOnce();
    Arena arena = Arena.ofAuto();
    Map<String, Shape> shapes = new LinkedHashMap<>(inputs.shapes(served, rows));
    StagedRows staged = new StagedRows(served, rows, shapes, arena);
    try {
      for (RowSource source : inputs.sources()) {
        boolean whole = sample.row() < 0;
        source.write(
            Math.max(0, sample.row()), whole ? Math.toIntExact(source.rows()) : rows, staged, 0);
      }
    } catch (IllegalArgumentException e) {
      throw new SampleCheck.UnfitException(name(index) + ": " + e.getMessage(), e);
    }
    Map<String, NpyArray> arrays = staged.modelInputs(arena);
    masks(arrays);
    return arrays;
  }

  /** Where the engine writes a mask it is all ones here: nothing of a sample is filled up. */
  private void masks(Map<String, NpyArray> arrays) {
    served
        .masks()
        .forEach((mask, input) -> {
          NpyArray array = arrays.get(input);
          int index = served.signature().inputIndex(mask);
          var type = served.signature().inputs().get(index).type();
          long sizeBytes = type.byteSize(array.shape().elementCount());
          arrays.put(mask, new NpyArray(type, array.shape(), PaddedRow.filled(type, sizeBytes, 1)));
        });
  }
}
