package dev.sluice.engine;

/**
 * Told once how an asynchronous request ended, on the executor of callbacks.
 *
 * <p>Thread safety: called by any thread, once per submit.
 */
@FunctionalInterface
public interface Completion {
  /**
   * The request ended.
   *
   * @param request where {@code failure} is null, its outputs can be read until it is closed, which
   *     the receiver must do; else it is closed already
   * @param failure why there is no answer, or null
   */
  void completed(Request request, InferenceException failure);
}
