package dev.sluice.converter.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.bindings.ElementType;
import dev.sluice.bindings.onnxruntime.TinyModel;
import dev.sluice.bindings.sim.TensorRtFaults;
import dev.sluice.engine.format.PackageReader;
import dev.sluice.engine.format.PackageWriter;
import dev.sluice.engine.format.SluicePackage;
import dev.sluice.engine.plan.PackagedPlans;
import dev.sluice.engine.plan.PlanKey;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

/** What {@code sluice inspect} tells of plans. */
@Timeout(120)
class PlanInspectTest {
  private static final String LAYERS =
      """
      {"Layers": [
        {"Name": "conv", "LayerType": "CaskConvolution", "TacticName": "sm90_gemm_f16",
         "Inputs": [{"Name": "x", "Dimensions": [1, 3], "Format/Datatype": "Float"}],
         "Outputs": [{"Name": "a", "Dimensions": [1, 2], "Format/Datatype": "Half"}]},
        "a name alone"],
       "Bindings": ["x", "y"]}
      """;

  @TempDir Path folder;
  @TempDir Path cache;
  private Path model;
  private Path made;

  @BeforeEach
  void build() throws IOException {
    model = Models.product(folder);
    made = folder.resolve("made.sluice");
    try (SimulatedGpu gpu = new SimulatedGpu(cache)) {
      gpu.run(
              "build",
              model,
              "-o",
              made,
              "--device",
              "cuda",
              "--batch",
              "1:8:32",
              "--workspace",
              "64M",
              "--refit")
          .done();
    }
  }

  /** The package with other layers of its plan; null leaves them out. */
  private Path forged(String layers) throws IOException {
    Path file = folder.resolve("forged.sluice");
    try (SluicePackage opened = PackageReader.open(made);
        PackageWriter writer = PackageWriter.create(file)) {
      PackagedPlans.Entry plan = PackagedPlans.list(opened).getFirst();
      PlanKey key = plan.key();
      PackagedPlans.copyWithout(opened, plan.name(), writer);
      PackagedPlans.write(writer, key, opened.entry(plan.entry()));
      if (layers != null) {
        PackagedPlans.writeLayers(writer, key, layers);
      }
      writer.finish(opened.manifest());
    }
    return file;
  }

  private JsonNode plan(Cli cli) {
    JsonNode plans = cli.done().json().get("plans");
    assertThat(plans.size()).isEqualTo(1);
    return plans.get(0);
  }

  @Test
  void tellsWhatAPlanIsWithoutAGpu() {
    JsonNode plan = plan(Cli.on(SimulatedGpu.NONE, "inspect", made, "--json"));
    assertThat(plan.get("name").asString()).isEqualTo("trt-11.2.0-sm90");
    assertThat(plan.get("tensorRt").asString()).isEqualTo("11.2.0");
    assertThat(plan.get("device").asString()).isEqualTo("Simulated H100");
    assertThat(plan.get("sm").asString()).isEqualTo("sm90");
    assertThat(plan.get("bytes").asLong()).isPositive();
    assertThat(plan.get("options").get("workspaceLimitBytes").asLong()).isEqualTo(64 << 20);
    assertThat(plan.get("options").get("refittable").asBoolean()).isTrue();
    assertThat(plan.get("profiles").size()).isEqualTo(2);
    assertThat(plan.get("profiles").get(1).get("x").toString())
        .isEqualTo("{\"min\":[6,3],\"opt\":[8,3],\"max\":[32,3]}");
    assertThat(plan.get("fits").isNull()).isTrue();
    assertThat(plan.get("misfit").isNull()).isTrue();
    assertThat(plan.get("layers").size()).isEqualTo(1);
    JsonNode layer = plan.get("layers").get(0);
    assertThat(layer.get("type").asString()).isEqualTo("MatMul");
    assertThat(layer.get("kernel").asString()).isEqualTo("simulated_matmul_float");
    // Known since the inspector was asked at the shapes of a profile.
    assertThat(layer.get("precision").asString()).isEqualTo("fp32");
    assertThat(layer.get("timeUs").isNull()).isTrue();
    assertThat(Cli.on(SimulatedGpu.NONE, "inspect", made).done().out())
        .contains("trt-11.2.0-sm90  TensorRT 11.2.0 on Simulated H100 (sm90), ")
        .contains("whether it fits is unknown")
        .contains("optimization level 3, workspace of up to 67,108,864 bytes, TF32, refittable")
        .contains("shapes x=1:1:5,3", "shapes x=6:8:32,3", "1 layers");
  }

