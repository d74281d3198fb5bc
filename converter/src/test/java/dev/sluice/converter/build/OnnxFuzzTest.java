package dev.sluice.converter.build;

import static dev.sluice.bindings.ElementType.BOOL;
import static dev.sluice.bindings.ElementType.FLOAT;
import static dev.sluice.bindings.ElementType.INT64;
import static dev.sluice.converter.build.OnnxGraphs.body;
import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.ByteString;
import dev.sluice.bindings.Mutants;
import dev.sluice.bindings.NativeException;
import dev.sluice.converter.graph.FlopCount;
import dev.sluice.converter.onnx.ModelException;
import dev.sluice.converter.onnx.ModelReader;
import dev.sluice.converter.onnx.OnnxModel;
import dev.sluice.converter.onnx.proto.Onnx.AttributeProto;
import dev.sluice.converter.onnx.proto.Onnx.FunctionProto;
import dev.sluice.converter.onnx.proto.Onnx.ModelProto;
import dev.sluice.converter.onnx.proto.Onnx.NodeProto;
import dev.sluice.converter.onnx.proto.Onnx.OperatorSetIdProto;
import dev.sluice.converter.onnx.proto.Onnx.StringStringEntryProto;
import dev.sluice.converter.onnx.proto.Onnx.TensorProto;
import dev.sluice.engine.Shape;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Mutants of ONNX files are built, or refused with a message: no other exception, no crash of
 * native code, nothing left behind. All are read; the first ones are built as well, in a process of
 * its own that says which one it is at.
 */
@Timeout(3600)
class OnnxFuzzTest {
  private static final String FAMILY = "ONNX files";

  /** Mutants that are built, of those that are read. */
  private static final long BUILT = 4_000 * Long.getLong("sluice.fuzz", 60) / 60;

  /** Address space of the process that builds: Java reserves several GB that it does not use. */
  private static final long MAX_MEMORY_KIB = 10L << 20;

  /** Of those that are built. */
  private static final int COUNTED_ONE_IN = 4;

  private static final long ONLY = Long.getLong("sluice.fuzz.mutant", -1);

  @TempDir private Path folder;

  /** What mutants are made of: something of everything that the format has. */
  static List<ModelProto> models() {
    List<ModelProto> models = new ArrayList<>();
    models.add(
        OnnxGraphs.matMul(30)
            .numbers("shape", 0, 5, 6)
            .node("Relu", List.of("y"), List.of("positive"))
            .node("Reshape", List.of("positive", "shape"), List.of("z"))
            .output("z", FLOAT, "N", 5, 6)
            .model());
    models.add(image());
    models.add(branches());
    models.add(loop());
    models.add(functions());
    models.add(elsewhere());
    models.add(constants());
    return models;
  }

  private static ModelProto image() {
    return new OnnxGraphs()
        .input("x", FLOAT, 1, 3, 8, 8)
        .output("y", FLOAT, 1, 4)
        .weights("k", 1, 4, 3, 3, 3)
        .node(
            "Conv",
            List.of("x", "k"),
            List.of("c"),
            OnnxGraphs.integers("kernel_shape", 3L, 3L),
            OnnxGraphs.integers("pads", 1L, 1L, 1L, 1L))
        .norm("c", "n", 2, 4)
        .node("GlobalAveragePool", List.of("n"), List.of("p"))
        .numbers("flat", 1, 4)
        .node("Reshape", List.of("p", "flat"), List.of("y"))
        .model();
  }

  private static ModelProto branches() {
    return new OnnxGraphs()
        .input("x", FLOAT, "N", 4)
        .output("y", FLOAT, "N", 4)
        .initializer(
            TensorProto.newBuilder()
                .setName("yes")
                .setDataType(BOOL.code())
                .addInt32Data(1)
                .build())
        .weights("w", 3, 4, 4)
        .node(
            "If",
            List.of("yes"),
            List.of("y"),
            body(
                "then_branch",
                new OnnxGraphs()
                    .node("MatMul", List.of("x", "w"), List.of("a"))
                    .output("a", FLOAT, "N", 4)),
            body(
                "else_branch",
                new OnnxGraphs()
                    .weights("v", 4, 4)
                    .node("Add", List.of("x", "v"), List.of("b"))
                    .output("b", FLOAT, "N", 4)))
        .model();
  }

