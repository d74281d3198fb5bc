package dev.sluice.engine;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.sluice.bindings.sim.SimulatedCuda;
import dev.sluice.bindings.sim.SimulatedTensorRt;
import dev.sluice.engine.cuda.GpuLibraries;
import dev.sluice.engine.format.PackageReader;
import dev.sluice.engine.format.SluicePackage;
import dev.sluice.engine.npy.Npy;
import dev.sluice.kernels.SimulatedKernels;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * The examples of README.md: they compile, they answer what the golden package says, and each block
 * of Java in README.md is one of them, to the letter.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@Timeout(60)
class ReadmeExampleTest {
  private static final Pattern EXAMPLE =
      Pattern.compile("^ *// README: begin\n(.*?)^ *// README: end\n", flags());
  private static final Pattern BLOCK = Pattern.compile("^```java\n(.*?)^```\n", flags());

  private Path file;
  private float[] x;
  private float[] y;

  private static int flags() {
    return Pattern.MULTILINE | Pattern.DOTALL;
  }

  @BeforeAll
  void readTheGoldenPackage(@TempDir Path folder) throws IOException {
    file = folder.resolve("format-1.sluice");
    try (InputStream in = ReadmeExampleTest.class.getResourceAsStream("/golden/format-1.sluice")) {
      Files.copy(in, file);
    }
    try (SluicePackage opened = PackageReader.open(file)) {
      var golden = opened.manifest().golden().getFirst();
      x = floats(opened, golden.inputs().get("x"));
      y = floats(opened, golden.outputs().get("y"));
    }
  }

  private static float[] floats(SluicePackage opened, String entry) throws IOException {
    return Npy.read(opened.entry(entry), entry).data().toArray(JAVA_FLOAT_UNALIGNED);
  }

  private void assertAnswered(float[] answer) {
    assertThat(answer).containsExactly(y, within(1e-4f));
  }

  @Test
  void theScopedFormAnswers() throws Exception {
    assertAnswered(scoped(file, x));
  }

  private static float[] scoped(Path file, float[] x) throws Exception {
    // README: begin
    try (Engine engine = Engine.open(file)) { // serves any number of threads
      return engine.call(
          1, // row
          in -> MemorySegment.copy(x, 0, in.input("x"), JAVA_FLOAT, 0, x.length),
          out -> out.output("y").toArray(JAVA_FLOAT));
    }
    // README: end
  }

  @Test
  void theRequestFormAnswersAgainAndAgain() throws Exception {
    try (Engine engine = Engine.open(file);
        Request request = engine.newRequest()) {
      for (int i = 0; i < 3; i++) {
        float[] answer = new float[y.length];
        byHand(request, x, answer);
        assertAnswered(answer);
      }
    }
  }

  private static void byHand(Request request, float[] x, float[] y) throws InterruptedException {
    // README: begin
    // Request request = engine.newRequest(): one for each thread, made once
    Admission admission = request.claim(1, Duration.ofMillis(50));
    if (!admission.admitted()) {
      throw new IllegalStateException(admission.reason());
    }
    try (request) { // closing ends the claim; the next one reuses the handle
      MemorySegment in = request.input(0); // this caller's rows of the batch itself
      for (int i = 0; i < x.length; i++) {
        in.setAtIndex(JAVA_FLOAT, i, x[i]);
      }
      MemorySegment out = request.run().output(0);
      for (int i = 0; i < y.length; i++) {
        y[i] = out.getAtIndex(JAVA_FLOAT, i);
      }
    }
    // README: end
  }

  @Test
  void aStageAnswers() throws Exception {
    try (Engine engine = Engine.open(file)) {
      CompletionStage<float[]> answer = stage(engine, x);
      assertAnswered(answer.toCompletableFuture().get(30, TimeUnit.SECONDS));
    }
  }

  private static CompletionStage<float[]> stage(Engine engine, float[] x)
      throws InterruptedException {
    // README: begin
    Request request = engine.claim(1);
    MemorySegment.copy(x, 0, request.input("x"), JAVA_FLOAT, 0, x.length);
    return request
        .submit()
        .thenApply(done -> {
          try (done) { // who receives a request closes it
            return done.output("y").toArray(JAVA_FLOAT);
          }
        });
    // README: end
  }

  @Test
  void aCallbackAnswers() throws Exception {
    try (Engine engine = Engine.open(file)) {
      CompletableFuture<float[]> answer = new CompletableFuture<>();
      callback(engine, x, answer);
      assertAnswered(answer.get(30, TimeUnit.SECONDS));
    }
  }

  private static void callback(Engine engine, float[] x, CompletableFuture<float[]> answer)
      throws InterruptedException {
    // README: begin
    Request request = engine.claim(1);
    MemorySegment.copy(x, 0, request.input("x"), JAVA_FLOAT, 0, x.length);
    request.submit((done, failure) -> {
      if (failure != null) {
        answer.completeExceptionally(failure); // the request is closed already
        return;
      }
      try (done) {
        answer.complete(done.output("y").toArray(JAVA_FLOAT));
      }
    });
    // README: end
  }

  @Test
  void aSimulatedGpuAnswers(@TempDir Path cache) throws Exception {
    String before = System.getProperty("sluice.cache", "");
    System.setProperty("sluice.cache", cache.toString());
    try {
      assertAnswered(simulated(file, x));
    } finally {
      System.setProperty("sluice.cache", before);
    }
  }

  private static float[] simulated(Path file, float[] x) throws Exception {
    // README: begin
    try (SimulatedCuda cuda = SimulatedCuda.builder().kernels(SimulatedKernels.all()).build()) {
      GpuLibraries gpu = GpuLibraries.simulated(cuda, SimulatedTensorRt.builder(cuda).build());
      EngineOptions options = EngineOptions.builder().device("cuda").gpu(gpu).build();
      try (Engine engine = Engine.open(file, options)) {
        return engine.run(x);
      }
    }
    // README: end
  }

  @Test
  void everyBlockOfTheReadmeIsAnExample() throws IOException {
    Path root = Path.of(System.getProperty("sluice.root"));
    Path self = Path.of("engine/src/test/java/dev/sluice/engine/ReadmeExampleTest.java");
    List<String> examples = new ArrayList<>();
    for (String example : found(EXAMPLE, root.resolve(self))) {
      // An empty last line would count as one without indentation.
      examples.add(example.stripTrailing().stripIndent() + "\n");
    }
    assertThat(examples).hasSize(5);
    assertThat(found(BLOCK, root.resolve("README.md"))).isEqualTo(examples);
  }

  private static List<String> found(Pattern pattern, Path text) throws IOException {
    return pattern.matcher(Files.readString(text)).results().map(r -> r.group(1)).toList();
  }
}
