package dev.sluice.bench.models;

import dev.sluice.bench.train.SeededDraws;
import dev.sluice.converter.onnx.proto.Onnx.ModelProto;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.List;

/**
 * An architecture as an ONNX graph whose weights are not drawn yet: {@link #write} draws them, and
 * holds a buffer's worth of them at a time.
 *
 * <p>Thread safety: immutable.
 */
public final class GeneratedModel {
  /** What the name of the file of weights has after the name of the model's. */
  static final String WEIGHTS_SUFFIX = ".data";

  private static final int BUFFER_BYTES = 1 << 20;

  private final String name;
  private final ModelProto proto;
  private final List<ModelInput> inputs;
  private final List<WeightTensor> weights;
  private final long foldedChannels;

  GeneratedModel(
      String name,
      ModelProto proto,
      List<ModelInput> inputs,
      List<WeightTensor> weights,
      long foldedChannels) {
    this.name = name;
    this.proto = proto;
    this.inputs = List.copyOf(inputs);
    this.weights = List.copyOf(weights);
    this.foldedChannels = foldedChannels;
  }

  /** The name, which the files have too. */
  public String name() {
    return name;
  }

  /** What it takes, in the graph's order. */
  public List<ModelInput> inputs() {
    return inputs;
  }

  /** The graph; its weights are external data in {@code NAME.onnx.data}. */
  ModelProto proto() {
    return proto;
  }

  /**
   * How many parameters the model has before its batch normalisation was folded, as torchvision and
   * Hugging Face count: a channel of a normalised convolution has a scale and a shift, where the
   * folded one has a bias.
   */
  public long parameters() {
    return storedParameters() + foldedChannels;
  }

  /** How many parameters are in the file: with batch normalisation folded into convolutions. */
  public long storedParameters() {
    return weights.stream().mapToLong(WeightTensor::elements).sum();
  }

  /**
   * Writes {@code NAME.onnx} and, with the weights, {@code NAME.onnx.data} beside it. Both appear
   * when they are whole, the model last.
   *
   * @param folder where to; it is there
   * @param seed of the weights; the same one gives the same bytes
   * @return the model's file
   * @throws IOException where a file can't be written; no half of one is left then
   */
  public Path write(Path folder, long seed) throws IOException {
    Path model = folder.resolve(name + ".onnx");
    Path data = folder.resolve(name + ".onnx" + WEIGHTS_SUFFIX);
    Path modelPart = folder.resolve(model.getFileName() + ".part");
    Path dataPart = folder.resolve(data.getFileName() + ".part");
    try {
      writeWeights(dataPart, seed);
      Files.write(modelPart, proto.toByteArray());
      Files.move(dataPart, data, StandardCopyOption.ATOMIC_MOVE);
      Files.move(modelPart, model, StandardCopyOption.ATOMIC_MOVE);
    } finally {
      Files.deleteIfExists(dataPart);
      Files.deleteIfExists(modelPart);
    }
    return model;
  }

  private void writeWeights(Path file, long seed) throws IOException {
    ByteBuffer buffer = ByteBuffer.allocateDirect(BUFFER_BYTES).order(ByteOrder.LITTLE_ENDIAN);
    try (FileChannel channel =
        FileChannel.open(
            file,
            StandardOpenOption.CREATE,
            StandardOpenOption.TRUNCATE_EXISTING,
            StandardOpenOption.WRITE)) {
      for (int index = 0; index < weights.size(); index++) {
        WeightTensor tensor = weights.get(index);
        SeededDraws draws = SeededDraws.of(seed, index);
        // What lies between two tensors stays a hole of zeros.
        channel.position(tensor.offsetBytes());
        float[] row = new float[tensor.rowElements()];
        for (int i = 0; i < tensor.rows(); i++) {
          draw(tensor, draws, row);
          write(channel, buffer, row);
        }
        flush(channel, buffer);
      }
    }
  }

  private static void draw(WeightTensor tensor, SeededDraws draws, float[] row) {
    double sum = 0;
    for (int i = 0; i < row.length; i++) {
      row[i] = (float) (tensor.mean() + draws.within(tensor.bound()));
      sum += row[i];
    }
    if (tensor.centred()) {
      double shift = sum / row.length;
      for (int i = 0; i < row.length; i++) {
        row[i] = (float) (row[i] - shift);
      }
    }
  }

  private static void write(FileChannel channel, ByteBuffer buffer, float[] row)
      throws IOException {
    for (float value : row) {
      if (!buffer.hasRemaining()) {
        flush(channel, buffer);
      }
      buffer.putFloat(value);
    }
  }

  private static void flush(FileChannel channel, ByteBuffer buffer) throws IOException {
    buffer.flip();
    while (buffer.hasRemaining()) {
      channel.write(buffer);
    }
    buffer.clear();
  }
}