  private static ModelProto loop() {
    return new OnnxGraphs()
        .input("x", FLOAT, 2, 3)
        .output("y", FLOAT, 2, 3)
        .initializer(
            TensorProto.newBuilder().setName("n").setDataType(INT64.code()).addInt64Data(3).build())
        .node(
            "Loop",
            List.of("n", "", "x"),
            List.of("y"),
            body(
                "body",
                new OnnxGraphs()
                    .input("i", INT64)
                    .input("go", BOOL)
                    .input("state", FLOAT, 2, 3)
                    .node("Identity", List.of("go"), List.of("on"))
                    .node("Add", List.of("state", "x"), List.of("next"))
                    .output("on", BOOL)
                    .output("next", FLOAT, 2, 3)))
        .model();
  }

  private static ModelProto functions() {
    ModelProto.Builder model =
        new OnnxGraphs()
                .input("x", FLOAT, "N", 4)
                .output("y", FLOAT, "N", 4)
                .node("Twice", List.of("x"), List.of("t"))
                .node("Twice", List.of("t"), List.of("y"))
                .model()
                .toBuilder();
    model.getGraphBuilder().getNodeBuilderList().forEach(node -> node.setDomain("own"));
    OperatorSetIdProto.Builder standard = OperatorSetIdProto.newBuilder().setVersion(17);
    return model
        .addOpsetImport(OperatorSetIdProto.newBuilder().setDomain("own").setVersion(1))
        .addFunctions(
            FunctionProto.newBuilder()
                .setName("Twice")
                .setDomain("own")
                .addInput("a")
                .addOutput("b")
                .addOpsetImport(standard)
                .addNode(
                    NodeProto.newBuilder()
                        .setOpType("Add")
                        .addInput("a")
                        .addInput("a")
                        .addOutput("b")))
        .build();
  }

  /** With weights in a file that is there. */
  private static ModelProto elsewhere() {
    ModelProto.Builder model = OnnxGraphs.matMul(30).model().toBuilder();
    TensorProto.Builder weights = model.getGraphBuilder().getInitializerBuilder(0);
    weights.clearRawData().setDataLocation(TensorProto.DataLocation.EXTERNAL);
    for (String field : List.of("location=w.bin", "offset=16", "length=2400")) {
      int split = field.indexOf('=');
      weights.addExternalData(
          StringStringEntryProto.newBuilder()
              .setKey(field.substring(0, split))
              .setValue(field.substring(split + 1)));
    }
    return model.build();
  }

  private static ModelProto constants() {
    TensorProto.Builder halves = TensorProto.newBuilder().setDataType(10).addDims(4);
    halves.setRawData(ByteString.copyFrom(new byte[] {0, 60, 0, 64, 0, 66, 0, 68}));
    AttributeProto value =
        AttributeProto.newBuilder()
            .setName("value")
            .setType(AttributeProto.AttributeType.TENSOR)
            .setT(halves)
            .build();
    return new OnnxGraphs()
        .input("x", FLOAT, "N", 4)
        .output("y", FLOAT, "N", 4)
        .output("k", INT64, "N", 2)
        .output("v", FLOAT, "N", 2)
        .node("Constant", List.of(), List.of("c"), value)
        .node("Cast", List.of("c"), List.of("f"), OnnxGraphs.integer("to", 1))
        .node("Mul", List.of("x", "f"), List.of("m"))
        .node("Softmax", List.of("m"), List.of("y"), OnnxGraphs.integer("axis", -1))
        .numbers("two", 2)
        .node("TopK", List.of("y", "two"), List.of("v", "k"))
        .model();
  }

  private static byte[] mutant(List<ModelProto> models, long number) {
    return ModelMutator.mutant(models, Mutants.random(FAMILY, number));
  }

  /** Reads a mutant, and asks for all that it says about itself. */
  private static boolean isRead(byte[] mutant) {
    try {
      OnnxModel model = ModelReader.read(Path.of("m.onnx"), mutant);
      model.operators();
      model.parameters();
      model.name();
      model.opset();
      model.withInputRanks(java.util.Map.of("x", 2));
      assertThat(model.nodes()).isNotNegative();
      model.signature();
      return true;
    } catch (ModelException e) {
      assertThat(e).hasMessageStartingWith("m.onnx: ");
      return false;
    }
  }

  /** Counts a mutant's operations, for extents of 1 where it leaves them open. */
  private static void count(byte[] mutant) {
    try {
      OnnxModel model = ModelReader.read(Path.of("m.onnx"), mutant);
      Map<String, Shape> shapes = new HashMap<>();
      for (OnnxModel.Value input : model.inputs()) {
        if (input.isRanked()) {
          long[] dims = input.shape().dims();
          Arrays.setAll(dims, axis -> dims[axis] < 0 ? 1 : dims[axis]);
          shapes.put(input.name(), Shape.of(dims));
        }
      }
      assertThat(FlopCount.of(model, shapes).total()).isNotNegative();
    } catch (ModelException | NativeException | UnsupportedOperationException e) {
      assertThat(e.getMessage()).isNotBlank();
    }
  }

