package dev.sluice.bindings.cuda;

/**
 * One GPU as the driver describes it.
 *
 * <p>Thread safety: immutable.
 *
 * @param ordinal 0 for the first device that this process sees
 * @param name the product name
 * @param computeMajor compute capability before the point
 * @param computeMinor compute capability behind the point
 * @param multiprocessors number of streaming multiprocessors
 * @param totalBytes device memory
 * @param freeBytes device memory that nobody used when asked, -1 where the device did not say
 * @param note why it gave no context, so that it can't be used, or did not tell its free memory;
 *     empty where it can be used
 * @param remedy what to do about that; empty where it can be used
 */
public record CudaDevice(
    int ordinal,
    String name,
    int computeMajor,
    int computeMinor,
    int multiprocessors,
    long totalBytes,
    long freeBytes,
    String note,
    String remedy) {
  /** Whether this process can use it. */
  public boolean usable() {
    return note.isEmpty();
  }

  /** The architecture as in the name of a plan: {@code sm90}. */
  public String architecture() {
    return "sm" + computeMajor + computeMinor;
  }
}
