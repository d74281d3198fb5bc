package dev.sluice.bindings.cuda;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.sluice.bindings.NativeHandle;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * A stream that keeps no order with the legacy stream.
 *
 * <p>Thread safety: any thread; what several threads enqueue has no order of its own.
 */
public final class CudaStream extends CudaObject {
  /** How a caller waits for a stream. */
  public enum Wait {
    /** Asks again and again: the least latency, for the whole of a core. */
    SPIN,
    /** Asks again and again, and lets other threads go first; on a virtual thread spins. */
    YIELD,
    /** As the context was made to wait; blocks where its flags say so. */
    BLOCK
  }

  /** The thread that captures in this stream; the driver refuses a second one. */
  private volatile Thread capturer;

  private CudaStream(CudaApi api, NativeHandle handle) {
    super(api, handle);
  }

  /**
   * Makes a stream in the current context.
   *
   * @param label for messages
   * @param priority a lower number goes first; out of range it is clamped
   * @throws CudaException where the driver refuses
   */
  public static CudaStream create(CudaApi api, String label, int priority) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(JAVA_LONG);
      CudaStatus.check(
          api,
          api.cuStreamCreateWithPriority(out, CudaConstants.CU_STREAM_NON_BLOCKING, priority),
          "cuStreamCreateWithPriority",
          label + ", non-blocking, priority " + priority);
      return new CudaStream(
          api,
          CudaHandles.own(
              api,
              "CUstream",
              label,
              out.get(JAVA_LONG, 0),
              "cuStreamDestroy_v2",
              api::cuStreamDestroy_v2));
    }
  }

  /** Whether all that was enqueued is done. */
  public boolean isDone() {
    long raw = enter();
    try {
      int status = api.cuStreamQuery(raw);
      if (status == CudaApi.CUDA_ERROR_NOT_READY) {
        return false;
      }
      checkLate(status, "cuStreamQuery");
      return true;
    } finally {
      leave();
    }
  }

  /** Waits until all that was enqueued is done. */
  @SuppressWarnings("ThreadPriorityCheck") // the caller asks for it
  public void await(Wait how) {
    if (how == Wait.BLOCK) {
      long raw = enter();
      try {
        checkLate(api.cuStreamSynchronize(raw), "cuStreamSynchronize");
      } finally {
        leave();
      }
      return;
    }
    while (!isDone()) {
      // A virtual thread that yields may go on upon another carrier, where another context is
      // current.
      if (how == Wait.SPIN || Thread.currentThread().isVirtual()) {
        Thread.onSpinWait();
      } else {
        Thread.yield();
      }
    }
  }

  /** Holds what comes later in this stream back until an event's latest record has passed. */
  public void waitFor(CudaEvent event) {
    long mine = enter();
    long theirs = enterToo(event);
    try {
      check(
          api.cuStreamWaitEvent(mine, theirs, CudaConstants.CU_EVENT_WAIT_DEFAULT),
          "cuStreamWaitEvent");
    } finally {
      event.leave();
      leave();
    }
  }

  /**
   * Records what the work enqueues into a graph, instead of running it. Other threads' calls don't
   * spoil it, nor does a close of memory or of another object by the work. A close of this stream
   * by another thread waits for the end of the capture.
   *
   * @param work enqueues in this stream, on this thread
   * @throws CudaException where the work did what a capture does not allow; the stream works as
   *     before
   */
  public CudaGraph capture(Runnable work) {
    return capture(work, new Object());
  }

  /**
   * The same, begun and ended under a lock.
   *
   * @param lock held by whoever asks whether this stream captures, and then leaves it alone
   */
  public CudaGraph capture(Runnable work, Object lock) {
    long raw = enter();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(JAVA_LONG);
      int begun;
      synchronized (lock) {
        begun = api.cuStreamBeginCapture_v2(raw, CudaConstants.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL);
      }
      check(begun, "cuStreamBeginCapture_v2");
      capturer = Thread.currentThread();
      boolean finished = false;
      try {
        work.run();
        finished = true;
      } finally {
        capturer = null;
        int status;
        synchronized (lock) {
          status = api.cuStreamEndCapture(raw, out);
        }
        long graph = out.get(JAVA_LONG, 0);
        if (!finished && status == CudaApi.CUDA_SUCCESS) {
          api.cuGraphDestroy(graph);
        } else if (finished) {
          check(status, "cuStreamEndCapture");
        }
      }
      return new CudaGraph(api, toString(), out.get(JAVA_LONG, 0));
    } finally {
      leave();
    }
  }

  /**
   * Gives the stream back, as every owner does.
   *
   * @throws IllegalStateException where it is called by the work that this stream captures, which
   *     it would wait for
   */
  @Override
  public void close() {
    if (capturer == Thread.currentThread()) {
      throw new IllegalStateException(
          this
              + " can't be closed by the work that it captures; close it when capture has"
              + " returned");
    }
    super.close();
  }
}
