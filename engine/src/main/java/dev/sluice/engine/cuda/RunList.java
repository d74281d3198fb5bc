package dev.sluice.engine.cuda;

/**
 * The runs of a lane by their last use.
 *
 * <p>Thread safety: the lane's.
 */
final class RunList {
  private CudaRun newest;
  private CudaRun oldest;
  private int size;

  int size() {
    return size;
  }

  /** Makes a run the newest, whether it was in the list or not. Takes no heap memory. */
  void use(CudaRun run) {
    if (run == newest) {
      return;
    }
    if (run.newer != null) {
      unlink(run);
    }
    run.older = newest;
    if (newest != null) {
      newest.newer = run;
    } else {
      oldest = run;
    }
    newest = run;
    size++;
  }

  /** Takes the run out that was not used for longest. */
  CudaRun removeOldest() {
    CudaRun run = oldest;
    unlink(run);
    return run;
  }

  private void unlink(CudaRun run) {
    if (run.newer == null) {
      newest = run.older;
    } else {
      run.newer.older = run.older;
    }
    if (run.older == null) {
      oldest = run.newer;
    } else {
      run.older.newer = run.newer;
    }
    run.newer = null;
    run.older = null;
    size--;
  }
}
