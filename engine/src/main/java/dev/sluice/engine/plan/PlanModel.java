package dev.sluice.engine.plan;

import dev.sluice.bindings.tensorrt.TensorRtApi.Initializer;
import dev.sluice.engine.format.Manifest;
import dev.sluice.engine.format.PackageException;
import dev.sluice.engine.format.SluicePackage;
import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * What a plan is built from. The segments are native memory, such as a mapped package, and stay
 * until the plan is built; nothing of them is copied to the heap.
 *
 * <p>Thread safety: immutable.
 *
 * @param label the model's name, for messages
 * @param graph a serialized {@code ModelProto}
 * @param initializers the data of its external initializers
 */
public record PlanModel(String label, MemorySegment graph, List<Initializer> initializers) {
  /** Copies the list. */
  public PlanModel {
    initializers = List.copyOf(initializers);
  }

  /**
   * The TensorRT graph of a package, over its mapped weights.
   *
   * @throws PackageException where the graph can't be read, or its weights are not in the file
   */
  public static PlanModel of(SluicePackage opened) throws PackageException {
    MemorySegment graph = opened.graph(Manifest.TENSORRT);
    return new PlanModel(
        opened.manifest().model(),
        graph,
        OnnxWeights.find(graph, opened.bytes(), opened.file().toString()));
  }
}
