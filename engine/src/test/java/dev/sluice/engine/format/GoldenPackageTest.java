package dev.sluice.engine.format;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.sluice.engine.Request;
import dev.sluice.engine.Engine;
import dev.sluice.engine.EngineOptions;
import dev.sluice.engine.Shape;
import dev.sluice.engine.backend.BackendException;
import dev.sluice.engine.backend.BatchMemory;
import dev.sluice.engine.backend.Lane;
import dev.sluice.engine.backend.ShapeKey;
import dev.sluice.engine.cpu.CpuBackend;
import dev.sluice.engine.cpu.CpuModel;
import dev.sluice.engine.cpu.CpuOptions;
import dev.sluice.engine.npy.Npy;
import dev.sluice.engine.npy.NpyException;
import dev.sluice.engine.stage.Stage;
import java.util.Map;
import java.time.Duration;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A package of each format version is committed; it opens and answers for ever. */
class GoldenPackageTest {
  @TempDir Path folder;

  @ParameterizedTest
  @ValueSource(ints = {1})
  void opensAndAnswers(int version) throws IOException, BackendException {
    Path file = folder.resolve("format-" + version + ".sluice");
    String resource = "/golden/" + file.getFileName();
    try (InputStream in = GoldenPackageTest.class.getResourceAsStream(resource)) {
      Files.copy(in, file);
    }
    try (SluicePackage opened = PackageReader.open(file)) {
      opened.verify();
      Manifest manifest = opened.manifest();
      assertThat(manifest.formatVersion()).isEqualTo(version);
      assertThat(manifest.batching().proven()).isTrue();
      assertThat(opened.weightsByName()).isTrue();
      assertThat(manifest.golden()).hasSize(2);
      CpuModel model =
          new CpuModel(
              opened.graph(Manifest.CPU),
              opened.file(),
              opened.fileKey(),
              manifest.weights().location(),
              opened.bytes(),
              true);
      try (CpuBackend backend = CpuBackend.open(model, CpuOptions.defaults());
          BatchMemory memory = backend.allocate(new ShapeKey(List.of(Shape.of(1, 20))), 2);
          Lane lane = backend.openLane(0)) {
        for (int row = 0; row < 2; row++) {
          String entry = manifest.golden().get(row).inputs().get("x");
          memory
              .input(0)
              .asSlice(row * memory.inputRowBytes(0), memory.inputRowBytes(0))
              .copyFrom(Npy.read(opened.entry(entry), entry).data());
        }
        lane.run(memory, 2);
        for (int row = 0; row < 2; row++) {
          String entry = manifest.golden().get(row).outputs().get("y");
          assertThat(
                  memory
                      .output(0)
                      .asSlice(row * memory.outputRowBytes(0), memory.outputRowBytes(0))
                      .toArray(ValueLayout.JAVA_FLOAT_UNALIGNED))
              .containsExactly(
                  Npy.read(opened.entry(entry), entry)
                      .data()
                      .toArray(ValueLayout.JAVA_FLOAT_UNALIGNED),
                  within(1e-4f));
        }
      }
    }
  }

  @Test
  void opensAndAnswersWithItsPadding() throws Exception {
    Path file = folder.resolve("format-3.sluice");
    try (InputStream in = GoldenPackageTest.class.getResourceAsStream("/golden/format-3.sluice")) {
      Files.copy(in, file);
    }
    try (SluicePackage opened = PackageReader.open(file);
        Engine engine = Engine.open(file, EngineOptions.builder().tune(false).build())) {
      assertThat(opened.manifest().formatVersion()).isEqualTo(3);
      assertThat(opened.manifest().padding())
          .isEqualTo(
              new Manifest.Padding(
                  List.of(new Manifest.PadRule("x", 1, List.of(4L, 8L), -3, "m")),
                  List.of(new Manifest.PadCut("y", 1, "x", 1))));
      Request request = engine.newRequest(Map.of("x", Shape.of(1, 3, 2)));
      assertThat(request.claim(1, Duration.ofSeconds(10)).admitted()).isTrue();
      float[] x = {1, 2, 3, 4, 5, 6};
      request.write(0, MemorySegment.ofArray(x));
      float[] y = new float[6];
      request.run().read(0, MemorySegment.ofArray(y));
      assertThat(y).containsExactly(x);
      request.close();
    }
  }

  @Test
  void opensAndAnswersWithItsStages() throws Exception {
    Path file = folder.resolve("format-2.sluice");
    try (InputStream in = GoldenPackageTest.class.getResourceAsStream("/golden/format-2.sluice")) {
      Files.copy(in, file);
    }
    // The self-test holds the answers to the golden samples against the stored ones.
    EngineOptions options = EngineOptions.builder().tune(false).build();
    try (SluicePackage opened = PackageReader.open(file);
        Engine engine = Engine.open(file, options)) {
      Manifest manifest = opened.manifest();
      assertThat(manifest.formatVersion()).isEqualTo(2);
      assertThat(manifest.stages().stream().map(Stage::text))
          .containsExactly(
              "image=u8,letterbox=8x8,max=12x12,fill=114,scale=1/255,mean=0.485:0.456:0.406,"
                  + "std=0.229:0.224:0.225,order=bgr",
              "scores=softmax_topk:3");
      for (Manifest.GoldenSample sample : manifest.golden()) {
        assertThat(sample.outputs()).containsKeys("scores.values", "scores.indices");
        int[] best =
            engine.call(
                1,
                in -> {
                  in.input("image").copyFrom(data(opened, sample.inputs().get("image")));
                  in.input("image.size").copyFrom(data(opened, sample.inputs().get("image.size")));
                },
                out -> out.output("scores.indices").toArray(ValueLayout.JAVA_INT));
        assertThat(best)
            .containsExactly(
                data(opened, sample.outputs().get("scores.indices"))
                    .toArray(ValueLayout.JAVA_INT_UNALIGNED));
      }
    }
  }

  private static MemorySegment data(SluicePackage opened, String entry) {
    try {
      return Npy.read(opened.entry(entry), entry).data();
    } catch (NpyException e) {
      throw new AssertionError(e);
    }
  }
}
