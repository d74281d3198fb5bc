package dev.sluice.bindings.tensorrt;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Random;

/**
 * The network that the probe runs: {@code y = relu(x * w1 + b1) * w2 + b2} with seeded weights, as
 * ONNX bytes, and what it must answer, computed in plain Java.
 *
 * <p>Thread safety: immutable.
 */
final class ProbeModel {
  static final String INPUT = "x";
  static final String OUTPUT = "y";
  static final int INPUT_WIDTH = 16;
  static final int OUTPUT_WIDTH = 8;
  static final int MAX_ROWS = 8;

  private static final int HIDDEN_WIDTH = 32;
  private static final long SEED = 20_260_823;

  /** Unit roundoff of a 32-bit float. */
  private static final double ROUNDOFF = 0x1p-24;

  private final float[] w1;
  private final float[] b1;
  private final float[] w2;
  private final float[] b2;

  ProbeModel() {
    Random random = new Random(SEED);
    w1 = uniform(random, INPUT_WIDTH * HIDDEN_WIDTH);
    b1 = uniform(random, HIDDEN_WIDTH);
    w2 = uniform(random, HIDDEN_WIDTH * OUTPUT_WIDTH);
    b2 = uniform(random, OUTPUT_WIDTH);
  }

  /** Values in [-1, 1), the same for the same seed. */
  static float[] input(int rows, long seed) {
    return uniform(new Random(seed), rows * INPUT_WIDTH);
  }

  /** What the network answers, and how far a 32-bit computation may be off. */
  static final class Expected {
    private final float[] values;
    private final double tolerance;

    private Expected(float[] values, double tolerance) {
      this.values = values;
      this.tolerance = tolerance;
    }

    int count() {
      return values.length;
    }

    /** Largest error of any order of summation, fused or not. */
    double tolerance() {
      return tolerance;
    }

    /** Largest distance to other answers; NaN where one of them is. */
    double largestError(float[] actual) {
      double largest = 0;
      for (int i = 0; i < values.length; i++) {
        largest = Math.max(largest, Math.abs((double) actual[i] - values[i]));
      }
      return largest;
    }
  }

  /** The answers to rows of {@link #INPUT_WIDTH} values. */
  Expected expected(float[] x) {
    int rows = x.length / INPUT_WIDTH;
    float[] values = new float[rows * OUTPUT_WIDTH];
    double tolerance = 0;
    double[] hidden = new double[HIDDEN_WIDTH];
    double[] hiddenError = new double[HIDDEN_WIDTH];
    for (int row = 0; row < rows; row++) {
      for (int h = 0; h < HIDDEN_WIDTH; h++) {
        double sum = b1[h];
        double magnitude = Math.abs(b1[h]);
        for (int i = 0; i < INPUT_WIDTH; i++) {
          double term = (double) x[row * INPUT_WIDTH + i] * w1[i * HIDDEN_WIDTH + h];
          sum += term;
          magnitude += Math.abs(term);
        }
        hidden[h] = Math.max(0, sum);
        hiddenError[h] = gamma(INPUT_WIDTH + 1) * magnitude;
      }
      for (int o = 0; o < OUTPUT_WIDTH; o++) {
        double sum = b2[o];
        double magnitude = Math.abs(b2[o]);
        double carried = 0;
        for (int h = 0; h < HIDDEN_WIDTH; h++) {
          double weight = w2[h * OUTPUT_WIDTH + o];
          sum += hidden[h] * weight;
          magnitude += Math.abs((hidden[h] + hiddenError[h]) * weight);
          carried += hiddenError[h] * Math.abs(weight);
        }
        values[row * OUTPUT_WIDTH + o] = (float) sum;
        double rounding = ROUNDOFF * Math.abs(sum);
        tolerance = Math.max(tolerance, gamma(HIDDEN_WIDTH + 1) * magnitude + carried + rounding);
      }
    }
    return new Expected(values, tolerance);
  }

  /** Bound on the relative error of n rounded operations (Higham, lemma 3.1). */
  private static double gamma(int n) {
    return n * ROUNDOFF / (1 - n * ROUNDOFF);
  }

  /** The network as an ONNX file: opset 17, a dynamic first dimension named {@code rows}. */
  byte[] onnx() {
    Message graph = new Message();
    graph.message(1, node("MatMul", "x", "w1", "xw1"));
    graph.message(1, node("Add", "xw1", "b1", "h"));
    graph.message(1, node("Relu", "h", "", "r"));
    graph.message(1, node("MatMul", "r", "w2", "rw2"));
    graph.message(1, node("Add", "rw2", "b2", "y"));
    graph.text(2, "probe");
    graph.message(5, tensor("w1", w1, INPUT_WIDTH, HIDDEN_WIDTH));
    graph.message(5, tensor("b1", b1, HIDDEN_WIDTH));
    graph.message(5, tensor("w2", w2, HIDDEN_WIDTH, OUTPUT_WIDTH));
    graph.message(5, tensor("b2", b2, OUTPUT_WIDTH));
    graph.message(11, value(INPUT, INPUT_WIDTH));
    graph.message(12, value(OUTPUT, OUTPUT_WIDTH));
    return new Message()
        .number(1, 8)
        .text(2, "sluice")
        .message(7, graph)
        .message(8, new Message().text(1, "").number(2, 17))
        .bytes();
  }

  private static Message node(String operator, String left, String right, String output) {
    Message node = new Message().text(1, left);
    if (!right.isEmpty()) {
      node.text(1, right);
    }
    return node.text(2, output).text(3, output).text(4, operator);
  }

  private static Message tensor(String name, float[] values, int... dims) {
    Message tensor = new Message();
    for (int dim : dims) {
      tensor.number(1, dim);
    }
    ByteBuffer raw = ByteBuffer.allocate(values.length * 4).order(ByteOrder.LITTLE_ENDIAN);
    raw.asFloatBuffer().put(values);
    return tensor.number(2, 1).text(8, name).bytes(9, raw.array());
  }

  private static Message value(String name, int width) {
    Message shape =
        new Message()
            .message(1, new Message().text(2, "rows"))
            .message(1, new Message().number(1, width));
    Message tensorType = new Message().number(1, 1).message(2, shape);
    return new Message().text(1, name).message(2, new Message().message(1, tensorType));
  }

  private static float[] uniform(Random random, int count) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = random.nextFloat() * 2 - 1;
    }
    return values;
  }

  /**
   * Writes the few forms of protobuf that the file needs; field numbers are those of onnx.proto.
   */
  private static final class Message {
    private final ByteArrayOutputStream out = new ByteArrayOutputStream();

    Message number(int field, long value) {
      varint((long) field << 3);
      varint(value);
      return this;
    }

    Message text(int field, String value) {
      return bytes(field, value.getBytes(StandardCharsets.UTF_8));
    }

    Message message(int field, Message value) {
      return bytes(field, value.bytes());
    }

    Message bytes(int field, byte[] value) {
      varint(((long) field << 3) | 2);
      varint(value.length);
      out.writeBytes(value);
      return this;
    }

    byte[] bytes() {
      return out.toByteArray();
    }

    private void varint(long value) {
      long rest = value;
      while ((rest & ~0x7FL) != 0) {
        out.write((int) ((rest & 0x7F) | 0x80));
        rest >>>= 7;
      }
      out.write((int) rest);
    }
  }
}
