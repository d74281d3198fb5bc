package dev.sluice.engine.plan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.bindings.ElementType;
import dev.sluice.bindings.tensorrt.TensorRtApi.HardwareCompatibilityLevel;
import dev.sluice.engine.Shape;
import dev.sluice.engine.Signature;
import dev.sluice.engine.TensorSpec;
import dev.sluice.engine.format.Manifest;
import dev.sluice.engine.format.PackageException;
import dev.sluice.engine.format.PackageReader;
import dev.sluice.engine.format.PackageWriter;
import dev.sluice.engine.format.SluicePackage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Plans in packages, and which of them is taken. */
class PackagedPlansTest {
  private static final PlanWatch QUIET = (_, _, _) -> {};
  private static final byte[] WEIGHTS = "twelve bytes".getBytes(StandardCharsets.US_ASCII);
  private static final String GRAPH = "graphs/tensorrt.onnx";
  private static final PlanTarget L4 = new PlanTarget(ScriptedTensorRt.VERSION, "NVIDIA L4", 8, 9);
  private static final PlanTarget H200 =
      new PlanTarget(ScriptedTensorRt.VERSION, "NVIDIA H200", 9, 0);
  private static final PlanTarget T4 = new PlanTarget(ScriptedTensorRt.VERSION, "Tesla T4", 7, 5);
  private static final PlanTarget NEWER = new PlanTarget(110_300, PlanTests.TARGET.device(), 9, 0);

  @TempDir Path folder;

  private final ScriptedTensorRt api = new ScriptedTensorRt();
  private final PlanCache cache = new PlanCache(PlanCache.DEFAULT_LIMIT_BYTES);
  private final byte[] graph = graph(PackageWriter.weightsOffset(), WEIGHTS.length);
  private Path file;
  private String before;

  @BeforeEach
  void useOwnCache() {
    before = PlanTests.useCache(folder.resolve("cache"));
    file = folder.resolve("tiny.sluice");
  }

  @AfterEach
  void restore() {
    System.setProperty("sluice.cache", before);
    assertThat(api.open).hasValue(0);
  }

  private interface Extra {
    void write(PackageWriter writer) throws IOException;
  }

  private void write(byte[] model, Extra extra) throws IOException {
    Manifest manifest =
        new Manifest(
            Manifest.PLAIN_VERSION,
            "test",
            "tiny",
            new Signature(
                List.of(new TensorSpec("x", ElementType.FLOAT, Shape.of(Shape.DYNAMIC, 3))),
                List.of(new TensorSpec("y", ElementType.FLOAT, Shape.of(Shape.DYNAMIC, 3)))),
            new Manifest.Batching(true, 0, "tried"),
            new Manifest.Precision("fp32", List.of(), "as given"),
            new Manifest.Profile(new Manifest.Range(1, 8, 8), Map.of()),
            Map.of(
                Manifest.CPU,
                new Manifest.Graph(GRAPH, 17, 1),
                Manifest.TENSORRT,
                new Manifest.Graph(GRAPH, 17, 1)),
            new Manifest.Weights(PackageWriter.weightsOffset(), WEIGHTS.length, "tiny.sluice"),
            3,
            List.of(),
            List.of(),
            Manifest.Padding.NONE,
            Map.of());
    try (PackageWriter writer = PackageWriter.create(file)) {
      writer.weights(
          List.of(
              new PackageWriter.Piece(
                  PackageWriter.weightsOffset(), MemorySegment.ofArray(WEIGHTS))));
      writer.entry(GRAPH, MemorySegment.ofArray(model));
      extra.write(writer);
      writer.finish(manifest);
    }
  }

  /** A model of one external initializer, in protobuf's form. */
  private static byte[] graph(long offset, long length) {
    byte[] tensor =
        join(
            field(8, text("w")),
            field(13, join(field(1, text("location")), field(2, text("tiny.sluice")))),
            field(13, join(field(1, text("offset")), field(2, text("" + offset)))),
            field(13, join(field(1, text("length")), field(2, text("" + length)))),
            new byte[] {14 << 3, 1});
    byte[] inside = join(field(8, text("small")), field(9, new byte[4]));
    return join(new byte[] {1 << 3, 8}, field(7, join(field(5, inside), field(5, tensor))));
  }

  private static byte[] text(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  private static byte[] field(int number, byte[] content) {
    int length = content.length;
    byte[] size =
        length < 128
            ? new byte[] {(byte) length}
            : new byte[] {(byte) ((length & 0x7F) | 0x80), (byte) (length >> 7)};
    return join(new byte[] {(byte) ((number << 3) | 2)}, size, content);
  }

  private static byte[] join(byte[]... parts) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    for (byte[] part : parts) {
      out.writeBytes(part);
    }
    return out.toByteArray();
  }

  private static String sha256(byte[] bytes) throws Exception {
    return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
  }

  private PlanKey key(HardwareCompatibilityLevel level, PlanTarget target) throws Exception {
    return new PlanKey(
        sha256(graph),
        sha256(WEIGHTS),
        List.of(PlanTests.rows("x", 1, 8, 8)),
        new PlanOptions(0, 3, level, false, true),
        target);
  }

