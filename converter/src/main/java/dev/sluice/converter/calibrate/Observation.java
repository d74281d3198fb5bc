package dev.sluice.converter.calibrate;

import dev.sluice.bindings.onnxruntime.OrtSession;
import dev.sluice.bindings.onnxruntime.OrtValue;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Runs a model over samples and counts what its tensors hold. Memory is that of one batch and of
 * the histograms, whatever the number of samples; all cores count.
 *
 * <p>Thread safety: used by one thread.
 */
public final class Observation {
  /** Rows of a run are so few that the tensors of one take at most this, or one. */
  private static final long BATCH_BYTES = 64L << 20;

  private static final int MAX_ROWS = 64;

  private Observation() {}

  /**
   * Observes.
   *
   * @param session whose outputs are the tensors, all of type FLOAT
   * @return a histogram for each output, by its name
   * @throws IOException where a sample can't be read, or makes a tensor infinite
   */
  public static Map<String, Histogram> run(OrtSession session, SampleFeed feed, Progress progress)
      throws IOException {
    Map<String, Histogram> histograms = new LinkedHashMap<>();
    session.outputs().forEach(output -> histograms.put(output.name(), new Histogram()));
    List<Histogram> inOrder = List.copyOf(histograms.values());
    List<String> names = List.copyOf(histograms.keySet());
    int threads = Runtime.getRuntime().availableProcessors();
    feed.setMaxRows(1);
    try (ExecutorService workers =
        Executors.newFixedThreadPool(
            threads, Thread.ofPlatform().name("sluice-observe-", 0).daemon().factory())) {
      feed.run(
          session,
          (outputs, done) -> {
            int failed = count(outputs, inOrder, workers, threads);
            if (failed >= 0) {
              throw new SampleCheck.UnfitException(
                  "the tensor '"
                      + names.get(failed)
                      + "' is infinite or no number on one of the first "
                      + done
                      + " samples, so that it has no range: look at the samples, or leave its"
                      + " node out with --exclude");
            }
            long bytes = outputs.stream().mapToLong(value -> value.data().byteSize()).sum();
            if (done == 1) {
              feed.setMaxRows(Math.clamp(BATCH_BYTES / Math.max(1, bytes), 1, MAX_ROWS));
            }
            progress.at("observing", done, feed.count());
          });
    }
    return histograms;
  }

  /** Counts all outputs of a run; the index of one that is not finite, or -1. */
  private static int count(
      List<OrtValue> outputs, List<Histogram> histograms, ExecutorService workers, int threads)
      throws IOException {
    AtomicInteger next = new AtomicInteger();
    AtomicInteger failed = new AtomicInteger(-1);
    Callable<Void> work =
        () -> {
          Histogram.Scratch scratch = new Histogram.Scratch();
          for (int i = next.getAndIncrement(); i < outputs.size(); i = next.getAndIncrement()) {
            if (!histograms.get(i).add(outputs.get(i).data(), scratch)) {
              failed.set(i);
            }
          }
          return null;
        };
    try {
      for (Future<Void> part : workers.invokeAll(Collections.nCopies(threads, work))) {
        part.get();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("the build was interrupted; nothing is left of it");
    } catch (ExecutionException e) {
      throw new IllegalStateException(e.getCause());
    }
    return failed.get();
  }
}
