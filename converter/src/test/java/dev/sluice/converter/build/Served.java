package dev.sluice.converter.build;

import dev.sluice.engine.Shape;
import dev.sluice.engine.backend.BackendException;
import dev.sluice.engine.backend.BatchMemory;
import dev.sluice.engine.backend.Lane;
import dev.sluice.engine.backend.ShapeKey;
import dev.sluice.engine.cpu.CpuBackend;
import dev.sluice.engine.cpu.CpuModel;
import dev.sluice.engine.cpu.CpuOptions;
import dev.sluice.engine.format.Manifest;
import dev.sluice.engine.format.PackageReader;
import dev.sluice.engine.format.SluicePackage;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** A package on the CPU backend, run directly. */
final class Served implements AutoCloseable {
  private final SluicePackage opened;
  private final CpuBackend backend;

  Served(Path file) throws IOException, BackendException {
    opened = PackageReader.open(file);
    Manifest manifest = opened.manifest();
    backend =
        CpuBackend.open(
            new CpuModel(
                opened.graph(Manifest.CPU),
                opened.file(),
                opened.fileKey(),
                manifest.weights().location(),
                opened.bytes(),
                manifest.batching().proven()),
            CpuOptions.defaults());
  }

  Manifest manifest() {
    return opened.manifest();
  }

  SluicePackage file() {
    return opened;
  }

  /**
   * Runs once.
   *
   * @param inputs all rows of each input
   * @param shapes of each input, for one row
   * @return all rows of each output, as bytes on the heap
   */
  List<byte[]> run(List<MemorySegment> inputs, List<Shape> shapes, int rows)
      throws BackendException {
    try (BatchMemory memory = backend.allocate(new ShapeKey(shapes), rows);
        Lane lane = backend.openLane(0)) {
      for (int i = 0; i < inputs.size(); i++) {
        memory.input(i).copyFrom(inputs.get(i));
      }
      lane.run(memory, rows);
      List<byte[]> outputs = new ArrayList<>();
      for (int i = 0; i < manifest().signature().outputs().size(); i++) {
        outputs.add(memory.output(i).toArray(ValueLayout.JAVA_BYTE));
      }
      return outputs;
    }
  }

  /** Runs a model with one input of known shape; returns the first output as floats. */
  float[] run(float[] input, int rows) throws BackendException {
    Shape shape = manifest().signature().inputs().getFirst().shape();
    Shape row = rows == 1 && shape.isStatic() ? shape : shape.withDim(0, 1);
    return floats(run(List.of(MemorySegment.ofArray(input)), List.of(row), rows).getFirst());
  }

  static float[] floats(byte[] bytes) {
    return MemorySegment.ofArray(bytes).toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
  }

  @Override
  public void close() {
    backend.close();
    opened.close();
  }
}
