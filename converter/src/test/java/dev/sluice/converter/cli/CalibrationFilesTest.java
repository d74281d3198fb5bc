package dev.sluice.converter.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.ByteString;
import dev.sluice.bindings.ElementType;
import dev.sluice.bindings.onnxruntime.TinyModel;
import dev.sluice.converter.onnx.proto.Onnx.TensorProto;
import dev.sluice.engine.Shape;
import dev.sluice.engine.npy.NpyArray;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

/** Calibration from files of every kind and layout, and what is no sample. */
@Timeout(120)
class CalibrationFilesTest {
  private static final int COUNT = 10;

  @TempDir private Path folder;

  private static float[] normal(long seed, int count) {
    Random random = new Random(seed);
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }

  /** y[N,16] = relu(x[N,32] . w) . v, or of the sum of two inputs. */
  private Path model(boolean two) throws IOException {
    TinyModel model =
        new TinyModel()
            .input("x", ElementType.FLOAT, "N", 32)
            .output("y", ElementType.FLOAT, "N", 16)
            .weights("w", normal(1, 32 * 64), 32, 64)
            .weights("v", normal(2, 64 * 16), 64, 16);
    if (two) {
      model.input("in/z", ElementType.FLOAT, "N", 32).node("Sub", "x in/z", "s");
    }
    model
        .node("MatMul", two ? "s w" : "x w", "h")
        .node("Relu", "h", "r")
        .node("MatMul", "r v", "y");
    return Files.write(folder.resolve("model.onnx"), model.build().toArray(ValueLayout.JAVA_BYTE));
  }

  private static TensorProto.Builder proto(float[] values, long... dims) {
    ByteBuffer bytes = ByteBuffer.allocate(values.length * 4).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asFloatBuffer().put(values);
    TensorProto.Builder tensor = TensorProto.newBuilder().setDataType(1);
    for (long dim : dims) {
      tensor.addDims(dim);
    }
    return tensor.setRawData(ByteString.copyFrom(bytes));
  }

  private static void pb(Path file, float[] values, long... dims) throws IOException {
    Files.createDirectories(file.getParent());
    Files.write(file, proto(values, dims).build().toByteArray());
  }

  private Cli build(Path model, Path calibration, Object... more) {
    List<Object> arguments = new ArrayList<>(List.of("build", model, "--precision", "int8"));
    arguments.addAll(List.of("--cpu-graph", "int8", "--calibration", calibration));
    arguments.addAll(List.of(more));
    return Cli.run(arguments.toArray());
  }

  private void builds(Path model, Path calibration, int samples) {
    JsonNode told = build(model, calibration, "--json").done().json().get("calibration");
    assertThat(told.get("samples").asInt() + told.get("holdout").asInt()).isEqualTo(samples);
  }

  @Test
  void filesOfOneInput() throws IOException {
    Path data = folder.resolve("data");
    for (int i = 0; i < COUNT; i++) {
      pb(data.resolve(i + ".pb"), normal(i, 64), 2, 32);
    }
    builds(model(false), data, 2 * COUNT);
    pb(folder.resolve("one.pb"), normal(5, 32 * 9), 9, 32);
    builds(model(false), folder.resolve("one.pb"), 9);
    Path built = folder.resolve("model.sluice");
    JsonNode verified =
        Cli.run("verify", built, "--against", model(false), "--data", data, "--json").done().json();
    assertThat(verified.get("samples").asInt()).isEqualTo(2 * COUNT);
    Models.floats(data.resolve("x.npy"), Shape.of(1, 32), normal(1, 32));
    build(model(false), data).refused(2, "x.npy: lies beside 0.pb", "one kind");
  }

  @Test
  void aFolderForEachSample() throws IOException {
    Path data = folder.resolve("data");
    for (int i = 0; i < COUNT; i++) {
      pb(data.resolve("s" + i + "/x.pb"), normal(i, 32), 1, 32);
      // What NumPy has may be either.
      if (i % 2 == 0) {
        pb(data.resolve("s" + i + "/in_z.pb"), normal(90 + i, 32), 1, 32);
      } else {
        Path file = data.resolve("s" + i + "/in_z.npy");
        Models.floats(file, Shape.of(1, 32), normal(90 + i, 32));
      }
    }
    builds(model(true), data, COUNT);
    Models.floats(data.resolve("s4/x.npy"), Shape.of(1, 32), normal(1, 32));
    build(model(true), data).refused(2, "s4/x.pb: lies beside x.npy", "leave one");
    Files.delete(data.resolve("s4/x.npy"));
    Files.delete(data.resolve("s4/x.pb"));
    build(model(true), data).refused(2, "s4: input 'x' is missing there");
  }

