package dev.sluice.converter.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.bindings.ElementType;
import dev.sluice.bindings.onnxruntime.TinyModel;
import dev.sluice.bindings.sim.TensorRtFaults;
import dev.sluice.bindings.tensorrt.TensorRtApi.HardwareCompatibilityLevel;
import dev.sluice.engine.Engine;
import dev.sluice.engine.EngineOptions;
import dev.sluice.engine.format.PackageReader;
import dev.sluice.engine.format.SluicePackage;
import dev.sluice.engine.plan.PackagedPlans;
import dev.sluice.engine.plan.PlanKey;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;

/** {@code sluice build --device cuda}, on the simulated GPU. */
@Timeout(120)
class PlanBuildTest {
  @TempDir Path folder;
  @TempDir Path cache;
  private Path model;
  private Path made;

  @BeforeEach
  void writeModel() throws IOException {
    model = Models.product(folder);
    made = folder.resolve("made.sluice");
  }

  private static List<PlanKey> keys(Path packageFile) throws IOException {
    try (SluicePackage opened = PackageReader.open(packageFile)) {
      opened.verify();
      return PackagedPlans.list(opened).stream().map(PackagedPlans.Entry::key).toList();
    }
  }

  private PlanKey keyOf(SimulatedGpu gpu, Object... options) throws IOException {
    List<Object> arguments =
        new ArrayList<>(List.of("build", model, "-o", made, "--device", "cuda"));
    arguments.addAll(List.of(options));
    gpu.run(arguments.toArray()).done();
    return keys(made).getFirst();
  }

  @Test
  void aPackageGetsAPlanAndServesAsBefore() throws Exception {
    try (SimulatedGpu gpu = new SimulatedGpu(cache)) {
      JsonNode json =
          gpu.run("build", model, "-o", made, "--device", "cuda", "--json").done().json();
      assertThat(json.get("package").asString()).isEqualTo(made.toString());
      assertThat(json.get("bytes").asLong()).isEqualTo(Files.size(made));
      JsonNode plan = json.get("plans").get(0);
      assertThat(json.get("plans").size()).isEqualTo(1);
      assertThat(plan.get("name").asString()).isEqualTo("trt-11.2.0-sm90");
      assertThat(plan.get("device").asString()).isEqualTo("Simulated H100");
      assertThat(plan.get("tensorRt").asString()).isEqualTo("11.2.0");
      assertThat(plan.get("sm").asString()).isEqualTo("sm90");
      assertThat(plan.get("seconds").asDouble()).isPositive();
      try (SluicePackage opened = PackageReader.open(made)) {
        assertThat(opened.entry("plans/trt-11.2.0-sm90.plan").byteSize())
            .isEqualTo(plan.get("bytes").asLong());
        assertThat(opened.weightsByName()).isTrue();
      }
      // One profile would be slow over 1 to 64 rows.
      assertThat(keys(made).getFirst().profiles()).hasSize(2);
      try (Engine engine = Engine.open(made, EngineOptions.builder().device("cpu").build())) {
        assertThat(engine.batched()).isTrue();
      }
      assertThat(Cli.files(folder)).containsOnlyKeys("", "made.sluice", "product.onnx");
      assertThat(gpu.run("build", model, "-o", made, "--device", "cuda:0").done().out())
          .contains("trt-11.2.0-sm90  TensorRT 11.2.0 on Simulated H100 (sm90)");
    }
  }

  @Test
  void everyFlagIsInThePlan() throws IOException {
    try (SimulatedGpu gpu = new SimulatedGpu(cache)) {
      assertThat(keyOf(gpu, "--workspace", "512M").options().workspaceLimitBytes())
          .isEqualTo(512L << 20);
      assertThat(keyOf(gpu, "--workspace", "2g").options().workspaceLimitBytes())
          .isEqualTo(2L << 30);
      assertThat(keyOf(gpu, "--workspace", "4096").options().workspaceLimitBytes()).isEqualTo(4096);
      assertThat(keyOf(gpu, "--opt-level", "5").options().optimizationLevel()).isEqualTo(5);
      assertThat(keyOf(gpu, "--refit").options().refittable()).isTrue();
      assertThat(keyOf(gpu).options().refittable()).isFalse();
      PlanKey narrow = keyOf(gpu, "--batch", "1:2:4");
      assertThat(narrow.profiles()).hasSize(1);
      assertThat(narrow.profiles().getFirst().inputs().get("x").opt()).containsExactly(2L, 3L);
    }
  }

