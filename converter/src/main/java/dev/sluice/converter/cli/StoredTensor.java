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

  /** The element type in the file. */
  private final ElementType stored;

  private final ElementType type;
  private final Shape shape;

  /** Null where the array can be read again. */
  private final Tensor kept;

  private SoftReference<Tensor> held;

  private StoredTensor(Path file, ElementType stored, Tensor tensor) {
    this.file = file;
    this.stored = stored;
    this.type = tensor.type();
    this.shape = tensor.shape();
    this.kept = file == null ? tensor : null;
    this.held = new SoftReference<>(tensor);
  }

  /** An array that stays. */
  static StoredTensor of(Tensor tensor) {
    return new StoredTensor(null, tensor.type(), tensor);
  }

  /** Reads an array; see {@link TensorFile#read}. */
  static StoredTensor read(Path file) throws IOException, BadInputException {
    Tensor tensor = TensorFile.read(file);
    return new StoredTensor(file, tensor.type(), tensor);
  }

  /**
   * The same array in another type; see {@link Tensor#as}.
   *
   * @throws ArithmeticException where a number is past the type's range
   */
  StoredTensor as(ElementType other) throws IOException {
    return new StoredTensor(file, stored, get().as(other));
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
      if (tensor.type() != stored || !tensor.shape().equals(shape)) {
        throw new IOException(
            file + ": was changed while it was read; try again when nothing writes to it");
      }
      tensor = tensor.as(type);
      held = new SoftReference<>(tensor);
    }
    return tensor;
  }
}