  private static void plan(PackageWriter writer, PlanKey key, String content) throws IOException {
    PackagedPlans.write(writer, key, MemorySegment.ofArray(text(content)));
  }

  private Plan load(SluicePackage opened, PlanTarget target, boolean firstLoadBuild)
      throws Exception {
    return load(opened, null, target, firstLoadBuild);
  }

  private Plan load(
      SluicePackage opened, PlanOptions options, PlanTarget target, boolean firstLoadBuild)
      throws Exception {
    PlanProfile profile = PlanTests.rows("x", 1, 8, 8);
    return new PlanLoader(api, cache, firstLoadBuild)
        .load(opened, List.of(profile), options, target, QUIET);
  }

  private static String content(Plan plan) {
    return new String(plan.data().toArray(ValueLayout.JAVA_BYTE), StandardCharsets.UTF_8);
  }

  @Test
  void aPlanThatWasBuiltOtherwiseThanIsAskedForIsPassedOver() throws Exception {
    PlanKey own = key(HardwareCompatibilityLevel.NONE, PlanTests.TARGET);
    write(graph, writer -> plan(writer, own, "own"));
    PlanOptions exact = new PlanOptions(0, 3, HardwareCompatibilityLevel.NONE, false, false);
    try (SluicePackage opened = PackageReader.open(file)) {
      try (Plan plan = load(opened, own.options(), PlanTests.TARGET, false)) {
        assertThat(content(plan)).isEqualTo("own");
      }
      assertThatThrownBy(() -> load(opened, exact, PlanTests.TARGET, false))
          .isInstanceOf(PlanException.class)
          .hasMessageContaining("no workspace limit, TF32,")
          .hasMessageContaining("no TF32 is asked for");
    }
  }

  @Test
  void thePlanThatFitsMostCloselyIsTaken() throws Exception {
    PlanKey own = key(HardwareCompatibilityLevel.NONE, PlanTests.TARGET);
    PlanKey ampere = key(HardwareCompatibilityLevel.AMPERE_PLUS, L4);
    write(
        graph,
        writer -> {
          plan(writer, ampere, "for all");
          plan(writer, own, "for the H100");
        });
    try (SluicePackage opened = PackageReader.open(file)) {
      opened.verify();
      assertThat(PackagedPlans.list(opened))
          .containsExactly(
              new PackagedPlans.Entry("plans/trt-11.2.0-sm80plus.plan", ampere),
              new PackagedPlans.Entry("plans/trt-11.2.0-sm90.plan", own));
      assertThat(content(load(opened, PlanTests.TARGET, false))).isEqualTo("for the H100");
      assertThat(content(load(opened, H200, false))).isEqualTo("for all");
      assertThatThrownBy(() -> load(opened, T4, false))
          .isInstanceOf(PlanException.class)
          .hasMessageContaining("sm80plus.plan: it is for sm80 and above alone")
          .hasMessageContaining("sm90.plan: it is for NVIDIA H100 80GB HBM3 (sm90) alone")
          .hasMessageContaining("firstLoadBuild=false")
          .hasMessageContaining("sluice build --device cuda");
      assertThatThrownBy(() -> load(opened, NEWER, false))
          .hasMessageContaining("it was built by TensorRT 11.2.0");
      assertThat(api.builds).hasValue(0);
    }
  }

  @Test
  void aPlanForAnArchitectureFitsAllItsDevices() throws Exception {
    PlanKey same = key(HardwareCompatibilityLevel.SAME_COMPUTE_CAPABILITY, PlanTests.TARGET);
    assertThat(same.packageName()).isEqualTo("trt-11.2.0-sm90");
    assertThat(same.misfit(H200)).isEmpty();
    assertThat(same.misfit(L4)).contains("sm90 alone");
  }

  @Test
  void aCopyHasAllButOnePlan() throws Exception {
    PlanKey own = key(HardwareCompatibilityLevel.NONE, PlanTests.TARGET);
    PlanKey ampere = key(HardwareCompatibilityLevel.AMPERE_PLUS, L4);
    write(
        graph,
        writer -> {
          plan(writer, ampere, "for all");
          PackagedPlans.writeLayers(writer, ampere, "{}");
          plan(writer, own, "for the H100");
          PackagedPlans.writeLayers(writer, own, "[]");
        });
    Path copy = folder.resolve("copy.sluice");
    try (SluicePackage opened = PackageReader.open(file);
        PackageWriter writer = PackageWriter.create(copy)) {
      PackagedPlans.copyWithout(opened, "trt-11.2.0-sm80plus", writer);
      writer.finish(opened.manifest());
    }
    try (SluicePackage opened = PackageReader.open(copy)) {
      opened.verify();
      assertThat(opened.manifest().entries().keySet())
          .containsExactly(
              "weights.bin",
              GRAPH,
              "plans/trt-11.2.0-sm90.plan",
              "plans/trt-11.2.0-sm90.json",
              "plans/trt-11.2.0-sm90.layers.json");
      PackagedPlans.Entry left = PackagedPlans.list(opened).getFirst();
      assertThat(left.name()).isEqualTo("trt-11.2.0-sm90");
      assertThat(PackagedPlans.layers(opened, left)).contains("plans/trt-11.2.0-sm90.layers.json");
      assertThat(content(load(opened, PlanTests.TARGET, false))).isEqualTo("for the H100");
    }
  }