  @Test
  void hardwareCompatibilityHasALevelOrNone() throws IOException {
    try (SimulatedGpu gpu = new SimulatedGpu(cache)) {
      PlanKey ampere = keyOf(gpu, "--hardware-compatible");
      assertThat(ampere.options().hardwareCompatibility())
          .isEqualTo(HardwareCompatibilityLevel.AMPERE_PLUS);
      assertThat(ampere.packageName()).isEqualTo("trt-11.2.0-sm80plus");
      assertThat(keyOf(gpu, "--hardware-compatible", "ampere-plus")).isEqualTo(ampere);
      assertThat(keyOf(gpu, "--hardware-compatible=same-compute-capability").options())
          .extracting(options -> options.hardwareCompatibility())
          .isEqualTo(HardwareCompatibilityLevel.SAME_COMPUTE_CAPABILITY);
      // What follows the flag and is no level is the model.
      gpu.run("build", "-o", made, "--device", "cuda", "--hardware-compatible", model).done();
      assertThat(keys(made)).containsExactly(ampere);
    }
  }

  @Test
  void shapesOfDynamicAxesAreTheProfile() throws IOException {
    Path sum = Models.sum(folder);
    try (SimulatedGpu gpu = new SimulatedGpu(cache)) {
      gpu.run(
              "build",
              sum,
              "-o",
              made,
              "--device",
              "cuda",
              "--shape",
              "left=2,3:5:9",
              "--shape",
              "right=2,3:5:9")
          .done();
    }
    PlanKey key = keys(made).getFirst();
    assertThat(key.profiles()).hasSize(1);
    assertThat(key.profiles().getFirst().inputs().get("right").max()).containsExactly(2L, 9L);
    assertThat(key.profiles().getFirst().inputs().get("left").min()).containsExactly(2L, 3L);
  }

  @Test
  void timingsAreReadFromAndKeptInTheFile() throws IOException {
    Path timings = folder.resolve("timings.bin");
    try (SimulatedGpu gpu = new SimulatedGpu(cache)) {
      keyOf(gpu, "--timing-cache", timings);
      int timed = gpu.tensorRt.timings();
      assertThat(timed).isPositive();
      assertThat(Files.size(timings)).isPositive();
      try (Stream<Path> kept = Files.walk(cache)) {
        assertThat(kept.filter(file -> file.toString().endsWith(".timings"))).isEmpty();
      }
      keyOf(gpu, "--timing-cache", timings);
      assertThat(gpu.tensorRt.timings()).isEqualTo(timed);
      keyOf(gpu, "--timing-cache", timings, "--opt-level", "1");
      assertThat(gpu.tensorRt.timings()).isGreaterThan(timed);
    }
  }

  @Test
  void timingsOfAnotherDeviceAreRefusedAndStay() throws IOException {
    Path timings = Files.writeString(folder.resolve("letter.txt"), "dear timings");
    Map<String, String> before = Cli.files(folder);
    try (SimulatedGpu gpu = new SimulatedGpu(cache)) {
      String flag = "--timing-cache";
      gpu.run("build", model, "-o", made, "--device", "cuda", flag, timings)
          .refused(2, "letter.txt", "does not take these timings", "name another file");
      gpu.run("build", model, "-o", made, "--device", "cuda", flag, folder)
          .refused(2, "--timing-cache", "can't be written");
    }
    assertThat(Cli.files(folder)).isEqualTo(before);
  }

