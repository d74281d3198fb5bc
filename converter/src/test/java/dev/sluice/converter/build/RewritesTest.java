package dev.sluice.converter.build;

import static dev.sluice.bindings.ElementType.FLOAT;
import static dev.sluice.bindings.ElementType.INT64;
import static dev.sluice.converter.build.OnnxGraphs.integer;
import static dev.sluice.converter.build.OnnxGraphs.integers;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.sluice.converter.graph.Rewrite;
import dev.sluice.converter.onnx.proto.Onnx.ModelProto;
import dev.sluice.converter.onnx.proto.Onnx.NodeProto;
import dev.sluice.engine.Shape;
import dev.sluice.engine.format.Manifest;
import dev.sluice.engine.format.PackageReader;
import dev.sluice.engine.format.SluicePackage;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * What rewrites do not touch, shapes that become constants, and graphs at random; {@link
 * GraphRewritesTest} has what each rewrite does.
 */
class RewritesTest {
  private static final long SEED = Long.getLong("sluice.seed", 20261126L);
  private static final int GRAPHS =
      (int) (60 * Double.parseDouble(System.getProperty("sluice.effort", "1")));

  @TempDir private Path folder;

  /** A package that was built, and its graph. */
  private record Built(BuildResult result, ModelProto graph) {
    List<String> operators() {
      return graph.getGraph().getNodeList().stream().map(NodeProto::getOpType).toList();
    }

    List<String> changes(String rewrite) {
      return result.rewrites().stream()
          .filter(report -> report.name().equals(rewrite))
          .map(Rewrite.Report::changes)
          .findFirst()
          .orElse(List.of());
    }
  }

  private Built build(OnnxGraphs graph) throws IOException {
    Path file = folder.resolve("p.sluice");
    BuildResult result =
        ModelBuilder.build(graph.write(folder.resolve("m.onnx")), file, BuildOptions.defaults());
    try (SluicePackage opened = PackageReader.open(file)) {
      byte[] bytes = opened.graph(Manifest.TENSORRT).toArray(ValueLayout.JAVA_BYTE);
      return new Built(result, ModelProto.parseFrom(bytes));
    }
  }

  private static OnnxGraphs images(int channels) {
    return new OnnxGraphs().input("x", FLOAT, "N", channels, 5, 5);
  }

  @Test
  void aLayerWhoseResultIsTakenTwiceKeepsItsNormalization() throws IOException {
    Built built =
        build(
            images(2)
                .output("y", FLOAT, "N", 3, 3, 3)
                .weights("w", 1, 3, 2, 3, 3)
                .node("Conv", List.of("x", "w"), List.of("c"))
                .norm("c", "n", 2, 3)
                .node("Add", List.of("c", "n"), List.of("y")));
    assertThat(built.operators()).contains("BatchNormalization");
    assertThat(built.changes("batch normalization folding")).isEmpty();
  }

  @Test
  void shapesThatAreComputedFromFixedOnesBecomeConstants() throws IOException {
    Built built =
        build(
            new OnnxGraphs()
                .input("x", FLOAT, 1, 2, 6)
                .output("y", FLOAT, 1, 12)
                .numbers("first", 0)
                .numbers("rest", -1)
                .node("Shape", List.of("x"), List.of("s"))
                .node("Gather", List.of("s", "first"), List.of("n"), integer("axis", 0))
                .node("Concat", List.of("n", "rest"), List.of("shape"), integer("axis", 0))
                .node("Reshape", List.of("x", "shape"), List.of("y")));
    assertThat(built.operators()).containsExactly("Reshape");
    assertThat(built.changes("constant folding"))
        .contains("computed 'Shape0' (Shape)", "computed 'Gather1' (Gather)");
    assertThat(built.graph().getGraph().getInitializerList())
        .extracting(tensor -> tensor.getName())
        .containsExactly("shape");
  }

  /**
   * The rank of a value, as TensorFlow's exporter asks for it: ONNX Runtime gets its shape wrong.
   */
  @Test
  void theSizeOfAShapeIsTheRank() throws IOException {
    Built built =
        build(
            new OnnxGraphs()
                .input("x", FLOAT, 1, 2, 6)
                .output("y", FLOAT, "a", "b", "c")
                .constant("zero", "zero", true, 0)
                .constant("one", "one", true, 1)
                .node("Relu", List.of("x"), List.of("v"))
                .node("Shape", List.of("v"), List.of("dims"))
                .node("Size", List.of("dims"), List.of("rank"))
                .node("Range", List.of("zero", "rank", "one"), List.of("axes"))
                .node("Gather", List.of("dims", "axes"), List.of("same"))
                .node("Reshape", List.of("v", "same"), List.of("w"))
                .node("Shape", List.of("w"), List.of("again"))
                .node("Size", List.of("again"), List.of("rank/dims"))
                .node("Range", List.of("zero", "rank/dims", "one"), List.of("more"))
                .node("Transpose", List.of("w"), List.of("t"), integers("perm", 0L, 1L, 2L))
                .node("Gather", List.of("again", "more"), List.of("shape"))
                .node("Reshape", List.of("t", "shape"), List.of("y")));
    assertThat(built.operators()).containsExactly("Relu", "Reshape", "Transpose", "Reshape");
    assertThat(built.changes("constant folding")).noneMatch(change -> change.contains("dropped"));
  }