  /** Builds mutants, and says of each before it that it comes, and after it what became of it. */
  static final class Builder {
    private Builder() {}

    public static void main(String[] arguments) throws IOException {
      Path folder = Path.of(arguments[0]);
      List<ModelProto> models = models();
      for (long i = Long.parseLong(arguments[1]); i < Long.parseLong(arguments[2]); i++) {
        System.out.println(i);
        byte[] mutant = mutant(models, i);
        if (i % COUNTED_ONE_IN == 0) {
          count(mutant);
        }
        Path file = Files.write(folder.resolve("m.onnx"), mutant);
        String end = "built";
        try {
          BuildOptions options = BuildOptions.defaults();
          ModelBuilder.build(
              file,
              folder.resolve("out/m.sluice"),
              i % 2 == 0 ? options : options.withRows(BuildOptions.range("1:2:4")));
          Files.delete(folder.resolve("out/m.sluice"));
        } catch (ModelException e) {
          end = e.getMessage().contains("m.onnx: ") ? "refused" : "says nothing: " + e.getMessage();
        }
        try (Stream<Path> left = Files.list(folder.resolve("out"))) {
          System.out.println(left.findAny().isPresent() ? "something is left" : end);
        }
      }
      System.out.println("done");
    }
  }

  /**
   * Builds mutants in a process of its own.
   *
   * @return how many were built
   */
  private long build(long from, long to) throws IOException, InterruptedException {
    Files.createDirectories(folder.resolve("out"));
    Files.write(folder.resolve("w.bin"), new byte[2416]);
    Path errors = folder.resolve("errors");
    Process process =
        new ProcessBuilder(
                "sh",
                "-c",
                // What asks for more is told so, instead of taking it from everybody else.
                "ulimit -v " + MAX_MEMORY_KIB + "; exec \"$@\"",
                "sh",
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx1g",
                "-XX:-CreateCoredumpOnCrash",
                "-XX:ErrorFile=" + folder.resolve("crash"),
                "-Dsluice.seed=" + System.getProperty("sluice.seed", ""),
                "--enable-native-access=ALL-UNNAMED",
                "--sun-misc-unsafe-memory-access=deny",
                "-cp",
                System.getProperty("java.class.path"),
                Builder.class.getName(),
                folder.toString(),
                "" + from,
                "" + to)
            .redirectError(errors.toFile())
            .start();
    long number = -1;
    long built = 0;
    String line = "";
    try (BufferedReader out =
        new BufferedReader(
            new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8))) {
      for (String next = out.readLine(); next != null; next = out.readLine()) {
        line = next;
        if (Character.isDigit(line.charAt(0))) {
          number = Long.parseLong(line);
        } else {
          built += line.equals("built") ? 1 : 0;
          assertThat(line).as(Mutants.replay(FAMILY, number)).isIn("built", "refused", "done");
        }
      }
    } finally {
      process.destroyForcibly();
    }
    assertThat(line)
        .as(
            "%s ended the process with %d: %s",
            Mutants.replay(FAMILY, number), process.waitFor(), Files.readString(errors))
        .isEqualTo("done");
    return built;
  }

  @Test
  void mutants() throws Exception {
    List<ModelProto> models = models();
    long from = Math.max(0, ONLY);
    CompletableFuture<Long> built =
        CompletableFuture.supplyAsync(() -> {
          try {
            return build(from, ONLY < 0 ? BUILT : from + 1);
          } catch (IOException | InterruptedException e) {
            throw new AssertionError(e);
          }
        });
    Mutants.run(FAMILY, (number, _) -> isRead(mutant(models, number)));
    System.out.printf("%s: %,d of the first %,d were built%n", FAMILY, built.get(), BUILT);
    assertThat(ONLY >= 0 || built.get() > BUILT / 50).isTrue();
  }

  @Test
  void withoutMutationAllAreBuilt() throws Exception {
    Files.write(folder.resolve("w.bin"), new byte[2416]);
    for (ModelProto model : models()) {
      Path file = Files.write(folder.resolve("m.onnx"), model.toByteArray());
      var result = ModelBuilder.build(file, folder.resolve("m.sluice"), BuildOptions.defaults());
      assertThat(result.manifest().signature().inputs()).hasSize(1);
    }
  }
}