  @Test
  void aPackageHoldsPlansOfSeveralArchitectures() throws IOException {
    try (SimulatedGpu gpu = new SimulatedGpu(cache)) {
      gpu.run("build", model, "-o", made, "--device", "cuda").done();
    }
    PlanKey hopper = keys(made).getFirst();
    Path both = folder.resolve("both.sluice");
    try (SimulatedGpu gpu = new SimulatedGpu(cache, "L4", 8, 9, options -> options, null)) {
      gpu.run("build", made, "-o", both, "--device", "cuda").done();
      assertThat(keys(both)).hasSize(2).startsWith(hopper);
      assertThat(keys(both).getLast().packageName()).isEqualTo("trt-11.2.0-sm89");
      // Without -o the package itself is replaced, and the plan of the same name in it.
      gpu.run("build", both, "--device", "cuda", "--opt-level", "1").done();
    }
    assertThat(keys(both)).hasSize(2).startsWith(hopper);
    assertThat(keys(both).getLast().options().optimizationLevel()).isEqualTo(1);
    try (SluicePackage source = PackageReader.open(made);
        SluicePackage copy = PackageReader.open(both)) {
      for (String entry : source.manifest().entries().keySet()) {
        assertThat(copy.entry(entry).mismatch(source.entry(entry))).as(entry).isEqualTo(-1);
      }
    }
    assertThat(Cli.files(folder))
        .containsOnlyKeys("", "both.sluice", "made.sluice", "product.onnx");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          --workspace 1G                             | --workspace: for a TensorRT plan
          --opt-level 2 --refit                      | --opt-level, --refit: for a TensorRT plan
          --hardware-compatible --device cpu         | --hardware-compatible: for a TensorRT plan
          --timing-cache t --device auto             | --timing-cache: for a TensorRT plan
          --device cuda --opt-level 6                | 0 to 5
          --device cuda --opt-level x                | --opt-level
          --device cuda --workspace 0                | from 1 on
          --device cuda --workspace 1.5G             | from 1 on
          --device cuda --workspace 99999999T        | from 1 on
          --device cuda --hardware-compatible=turing | turing
          --device cuda:                             | say auto, cpu, or cuda:N
          --device CUDA                              | say auto, cpu, or cuda:N
          --device cuda:99999                        | say auto, cpu, or cuda:N
          """)
  void refusesBadUsageAndWritesNothing(String options, String message) throws IOException {
    Map<String, String> before = Cli.files(folder);
    List<Object> arguments = new ArrayList<>(List.of("build", model));
    arguments.addAll(List.of(options.split(" ")));
    try (SimulatedGpu gpu = new SimulatedGpu(cache)) {
      gpu.run(arguments.toArray()).refused(2, message);
      assertThat(gpu.tensorRt.builds()).isZero();
    }
    assertThat(Cli.files(folder)).isEqualTo(before);
  }

  @Test
  void whatAPackageHadWhenItWasMadeIsNotGivenAgain() throws IOException {
    Path packed = Models.built(model);
    Map<String, String> before = Cli.files(folder);
    try (SimulatedGpu gpu = new SimulatedGpu(cache)) {
      gpu.run("build", packed, "--device", "cuda", "--batch", "1:2:3")
          .refused(2, "is a package already", "--batch");
      gpu.run("build", packed).refused(2, "a package already");
    }
    assertThat(Cli.files(folder)).isEqualTo(before);
  }

  @Test
  void withoutAGpuAPlanIsRefusedAndAutoGoesWithout() throws IOException {
    Map<String, String> before = Cli.files(folder);
    Cli.on(SimulatedGpu.NONE, "build", model, "-o", made, "--device", "cuda")
        .refused(1, "no driver in this test", "install one");
    assertThat(Cli.files(folder)).isEqualTo(before);
    JsonNode json =
        Cli.on(SimulatedGpu.NONE, "build", model, "-o", made, "--device", "auto", "--json")
            .done()
            .json();
    assertThat(json.get("plans").isEmpty()).isTrue();
    assertThat(json.get("noPlan").asString()).contains("no driver in this test");
    assertThat(keys(made)).isEmpty();
    assertThat(
            Cli.on(SimulatedGpu.NONE, "build", model, "-o", made, "--device", "auto").done().out())
        .containsPattern("plan +none: .*no driver in this test");
    try (SimulatedGpu gpu = new SimulatedGpu(cache)) {
      gpu.run("build", model, "-o", made, "--device", "auto").done();
      assertThat(keys(made)).hasSize(1);
      gpu.run("build", model, "-o", made, "--device", "cuda:7")
          .refused(1, "there is no cuda:7", "cuda:0");
    }
  }

  @Test
  void allUnsupportedNodesAreToldAtOnce() throws IOException {
    byte[] two =
        new TinyModel()
            .input("x", ElementType.FLOAT, "N", 3)
            .output("y", ElementType.FLOAT, "N", 3)
            .node("Erf", "x", "a")
            .node("Abs", "a", "b")
            .node("Softsign", "b", "y")
            .build()
            .toArray(ValueLayout.JAVA_BYTE);
    Files.write(model, two);
    Map<String, String> before = Cli.files(folder);
    try (SimulatedGpu gpu =
        new SimulatedGpu(
            cache, "H", 9, 0, trt -> trt.unsupported(Set.of("Erf", "Softsign")), null)) {
      gpu.run("build", model, "-o", made, "--device", "cuda")
          .refused(2, "2 nodes", "'Erf_a' (Erf)", "'Softsign_y' (Softsign)", "no importer");
      assertThat(gpu.tensorRt.builds()).isZero();
    }
    assertThat(Cli.files(folder)).isEqualTo(before);
  }

  @ParameterizedTest
  @CsvSource({"BUILD, buildSerializedNetwork", "DESERIALIZE, deserializeCudaEngine"})
  void aFailureOfTensorRtLeavesNothing(TensorRtFaults.Call call, String function)
      throws IOException {
    Path packed = Models.built(model);
    Map<String, String> before = Cli.files(folder);
    TensorRtFaults faults = TensorRtFaults.none().fail(call, 1).fail(call, 2);
    try (SimulatedGpu gpu = new SimulatedGpu(cache, "H", 9, 0, trt -> trt.faults(faults), null)) {
      gpu.run("build", model, "-o", made, "--device", "cuda").refused(1, function);
      gpu.run("build", packed, "--device", "cuda").refused(1, function);
    }
    assertThat(Cli.files(folder)).isEqualTo(before);
  }

  @Test
  void aCancelledBuildLeavesNothing() throws IOException {
    Path packed = Models.built(model);
    Map<String, String> before = Cli.files(folder);
    Runnable cancel = () -> Thread.currentThread().interrupt();
    try (SimulatedGpu gpu = new SimulatedGpu(cache, "H", 9, 0, trt -> trt, cancel)) {
      gpu.run("build", model, "-o", made, "--device", "cuda").refused(1, "was cancelled");
      assertThat(Thread.interrupted()).isTrue();
      gpu.run("build", packed, "--device", "cuda").refused(1, "was cancelled");
      assertThat(Thread.interrupted()).isTrue();
      assertThat(gpu.tensorRt.builds()).isZero();
      // Before the plan, in the trial runs.
      Thread.currentThread().interrupt();
      gpu.run("build", model, "-o", made, "--device", "cuda").refused(1, "interrupted");
      assertThat(Thread.interrupted()).isTrue();
    }
    assertThat(Cli.files(folder)).isEqualTo(before);
  }

  @Test
  void aDamagedPackageGetsNoPlan() throws IOException {
    Path packed = Models.built(model);
    byte[] bytes = Files.readAllBytes(packed);
    bytes[4096] ^= 1;
    Files.write(packed, bytes);
    Map<String, String> before = Cli.files(folder);
    try (SimulatedGpu gpu = new SimulatedGpu(cache)) {
      gpu.run("build", packed, "--device", "cuda").refused(2, "product.sluice");
      assertThat(gpu.tensorRt.builds()).isZero();
    }
    assertThat(Cli.files(folder)).isEqualTo(before);
  }
}