  @Test
  void saysWhetherItFitsTheGpuHere() {
    try (SimulatedGpu gpu = new SimulatedGpu(cache)) {
      assertThat(plan(gpu.run("inspect", made, "--json")).get("fits").asBoolean()).isTrue();
      assertThat(gpu.run("inspect", made).done().out()).contains("fits the GPU here");
    }
    try (SimulatedGpu gpu = new SimulatedGpu(cache, "L4", 8, 9, options -> options, null)) {
      JsonNode plan = plan(gpu.run("inspect", made, "--json"));
      assertThat(plan.get("fits").asBoolean()).isFalse();
      assertThat(plan.get("misfit").asString()).contains("Simulated H100 (sm90) alone");
      assertThat(gpu.run("inspect", made).done().out()).contains("does not fit the GPU here: it");
    }
    try (SimulatedGpu gpu =
        new SimulatedGpu(cache, "Simulated H100", 9, 0, trt -> trt.version(110_300), null)) {
      assertThat(plan(gpu.run("inspect", made, "--json")).get("misfit").asString())
          .contains("built by TensorRT 11.2.0");
    }
  }

  @Test
  void listsLayers() throws IOException {
    Path forged = forged(LAYERS);
    JsonNode layers = plan(Cli.on(SimulatedGpu.NONE, "inspect", forged, "--json")).get("layers");
    assertThat(layers.get(0).toString())
        .isEqualTo(
            "{\"name\":\"conv\",\"type\":\"CaskConvolution\",\"kernel\":\"sm90_gemm_f16\","
                + "\"precision\":\"fp16\",\"timeUs\":null}");
    assertThat(layers.get(1).get("name").asString()).isEqualTo("a name alone");
    assertThat(Cli.on(SimulatedGpu.NONE, "inspect", forged, "--layers").done().out())
        .containsPattern("layer +type +precision +kernel")
        .containsPattern("conv +CaskConvolution +fp16 +sm90_gemm_f16")
        .contains("a name alone");
    assertThat(Cli.on(SimulatedGpu.NONE, "inspect", forged).done().out())
        .doesNotContain("CaskConvolution");
    Cli.run("inspect", model, "--layers").refused(2, "--layers", "has no plans");
  }

  @Test
  void timesLayersOnAGpu() {
    try (SimulatedGpu gpu = new SimulatedGpu(cache)) {
      JsonNode plan = plan(gpu.run("inspect", made, "--layers", "--device", "cuda", "--json"));
      assertThat(plan.get("layers").get(0).get("timeUs").asDouble()).isPositive();
      assertThat(gpu.run("inspect", made, "--layers", "--device", "cuda:0").done().out())
          .containsPattern("layer +type +precision +us +kernel")
          .containsPattern("MatMul +fp32 +[0-9.]+ +simulated_matmul_float");
      gpu.run("inspect", made, "--device", "cuda").refused(2, "add --layers");
      gpu.run("inspect", made, "--layers", "--device", "cpu").refused(2, "say cuda or cuda:N");
      gpu.run("inspect", made, "--layers", "--device", "cuda:3").refused(1, "no cuda:3");
    }
    // One that does not fit is not run.
    try (SimulatedGpu gpu = new SimulatedGpu(cache, "L4", 8, 9, options -> options, null)) {
      JsonNode plan = plan(gpu.run("inspect", made, "--layers", "--device", "cuda", "--json"));
      assertThat(plan.get("fits").asBoolean()).isFalse();
      assertThat(plan.get("layers").get(0).get("timeUs").isNull()).isTrue();
    }
    TensorRtFaults faults = TensorRtFaults.none().fail(TensorRtFaults.Call.ENQUEUE, 7);
    try (SimulatedGpu gpu =
        new SimulatedGpu(cache, "Simulated H100", 9, 0, trt -> trt.faults(faults), null)) {
      gpu.run("inspect", made, "--layers", "--device", "cuda").refused(1, "enqueueV3");
    }
    Cli.on(SimulatedGpu.NONE, "inspect", made, "--layers", "--device", "cuda")
        .refused(1, "no driver in this test");
  }

