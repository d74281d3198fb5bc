package dev.sluice.engine.plan;

import dev.sluice.engine.format.Manifest;
import java.util.List;

/**
 * The shapes that one input may have under a profile.
 *
 * <p>Thread safety: immutable.
 *
 * @param min least of each dimension
 * @param opt what kernels are chosen for
 * @param max most of each dimension
 */
public record ShapeRange(List<Long> min, List<Long> opt, List<Long> max) {
  /**
   * Copies the lists.
   *
   * @throws IllegalArgumentException where the ranks differ, or a dimension is out of order
   */
  public ShapeRange {
    min = List.copyOf(min);
    opt = List.copyOf(opt);
    max = List.copyOf(max);
    boolean ordered = min.size() == opt.size() && opt.size() == max.size();
    for (int i = 0; ordered && i < min.size(); i++) {
      ordered = 0 <= min.get(i) && min.get(i) <= opt.get(i) && opt.get(i) <= max.get(i);
    }
    if (!ordered) {
      throw new IllegalArgumentException(
          "the shapes of a profile have one rank, and 0 <= min <= opt <= max in each dimension,"
              + " but these are "
              + min
              + ":"
              + opt
              + ":"
              + max);
    }
  }

  /** A range of these dimensions. */
  static ShapeRange of(List<Manifest.Range> dims) {
    return new ShapeRange(
        dims.stream().map(Manifest.Range::min).toList(),
        dims.stream().map(Manifest.Range::opt).toList(),
        dims.stream().map(Manifest.Range::max).toList());
  }

  /** Whether every dimension is within. */
  public boolean contains(long... dims) {
    boolean within = dims.length == min.size();
    for (int i = 0; within && i < dims.length; i++) {
      within = min.get(i) <= dims[i] && dims[i] <= max.get(i);
    }
    return within;
  }
}
