package dev.sluice.engine.format;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.sluice.bindings.ElementType;
import dev.sluice.bindings.Mutants;
import dev.sluice.bindings.onnxruntime.TinyModel;
import dev.sluice.engine.Engine;
import dev.sluice.engine.EngineOptions;
import dev.sluice.engine.Shape;
import dev.sluice.engine.Signature;
import dev.sluice.engine.TensorSpec;
import dev.sluice.engine.backend.BackendException;
import dev.sluice.engine.npy.Npy;
import dev.sluice.engine.npy.NpyArray;
import dev.sluice.engine.npy.NpyException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.function.Consumer;
import java.util.zip.CRC32;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/**
 * Mutants of packages are refused, or hold what they say. Most have a seal that fits: whoever means
 * ill makes one, too.
 */
@Timeout(1800)
class PackageFuzzTest {
  private static final Path NAME = Path.of("m.sluice");

  /** Of mutants that hold so many are opened in an engine. */
  private static final int ENGINE_SHARE = 20;

  private static final EngineOptions OPTIONS =
      EngineOptions.builder().device("cpu").tune(false).lanes(1).maxShapes(2).build();

  @TempDir private Path folder;
  private final List<Base> whole = new ArrayList<>();

  /** An entry: its name and what is in it. */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  private record Part(String name, byte[] data) {}

  /** A package that mutants are made of: its format and its entries. */
  private record Base(int version, List<Part> parts) {}

  @BeforeEach
  void write() throws IOException {
    Path file = folder.resolve("m.sluice");
    for (boolean batched : new boolean[] {true, false}) {
      writeRunnable(file, batched);
      whole.add(new Base(Manifest.PLAIN_VERSION, parts(file)));
    }
    TestPackages.write(file, ZipLayout.IN_ZIP64, TestPackages.staged(file));
    whole.add(new Base(Manifest.STAGED_VERSION, parts(file)));
    Files.delete(file);
  }

  private static List<Part> parts(Path file) throws IOException {
    byte[] bytes = Files.readAllBytes(file);
    MemorySegment segment = MemorySegment.ofArray(bytes);
    long end = (long) bytes.length - Seal.commentBytes(1) - ZipLayout.END_BYTES;
    List<Part> parts = new ArrayList<>();
    for (ZipLayout.Located entry : ZipDirectory.read(file, segment, end)) {
      byte[] data =
          segment.asSlice(entry.dataOffset(), entry.sizeBytes()).toArray(ValueLayout.JAVA_BYTE);
      parts.add(new Part(entry.name(), data));
    }
    return parts;
  }

  /** A package of {@code y[N,2] = x[N,3] . w} that an engine opens. */
  private static void writeRunnable(Path file, boolean batched) throws IOException {
    MemorySegment graph =
        new TinyModel()
            .input("x", ElementType.FLOAT, "N", 3)
            .output("y", ElementType.FLOAT, "N", 2)
            .weights("w", new float[] {1, 2, 3, 4, 5, 6}, 3, 2)
            .node("MatMul", "x w", "y")
            .build();
    Shape in = Shape.of(batched ? Shape.DYNAMIC : 1, 3);
    Shape out = Shape.of(batched ? Shape.DYNAMIC : 1, 2);
    Manifest.Range rows = batched ? new Manifest.Range(1, 4, 8) : new Manifest.Range(1, 1, 1);
    Manifest plain = TestPackages.manifest(file);
    try (PackageWriter writer = PackageWriter.create(file)) {
      writer.weights(
          List.of(
              new PackageWriter.Piece(
                  PackageWriter.weightsOffset(), MemorySegment.ofArray(TestPackages.weights()))));
      writer.entry("graphs/cpu.onnx", graph);
      writer.entry("golden/0/input_0.npy", floats(Shape.of(1, 3), 1, 2, 3));
      writer.entry("golden/0/output_0.npy", floats(Shape.of(1, 2), 22, 28));
      writer.finish(
          new Manifest(
              Manifest.PLAIN_VERSION,
              plain.producer(),
              plain.model(),
              new Signature(
                  List.of(new TensorSpec("x", ElementType.FLOAT, in)),
                  List.of(new TensorSpec("y", ElementType.FLOAT, out))),
              new Manifest.Batching(batched, 0, "as it is"),
              plain.precision(),
              new Manifest.Profile(rows, Map.of("x", List.of(rows, new Manifest.Range(3, 3, 3)))),
              plain.graphs(),
              plain.weights(),
              6,
              List.of(
                  new Manifest.GoldenSample(
                      Map.of("x", "golden/0/input_0.npy"),
                      Map.of("y", "golden/0/output_0.npy"),
                      1e-5,
                      1e-4)),
              List.of(),
              Manifest.Padding.NONE,
              Map.of()));
    }
  }

  private static MemorySegment floats(Shape shape, float... values) {
    return MemorySegment.ofArray(
        Npy.encode(new NpyArray(ElementType.FLOAT, shape, MemorySegment.ofArray(values))));
  }

