package dev.sluice.engine.backend;

import dev.sluice.engine.Signature;
import dev.sluice.engine.stage.StagePlan;
import java.util.Optional;

/**
 * A model made ready on one device: gives memory for batches and lanes that run them.
 *
 * <p>Thread safety: {@link #allocate} and {@link #openLane} may be called by any thread; {@link
 * #close} only after every memory and every lane was closed.
 */
public interface Backend extends AutoCloseable {
  /** The device as the command line names it: {@code cpu} or {@code cuda:0}. */
  String device();

  /** The inputs and outputs that callers see. */
  Signature signature();

  /** The stages around the model, which the backend runs itself. */
  default StagePlan stages() {
    return StagePlan.NONE;
  }

  /**
   * Allocates input and output memory for up to {@code maxRows} rows of one shape, zeroed.
   *
   * @param key the shape of each input; for a batched model without its batch axis
   * @param maxRows most rows of one run; 1 for a model that is not batched
   * @throws BackendException when the device has no memory left, or the key does not fit the model
   */
  BatchMemory allocate(ShapeKey key, int maxRows) throws BackendException;

  /**
   * Opens a lane: an executor of one batch at a time.
   *
   * @param index a number for names and logs
   * @throws BackendException when the device refuses
   */
  Lane openLane(int index) throws BackendException;

  /**
   * How far its answers may be from those of the model in plain 32-bit floats, beside what the
   * package itself allows, as a part of an output's largest value.
   */
  default double relTolerance() {
    return 0;
  }

  /** What the backend holds on its device; empty for the host. */
  default Optional<DeviceStats> deviceStats() {
    return Optional.empty();
  }

  /** Frees the model. */
  @Override
  void close();
}