  /** The numbers are the inputs' places in the graph; 10 comes after 9. */
  @Test
  void theStandardsLayout() throws IOException {
    Path data = folder.resolve("data");
    Path model = model(true);
    for (int i = 0; i < 12; i++) {
      pb(data.resolve("test_data_set_" + i + "/input_0.pb"), normal(i, 32), 1, 32);
      pb(data.resolve("test_data_set_" + i + "/input_1.pb"), normal(90 + i, 32), 1, 32);
      pb(data.resolve("test_data_set_" + i + "/output_0.pb"), normal(50 + i, 16), 1, 16);
    }
    Files.copy(model, data.resolve("model.onnx"));
    builds(model, data, 12);
    Cli.run("build", model).done();
    Served served = Served.of(folder.resolve("model.sluice"));
    CalibrationData read = read(data, served);
    assertThat(read.name(10)).endsWith("test_data_set_10: row 0");
    assertThat(floats(read.sample(10).get("x"))).containsExactly(normal(10, 32));
    assertThat(floats(read.sample(10).get("in/z"))).containsExactly(normal(100, 32));
    assertThat(read(data.resolve("test_data_set_7"), served).count()).isEqualTo(1);
  }

  @Test
  void whatDoesNotFitTheStandardsLayoutIsRefusedByName() throws IOException {
    Path data = folder.resolve("data");
    Path model = model(true);
    for (int i = 0; i < 4; i++) {
      pb(data.resolve("test_data_set_" + i + "/input_0.pb"), normal(i, 32), 1, 32);
    }
    build(model, data)
        .refused(2, "test_data_set_0/input_1.pb: is not there; input 'in/z' takes it", "order");
    for (int i = 0; i < 4; i++) {
      pb(data.resolve("test_data_set_" + i + "/input_1.pb"), normal(90 + i, 32), 1, 32);
    }
    pb(data.resolve("test_data_set_2/input_2.pb"), normal(1, 32), 1, 32);
    build(model, data).refused(2, "test_data_set_2/input_2.pb: no input takes it");
    Files.delete(data.resolve("test_data_set_2/input_2.pb"));
    pb(data.resolve("more/x.pb"), normal(1, 32), 1, 32);
    build(model, data).refused(2, "more: lies beside test_data_set_0", "move it away");
    Files.delete(data.resolve("more/x.pb"));
    Models.floats(data.resolve("x.npy"), Shape.of(1, 32), normal(1, 32));
    build(model, data).refused(2, "x.npy: lies beside test_data_set_0");
    Files.delete(data.resolve("x.npy"));
    Files.createDirectory(data.resolve("test_data_set_9"));
    build(model, data).refused(2, "test_data_set_9: lies beside test_data_set_0");
  }

  @Test
  void whatIsNoSampleIsRefusedByName() throws IOException {
    Path data = folder.resolve("data");
    Path model = model(false);
    for (int i = 0; i < 4; i++) {
      pb(data.resolve(i + ".pb"), normal(i, 32), 1, 32);
    }
    Path file = data.resolve("2.pb");
    Files.writeString(file, "no message");
    build(model, data).refused(2, "2.pb", "no ONNX TensorProto", "save it again");
    pb(file, normal(2, 31), 1, 31);
    build(model, data).refused(2, "2.pb", "takes 32 in axis 1, not 31");
    Files.write(file, proto(normal(2, 31), 1, 32).build().toByteArray());
    build(model, data).refused(2, "2.pb", "has 124 bytes", "needs 128");
    Files.write(file, proto(normal(2, 32), 1, 32).setDataType(11).build().toByteArray());
    build(model, data).refused(2, "2.pb");
    float[] infinite = normal(2, 32);
    infinite[7] = Float.POSITIVE_INFINITY;
    pb(file, infinite, 1, 32);
    build(model, data).refused(2, "2.pb: row 0: element 7 of 'x' is Infinity", "leave it out");
    Files.write(
        file,
        proto(normal(2, 32), 1, 32)
            .setDataLocation(TensorProto.DataLocation.EXTERNAL)
            .build()
            .toByteArray());
    build(model, data).refused(2, "2.pb", "in another file", "data in it");
  }

  private static CalibrationData read(Path data, Served served) throws IOException {
    try {
      return CalibrationData.read(data, served);
    } catch (BadInputException e) {
      throw new AssertionError(e);
    }
  }

  private static float[] floats(NpyArray array) {
    return array
        .data()
        .toArray(ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN));
  }
}
