package dev.sluice.bench.peers;

import dev.sluice.engine.backend.Backend;
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
import java.util.List;

/**
 * The engine's own backend without the engine: each caller has a lane and a batch of its own, whose
 * rows were written once, and runs it again and again. Nobody claims, writes, wakes or waits, so
 * its rows per second are an upper bound of what an engine on the same session can serve.
 *
 * <p>Thread safety: as {@link Peer}.
 */
final class BackendPeer implements Peer {
  private final Backend backend;
  private final int rows;

  /**
   * Opens the session of a package as the engine does.
   *
   * @param threads of each run
   * @param rows of each run
   */
  BackendPeer(Path file, int threads, int rows) throws IOException, BackendException {
    this.rows = rows;
    try (SluicePackage opened = PackageReader.open(file)) {
      backend = CpuBackend.open(model(opened), CpuOptions.ofThreads(threads));
    }
  }

  private static CpuModel model(SluicePackage opened) {
    Manifest manifest = opened.manifest();
    boolean batched = manifest.batching().proven();
    return manifest.weights().sizeBytes() == 0
        ? CpuModel.inline(opened.graph(Manifest.CPU), batched)
        : new CpuModel(
            opened.graph(Manifest.CPU),
            opened.file(),
            opened.fileKey(),
            manifest.weights().location(),
            opened.bytes(),
            batched);
  }

  @Override
  public Caller newCaller(Row row) throws BackendException {
    ShapeKey shape = new ShapeKey(row.inputs().stream().map(input -> input.shape(1)).toList());
    BatchMemory memory = backend.allocate(shape, rows);
    List<MemorySegment> values = row.values();
    for (int i = 0; i < values.size(); i++) {
      long rowBytes = memory.inputRowBytes(i);
      for (int r = 0; r < rows; r++) {
        MemorySegment.copy(values.get(i), 0, memory.input(i), r * rowBytes, rowBytes);
      }
    }
    return new LaneCaller(backend.openLane(0), memory, rows);
  }

  private record LaneCaller(Lane lane, BatchMemory memory, int rows) implements Caller {
    @Override
    public float ask() throws BackendException {
      lane.run(memory, rows);
      return memory.output(0).get(ValueLayout.JAVA_FLOAT, 0);
    }

    @Override
    public void close() {
      lane.close();
      memory.close();
    }
  }

  @Override
  public void close() {
    backend.close();
  }
}
