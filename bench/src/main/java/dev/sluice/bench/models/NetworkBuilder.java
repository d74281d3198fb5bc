package dev.sluice.bench.models;

import com.google.protobuf.ByteString;
import dev.sluice.bench.onnx.OnnxGraph;
import dev.sluice.bindings.ElementType;
import dev.sluice.converter.onnx.proto.Onnx.StringStringEntryProto;
import dev.sluice.converter.onnx.proto.Onnx.TensorProto;
import dev.sluice.engine.Shape;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Layers over an {@link OnnxGraph} with weights that are declared, not drawn.
 *
 * <p>Weights are uniform around 0 and wide enough for a variance of gain^2 / inputs, as in He et
 * al., "Delving Deep into Rectifiers": with a gain of {@link #RECTIFIED} the mean square of a
 * layer's outputs is that of its inputs, where the outputs are rectified next; with one of {@link
 * #LINEAR}, where they are not.
 *
 * <p>Thread safety: none; one instance builds one model.
 */
final class NetworkBuilder {
  /** The gain of a layer whose outputs are rectified. */
  static final double RECTIFIED = Math.sqrt(2);

  /** The gain of a layer whose outputs are used as they are. */
  static final double LINEAR = 1;

  /**
   * The gain of the last layer of a residual branch. Its outputs have a quarter of their inputs'
   * mean square, so that a sum of many branches stays small without normalisation: 1.25 to the
   * power of 16 blocks is a factor of 6 in magnitude.
   */
  static final double BRANCH = 0.5;

  /**
   * The gain of a classifier: the mean over an image takes most of a random network's signal away.
   * Found by trying, it gives ResNet-50 scores of a mean square of 1.
   */
  static final double CLASSIFIER = 8;

  /** Floats within this have a variance of 1. */
  static final double UNIT_BOUND = Math.sqrt(3);

  private static final double BIAS_BOUND = 0.1;

  /** A cache line, for whoever maps the file. */
  private static final long ALIGNMENT_BYTES = 64;

  private final String name;
  private final long batch;
  private final OnnxGraph graph;
  private final List<ModelInput> inputs = new ArrayList<>();
  private final List<WeightTensor> weights = new ArrayList<>();
  private long endBytes;
  private long foldedChannels;

  /**
   * An empty network.
   *
   * @param name of the model; that of one with a fixed batch gets the batch, too
   * @param batch rows of every input and output, or {@link Shape#DYNAMIC}
   */
  NetworkBuilder(String name, long batch) {
    if (batch != Shape.DYNAMIC && batch < 1) {
      throw new IllegalArgumentException(
          name + ": a batch has at least 1 row or is Shape.DYNAMIC, but this one is " + batch);
    }
    this.name = batch == Shape.DYNAMIC ? name : name + "-batch" + batch;
    this.batch = batch;
    graph = new OnnxGraph(this.name, batch);
  }

  OnnxGraph graph() {
    return graph;
  }

  /** Adds an input; for {@code bound} see {@link ModelInput}. */
  String input(String inputName, ElementType type, double bound, long... rowSizes) {
    graph.input(inputName, type, rowSizes);
    long[] dims = new long[rowSizes.length + 1];
    dims[0] = batch;
    System.arraycopy(rowSizes, 0, dims, 1, rowSizes.length);
    inputs.add(new ModelInput(inputName, type, Shape.of(dims), bound));
    return inputName;
  }

  /** The batch as exporters have it in the shape of a Reshape: 0, the input's, where it is open. */
  long reshapedBatch() {
    return batch == Shape.DYNAMIC ? 0 : batch;
  }

  /** Declares weights, and returns their name. */
  String weight(String weightName, double mean, double bound, int... shape) {
    return declare(weightName, mean, bound, false, shape);
  }

  private String declare(
      String weightName, double mean, double bound, boolean centred, int... shape) {
    int rowElements = 1;
    for (int axis = 1; axis < shape.length; axis++) {
      rowElements = Math.multiplyExact(rowElements, shape[axis]);
    }
    long offsetBytes = Math.ceilDiv(endBytes, ALIGNMENT_BYTES) * ALIGNMENT_BYTES;
    WeightTensor tensor =
        new WeightTensor(weightName, shape[0], rowElements, offsetBytes, mean, bound, centred);
    long sizeBytes = tensor.elements() * Float.BYTES;
    weights.add(tensor);
    endBytes = offsetBytes + sizeBytes;
    graph.initializer(
        OnnxGraph.tensor(
                weightName, ElementType.FLOAT, Arrays.stream(shape).asLongStream().toArray())
            .setDataLocation(TensorProto.DataLocation.EXTERNAL)
            .addExternalData(field("location", name + ".onnx" + GeneratedModel.WEIGHTS_SUFFIX))
            .addExternalData(field("offset", Long.toString(offsetBytes)))
            .addExternalData(field("length", Long.toString(sizeBytes)))
            .build());
    return weightName;
  }

  private static StringStringEntryProto.Builder field(String key, String value) {
    return StringStringEntryProto.newBuilder().setKey(key).setValue(value);
  }

  /**
   * Weights of a layer whose outputs each have a row of them, of a sum of 0: rectified inputs are
   * positive, and without that the mean of them all would drown what changes with the input, as
   * batch normalisation would take it away.
   */
  String filters(String weightName, double gain, int... shape) {
    int fanIn = Arrays.stream(shape).skip(1).reduce(1, Math::multiplyExact);
    return declare(weightName, 0, bound(gain, fanIn), true, shape);
  }

  /** The bound of weights of a layer with that many inputs to each output. */
  static double bound(double gain, int fanIn) {
    return gain * UNIT_BOUND / Math.sqrt(fanIn);
  }

  /** A bias. */
  String bias(String biasName, int channels) {
    return weight(biasName, 0, BIAS_BOUND, channels);
  }

  /** Adds a scalar constant, which lies in the model itself. */
  String constant(String constantName, float value) {
    return constant(constantName, new float[] {value});
  }

  /** Adds a constant, which lies in the model itself. */
  String constant(String constantName, float[] values, long... shape) {
    ByteBuffer bytes =
        ByteBuffer.allocate(values.length * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    for (float value : values) {
      bytes.putFloat(value);
    }
    return constant(OnnxGraph.tensor(constantName, ElementType.FLOAT, shape), bytes.flip());
  }

  /** Adds a constant of integers, which lies in the model itself. */
  String constant(String constantName, long[] values, long... shape) {
    ByteBuffer bytes =
        ByteBuffer.allocate(values.length * Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    for (long value : values) {
      bytes.putLong(value);
    }
    return constant(OnnxGraph.tensor(constantName, ElementType.INT64, shape), bytes.flip());
  }

  private String constant(TensorProto.Builder tensor, ByteBuffer bytes) {
    graph.initializer(tensor.setRawData(ByteString.copyFrom(bytes)).build());
    return tensor.getName();
  }

  /** A convolution with a folded batch normalisation, so with a bias; padded to keep the size. */
  String convolution(String layer, String in, Convolution shape, double gain) {
    foldedChannels += shape.outputs();
    return biased(layer, in, shape, gain);
  }

  /** A convolution with a bias of its own; padded to keep the size. */
  String biased(String layer, String in, Convolution shape, double gain) {
    int kernel = shape.kernel();
    String weight =
        filters(
            layer + ".weight",
            gain,
            shape.outputs(),
            shape.inputs() / shape.group(),
            kernel,
            kernel);
    String bias = bias(layer + ".bias", shape.outputs());
    return graph.node(
        "Conv",
        layer,
        List.of(in, weight, bias),
        OnnxGraph.convolution(shape.kernel(), shape.stride(), shape.group()));
  }

  /**
   * The shape of a convolution.
   *
   * @param group how many parts the channels are split into
   */
  record Convolution(int inputs, int outputs, int kernel, int stride, int group) {
    Convolution(int inputs, int outputs, int kernel, int stride) {
      this(inputs, outputs, kernel, stride, 1);
    }
  }

  /** The end of a classifier: mean over the image and a fully connected layer to {@code output}. */
  void classifier(String layer, String in, int channels, int classes, String output) {
    String pooled = graph.node("GlobalAveragePool", "pool", List.of(in));
    String flat = graph.node("Flatten", "flatten", List.of(pooled), OnnxGraph.integer("axis", 1));
    String weight = filters(layer + ".weight", CLASSIFIER, classes, channels);
    String bias = bias(layer + ".bias", classes);
    graph.nodeTo(
        output, "Gemm", layer, List.of(flat, weight, bias), OnnxGraph.integer("transB", 1));
    graph.output(output, ElementType.FLOAT, classes);
  }

  GeneratedModel build(String description) {
    return new GeneratedModel(name, graph.model(description), inputs, weights, foldedChannels);
  }
}
