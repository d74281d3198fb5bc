package dev.sluice.engine.stage;

import dev.sluice.engine.TensorSpec;
import java.util.List;

/**
 * A step before or after the model, as the manifest has it. It works on each row by itself, so it
 * changes nothing about which rows may share a run.
 *
 * <p>Thread safety: implementations are immutable.
 */
public sealed interface Stage permits InputStage, OutputStage {
  /** The model's tensor that it fills or reads. */
  String tensor();

  /**
   * The model's tensor; of an output all but the rows as one dimension.
   *
   * @param rows extent of axis 0: {@link dev.sluice.engine.Shape#DYNAMIC} for a batched model
   */
  TensorSpec model(long rows);

  /**
   * What callers see in place of the model's tensor.
   *
   * @param rows extent of axis 0: {@link dev.sluice.engine.Shape#DYNAMIC} for a batched model
   */
  List<TensorSpec> served(long rows);

  /** The stage as the command line of {@code sluice build} takes it. */
  String text();

  /**
   * Checks that the model's tensor is the one that the stage was made for.
   *
   * @param actual as the model declares it
   * @throws IllegalArgumentException saying what differs
   */
  void check(TensorSpec actual);
}
