package dev.sluice.bindings.onnxruntime;

/**
 * ONNX Runtime can't be used at all: its library does not load, is another one, or is too old, or a
 * system property about it makes no sense. The message names the file or the property, and what to
 * do.
 *
 * <p>Thread safety: as any exception.
 */
public final class OrtUnavailableException extends IllegalStateException {
  private static final long serialVersionUID = 1L;

  OrtUnavailableException(String message) {
    super(message);
  }

  OrtUnavailableException(String message, Throwable cause) {
    super(message, cause);
  }
}
