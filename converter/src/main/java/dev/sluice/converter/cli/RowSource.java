package dev.sluice.converter.cli;

import dev.sluice.converter.image.Image;
import dev.sluice.converter.image.ImageFolder;
import dev.sluice.engine.Inputs;
import dev.sluice.engine.Shape;
import dev.sluice.engine.stage.InputStage;
import java.io.IOException;
import java.lang.foreign.MemorySegment;

/**
 * Where the rows of one input come from.
 *
 * <p>Thread safety: one thread.
 */
interface RowSource {
  /** Index of the input in the signature. */
  int input();

  /** The shape of all rows, axis 0 being the rows. */
  Shape shape();

  /**
   * Writes rows into a request.
   *
   * @param row the first
   * @param rows how many; they become the request's rows from {@code at} on
   */
  void write(long row, int rows, Inputs inputs, int at) throws IOException;

  /** Extent of axis 0; 1 for a scalar. */
  default long rows() {
    return shape().rank() == 0 ? 1 : shape().dim(0);
  }

  /** An array, or the rows of one. */
  record Arrays(int input, StoredTensor stored) implements RowSource {
    @Override
    public Shape shape() {
      return stored.shape();
    }

    @Override
    public void write(long row, int rows, Inputs inputs, int at) throws IOException {
      Tensor tensor = stored.get();
      if (tensor.strings() != null) {
        inputs.strings(input, tensor.strings().toArray(String[]::new));
        return;
      }
      long rowBytes = rows() == 0 ? 0 : tensor.data().byteSize() / rows();
      if (at == 0 && rows == inputs.rows()) {
        inputs.write(input, tensor.data().asSlice(row * rowBytes, rows * rowBytes));
        return;
      }
      MemorySegment.copy(
          tensor.data(), row * rowBytes, inputs.input(input), at * rowBytes, rows * rowBytes);
    }
  }

  /** Images out of files, each decoded when its row is written. */
  record Images(int input, InputStage stage, ImageFolder folder) implements RowSource {
    @Override
    public Shape shape() {
      return stage.served(folder.count()).getFirst().shape();
    }

    @Override
    public void write(long row, int rows, Inputs inputs, int at) throws IOException {
      for (int i = 0; i < rows; i++) {
        Image image = folder.read(Math.toIntExact(row + i), stage);
        inputs.image(input).put(at + i, image.height(), image.width(), image.pixels());
      }
    }
  }

  /** Images of one size out of an array [N, height, width, channels]. */
  record Pixels(int input, InputStage stage, StoredTensor stored) implements RowSource {
    @Override
    public Shape shape() {
      return stage.served(stored.shape().dim(0)).getFirst().shape();
    }

    @Override
    public void write(long row, int rows, Inputs inputs, int at) throws IOException {
      Tensor tensor = stored.get();
      int height = Math.toIntExact(tensor.shape().dim(1));
      int width = Math.toIntExact(tensor.shape().dim(2));
      long bytes = tensor.shape().elementCount(1);
      for (int i = 0; i < rows; i++) {
        MemorySegment image = tensor.data().asSlice((row + i) * bytes, bytes);
        inputs.image(input).put(at + i, height, width, image);
      }
    }
  }
}
