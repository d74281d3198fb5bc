package dev.sluice.converter.cli;

import dev.sluice.bindings.ElementType;
import dev.sluice.engine.Shape;
import java.io.IOException;
import java.lang.ref.SoftReference;
import java.nio.file.Path;

/**
 * An array out of a file. It is kept while the heap has room for it, and read again after that, so
 * that any number of files can be gone through.
 *
 * <p>Thread safety: one thread.
 */
final class StoredTensor {
  /** Null where the array can't be read again. */
  private final Path file;

  private final ElementType type;
  private final Shape shape;

  /** Null where the array can be read again. */
  private final Tensor kept;

  private SoftReference<Tensor> held;

  private StoredTensor(Path file, Tensor tensor) {
    this.file = file;
    this.type = tensor.type();
    this.shape = tensor.shape();
    this.kept = file == null ? tensor : null;
    this.held = new SoftReference<>(tensor);
  }

  /** An array that stays. */
  static StoredTensor of(Tensor tensor) {
    return new StoredTensor(null, tensor);
  }

  /** Reads an array; see {@link TensorFile#read}. */
  static StoredTensor read(Path file) throws IOException, BadInputException {
    return new StoredTensor(file, TensorFile.read(file));
  }

  /** Its element type. */
  ElementType type() {
    return type;
  }

  /** Its shape. */
  Shape shape() {
    return shape;
  }

  /** The array with its elements. */
  Tensor get() throws IOException {
    if (kept != null) {
      return kept;
    }
    Tensor tensor = held.get();
    if (tensor == null) {
      try {
        tensor = TensorFile.read(file);
      } catch (BadInputException e) {
        throw new IOException(e.getMessage(), e);
      }
      if (tensor.type() != type || !tensor.shape().equals(shape)) {
        throw new IOException(
            file + ": was changed while it was read; try again when nothing writes to it");
      }
      held = new SoftReference<>(tensor);
    }
    return tensor;
  }
}
