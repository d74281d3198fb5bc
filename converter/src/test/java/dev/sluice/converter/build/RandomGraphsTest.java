package dev.sluice.converter.build;

import static dev.sluice.bindings.ElementType.FLOAT;
import static dev.sluice.converter.build.OnnxGraphs.integer;
import static dev.sluice.converter.build.OnnxGraphs.integers;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.bindings.onnxruntime.OrtEnvironment;
import dev.sluice.bindings.onnxruntime.OrtSession;
import dev.sluice.bindings.onnxruntime.OrtSessionOptions;
import dev.sluice.converter.graph.Rewrite;
import dev.sluice.converter.onnx.proto.Onnx.AttributeProto;
import dev.sluice.engine.Shape;
import dev.sluice.engine.format.Manifest.Range;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.LongStream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Random networks with a fixed batch and all that fixes it: what is served, one row at a time and
 * several at once, is what ONNX Runtime gives for the model as it was.
 */
class RandomGraphsTest {
  private static final long SEED = Long.getLong("sluice.seed", 20261126L);
  private static final int GRAPHS = 12 * Integer.getInteger("sluice.effort", 1);

  @TempDir Path folder;

  static LongStream seeds() {
    return LongStream.range(SEED, SEED + GRAPHS);
  }

  /** A network that grows node by node; the value at its end has {@code dims}. */
  static final class Network {
    private final Random random;
    private final int rows;
    private final OnnxGraphs graph = new OnnxGraphs();
    private int[] dims;
    private String last = "x";
    private int count;

    Network(long seed) {
      random = new Random(seed);
      rows = 1 + random.nextInt(3);
      dims = new int[] {rows, 2 + random.nextInt(4), 6, 6};
      graph.input("x", FLOAT, Arrays.stream(dims).boxed().toArray());
    }

    OnnxGraphs grown() {
      int layers = 3 + random.nextInt(6);
      for (int i = 0; i < layers; i++) {
        if (dims.length == 4) {
          image(random.nextInt(7));
        } else {
          sequence(random.nextInt(5));
        }
      }
      reshape(rows, elements());
      String weights = "head";
      graph.weights(weights, random.nextLong(), dims[1], 5);
      node("MatMul", List.of(last, weights), rows, 5);
      graph.node("Tanh", List.of(last), List.of("y")).output("y", FLOAT, rows, 5);
      return graph;
    }

    private int elements() {
      return Arrays.stream(dims).skip(1).reduce(1, (a, b) -> a * b);
    }

    private void image(int kind) {
      switch (kind) {
        case 0, 1 -> {
          int channels = 2 + random.nextInt(4);
          String weights = "w" + count;
          graph.weights(weights, random.nextLong(), channels, dims[1], 3, 3);
          node(
              "Conv",
              List.of(last, weights),
              List.of(integers("pads", 1L, 1L, 1L, 1L)),
              rows,
              channels,
              dims[2],
              dims[3]);
          String output = "n" + count++;
          graph.norm(last, output, random.nextInt(1000), channels);
          last = output;
        }
        case 2 -> node("Relu", List.of(last), dims);
        case 3 -> {
          String bias = "b" + count;
          graph.weights(bias, random.nextLong(), 1, dims[1], 1, 1);
          node("Add", List.of(last, bias), dims);
        }
        case 4 -> reshape(rows, dims[1], dims[2] * dims[3]);
        case 5 -> {
          node(
              "Transpose",
              List.of(last),
              List.of(integers("perm", 0L, 1L, 3L, 2L)),
              rows,
              dims[1],
              dims[3],
              dims[2]);
        }
        default -> {
          // Rows out of the value's own shape, and whatever is left.
          String id = Integer.toString(count++);
          graph
              .numbers("first" + id, 0)
              .numbers("left" + id, -1)
              .node("Shape", List.of(last), List.of("whole" + id))
              .node("Gather", List.of("whole" + id, "first" + id), List.of("rows" + id))
              .node(
                  "Concat",
                  List.of("rows" + id, "left" + id),
                  List.of("shape" + id),
                  integer("axis", 0));
          node("Reshape", List.of(last, "shape" + id), rows, elements());
          reshape(rows, dims[1], 1);
        }
      }
    }

