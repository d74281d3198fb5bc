package dev.sluice.engine.plan;

import dev.sluice.engine.Shape;
import dev.sluice.engine.TensorSpec;
import dev.sluice.engine.format.Manifest;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * One range of shapes of a plan: what {@code nvinfer1::IOptimizationProfile} holds. A plan has one
 * or several; kernels are chosen for each.
 *
 * <p>Thread safety: immutable.
 *
 * @param inputs the range of each input with dynamic dimensions, by its name
 */
public record PlanProfile(Map<String, ShapeRange> inputs) {
  /**
   * How much more rows a profile's most are than its least. TensorRT's documentation of {@code
   * IOptimizationProfile} says that the builder takes the kernels that are fastest at the optimum
   * and merely valid in the rest of the range. The tiles of a matrix product are powers of two of
   * 16 to 256 rows, so that eight times fewer rows than it was chosen for leave most of a tile
   * idle. Not measured: a choice, and each profile more multiplies the time to build.
   */
  static final int WIDEST_ROWS = 8;

  /** Copies and sorts the map, so that equal profiles have equal text. */
  public PlanProfile {
    inputs = Collections.unmodifiableMap(new TreeMap<>(inputs));
  }

  /**
   * The profiles of a model.
   *
   * @param inputs the graph's own inputs, without stages
   * @param profile the shapes that the package was made for
   * @return one for each piece of the range of rows, see {@link #splitRows}; none where no
   *     dimension is dynamic
   * @throws IllegalArgumentException naming the input whose dynamic dimension has no range, or
   *     whose range does not fit its shape
   */
  public static List<PlanProfile> of(List<TensorSpec> inputs, Manifest.Profile profile) {
    List<PlanProfile> profiles = new ArrayList<>();
    boolean batched =
        inputs.stream()
            .anyMatch(input -> input.shape().rank() > 0 && input.shape().dim(0) == Shape.DYNAMIC);
    List<Manifest.Range> pieces = batched ? splitRows(profile.rows()) : List.of(profile.rows());
    for (Manifest.Range rows : pieces) {
      Map<String, ShapeRange> ranges = new TreeMap<>();
      for (TensorSpec input : inputs) {
        if (!input.shape().isStatic()) {
          List<Manifest.Range> declared = profile.shapes().get(input.name());
          ranges.put(input.name(), range(input, rows, declared));
        }
      }
      if (!ranges.isEmpty()) {
        profiles.add(new PlanProfile(ranges));
      }
    }
    return List.copyOf(profiles);
  }

  private static ShapeRange range(
      TensorSpec input, Manifest.Range rows, List<Manifest.Range> declared) {
    List<Manifest.Range> dims = new ArrayList<>();
    if (declared != null && declared.size() != input.shape().rank()) {
      throw new IllegalArgumentException(
          "the profile has " + declared.size() + " dimensions for " + input);
    }
    for (int axis = 0; axis < input.shape().rank(); axis++) {
      long dim = input.shape().dim(axis);
      if (dim != Shape.DYNAMIC) {
        dims.add(new Manifest.Range(dim, dim, dim));
      } else if (axis == 0 && (declared == null || rows.max() > 1)) {
        dims.add(rows);
      } else if (declared != null) {
        dims.add(declared.get(axis));
      } else {
        throw new IllegalArgumentException(
            "the profile has no range for dimension "
                + axis
                + " of "
                + input
                + "; give the model's shapes when the package is built");
      }
    }
    return ShapeRange.of(dims);
  }

  /**
   * Splits a range of rows where one profile would be slow at its ends: into the fewest pieces of
   * which none has more than {@value #WIDEST_ROWS} times its least rows, in equal ratios. The piece
   * with the range's optimum keeps it; those below are tuned for their least rows, since an idle
   * service runs single rows, those above for their most, since a busy one runs full batches. Thus
   * 1:8:32 gives 1:1:5 and 6:8:32.
   *
   * @param rows the whole range, from 1 on
   * @return the pieces, ascending, without gaps
   */
  static List<Manifest.Range> splitRows(Manifest.Range rows) {
    double ratio = (double) rows.max() / rows.min();
    int count = 1;
    while (Math.pow(WIDEST_ROWS, count) < ratio) {
      count++;
    }
    List<Manifest.Range> pieces = new ArrayList<>();
    long least = rows.min();
    for (int i = 1; i <= count; i++) {
      long most =
          i == count
              ? rows.max()
              : Math.max(least, (long) (rows.min() * Math.pow(ratio, (double) i / count) + 1e-9));
      long opt = rows.opt() < least ? most : Math.min(rows.opt(), most);
      if (rows.opt() > most) {
        opt = least;
      }
      pieces.add(new Manifest.Range(least, opt, most));
      least = most + 1;
    }
    return List.copyOf(pieces);
  }
}
