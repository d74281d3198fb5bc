package dev.sluice.bindings.onnxruntime;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static org.assertj.core.api.Assertions.assertThat;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtException;
import dev.sluice.bindings.ElementType;
import dev.sluice.bindings.ForkedJvm;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** ONNX Runtime's own Java API and this one in a process, in either order. */
class TwoApisTest {
  @TempDir private Path folder;

  /** Runs a model through both APIs, twice each, and tells how many copies of the library run. */
  static final class Both {
    private static final MemorySegment MODEL = TinyModel.identity(ElementType.FLOAT, 2);

    private Both() {}

    public static void main(String[] args) throws Exception {
      for (int round = 0; round < 2; round++) {
        for (String api : args) {
          float[] result = api.equals("ours") ? ours() : theirs();
          System.out.println(api + " " + result[0] + " " + result[1]);
        }
      }
      System.out.println("copies " + copies() + ", one environment " + oneEnvironment());
    }

    /** Whether both APIs hold the same {@code OrtEnv}. */
    private static boolean oneEnvironment() throws ReflectiveOperationException {
      var handle = ai.onnxruntime.OrtEnvironment.class.getDeclaredField("nativeHandle");
      handle.setAccessible(true);
      long theirs = handle.getLong(ai.onnxruntime.OrtEnvironment.getEnvironment());
      return theirs == OrtEnvironment.shared().raw();
    }

    private static float[] ours() {
      OrtEnvironment environment = OrtEnvironment.shared();
      try (Arena arena = Arena.ofConfined();
          OrtSession session =
              OrtSession.open(environment, MODEL, OrtSessionOptions.defaults(), "ours");
          OrtValue x =
              OrtValue.tensor(
                  environment, arena.allocateFrom(JAVA_FLOAT, 1, 2), ElementType.FLOAT, 2);
          OrtValue y = session.run(List.of(x)).getFirst()) {
        return y.data().toArray(JAVA_FLOAT);
      }
    }

    private static float[] theirs() throws OrtException {
      // The environment of ONNX Runtime's API is never closed, as its documentation asks.
      var environment = ai.onnxruntime.OrtEnvironment.getEnvironment();
      try (var session = environment.createSession(MODEL.toArray(JAVA_BYTE));
          OnnxTensor x = OnnxTensor.createTensor(environment, new float[] {3, 4});
          var y = session.run(Map.of("x", x))) {
        return (float[]) y.get(0).getValue();
      }
    }

    private static long copies() throws IOException {
      return Files.readAllLines(Path.of("/proc/self/maps")).stream()
          .filter(line -> line.contains("libonnxruntime.so") && line.contains("r-xp"))
          .count();
    }
  }

  /**
   * ONNX Runtime's API unpacks a library of its own; but where another copy is loaded already, its
   * glue is linked to that by the SONAME.
   */
  @ParameterizedTest
  @CsvSource({
    "ours, theirs, false, 'copies 2, one environment true'",
    "theirs, ours, false, 'copies 2, one environment false'",
    "theirs, ours, true, 'copies 1, one environment true'"
  })
  void liveTogether(String first, String second, boolean sameFile, String expected)
      throws Exception {
    List<String> options = new ArrayList<>(List.of("-Djava.io.tmpdir=" + folder));
    if (sameFile) {
      Path library = OrtEnvironment.shared().libraryPath();
      options.add("-Donnxruntime.native.onnxruntime.path=" + library);
    }
    ForkedJvm.Result result = ForkedJvm.start(folder, options, Both.class, first, second).join();
    assertThat(result.err()).isEmpty();
    assertThat(result.status()).isZero();
    assertThat(result.out().lines().filter(line -> line.equals("ours 1.0 2.0"))).hasSize(2);
    assertThat(result.out().lines().filter(line -> line.equals("theirs 3.0 4.0"))).hasSize(2);
    assertThat(result.out()).endsWith(expected + "\n");
  }
}
