package dev.sluice.converter.calibrate;

import dev.sluice.engine.npy.NpyArray;
import java.io.IOException;
import java.util.Map;

/**
 * Samples of what a model will see in service. They are asked for in ascending order, each a few
 * times, and none is kept: memory does not grow with their number.
 *
 * <p>Thread safety: implementations may assume one thread.
 */
public interface CalibrationSource {
  /** How many samples there are. */
  int count();

  /**
   * The inputs of one run, or of one row where the model is batched: then axis 0 of each has the
   * extent 1.
   *
   * @param index 0 to {@link #count} - 1
   * @return an array for each input of the model, by the input's name
   * @throws IOException where a file can't be read, or is no sample
   */
  Map<String, NpyArray> sample(int index) throws IOException;

  /** What sample {@code index} is called, for messages: a file, say. */
  default String name(int index) {
    return "sample " + index;
  }
}
