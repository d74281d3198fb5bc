package dev.sluice.engine;

import dev.sluice.bindings.ElementType;
import dev.sluice.bindings.onnxruntime.TinyModel;
import dev.sluice.engine.backend.Backend;
import dev.sluice.engine.backend.BackendException;
import dev.sluice.engine.cpu.CpuBackend;
import dev.sluice.engine.cpu.CpuModel;
import dev.sluice.engine.cpu.CpuOptions;
import dev.sluice.engine.stage.InputStageSpec;
import dev.sluice.engine.stage.OutputStageSpec;
import dev.sluice.engine.stage.StagedBackend;
import java.util.List;

/** Engines whose model hands its input on, so that what a stage made of it can be seen. */
public final class StagedEngines {
  private StagedEngines() {}

  /** A backend of the model {@code y = x} with x [N,3,4,4] behind an input stage of scale 1. */
  public static Backend images(String stage, ElementType type, boolean batched, Object... dims)
      throws BackendException {
    Backend model =
        CpuBackend.open(
            CpuModel.inline(TinyModel.identity(type, dims), batched), CpuOptions.defaults());
    return StagedBackend.over(
        model,
        batched,
        List.of(InputStageSpec.parse(stage).resolve(model.signature().inputs().getFirst())));
  }

  /** An engine over x [N,3,4,4] with scale 1. */
  public static Engine pixels(String stage, boolean batched) throws BackendException {
    return pixels(stage, ElementType.FLOAT, batched, options());
  }

  /** The same with elements of a type, and options of one's own. */
  static Engine pixels(
      String stage, ElementType type, boolean batched, EngineOptions.Builder options)
      throws BackendException {
    return Engine.over(
        images(stage + ",scale=1", type, batched, batched ? "N" : 1, 3, 4, 4),
        batched,
        options.build());
  }

  /** Batches of up to 8 rows on one lane. */
  static EngineOptions.Builder options() {
    return EngineOptions.builder().maxBatch(8).lanes(1);
  }

  /** An engine over x [N,columns] with an output stage. */
  public static Engine scores(String stage, int columns, boolean batched) throws BackendException {
    Backend model =
        CpuBackend.open(
            CpuModel.inline(
                TinyModel.identity(ElementType.FLOAT, batched ? "N" : 1, columns), batched),
            CpuOptions.defaults());
    OutputStageSpec spec = OutputStageSpec.parse(stage);
    TensorSpec output = model.signature().outputs().getFirst();
    return Engine.over(
        StagedBackend.over(model, batched, List.of(spec.resolve(output, Shape.of(1, columns)))),
        batched,
        options().build());
  }
}
