package dev.sluice.engine.backend;

/**
 * An executor of one batch at a time. It is not a thread: whoever holds the lane runs the batch on
 * its own thread.
 *
 * <p>Thread safety: used by one thread at a time; the engine hands it over with a happens-before
 * edge.
 */
public interface Lane extends AutoCloseable {
  /**
   * Runs the first {@code rows} rows of {@code memory} and returns when its outputs are there.
   *
   * <p>Allocates no heap memory when it succeeds and the outputs of {@code memory} are fixed.
   *
   * @param memory memory of the same backend; its inputs are written, its outputs nobody reads
   * @param rows 1 to the memory's {@code maxRows}
   * @throws BackendException naming the failed call, its arguments and the remedy; the engine then
   *     closes this lane and opens another, or closes itself when {@link
   *     BackendException#deviceLost} is set
   */
  void run(BatchMemory memory, int rows) throws BackendException;

  /**
   * Does ahead of time what the first runs of a shape would else do, so that none of them is slow.
   * Touches no memory of {@code memory}.
   *
   * @param memory says the shape, and the most rows
   * @throws BackendException as {@link #run}
   */
  default void prepare(BatchMemory memory) throws BackendException {}

  /**
   * Nanoseconds that the stages before the model took in the last run; 0 where there are none, or
   * they are not told apart from the model.
   */
  default long preNs() {
    return 0;
  }

  /** The same of the stages after the model. */
  default long postNs() {
    return 0;
  }

  /**
   * Nanoseconds that the device worked on the last run, without the copies from and to the host; 0
   * where that is not measured.
   */
  default long deviceNs() {
    return 0;
  }

  /** Frees what the lane holds on the device. */
  @Override
  void close();
}
