package dev.sluice.engine.cuda;

import dev.sluice.bindings.ElementType;
import dev.sluice.bindings.cuda.CudaDevice;
import dev.sluice.bindings.cuda.PrimaryContext;
import dev.sluice.bindings.onnxruntime.TinyModel;
import dev.sluice.engine.Shape;
import dev.sluice.engine.Signature;
import dev.sluice.engine.TensorSpec;
import dev.sluice.engine.plan.PlanBuilder;
import dev.sluice.engine.plan.PlanKey;
import dev.sluice.engine.plan.PlanModel;
import dev.sluice.engine.plan.PlanOptions;
import dev.sluice.engine.plan.PlanProfile;
import dev.sluice.engine.plan.PlanTarget;
import dev.sluice.engine.plan.ShapeRange;
import dev.sluice.engine.stage.Stage;
import dev.sluice.engine.stage.StagePlan;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * Small models with plans for the GPU at hand.
 *
 * <p>Thread safety: immutable.
 *
 * @param graph in native memory
 * @param signature of it
 * @param profiles of its plan
 */
public record GpuModel(MemorySegment graph, Signature signature, List<PlanProfile> profiles) {
  /** Columns of {@link #columns}. */
  public static final int MOST_COLUMNS = 32;

  /**
   * {@code y = x * x + x} and its sum {@code z} over a row, for x [N, L]: up to 4 rows by one
   * profile, up to {@code mostRows} by another.
   */
  public static GpuModel columns(int mostRows) {
    List<PlanProfile> profiles = new ArrayList<>(List.of(rows(1, 1, Math.min(4, mostRows))));
    if (mostRows > 4) {
      profiles.add(rows(5, mostRows, mostRows));
    }
    return columns(profiles);
  }

  /** The same, with 1 to 4 rows of up to 4 columns, and 2 to 8 of 5 and more. */
  static GpuModel narrowAndWide() {
    return columns(
        List.of(
            profile(List.of(1L, 1L), List.of(1L, 4L), List.of(4L, 4L)),
            profile(List.of(2L, 5L), List.of(4L, 8L), List.of(8L, (long) MOST_COLUMNS))));
  }

  private static GpuModel columns(List<PlanProfile> profiles) {
    MemorySegment graph =
        new TinyModel()
            .input("x", ElementType.FLOAT, "N", "L")
            .output("y", ElementType.FLOAT, "N", "L")
            .output("z", ElementType.FLOAT, "N", 1)
            .weights("axes", new long[] {1}, 1)
            .node("Mul", "x x", "square")
            .node("Add", "square x", "y")
            .node("ReduceSum", "y axes", "z")
            .build();
    Signature signature =
        new Signature(
            List.of(new TensorSpec("x", ElementType.FLOAT, Shape.of(-1, -1))),
            List.of(
                new TensorSpec("y", ElementType.FLOAT, Shape.of(-1, -1)),
                new TensorSpec("z", ElementType.FLOAT, Shape.of(-1, 1))));
    return new GpuModel(nativeCopy(graph), signature, profiles);
  }

  private static PlanProfile rows(long least, long opt, long most) {
    return profile(List.of(least, 1L), List.of(opt, 4L), List.of(most, (long) MOST_COLUMNS));
  }

  private static PlanProfile profile(List<Long> least, List<Long> opt, List<Long> most) {
    return new PlanProfile(Map.of("x", new ShapeRange(least, opt, most)));
  }

  /** A model without dynamic dimensions, or one with a profile of its own. */
  static GpuModel of(TinyModel graph, Signature signature, PlanProfile... profiles) {
    return new GpuModel(nativeCopy(graph.build()), signature, List.of(profiles));
  }

  static MemorySegment nativeCopy(MemorySegment bytes) {
    return Arena.ofAuto().allocate(bytes.byteSize(), 16).copyFrom(bytes);
  }

  /** Builds the plan, into native memory. */
  MemorySegment plan(GpuLibraries gpu) throws Exception {
    CudaDevice device = gpu.device(0);
    MemorySegment[] plan = new MemorySegment[1];
    try (PrimaryContext _ = PrimaryContext.enter(gpu.cuda(), 0)) {
      new PlanBuilder(gpu.tensorRt())
          .build(
              new PlanModel("test model", graph, List.of()),
              new PlanKey(
                  "a".repeat(64),
                  "b".repeat(64),
                  profiles,
                  PlanOptions.defaults(),
                  PlanTarget.of(gpu.tensorRt(), device)),
              (_, _, _) -> {},
              bytes -> plan[0] = nativeCopy(bytes));
    }
    return plan[0];
  }

  /** The model on the GPU. */
  public CudaBackend open(GpuLibraries gpu, CudaOptions options, boolean batched, Stage... stages)
      throws Exception {
    return open(gpu, plan(gpu), options, batched, stages);
  }

  CudaBackend open(
      GpuLibraries gpu, MemorySegment plan, CudaOptions options, boolean batched, Stage... stages)
      throws Exception {
    CudaModel model =
        new CudaModel("test model", plan, served(batched, stages), batched, List.of(stages), false);
    return CudaBackend.open(gpu, gpu.device(0), model, options);
  }

  private Signature served(boolean batched, Stage... stages) {
    return stages.length == 0
        ? signature
        : StagePlan.of(signature, batched, List.of(stages)).served();
  }
}