  @Test
  void timesLayersOfOutputsWhoseShapesDependOnData() throws IOException {
    Path nonZero =
        Files.write(
            folder.resolve("nonzero.onnx"),
            new TinyModel()
                .input("x", ElementType.FLOAT, 2, 3)
                .output("y", ElementType.INT64, 2, "n")
                .node("NonZero", "x", "y")
                .build()
                .toArray(ValueLayout.JAVA_BYTE));
    Path packed = folder.resolve("nonzero.sluice");
    try (SimulatedGpu gpu = new SimulatedGpu(cache)) {
      gpu.run("build", nonZero, "--device", "cuda").done();
      JsonNode plan = plan(gpu.run("inspect", packed, "--layers", "--device", "cuda", "--json"));
      assertThat(plan.get("layers").get(0).get("timeUs").asDouble()).isPositive();
    }
  }

  @Test
  void aPackageNeedNotTellItsLayers() throws IOException {
    Path forged = forged(null);
    assertThat(plan(Cli.on(SimulatedGpu.NONE, "inspect", forged, "--json")).get("layers").isNull())
        .isTrue();
    assertThat(Cli.on(SimulatedGpu.NONE, "inspect", forged, "--layers").done().out())
        .contains("the package does not tell its layers");
  }

  @Test
  void aPackageWithoutPlansDoesNotAskForAGpu() throws IOException {
    Path plain = Models.built(model);
    // Ends with an error where it is asked.
    Cli cli = Cli.run("inspect", plain).done();
    assertThat(cli.out()).containsPattern("plans +none");
  }

  @Test
  void hostileLayersAreRefusedByName() throws IOException {
    String deep = "{\"Layers\": " + "[".repeat(100_000);
    for (String hostile : new String[] {"", "nothing", "[]", "{\"Layers\": 7}", deep, "\0"}) {
      Path forged = forged(hostile);
      Cli.on(SimulatedGpu.NONE, "inspect", forged, "--json");
      for (String option : new String[] {"--layers", "--debug"}) {
        Cli cli = Cli.on(SimulatedGpu.NONE, "inspect", forged, option);
        assertThat(cli.status()).as(hostile).isEqualTo(2);
        assertThat(cli.err())
            .contains("plans/trt-11.2.0-sm90.layers.json")
            .doesNotContain("defect");
      }
    }
  }

  @Test
  void oddLayersAreToldAsFarAsTheyGo() throws IOException {
    String odd =
        """
        {"Layers": [7, null, [], {}, {"Name": 3, "LayerType": null, "Outputs": 5, "Inputs": [1]},
          {"Name": "\\u001b[31mred\\u0007", "Outputs": [{"Format/Datatype": "Strange"}]}]}
        """;
    JsonNode layers =
        plan(Cli.on(SimulatedGpu.NONE, "inspect", forged(odd), "--json")).get("layers");
    assertThat(layers.size()).isEqualTo(6);
    assertThat(layers.get(4).get("name").asString()).isEmpty();
    assertThat(layers.get(5).get("name").asString()).isEqualTo("?[31mred?");
    assertThat(layers.get(5).get("precision").asString()).isEqualTo("Strange");
  }

  @Test
  void aPlanOfANewerSluiceIsNamed() throws IOException {
    Path file = folder.resolve("newer.sluice");
    byte[] key = "{\"format\": 2}".getBytes(StandardCharsets.UTF_8);
    try (SluicePackage opened = PackageReader.open(made);
        PackageWriter writer = PackageWriter.create(file)) {
      PackagedPlans.copyWithout(opened, "trt-11.2.0-sm90", writer);
      writer.entry("plans/new.plan", MemorySegment.ofArray(new byte[5]));
      writer.entry("plans/new.json", MemorySegment.ofArray(key));
      writer.finish(opened.manifest());
    }
    assertThat(plan(Cli.on(SimulatedGpu.NONE, "inspect", file, "--json")).get("name").asString())
        .isEqualTo("new");
    assertThat(Cli.on(SimulatedGpu.NONE, "inspect", file).done().out())
        .contains("new  a newer Sluice wrote it, 5 bytes");
  }
}
