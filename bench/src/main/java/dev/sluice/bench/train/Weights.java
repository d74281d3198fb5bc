package dev.sluice.bench.train;

import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * The numbers of a network by name, as matrices in the order in which the layers asked for them.
 * Several networks built over the same weights share them: that is how shards of a batch run side
 * by side.
 *
 * <p>Safe for concurrent reading once every network over it is built; written by one thread.
 */
final class Weights {
  private final Map<String, float[][]> byName = new LinkedHashMap<>();

  /** The matrix of that name, zeros where nobody asked for it yet. */
  float[][] matrix(String name, int rows, int columns) {
    float[][] matrix = byName.computeIfAbsent(name, _ -> new float[rows][columns]);
    if (matrix.length != rows || matrix[0].length != columns) {
      throw new IllegalArgumentException(
          "weights '%s' are %d x %d, the layer wants %d x %d; give each layer a name of its own"
              .formatted(name, matrix.length, matrix[0].length, rows, columns));
    }
    return matrix;
  }

  /** The one row of that name, holding {@code initial} where nobody asked for it yet. */
  float[] row(String name, int columns, float initial) {
    boolean isNew = !byName.containsKey(name);
    float[] row = matrix(name, 1, columns)[0];
    if (isNew) {
      Arrays.fill(row, initial);
    }
    return row;
  }

  /** What is there under that name; fails where nothing is. */
  float[][] get(String name) {
    float[][] matrix = byName.get(name);
    if (matrix == null) {
      throw new IllegalArgumentException(
          "no weights named '%s'; there are %s".formatted(name, byName.keySet()));
    }
    return matrix;
  }

  /** How many numbers there are. */
  long count() {
    return byName.values().stream().mapToLong(m -> (long) m.length * m[0].length).sum();
  }

  /** All matrices in the order of the layers; a view that cannot be written. */
  Map<String, float[][]> all() {
    return Collections.unmodifiableMap(byName);
  }
}
