package dev.sluice.converter.cli;

import dev.sluice.converter.precision.SourceModel;
import dev.sluice.engine.EngineOptions;
import dev.sluice.engine.Shape;
import dev.sluice.engine.TensorSpec;
import dev.sluice.engine.stage.InputStep;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;

/**
 * How a package is opened where one request runs at a time: nothing is measured, no more memory is
 * taken than one request and its successor need, and the caller may take its time to read files
 * into a request.
 *
 * <p>Thread safety: stateless.
 */
final class OneCaller {
  /** Most memory of a batch's inputs: filling more at once saves nothing. */
  static final long MAX_BATCH_BYTES = 128L << 20;

  /** There is nobody whom a slow caller could hold up. */
  private static final Duration NO_HURRY = Duration.ofDays(1);

  private OneCaller() {}

  /**
   * The options for these inputs.
   *
   * @param device options that name the device; the rest is set here
   * @param inputs all that will run
   */
  static EngineOptions options(
      EngineOptions.Builder device, Served served, List<RunInputs> inputs) {
    long rows = 1;
    long rowBytes = 1;
    for (RunInputs one : inputs) {
      rows = Math.max(rows, one.rows());
      rowBytes = Math.max(rowBytes, rowBytes(served, one));
    }
    long most = Math.min(served.maxRows(), Math.min(rows, MAX_BATCH_BYTES / rowBytes));
    return device
        .tune(false)
        .lanes(1)
        .buffersPerShape(2)
        .maxBatch(Math.clamp(most, 1, Integer.MAX_VALUE))
        .claimTimeout(NO_HURRY)
        .readTimeout(NO_HURRY)
        .build();
  }

  /** Whether copies of a package's weights are worth their memory where it runs a few times. */
  static boolean prepacks(Path packageFile) throws IOException {
    return Files.size(packageFile) < SourceModel.COPY_MAX_BYTES;
  }

  /** Memory of a row: what callers write, and what stages make of it for the model. */
  private static long rowBytes(Served served, RunInputs inputs) {
    Map<String, Shape> shapes = inputs.shapes(served, 1);
    long bytes = 0;
    for (TensorSpec spec : served.signature().inputs()) {
      Shape shape = shapes.get(spec.name());
      if (served.batched() && shape != null && shape.rank() > 0) {
        bytes += spec.type().byteSize(shape.withDim(0, 1).elementCount());
      }
    }
    for (InputStep step : served.stages().inputs()) {
      TensorSpec model = step.stage().model(1);
      bytes += model.type().byteSize(model.shape().elementCount());
    }
    return bytes;
  }
}
