package dev.sluice.converter.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.sluice.converter.onnx.proto.Onnx.GraphProto;
import dev.sluice.converter.onnx.proto.Onnx.ModelProto;
import dev.sluice.converter.onnx.proto.Onnx.NodeProto;
import dev.sluice.converter.onnx.proto.Onnx.OperatorSetIdProto;
import dev.sluice.converter.onnx.proto.Onnx.TensorShapeProto;
import dev.sluice.converter.onnx.proto.Onnx.TypeProto;
import dev.sluice.converter.onnx.proto.Onnx.ValueInfoProto;
import dev.sluice.engine.Shape;
import dev.sluice.engine.npy.Npy;
import java.io.InputStream;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Operators out of a library: those of Microsoft's onnxruntime-extensions. */
class CustomOpsTest {
  private static final String LIBRARY =
      "/ai/onnxruntime/extensions/native/linux-x64/libonnxruntime_extensions4j_jni.so";

  @TempDir private Path folder;
  private String library;
  private String model;
  private String input;

  @BeforeEach
  void extract() throws Exception {
    boolean fits =
        System.getProperty("os.name").equals("Linux")
            && System.getProperty("os.arch").equals("amd64");
    assumeTrue(fits, "onnxruntime-extensions is tried on linux-x64");
    Path file = folder.resolve("libextensions.so");
    try (InputStream in = CustomOpsTest.class.getResourceAsStream(LIBRARY)) {
      Files.copy(in, file);
    }
    library = file.toString();
    Path written = folder.resolve("magnitude.onnx");
    Files.write(written, magnitude().toByteArray());
    model = written.toString();
    input = "x=" + Models.floats(folder.resolve("x.npy"), Shape.of(2, 3), 1, -2, 3, -4, 0.5f, -6);
  }

  /** |x| as the sum of x's parts above and below 0, which NegPos tells. */
  private static ModelProto magnitude() {
    GraphProto.Builder graph =
        GraphProto.newBuilder()
            .setName("magnitude")
            .addInput(floats("x"))
            .addOutput(floats("y"))
            .addNode(
                NodeProto.newBuilder()
                    .setName("parts")
                    .setDomain("ai.onnx.contrib")
                    .setOpType("NegPos")
                    .addInput("x")
                    .addOutput("below")
                    .addOutput("above"))
            .addNode(
                NodeProto.newBuilder()
                    .setOpType("Sub")
                    .addInput("above")
                    .addInput("below")
                    .addOutput("y"));
    return ModelProto.newBuilder()
        .setIrVersion(8)
        .addOpsetImport(OperatorSetIdProto.newBuilder().setVersion(17))
        .addOpsetImport(OperatorSetIdProto.newBuilder().setDomain("ai.onnx.contrib").setVersion(1))
        .setGraph(graph)
        .build();
  }

  private static ValueInfoProto.Builder floats(String name) {
    TensorShapeProto.Builder shape = TensorShapeProto.newBuilder();
    shape.addDimBuilder().setDimParam("N");
    shape.addDimBuilder().setDimValue(3);
    TypeProto.Builder type = TypeProto.newBuilder();
    type.getTensorTypeBuilder().setElemType(1).setShape(shape);
    return ValueInfoProto.newBuilder().setName(name).setType(type);
  }

  @Test
  void buildRunVerifyAndBenchTakeALibrary() throws Exception {
    var built = Cli.run("build", model, "--custom-ops", library, "--json").json();
    assertThat(built.at("/batching/proven").asBoolean()).isTrue();
    String packed = folder.resolve("magnitude.sluice").toString();
    Path out = folder.resolve("out");
    Cli.run("run", packed, "--custom-ops", library, "--input", input, "-o", out.toString()).done();
    assertThat(Npy.read(out.resolve("y.npy")).data().toArray(ValueLayout.JAVA_FLOAT_UNALIGNED))
        .containsExactly(1, 2, 3, 4, 0.5f, 6);
    var verified =
        Cli.run(
                "verify",
                packed,
                "--against",
                model,
                "--data",
                folder.toString(),
                "--max-abs",
                "0",
                "--custom-ops",
                library,
                "--json")
            .json();
    assertThat(verified.at("/ok").asBoolean()).isTrue();
    Cli.run("bench", packed, "--duration", "0.2", "--custom-ops", library).done();
  }

  @Test
  void inspectTakesOneForTheShapes() throws Exception {
    var without = Cli.run("inspect", model, "--json").json();
    assertThat(without.at("/flops/total").isNull()).isTrue();
    assertThat(without.at("/flops/unknown").asString()).contains("NegPos", "--custom-ops");
    var with = Cli.run("inspect", model, "--custom-ops", library, "--json").json();
    assertThat(with.at("/flops/total").isNull()).isFalse();
    assertThat(with.at("/flops/notCounted/0").asString()).startsWith("'parts' (NegPos): of this");
    // NegPos infers no shapes.
    assertThat(with.at("/flops/notCounted/1").asString()).startsWith("'y' (Sub): the shape of");
    Cli.run("inspect", model, "--custom-ops", "none.so").refused(2, "none.so", "no such file");
  }

  @Test
  void withoutItTheOperatorIsNamedAndWhatHelps() throws Exception {
    Cli.run("build", model).refused(2, "magnitude.onnx", "NegPos", "custom operators");
    Cli.run("build", model, "--custom-ops", library).done();
    String packed = folder.resolve("magnitude.sluice").toString();
    Cli.run("run", packed, "--input", input).refused(1, "NegPos", "custom operators");
  }

  @Test
  void whatIsNoSuchLibraryIsRefused() throws Exception {
    String none = folder.resolve("none.so").toString();
    Cli.run("build", model, "--custom-ops", none).refused(2, "none.so", "no such file");
    Cli.run("build", model, "--custom-ops", model).refused(2, "magnitude.onnx", "Library");
  }
}
