package dev.sluice.converter.cli;

import dev.sluice.bindings.ElementType;
import dev.sluice.engine.ImageRows;
import dev.sluice.engine.Inputs;
import dev.sluice.engine.Shape;
import dev.sluice.engine.TensorSpec;
import dev.sluice.engine.npy.NpyArray;
import dev.sluice.engine.stage.InputStep;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Inputs that no engine runs: what is written goes through the stages and becomes arrays as the
 * model takes them.
 *
 * <p>Thread safety: one thread.
 */
final class StagedRows implements Inputs {
  private final Served served;
  private final int rows;
  private final List<TensorSpec> specs;
  private final Shape[] shapes;
  private final MemorySegment[] memory;

  /**
   * Room for rows.
   *
   * @param given shapes by input, as {@link RunInputs#shapes} gives them
   */
  StagedRows(Served served, int rows, Map<String, Shape> given, Arena arena) {
    this.served = served;
    this.rows = rows;
    this.specs = served.signature().inputs();
    this.shapes = new Shape[specs.size()];
    this.memory = new MemorySegment[specs.size()];
    for (int i = 0; i < shapes.length; i++) {
      shapes[i] = given.get(specs.get(i).name());
      if (shapes[i] != null && specs.get(i).type() != ElementType.STRING) {
        long sizeBytes = specs.get(i).type().byteSize(shapes[i].elementCount());
        memory[i] = arena.allocate(Math.max(1, sizeBytes), 64).asSlice(0, sizeBytes);
      }
    }
  }

  @Override
  public int rows() {
    return rows;
  }

  @Override
  public MemorySegment input(int index) {
    if (memory[index] == null) {
      throw new IllegalStateException(
          "input '" + specs.get(index).name() + "' holds texts, which have no memory");
    }
    return memory[index];
  }

  @Override
  public MemorySegment input(String name) {
    return input(served.signature().inputIndex(name));
  }

  @Override
  public void write(int index, MemorySegment source) {
    MemorySegment.copy(source, 0, input(index), 0, input(index).byteSize());
  }

  @Override
  public ImageRows image(int index) {
    return ImageRows.of(this, served.signature(), served.stages(), index);
  }

  @Override
  public ImageRows image(String name) {
    return image(served.signature().inputIndex(name));
  }

  @Override
  public void strings(int index, String... values) {
    throw new IllegalStateException(
        "input '" + specs.get(index).name() + "' holds texts, which have no range");
  }

  /** What the model gets of what was written, by the name of its input. */
  Map<String, NpyArray> modelInputs(Arena arena) {
    Map<String, NpyArray> arrays = new LinkedHashMap<>();
    List<TensorSpec> model = served.stages().model().inputs();
    for (InputStep step : served.stages().inputs()) {
      long count = memory[step.served()].byteSize() / Math.max(1, step.stage().capacityBytes());
      TensorSpec spec = step.stage().model(count);
      long sizeBytes = spec.type().byteSize(spec.shape().elementCount());
      MemorySegment target = arena.allocate(Math.max(1, sizeBytes), 64).asSlice(0, sizeBytes);
      step.run(
          memory[step.served()], step.sizes() < 0 ? null : memory[step.sizes()], target, count);
      arrays.put(model.get(step.model()).name(), new NpyArray(spec.type(), spec.shape(), target));
    }
    for (int i = 0; i < shapes.length; i++) {
      int index = served.stages().modelInput(i);
      if (index >= 0 && memory[i] != null) {
        arrays.put(
            model.get(index).name(), new NpyArray(specs.get(i).type(), shapes[i], memory[i]));
      }
    }
    return arrays;
  }
}
