package dev.sluice.engine.stage;

import dev.sluice.engine.Signature;
import dev.sluice.engine.backend.Backend;
import dev.sluice.engine.backend.BackendException;
import dev.sluice.engine.backend.BatchMemory;
import dev.sluice.engine.backend.Lane;
import dev.sluice.engine.backend.ShapeKey;
import java.util.List;

/**
 * A backend whose memory is the host's, with stages around its model. They run on the thread that
 * runs the batch, inside of the lane's run.
 *
 * <p>Thread safety: as {@link Backend} says.
 */
public final class StagedBackend implements Backend {
  private final Backend model;
  private final StagePlan plan;

  private StagedBackend(Backend model, StagePlan plan) {
    this.model = model;
    this.plan = plan;
  }

  /**
   * Puts stages around a model; without stages gives the model's backend itself.
   *
   * @param model closed with the result, or when this throws
   * @param batched whether axis 0 of every input and output is the batch
   * @param stages in any order
   * @throws BackendException where a stage does not fit the model
   */
  public static Backend over(Backend model, boolean batched, List<Stage> stages)
      throws BackendException {
    if (stages.isEmpty()) {
      return model;
    }
    try {
      return new StagedBackend(model, StagePlan.of(model.signature(), batched, stages));
    } catch (IllegalArgumentException e) {
      model.close();
      throw new BackendException(
          "the stages do not fit the model: " + e.getMessage() + "; build the package again", e);
    }
  }

  @Override
  public String device() {
    return model.device();
  }

  @Override
  public Signature signature() {
    return plan.served();
  }

  @Override
  public StagePlan stages() {
    return plan;
  }

  @Override
  public BatchMemory allocate(ShapeKey key, int maxRows) throws BackendException {
    checkKey(key);
    return StagedMemory.allocate(this, key, maxRows);
  }

  private void checkKey(ShapeKey key) throws BackendException {
    if (!plan.accepts(key)) {
      throw new BackendException(
          "the inputs " + plan.served().inputs() + " do not take the shapes " + key.inputs(), null);
    }
  }

  @Override
  public Lane openLane(int index) throws BackendException {
    return new StagedLane(this, model.openLane(index));
  }

  Backend model() {
    return model;
  }

  StagePlan plan() {
    return plan;
  }

  @Override
  public void close() {
    model.close();
  }

  @Override
  public String toString() {
    return model + " with " + (plan.inputs().size() + plan.outputs().size()) + " stages";
  }
}
