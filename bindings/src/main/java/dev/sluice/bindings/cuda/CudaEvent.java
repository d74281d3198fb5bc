package dev.sluice.bindings.cuda;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.sluice.bindings.NativeHandle;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * An event: a place in a stream's work that others can wait for.
 *
 * <p>Thread safety: any thread.
 */
public final class CudaEvent extends CudaObject {
  private CudaEvent(CudaApi api, NativeHandle handle) {
    super(api, handle);
  }

  /**
   * Makes an event in the current context, whose {@link #await} waits as the context was made to.
   *
   * @param label for messages
   * @param timed whether it keeps the time; one that does not costs less
   * @throws CudaException where the driver refuses
   */
  public static CudaEvent create(CudaApi api, String label, boolean timed) {
    return create(api, label, timed, CudaConstants.CU_EVENT_DEFAULT);
  }

  /**
   * Makes an event in the current context, whose {@link #await} blocks the thread whatever the
   * context's flags say: it takes no core, and comes back later than one that spins.
   *
   * @param label for messages
   * @param timed whether it keeps the time; one that does not costs less
   * @throws CudaException where the driver refuses
   */
  public static CudaEvent blocking(CudaApi api, String label, boolean timed) {
    return create(api, label, timed, CudaConstants.CU_EVENT_BLOCKING_SYNC);
  }

  private static CudaEvent create(CudaApi api, String label, boolean timed, int wait) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(JAVA_LONG);
      int flags = wait | (timed ? 0 : CudaConstants.CU_EVENT_DISABLE_TIMING);
      CudaStatus.check(
          api, api.cuEventCreate(out, flags), "cuEventCreate", label + ", flags " + flags);
      return new CudaEvent(
          api,
          CudaHandles.own(
              api,
              "CUevent",
              label,
              out.get(JAVA_LONG, 0),
              "cuEventDestroy_v2",
              api::cuEventDestroy_v2));
    }
  }

  /** Records it in a stream, in place of an earlier record. */
  public void record(CudaStream stream) {
    long mine = enter();
    long theirs = enterToo(stream);
    try {
      check(api.cuEventRecord(mine, theirs), "cuEventRecord");
    } finally {
      stream.leave();
      leave();
    }
  }

  /**
   * Whether the latest record has passed, or there is none.
   *
   * @throws CudaException where it was recorded into a graph, or earlier work failed
   */
  public boolean isDone() {
    long raw = enter();
    try {
      int status = api.cuEventQuery(raw);
      if (status == CudaApi.CUDA_ERROR_NOT_READY) {
        return false;
      }
      checkLate(status, "cuEventQuery");
      return true;
    } finally {
      leave();
    }
  }

  /** Waits until the latest record has passed. */
  public void await() {
    long raw = enter();
    try {
      checkLate(api.cuEventSynchronize(raw), "cuEventSynchronize");
    } finally {
      leave();
    }
  }

  /** Milliseconds from another event's record to this one's; both are timed and have passed. */
  public float msSince(CudaEvent start) {
    long mine = enter();
    long theirs = enterToo(start);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(JAVA_FLOAT);
      check(api.cuEventElapsedTime_v2(out, theirs, mine), "cuEventElapsedTime_v2");
      return out.get(JAVA_FLOAT, 0);
    } finally {
      start.leave();
      leave();
    }
  }
}
