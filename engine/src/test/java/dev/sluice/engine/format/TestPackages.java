package dev.sluice.engine.format;

import dev.sluice.bindings.ElementType;
import dev.sluice.engine.Shape;
import dev.sluice.engine.Signature;
import dev.sluice.engine.TensorSpec;
import dev.sluice.engine.stage.InputStage;
import dev.sluice.engine.stage.InputStageSpec;
import dev.sluice.engine.stage.OutputStage;
import dev.sluice.engine.stage.Stage;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Map;
import java.util.Random;

/** Small packages, whole and broken. */
final class TestPackages {
  static final byte[] GRAPH = "a graph".getBytes(StandardCharsets.UTF_8);
  static final byte[] GOLDEN = "a golden input".getBytes(StandardCharsets.UTF_8);

  private TestPackages() {}

  static Manifest manifest(Path target) {
    return new Manifest(
        Manifest.PLAIN_VERSION,
        "sluice test",
        "tiny \"model\"",
        new Signature(
            List.of(new TensorSpec("x:0", ElementType.FLOAT, Shape.of(Shape.DYNAMIC, 3))),
            List.of(new TensorSpec("y", ElementType.INT64, Shape.of(Shape.DYNAMIC)))),
        new Manifest.Batching(true, 0, "2, 3 and 8 rows gave what single runs gave"),
        new Manifest.Precision(
            "fp32", List.of(new Manifest.Layer("n", "Conv", "fp32", "kept", null)), "as given"),
        new Manifest.Profile(
            new Manifest.Range(1, 8, 32), Map.of("x:0", List.of(new Manifest.Range(3, 3, 3)))),
        Map.of(Manifest.CPU, new Manifest.Graph("graphs/cpu.onnx", 17, 1)),
        new Manifest.Weights(
            PackageWriter.weightsOffset(), weights().length, target.getFileName().toString()),
        75,
        List.of(
            new Manifest.GoldenSample(Map.of("x:0", "golden/0/input_0.npy"), Map.of(), 1e-5, 1e-4)),
        List.of(),
        Manifest.Padding.NONE,
        Map.of());
  }

  /** The manifest of a package without golden samples. */
  static Manifest emptied(Path target, long weightsBytes) {
    Manifest full = manifest(target);
    return new Manifest(
        full.formatVersion(),
        full.producer(),
        full.model(),
        full.signature(),
        full.batching(),
        full.precision(),
        full.profile(),
        full.graphs(),
        new Manifest.Weights(
            PackageWriter.weightsOffset(), weightsBytes, full.weights().location()),
        full.parameters(),
        List.of(),
        List.of(),
        Manifest.Padding.NONE,
        Map.of());
  }

  /** The manifest of a package whose input and output have stages. */
  static Manifest staged(Path target) {
    Manifest plain = manifest(target);
    InputStage image =
        InputStageSpec.parse("x:0=u8,letterbox=8x8,max=10x10,mean=0.5")
            .resolve(new TensorSpec("x:0", ElementType.FLOAT, Shape.of(Shape.DYNAMIC, 3, 8, 8)));
    OutputStage best = new OutputStage("y", ElementType.FLOAT, 9, OutputStage.Kind.ARGMAX, 1);
    List<Stage> stages = List.of(image, best);
    return new Manifest(
        Manifest.versionFor(stages, Manifest.Padding.NONE),
        plain.producer(),
        plain.model(),
        new Signature(image.served(Shape.DYNAMIC), best.served(Shape.DYNAMIC)),
        plain.batching(),
        plain.precision(),
        new Manifest.Profile(plain.profile().rows(), Map.of()),
        plain.graphs(),
        plain.weights(),
        plain.parameters(),
        plain.golden(),
        stages,
        Manifest.Padding.NONE,
        Map.of());
  }

  /** 300 bytes that differ, with a gap of zeros inside. */
  static byte[] weights() {
    byte[] weights = new byte[300];
    new Random(7).nextBytes(weights);
    for (int i = 100; i < 128; i++) {
      weights[i] = 0;
    }
    return weights;
  }

  static Manifest write(Path target) throws IOException {
    return write(target, ZipLayout.IN_ZIP64);
  }

  static Manifest write(Path target, long zip64FromBytes) throws IOException {
    return write(target, zip64FromBytes, manifest(target));
  }

  static Manifest write(Path target, long zip64FromBytes, Manifest manifest) throws IOException {
    MemorySegment weights = MemorySegment.ofArray(weights());
    long base = PackageWriter.weightsOffset();
    try (PackageWriter writer = PackageWriter.create(target, zip64FromBytes)) {
      writer.weights(
          List.of(
              new PackageWriter.Piece(base, weights.asSlice(0, 100)),
              new PackageWriter.Piece(base + 128, weights.asSlice(128, 172))));
      writer.entry("graphs/cpu.onnx", MemorySegment.ofArray(GRAPH));
      writer.entry("golden/0/input_0.npy", MemorySegment.ofArray(GOLDEN));
      return writer.finish(manifest);
    }
  }

  /** Writes bytes in place, which nobody should do to a package that is open. */
  static Path put(Path file, byte[] bytes) throws IOException {
    return Files.write(
        file, bytes, StandardOpenOption.CREATE, StandardOpenOption.TRUNCATE_EXISTING);
  }
}