  @Test
  void whatIsRandomOrFollowsTheBatchIsNotComputed() throws IOException {
    Built built =
        build(
            new OnnxGraphs()
                .input("x", FLOAT, "N", 2)
                .output("y", FLOAT, "N", 2)
                .output("s", INT64, 2)
                .node("Shape", List.of("x"), List.of("s"))
                .node("Relu", List.of("x"), List.of("y")));
    assertThat(built.operators()).contains("Shape");
    Built random =
        build(
            new OnnxGraphs()
                .input("x", FLOAT, 1, 2)
                .output("y", FLOAT, 1, 2)
                .node(
                    "RandomNormal",
                    List.of(),
                    List.of("r"),
                    integers("shape", 1L, 2L),
                    OnnxGraphs.decimal("seed", 1))
                .numbers("zero", 0)
                .node("Cast", List.of("zero"), List.of("z"), integer("to", FLOAT.code()))
                .node("Mul", List.of("r", "z"), List.of("none"))
                .node("Add", List.of("x", "none"), List.of("y")));
    assertThat(random.operators()).containsExactly("RandomNormal", "Mul", "Add");
    assertThat(random.changes("constant folding")).containsExactly("computed 'Cast1' (Cast)");
  }

  @Test
  void aModelWithNothingToDoKeepsItsGraph() throws IOException {
    Built built = build(OnnxGraphs.matMul(6));
    assertThat(built.result().rewrites()).isEmpty();
    assertThat(built.result().rewriteProof()).isNull();
  }

  /** Layers at random, with what the rewrites look for between them; the answers stay. */
  @Test
  void graphsAtRandomGiveWhatTheyGave() throws Exception {
    Random random = new Random(SEED);
    int folded = 0;
    for (int number = 0; number < GRAPHS; number++) {
      OnnxGraphs graph = randomGraph(random);
      byte[] model = graph.model().toByteArray();
      Built built = build(graph);
      folded += built.changes("batch normalization folding").size();
      List<List<PlainTensor>> samples = new ArrayList<>();
      for (int i = 0; i < 3; i++) {
        float[] x = new float[2 * 25];
        for (int at = 0; at < x.length; at++) {
          x[at] = (float) random.nextGaussian();
        }
        samples.add(List.of(PlainTensor.of(FLOAT, Shape.of(1, 2, 5, 5), MemorySegment.ofArray(x))));
      }
      List<List<PlainTensor>> expected = ModelRuns.direct(model, samples);
      List<List<PlainTensor>> actual = ModelRuns.packaged(folder.resolve("p.sluice"), samples);
      for (int i = 0; i < samples.size(); i++) {
        float[] one = floats(expected.get(i).getFirst());
        float[] other = floats(actual.get(i).getFirst());
        float largest = 1;
        for (float value : one) {
          largest = Math.max(largest, Math.abs(value));
        }
        assertThat(other)
            .as("graph %d of seed %d: %s", number, SEED, built.operators())
            .containsExactly(one, within(1e-4f * largest));
      }
    }
    assertThat(folded).isPositive();
  }

  private static float[] floats(PlainTensor tensor) {
    return tensor.data().toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
  }

  private static OnnxGraphs randomGraph(Random random) {
    OnnxGraphs graph = images(2);
    String value = "x";
    int channels = 2;
    for (int layer = 0; layer < 1 + random.nextInt(5); layer++) {
      String next = "v" + layer;
      switch (random.nextInt(5)) {
        case 0 -> {
          int out = 1 + random.nextInt(4);
          graph
              .weights("w" + layer, random.nextLong(), out, channels, 3, 3)
              .node(
                  "Conv",
                  List.of(value, "w" + layer),
                  List.of(next),
                  integers("pads", 1L, 1L, 1L, 1L));
          channels = out;
        }
        case 1 -> graph.norm(value, next, random.nextLong(), channels);
        case 2 -> graph.node("Relu", List.of(value), List.of(next));
        case 3 ->
            graph
                .node("Shape", List.of(value), List.of("s" + layer))
                .node("Reshape", List.of(value, "s" + layer), List.of(next));
        default ->
            graph
                .weights("c" + layer, random.nextLong(), channels, 1, 1)
                .node("Neg", List.of("c" + layer), List.of("n" + layer))
                .node("Add", List.of(value, "n" + layer), List.of(next));
      }
      value = next;
    }
    return graph
        .output("y", FLOAT, "N", channels, 5, 5)
        .node("Identity", List.of(value), List.of("y"));
  }
}
