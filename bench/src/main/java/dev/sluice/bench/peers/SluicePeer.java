package dev.sluice.bench.peers;

import dev.sluice.engine.Admission;
import dev.sluice.engine.Engine;
import dev.sluice.engine.EngineOptions;
import dev.sluice.engine.Request;
import dev.sluice.engine.backend.BackendException;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;

/**
 * The engine: claim, write in place, run, read in place, close.
 *
 * <p>Thread safety: as {@link Peer}.
 */
public final class SluicePeer implements Peer {
  private static final Duration PATIENCE = Duration.ofSeconds(10);

  private final Engine engine;

  /**
   * Opens a package.
   *
   * @param threads of each run; 0 for what the engine picks
   */
  public SluicePeer(Path file, int threads) throws IOException, BackendException {
    engine = Engine.open(file, EngineOptions.builder().threadsPerLane(threads).build());
  }

  @Override
  public Caller newCaller(Row row) throws BackendException {
    return new RowCaller(engine.newRequest(), row.values());
  }

  private record RowCaller(Request request, List<MemorySegment> values) implements Caller {
    @Override
    public float ask() throws InterruptedException {
      if (request.claim(1, PATIENCE) != Admission.ADMITTED) {
        throw new IllegalStateException("a caller was refused");
      }
      try {
        for (int i = 0; i < values.size(); i++) {
          request.write(i, values.get(i));
        }
        return request.run().output(0).get(ValueLayout.JAVA_FLOAT, 0);
      } finally {
        request.close();
      }
    }

    @Override
    public void close() {
      request.close();
    }
  }

  @Override
  public void close() {
    engine.close();
  }
}