    private void sequence(int kind) {
      switch (kind) {
        case 0 -> {
          int width = 2 + random.nextInt(5);
          String weights = "w" + count;
          graph.weights(weights, random.nextLong(), dims[2], width);
          node("MatMul", List.of(last, weights), rows, dims[1], width);
        }
        case 1 -> {
          String before = last;
          node("Softmax", List.of(last), List.of(integer("axis", -1)), dims);
          node("Add", List.of(before, last), dims);
        }
        case 2 -> {
          // The sequence ahead of the batch, rows of a product, and back.
          node(
              "Transpose",
              List.of(last),
              List.of(integers("perm", 1L, 0L, 2L)),
              dims[1],
              rows,
              dims[2]);
          int[] turned = dims;
          String weights = "w" + count;
          graph.weights(weights, random.nextLong(), turned[2], turned[2]);
          reshape(turned[0] * rows, turned[2]);
          node("MatMul", List.of(last, weights), dims);
          reshape(turned);
          node(
              "Transpose",
              List.of(last),
              List.of(integers("perm", 1L, 0L, 2L)),
              rows,
              turned[0],
              turned[2]);
        }
        case 3 -> {
          if (rows == 1) {
            String token = "t" + count;
            graph.weights(token, random.nextLong(), 1, 1, dims[2]);
            node(
                "Concat",
                List.of(token, last),
                List.of(integer("axis", 1)),
                rows,
                dims[1] + 1,
                dims[2]);
          }
        }
        default -> node("Sigmoid", List.of(last), dims);
      }
    }

    private void reshape(int... shape) {
      String name = "s" + count;
      graph.numbers(name, Arrays.stream(shape).asLongStream().toArray());
      node("Reshape", List.of(last, name), shape);
    }

    private void node(String op, List<String> inputs, int... shape) {
      node(op, inputs, List.of(), shape);
    }

    private void node(
        String op, List<String> inputs, List<AttributeProto> attributes, int... shape) {
      last = "v" + count++;
      graph.node(op, inputs, List.of(last), attributes.toArray(AttributeProto[]::new));
      dims = shape.clone();
    }
  }

  @ParameterizedTest
  @MethodSource("seeds")
  void isServedAsItWas(long seed) throws Exception {
    Network network = new Network(seed);
    OnnxGraphs graph = network.grown();
    Path file = graph.write(folder.resolve("m.onnx"));
    BuildResult result =
        ModelBuilder.build(
            file, folder.resolve("p.sluice"), BuildOptions.defaults().withRows(new Range(1, 4, 8)));
    String what = "seed " + seed + ": " + result.rewrites();
    assertThat(result.rewrites())
        .as(what)
        .extracting(Rewrite.Report::name)
        .contains("dynamic batch");
    assertThat(result.manifest().batching().proven()).as(what).isTrue();
    int rows = network.rows;
    int rowSize =
        36 * Math.toIntExact(result.manifest().signature().inputs().getFirst().shape().dim(1));
    float[] input = new float[rows * 2 * rowSize];
    Random random = new Random(~seed);
    for (int i = 0; i < input.length; i++) {
      input[i] = (float) random.nextGaussian();
    }
    float[] expected = new float[rows * 2 * 5];
    try (OrtSession session =
        OrtSession.open(
            OrtEnvironment.shared(),
            MemorySegment.ofArray(graph.model().toByteArray()),
            OrtSessionOptions.defaults(),
            "original")) {
      for (int half = 0; half < 2; half++) {
        MemorySegment part =
            MemorySegment.ofArray(
                Arrays.copyOfRange(input, half * rows * rowSize, (half + 1) * rows * rowSize));
        Shape shape = Shape.of(rows, rowSize / 36, 6, 6);
        MemorySegment output =
            new SampleRunner(session)
                .run(List.of(new SampleTensor(FLOAT, shape, part)))
                .getFirst()
                .data();
        MemorySegment.copy(
            output, 0, MemorySegment.ofArray(expected), 20L * half * rows, rows * 20L);
      }
    }
    try (Served served = new Served(result.packageFile())) {
      compare(
          what,
          expected,
          served
              .run(
                  List.of(MemorySegment.ofArray(input)),
                  List.of(Shape.of(1, rowSize / 36, 6, 6)),
                  rows * 2)
              .getFirst());
    }
  }

  private static void compare(String what, float[] expected, byte[] actual) {
    assertThat(
            RowComparison.difference(
                FLOAT, MemorySegment.ofArray(expected), MemorySegment.ofArray(actual)))
        .as(what)
        .isLessThan(RowComparison.FLOAT32_TOLERANCE);
  }
}
