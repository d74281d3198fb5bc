package dev.sluice.engine.stage;

import dev.sluice.engine.backend.BackendException;
import dev.sluice.engine.backend.BatchMemory;
import dev.sluice.engine.backend.Lane;

/**
 * A lane that runs the stages before and after its model.
 *
 * <p>Thread safety: as {@link Lane} says.
 */
final class StagedLane implements Lane {
  private final StagedBackend backend;
  private final Lane model;
  private long preNs;
  private long postNs;

  StagedLane(StagedBackend backend, Lane model) {
    this.backend = backend;
    this.model = model;
  }

  @Override
  public void run(BatchMemory memory, int rows) throws BackendException {
    if (!(memory instanceof StagedMemory own) || own.backend() != backend) {
      throw new IllegalArgumentException("this memory is not of " + backend);
    }
    if (rows < 1 || rows > own.maxRows()) {
      throw new IllegalArgumentException(
          rows + " rows, but this memory takes 1 to " + own.maxRows());
    }
    long startNs = System.nanoTime();
    own.before(rows);
    long readyNs = System.nanoTime();
    model.run(own.model(), rows);
    long ranNs = System.nanoTime();
    own.after(rows);
    preNs = readyNs - startNs;
    postNs = System.nanoTime() - ranNs;
  }

  @Override
  public long preNs() {
    return preNs;
  }

  @Override
  public long postNs() {
    return postNs;
  }

  @Override
  public void close() {
    model.close();
  }

  @Override
  public String toString() {
    return model + " with stages";
  }
}
