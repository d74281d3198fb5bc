package dev.sluice.bindings.sim;

import dev.sluice.bindings.cuda.CudaConstants;
import dev.sluice.bindings.cuda.CudaStatus;
import java.util.ArrayList;
import java.util.List;

/**
 * The captures that are going on, and what they prohibit; the rules are those of {@code
 * cuThreadExchangeStreamCaptureMode} and {@code cuStreamBeginCapture}.
 *
 * <p>Thread safety: guarded by the simulated driver's lock.
 */
final class Captures {
  private final List<Capture> open = new ArrayList<>();

  @SuppressWarnings("ThreadLocalUsage") // of each driver, as tests make many
  private final ThreadLocal<Integer> threadMode =
      ThreadLocal.withInitial(() -> CudaConstants.CU_STREAM_CAPTURE_MODE_GLOBAL);

  int exchangeMode(int mode) {
    if (mode < CudaConstants.CU_STREAM_CAPTURE_MODE_GLOBAL
        || mode > CudaConstants.CU_STREAM_CAPTURE_MODE_RELAXED) {
      throw SimulatedCuda.invalid("capture mode " + mode);
    }
    int before = threadMode.get();
    threadMode.set(mode);
    return before;
  }

  /** Refuses a call that may not be made while a graph is recorded, and spoils the recording. */
  void prohibitUnsafe(String function) {
    if (open.isEmpty()) {
      return;
    }
    int mode = threadMode.get();
    boolean spoilt = false;
    for (Capture capture : open) {
      boolean mine = capture.owner == Thread.currentThread();
      boolean applies =
          mode != CudaConstants.CU_STREAM_CAPTURE_MODE_RELAXED
              && capture.mode != CudaConstants.CU_STREAM_CAPTURE_MODE_RELAXED
              && (mine
                  || (mode == CudaConstants.CU_STREAM_CAPTURE_MODE_GLOBAL
                      && capture.mode == CudaConstants.CU_STREAM_CAPTURE_MODE_GLOBAL));
      if (applies) {
        capture.invalid = true;
        spoilt = true;
      }
    }
    if (spoilt) {
      throw new Refused(CudaStatus.STREAM_CAPTURE_UNSUPPORTED, function + " while capturing");
    }
  }

  void begin(SimStream stream, int mode) {
    if (mode < CudaConstants.CU_STREAM_CAPTURE_MODE_GLOBAL
        || mode > CudaConstants.CU_STREAM_CAPTURE_MODE_RELAXED) {
      throw SimulatedCuda.invalid("capture mode " + mode);
    }
    if (stream.legacy) {
      throw new Refused(
          CudaStatus.STREAM_CAPTURE_UNSUPPORTED, "the legacy stream can't be captured");
    }
    if (stream.capture != null) {
      throw new Refused(CudaStatus.ILLEGAL_STATE, "the stream is capturing already");
    }
    open.add(new Capture(stream, mode, Thread.currentThread()));
  }

  int status(SimStream stream) {
    if (stream.capture == null) {
      return CudaConstants.CU_STREAM_CAPTURE_STATUS_NONE;
    }
    return stream.capture.invalid
        ? CudaConstants.CU_STREAM_CAPTURE_STATUS_INVALIDATED
        : CudaConstants.CU_STREAM_CAPTURE_STATUS_ACTIVE;
  }

  SimGraph end(SimStream stream) {
    Capture capture = stream.capture;
    if (capture == null) {
      throw new Refused(CudaStatus.ILLEGAL_STATE, "the stream is not capturing");
    }
    if (capture.origin != stream) {
      throw new Refused(
          CudaStatus.STREAM_CAPTURE_UNMATCHED, "the capture began in " + capture.origin);
    }
    if (capture.mode != CudaConstants.CU_STREAM_CAPTURE_MODE_RELAXED
        && capture.owner != Thread.currentThread()) {
      throw new Refused(
          CudaStatus.STREAM_CAPTURE_WRONG_THREAD, "the capture began on " + capture.owner);
    }
    boolean joined = capture.isJoined();
    capture.end();
    open.remove(capture);
    if (capture.invalid) {
      throw new Refused(CudaStatus.STREAM_CAPTURE_INVALIDATED, "an earlier call spoilt it");
    }
    if (!joined) {
      throw new Refused(
          CudaStatus.STREAM_CAPTURE_UNJOINED, "a stream that was forked was not joined again");
    }
    return capture.graph;
  }

  /** Ends the capture that began in a stream that goes; one that it only joined is spoilt. */
  void abandon(SimStream stream) {
    Capture capture = stream.capture;
    if (capture == null) {
      return;
    }
    capture.invalid = true;
    if (capture.origin == stream) {
      capture.end();
      open.remove(capture);
    }
  }

  /** Refuses to wait for, or ask, a stream that records. */
  void prohibit(SimStream stream, String function) {
    if (stream.capture != null) {
      stream.capture.invalid = true;
      throw new Refused(
          CudaStatus.STREAM_CAPTURE_UNSUPPORTED, function + " on a stream that is capturing");
    }
    if (stream.legacy) {
      for (Capture capture : open) {
        boolean blocking = capture.streams.stream().anyMatch(SimStream::isBlocking);
        if (blocking && capture.origin.context == stream.context) {
          capture.invalid = true;
          throw new Refused(
              CudaStatus.STREAM_CAPTURE_IMPLICIT,
              function + " on the legacy stream while a blocking stream is capturing");
        }
      }
    }
  }

  /** Refuses to ask or to wait on the host for an event that was recorded into a graph. */
  static void prohibit(SimEvent event, String function) {
    if (event.capture != null) {
      event.capture.invalid = true;
      throw new Refused(
          CudaStatus.CAPTURED_EVENT, function + " on an event that was recorded into a graph");
    }
  }

  /** A wait where the stream or the event is in a capture; false where neither is. */
  static boolean waitEvent(SimStream stream, SimEvent event) {
    if (stream.capture == null && event.capture == null) {
      return false;
    }
    if (isSpoilt(stream.capture) || isSpoilt(event.capture)) {
      throw new Refused(CudaStatus.STREAM_CAPTURE_INVALIDATED, "an earlier call spoilt it");
    }
    if (event.capture == null) {
      if (event.latest == null) {
        return true;
      }
      stream.capture.invalid = true;
      throw new Refused(
          CudaStatus.STREAM_CAPTURE_ISOLATION, "the event was recorded outside of the capture");
    }
    if (event.capture.ended) {
      throw new Refused(CudaStatus.CAPTURED_EVENT, "the event was recorded into a graph");
    }
    if (stream.capture != null && stream.capture != event.capture) {
      stream.capture.invalid = true;
      event.capture.invalid = true;
      throw new Refused(CudaStatus.STREAM_CAPTURE_MERGE, "the event is of another capture");
    }
    if (stream.legacy) {
      event.capture.invalid = true;
      throw new Refused(
          CudaStatus.STREAM_CAPTURE_IMPLICIT, "the legacy stream can't come into a capture");
    }
    event.capture.join(stream, event.tails);
    return true;
  }

  private static boolean isSpoilt(Capture capture) {
    return capture != null && capture.invalid && !capture.ended;
  }
}
