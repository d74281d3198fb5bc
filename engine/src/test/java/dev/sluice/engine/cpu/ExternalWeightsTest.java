package dev.sluice.engine.cpu;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.bindings.ElementType;
import dev.sluice.bindings.onnxruntime.TinyModel;
import dev.sluice.engine.Shape;
import dev.sluice.engine.backend.BackendException;
import dev.sluice.engine.backend.BatchMemory;
import dev.sluice.engine.backend.Lane;
import dev.sluice.engine.backend.ShapeKey;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ExternalWeightsTest {
  private static final String LOCATION = "model.sluice";

  /** As in a package: the weights start at a page. */
  private static final int OFFSET = 4096;

  @TempDir private Path folder;
  private Path file;
  private MemorySegment graph;

  @BeforeEach
  void writePackage() throws IOException {
    file = folder.resolve(LOCATION);
    Files.write(file, packageOf(10, 20, 30));
    graph =
        new TinyModel()
            .input("x", ElementType.FLOAT, "N", 3)
            .output("y", ElementType.FLOAT, "N", 3)
            .externalWeights("w", LOCATION, OFFSET, 12, 3)
            .node("Add", "x w", "y")
            .build();
  }

  private static byte[] packageOf(float... weights) {
    byte[] bytes = new byte[OFFSET + weights.length * Float.BYTES];
    System.arraycopy(TinyModel.bytes(weights), 0, bytes, OFFSET, weights.length * Float.BYTES);
    return bytes;
  }

  private CpuModel model(Path path, Arena arena) throws IOException {
    Object fileKey = Files.readAttributes(path, BasicFileAttributes.class).fileKey();
    try (FileChannel channel = FileChannel.open(path)) {
      MemorySegment bytes = channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena);
      return new CpuModel(graph, path, fileKey, LOCATION, bytes, true);
    }
  }

  private static float[] answer(CpuModel model) throws BackendException {
    try (CpuBackend backend = CpuBackend.open(model, CpuOptions.defaults());
        BatchMemory memory = backend.allocate(new ShapeKey(List.of(Shape.of(1, 3))), 1);
        Lane lane = backend.openLane(0)) {
      MemorySegment.copy(new float[] {1, 2, 3}, 0, memory.input(0), JAVA_FLOAT, 0, 3);
      lane.run(memory, 1);
      return memory.output(0).toArray(JAVA_FLOAT);
    }
  }

  @Test
  void weightsAreMappedFromThePackage() throws Exception {
    try (Arena arena = Arena.ofConfined()) {
      assertThat(answer(model(file, arena))).containsExactly(11, 22, 33);
    }
  }

  @Test
  void aRenamedPackageServes() throws Exception {
    Path renamed = Files.move(file, folder.resolve("renamed.sluice"));
    try (Arena arena = Arena.ofConfined()) {
      assertThat(answer(model(renamed, arena))).containsExactly(11, 22, 33);
    }
  }

  @Test
  void linksToAPackageServe() throws Exception {
    Path linked = Files.createSymbolicLink(folder.resolve("linked.sluice"), file);
    Path sameName =
        Files.createSymbolicLink(
            Files.createDirectory(folder.resolve("a")).resolve(LOCATION), file);
    Path linkedFolder = Files.createSymbolicLink(folder.resolve("b"), folder).resolve(LOCATION);
    try (Arena arena = Arena.ofConfined()) {
      for (Path path : List.of(linked, sameName, linkedFolder)) {
        assertThat(answer(model(path, arena))).containsExactly(11, 22, 33);
      }
    }
  }

  @Test
  void aPackageThatWasReplacedMeanwhileIsRefused() throws Exception {
    try (Arena arena = Arena.ofConfined()) {
      CpuModel model = model(file, arena);
      Path other = Files.write(folder.resolve("other"), packageOf(0, 0, 0));
      Files.move(other, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
      assertThatThrownBy(() -> answer(model))
          .isInstanceOf(BackendException.class)
          .hasMessageContaining("was replaced by another");
    }
  }

  @Test
  void weightsBeyondTheEndOfThePackageAreRefused() throws Exception {
    Files.write(file, new byte[OFFSET + 4]);
    try (Arena arena = Arena.ofConfined()) {
      CpuModel model = model(file, arena);
      assertThatThrownBy(() -> answer(model)).isInstanceOf(BackendException.class);
      Path renamed = Files.move(file, folder.resolve("renamed.sluice"));
      CpuModel moved = model(renamed, arena);
      assertThatThrownBy(() -> answer(moved)).isInstanceOf(BackendException.class);
    }
  }
}