  /** Packs entries under a seal that fits, with headers and a directory that may be spoilt. */
  private static byte[] packed(List<Part> parts, int version, SplittableRandom spoiler) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    MessageDigest seal = Seal.sha256();
    List<ZipLayout.Located> located = new ArrayList<>();
    for (Part part : parts) {
      CRC32 crc = new CRC32();
      crc.update(part.data());
      long header = out.size();
      long data = ZipLayout.dataOffset(part.name(), header, false);
      ZipLayout.Located entry =
          new ZipLayout.Located(
              part.name(), header, data, part.data().length, (int) crc.getValue());
      located.add(entry);
      byte[] head = spoilt(ZipLayout.localHeader(entry, false), spoiler);
      out.writeBytes(head);
      seal.update(head);
      out.writeBytes(part.data());
      if (part.name().equals(ZipLayout.MANIFEST)) {
        seal.update(part.data());
      }
    }
    byte[] directory =
        spoilt(
            ZipLayout.directory(located, out.size(), ZipLayout.IN_ZIP64, Seal.prefix(version)),
            spoiler);
    out.writeBytes(directory);
    seal.update(directory);
    out.writeBytes(Seal.hex(seal).getBytes(US_ASCII));
    return out.toByteArray();
  }

  /** The bytes; where there is a spoiler, sometimes with a number in the place of another. */
  private static byte[] spoilt(ByteBuffer record, SplittableRandom spoiler) {
    if (spoiler != null && spoiler.nextInt(3) == 0) {
      int at = spoiler.nextInt(record.limit() - 3);
      if (spoiler.nextBoolean()) {
        record.putShort(at, (short) Mutants.number(spoiler));
      } else {
        record.putInt(at, (int) Mutants.number(spoiler));
      }
    }
    byte[] bytes = new byte[record.limit()];
    record.get(0, bytes);
    return bytes;
  }

  /** Entries doubled, dropped, renamed, exchanged, or with other bytes. */
  private static List<Part> parts(List<Part> parts, SplittableRandom random) {
    List<Part> mutant = new ArrayList<>(parts);
    int at = random.nextInt(mutant.size());
    int other = random.nextInt(mutant.size());
    Part part = mutant.get(at);
    switch (random.nextInt(6)) {
      case 0 -> mutant.remove(at);
      case 1 -> mutant.add(other, part);
      case 2 -> Collections.swap(mutant, at, other);
      case 3 -> mutant.set(at, new Part(part.name(), mutant.get(other).data()));
      case 4 -> mutant.set(at, new Part(name(part.name(), random), part.data()));
      default -> mutant.set(at, new Part(part.name(), Mutants.bytes(part.data(), random)));
    }
    return mutant;
  }

  private static String name(String name, SplittableRandom random) {
    String[] names = {
      "../" + name, "/" + name, name + "/", "", "a b", "A".repeat(300), "x\0", "plans/"
    };
    return names[random.nextInt(names.length)];
  }

  /** The entries with another manifest, whose list of entries is made to fit in most cases. */
  private static List<Part> manifest(List<Part> parts, SplittableRandom random) {
    ObjectNode tree = (ObjectNode) JsonMapper.shared().readTree(parts.getLast().data());
    if (random.nextInt(4) > 0) {
      fit(tree, parts);
    }
    for (int n = random.nextInt(1, 4); n > 0; n--) {
      List<JsonNode> nodes = new ArrayList<>();
      collect(tree, nodes);
      mutate(nodes.get(random.nextInt(nodes.size())), nodes, random);
    }
    List<Part> mutant = new ArrayList<>(parts.subList(0, parts.size() - 1));
    byte[] json = JsonMapper.shared().writeValueAsBytes(tree);
    mutant.add(
        new Part(ZipLayout.MANIFEST, random.nextInt(8) == 0 ? Mutants.bytes(json, random) : json));
    return mutant;
  }

  private static void fit(ObjectNode tree, List<Part> parts) {
    ObjectNode entries = tree.putObject("entries");
    for (Part part : parts.subList(0, parts.size() - 1)) {
      entries
          .putObject(part.name())
          .put("sizeBytes", part.data().length)
          .put("sha256", HexFormat.of().formatHex(Seal.sha256().digest(part.data())));
    }
  }

  private static void collect(JsonNode node, List<JsonNode> nodes) {
    if (node.isContainer() && !node.isEmpty()) {
      nodes.add(node);
      node.forEach(child -> collect(child, nodes));
    }
  }

  private static void mutate(JsonNode node, List<JsonNode> others, SplittableRandom random) {
    JsonNode value =
        random.nextInt(4) == 0
            ? others.get(random.nextInt(others.size())).deepCopy()
            : value(random);
    int at = random.nextInt(node.size());
    if (node instanceof ArrayNode array) {
      switch (random.nextInt(3)) {
        case 0 -> array.remove(at);
        case 1 -> array.insert(at, value);
        default -> array.set(at, value);
      }
    } else if (node instanceof ObjectNode object) {
      String key = object.propertyStream().skip(at).findFirst().orElseThrow().getKey();
      switch (random.nextInt(4)) {
        case 0 -> object.remove(key);
        case 1 -> object.set("more", value);
        default -> object.set(key, value);
      }
    }
  }

  private static JsonNode value(SplittableRandom random) {
    JsonNodeFactory make = JsonNodeFactory.instance;
    String[] texts = {
      "",
      "x",
      "y",
      "cpu",
      "graphs/cpu.onnx",
      "weights.bin",
      "golden/0/input_0.npy",
      "float32",
      "int64",
      "string",
      "../../etc/passwd",
      "fp16",
      "\0",
      "9".repeat(50)
    };
    return switch (random.nextInt(8)) {
      case 0 -> make.nullNode();
      case 1 -> make.booleanNode(random.nextBoolean());
      case 2 -> make.numberNode(random.nextDouble() * 1e300);
      case 3 -> make.objectNode();
      case 4 -> make.arrayNode().add(Mutants.number(random));
      case 5 -> make.stringNode(texts[random.nextInt(texts.length)]);
      default -> make.numberNode(Mutants.number(random));
    };
  }

  private byte[] mutant(SplittableRandom random) {
    Base base = whole.get(random.nextInt(whole.size()));
    List<Part> parts = base.parts();
    int version = base.version();
    return switch (random.nextInt(8)) {
      case 0 -> Mutants.bytes(packed(parts, version, null), random);
      case 1, 2 -> packed(parts, version, random);
      case 3 -> packed(parts(parts, random), version, null);
      case 4 -> packed(parts(manifest(parts, random), random), version, null);
      default -> packed(manifest(parts, random), version, null);
    };
  }

  /** Opens and verifies, and asks for all there is. */
  private static boolean holds(byte[] bytes) throws IOException {
    try {
      SluicePackage opened =
          PackageReader.read(NAME, null, MemorySegment.ofArray(bytes), Arena.global());
      opened.verify();
      Manifest manifest = opened.manifest();
      for (String entry : manifest.entries().keySet()) {
        assertThat(opened.entry(entry).byteSize())
            .isEqualTo(manifest.entries().get(entry).sizeBytes());
      }
      manifest.graphs().keySet().forEach(opened::graph);
      assertThat(opened.weights().byteSize()).isEqualTo(manifest.weights().sizeBytes());
      assertThat(manifest.toString()).isNotEmpty();
      return true;
    } catch (PackageException e) {
      assertThat(e).hasMessageStartingWith("m.sluice: ").hasMessageContaining("; ");
      return false;
    }
  }

  /** Opens in an engine: self-test, stages and profile meet what the manifest says. */
  private void open(byte[] bytes) throws Exception {
    Path file = Files.write(folder.resolve("m.sluice"), bytes);
    try (Engine engine = Engine.open(file, OPTIONS)) {
      assertThat(engine.maxBatch()).isPositive();
    } catch (PackageException | NpyException | BackendException e) {
      assertThat(e.getMessage()).isNotBlank();
    }
  }

  @Test
  void mutants() {
    int[] held = {0};
    Mutants.run(
        "packages",
        (_, random) -> {
          byte[] mutant = mutant(random);
          boolean holds = holds(mutant);
          if (holds && held[0]++ % ENGINE_SHARE == 0) {
            open(mutant);
          }
          return holds;
        });
    assertThat(held[0]).isGreaterThan(100);
  }

  /** Opens the first package with another manifest. */
  private void refused(Consumer<ObjectNode> change, String expected) throws IOException {
    List<Part> parts = new ArrayList<>(whole.getFirst().parts());
    ObjectNode tree = (ObjectNode) JsonMapper.shared().readTree(parts.getLast().data());
    change.accept(tree);
    parts.set(
        parts.size() - 1,
        new Part(ZipLayout.MANIFEST, JsonMapper.shared().writeValueAsBytes(tree)));
    Path file = folder.resolve("m.sluice");
    Files.write(file, packed(parts, Manifest.PLAIN_VERSION, null));
    assertThatExceptionOfType(PackageException.class)
        .isThrownBy(() -> Engine.open(file, OPTIONS).close())
        .withMessageContainingAll("m.sluice: ", expected, "build the package again");
  }

  private static ObjectNode golden(ObjectNode tree, String kind) {
    return (ObjectNode) tree.at("/golden/0/" + kind);
  }

  /** Found by mutants. */
  @Test
  void manifestsOfAnotherGraph() throws IOException {
    refused(tree -> golden(tree, "inputs").remove("x"), "no input 'x'");
    refused(
        tree -> {
          ObjectNode graphs = (ObjectNode) tree.get("graphs");
          graphs.set("u", graphs.remove("cpu"));
        },
        "no graph for the CPU");
  }

  @Test
  void withoutMutationAllHold() throws Exception {
    for (Base base : whole) {
      assertThat(holds(packed(base.parts(), base.version(), null))).isTrue();
    }
    Path file = folder.resolve("m.sluice");
    Files.write(file, packed(whole.getFirst().parts(), Manifest.PLAIN_VERSION, null));
    try (Engine engine = Engine.open(file, OPTIONS)) {
      assertThat(engine.maxBatch()).isEqualTo(8);
    }
  }
}
