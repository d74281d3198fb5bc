package dev.sluice.engine.cpu;

import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Objects;

/**
 * A model as the CPU backend takes it: a graph, and where its weights are.
 *
 * <p>Thread safety: immutable.
 *
 * @param graph the bytes of an ONNX model; needed while the backend is opened only
 * @param packageFile the file that holds the external weights, or null where there are none
 * @param packageFileKey what {@code BasicFileAttributes.fileKey()} said of that file when it was
 *     mapped, to find out that another one took its name since; null skips the check
 * @param weightsLocation the {@code location} that the graph's external weights name, or null
 * @param packageBytes a mapping of the whole file, for the case that its name is another one now;
 *     null where there are no external weights
 * @param batched whether axis 0 of every input and output is the batch
 */
public record CpuModel(
    MemorySegment graph,
    Path packageFile,
    Object packageFileKey,
    String weightsLocation,
    MemorySegment packageBytes,
    boolean batched) {
  /** Checks that the weights are told in full, or not at all. */
  public CpuModel {
    Objects.requireNonNull(graph, "graph");
    boolean none = packageFile == null && weightsLocation == null && packageBytes == null;
    boolean all = packageFile != null && weightsLocation != null && packageBytes != null;
    if (!none && !all) {
      throw new IllegalArgumentException(
          "external weights need packageFile, weightsLocation and packageBytes together");
    }
  }

  /** A model whose weights are inside the graph. */
  public static CpuModel inline(MemorySegment graph, boolean batched) {
    return new CpuModel(graph, null, null, null, null, batched);
  }

  /** Whether weights are outside of the graph. */
  boolean hasExternalWeights() {
    return packageFile != null;
  }

  String label() {
    return packageFile == null ? "model" : String.valueOf(packageFile.getFileName());
  }
}