  @Test
  void aPlanOfAnotherGraphOrFormNeverRuns() throws Exception {
    PlanKey own = key(HardwareCompatibilityLevel.NONE, PlanTests.TARGET);
    write(
        join(graph, field(2, text("changed"))),
        writer -> {
          plan(writer, own, "old");
          writer.entry("plans/future.plan", MemorySegment.ofArray(new byte[1]));
          writer.entry("plans/future.json", MemorySegment.ofArray(text("{\"format\": 2}")));
        });
    try (SluicePackage opened = PackageReader.open(file)) {
      assertThatThrownBy(() -> load(opened, PlanTests.TARGET, false))
          .hasMessageContaining("it was built from another graph")
          .hasMessageContaining("a newer Sluice wrote it");
    }
  }

  @Test
  void aKeyThatCanNotBeReadIsNamed() throws Exception {
    MemorySegment plan = MemorySegment.ofArray(new byte[1]);
    for (String json :
        List.of("", "{}", "null", "[]", "{\"format\":1,\"key\":{}}", "{\"format\":")) {
      write(
          graph,
          writer -> {
            writer.entry("plans/a.plan", plan);
            writer.entry("plans/a.json", MemorySegment.ofArray(text(json)));
          });
      try (SluicePackage opened = PackageReader.open(file)) {
        assertThatThrownBy(() -> PackagedPlans.list(opened))
            .as(json)
            .isInstanceOf(PackageException.class)
            .hasMessageContaining("plans/a.json");
      }
    }
    write(graph, writer -> writer.entry("plans/a.plan", plan));
    try (SluicePackage opened = PackageReader.open(file)) {
      assertThatThrownBy(() -> PackagedPlans.list(opened)).hasMessageContaining("is missing");
    }
  }

  @Test
  void aPackageWithoutAPlanHasOneBuiltAndKept() throws Exception {
    write(graph, _ -> {});
    try (SluicePackage opened = PackageReader.open(file)) {
      assertThatThrownBy(() -> load(opened, L4, false)).hasMessageContaining("it has none");
      for (int i = 0; i < 2; i++) {
        try (Plan plan = load(opened, L4, true)) {
          assertThat(content(plan)).isEqualTo("plan 1\0");
        }
      }
      // What was built once serves where nothing may be built.
      load(opened, L4, false).close();
      assertThat(api.builds).hasValue(1);
      assertThat(api.calls).contains("model native true", "initializer w 12 native true");
      PlanModel model = PlanModel.of(opened);
      assertThat(model.initializers()).hasSize(1);
      assertThat(model.initializers().getFirst().data().address())
          .isEqualTo(opened.weights().address());
    }
  }

  @Test
  void aGraphThatPointsOutOfTheFileOrIsCutIsRefused() throws Exception {
    for (long[] place : new long[][] {{4096, 1 << 30}, {-1, 4}, {4096, -4}, {1L << 62, 4}}) {
      write(graph(place[0], place[1]), _ -> {});
      try (SluicePackage opened = PackageReader.open(file)) {
        assertThatThrownBy(() -> PlanModel.of(opened))
            .isInstanceOf(PackageException.class)
            .hasMessageContaining("'w' lies outside of the file");
      }
    }
    int refused = 0;
    for (int length = 1; length < graph.length; length++) {
      write(java.util.Arrays.copyOf(graph, length), _ -> {});
      try (SluicePackage opened = PackageReader.open(file)) {
        PlanModel.of(opened);
      } catch (PackageException e) {
        assertThat(e).hasMessageContaining("build the package again");
        refused++;
      }
    }
    // Only what ends between two fields of the model is whole.
    assertThat(refused).isEqualTo(graph.length - 2);
  }

  @Test
  void everyPartOfAKeyCounts() throws Exception {
    PlanKey own = key(HardwareCompatibilityLevel.NONE, PlanTests.TARGET);
    assertThat(own.hash())
        .matches("[0-9a-f]{64}")
        .isEqualTo(key(HardwareCompatibilityLevel.NONE, PlanTests.TARGET).hash());
    assertThat(
            List.of(
                own.hash(),
                key(HardwareCompatibilityLevel.AMPERE_PLUS, PlanTests.TARGET).hash(),
                key(HardwareCompatibilityLevel.NONE, H200).hash(),
                key(HardwareCompatibilityLevel.NONE, NEWER).hash(),
                PlanTests.key().hash(),
                new PlanKey(
                        own.graphSha256(),
                        own.weightsSha256(),
                        List.of(PlanTests.rows("x", 1, 4, 8)),
                        own.options(),
                        own.target())
                    .hash()))
        .doesNotHaveDuplicates();
  }
}
