package dev.sluice.service;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import dev.sluice.engine.Shape;
import dev.sluice.engine.backend.Backend;
import dev.sluice.engine.backend.BatchMemory;
import dev.sluice.engine.backend.Lane;
import dev.sluice.engine.backend.ShapeKey;
import dev.sluice.engine.cpu.CpuBackend;
import dev.sluice.engine.cpu.CpuModel;
import dev.sluice.engine.cpu.CpuOptions;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * A service in miniature: runs the model in a file once. In a package of its own, since the
 * engine's are the module's.
 *
 * <p>Thread safety: none.
 */
public final class Serve {
  private Serve() {}

  /** Takes the file of a model that maps FLOAT[N,2] to itself. */
  public static void main(String[] args) throws Exception {
    MemorySegment graph = MemorySegment.ofArray(Files.readAllBytes(Path.of(args[0])));
    try (Backend backend = CpuBackend.open(CpuModel.inline(graph, true), CpuOptions.ofThreads(2));
        BatchMemory memory = backend.allocate(new ShapeKey(List.of(Shape.of(1, 2))), 1);
        Lane lane = backend.openLane(0)) {
      memory.input(0).set(JAVA_FLOAT, 4, 7);
      lane.run(memory, 1);
      System.out.println(CpuBackend.class.getModule() + " " + memory.output(0).get(JAVA_FLOAT, 4));
    }
  }
}
