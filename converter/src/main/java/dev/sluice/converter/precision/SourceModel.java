package dev.sluice.converter.precision;

import dev.sluice.bindings.onnxruntime.OrtEnvironment;
import dev.sluice.bindings.onnxruntime.OrtSession;
import dev.sluice.bindings.onnxruntime.OrtSessionOptions;
import dev.sluice.converter.graph.Graph;
import dev.sluice.converter.graph.NewWeights;
import dev.sluice.converter.graph.OpsetUpgrade;
import dev.sluice.converter.onnx.ModelReader;
import dev.sluice.converter.onnx.OnnxModel;
import dev.sluice.converter.onnx.TensorData;
import dev.sluice.converter.onnx.proto.Onnx.GraphProto;
import dev.sluice.converter.onnx.proto.Onnx.ModelProto;
import dev.sluice.converter.onnx.proto.Onnx.StringStringEntryProto;
import dev.sluice.converter.onnx.proto.Onnx.TensorProto;
import dev.sluice.converter.onnx.proto.Onnx.ValueInfoProto;
import dev.sluice.engine.TensorSpec;
import dev.sluice.engine.format.Manifest;
import dev.sluice.engine.format.PackageReader;
import dev.sluice.engine.format.SluicePackage;
import dev.sluice.engine.format.TensorDifference;
import dev.sluice.engine.stage.StagePlan;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * A package as the model that another precision is made of: its graph, its weights, and sessions of
 * changed graphs over them.
 *
 * <p>Thread safety: used by one thread.
 */
public final class SourceModel implements AutoCloseable {
  /**
   * Most bytes of weights of which a copy is made for the sake of a few runs. Beyond, the runs read
   * them where they are mapped: memory counts for more than their speed.
   */
  public static final long COPY_MAX_BYTES = 256L << 20;

  private static final long ALIGNMENT = 4096;
  private static final long CHUNK_BYTES = 1 << 20;

  private final SluicePackage opened;
  private final Arena arena;
  private final OnnxModel given;
  private OnnxModel model;
  private Graph graph;
  private final TensorData data;
  private final StagePlan stages;
  private final List<Path> customOps;
  private final NewWeights newWeights;
  private final int threads;
  private final List<Path> scratch = new ArrayList<>();

  /** Where constants that no file had are by now, by their references. */
  private final Map<List<StringStringEntryProto>, List<StringStringEntryProto>> written =
      new HashMap<>();

  private Path keptFile;

  private SourceModel(SluicePackage opened, String backend, Arena arena, List<Path> customOps)
      throws IOException {
    this.opened = opened;
    this.arena = arena;
    this.customOps = List.copyOf(customOps);
    this.threads = Runtime.getRuntime().availableProcessors();
    Manifest manifest = manifest();
    byte[] bytes = opened.graph(backend).toArray(ValueLayout.JAVA_BYTE);
    OnnxModel read = ModelReader.read(opened.file(), bytes);
    given = read.with(relocated(read.proto(), manifest.weights().location()));
    model = given;
    data = new TensorData(opened.file(), arena);
    newWeights = new NewWeights(data, folder(), arena);
    graph = Graph.of(model.proto(), customOps);
    stages =
        StagePlan.ofServed(manifest.signature(), manifest.batching().proven(), manifest.stages());
  }

  /**
   * Opens a package.
   *
   * @param backend whose graph it is, {@link Manifest#CPU} or {@link Manifest#TENSORRT}
   * @param customOps libraries of operators that its graph needs
   * @throws IOException where it can't be read
   */
  @SuppressWarnings("MustBeClosedChecker") // close() does
  public static SourceModel open(Path packageFile, String backend, List<Path> customOps)
      throws IOException {
    SluicePackage opened = PackageReader.open(packageFile);
    Arena arena = Arena.ofConfined();
    try {
      return new SourceModel(opened, backend, arena, customOps);
    } catch (IOException | RuntimeException e) {
      arena.close();
      opened.close();
      throw e;
    }
  }

  /** The weights are in the package, whatever its name was when it was made. */
  private ModelProto relocated(ModelProto proto, String location) {
    String name = opened.file().getFileName().toString();
    if (name.equals(location)) {
      return proto;
    }
    GraphProto.Builder renamed = proto.getGraph().toBuilder();
    for (TensorProto.Builder tensor : renamed.getInitializerBuilderList()) {
      for (StringStringEntryProto.Builder field : tensor.getExternalDataBuilderList()) {
        if (field.getKey().equals("location") && field.getValue().equals(location)) {
          field.setValue(name);
        }
      }
    }
    return proto.toBuilder().setGraph(renamed).build();
  }

  /**
   * Raises the operator set of an old model to the first that has scales by channel.
   *
   * @throws dev.sluice.converter.onnx.ModelException where a node can't be said there
   */
  void raiseOperatorSet() throws IOException {
    Graph raised = raised(graph, OpsetUpgrade.OPSET);
    if (raised != graph) {
      model = model.with(raised.model());
      graph = raised;
    }
  }

  /** The model as it was given, whose answers are the truth. */
  OnnxModel given() {
    return given;
  }

  /** Whether the operator set was raised. */
  public boolean isRaised() {
    return model != given;
  }

  /**
   * A graph over the constants of this model in a later operator set.
   *
   * @throws dev.sluice.converter.onnx.ModelException where a node can't be said there
   */
  Graph raised(Graph old, long to) throws IOException {
    return new OpsetUpgrade(opened.file(), to).apply(old, newWeights()).graph();
  }

  /** The package. */
  public SluicePackage opened() {
    return opened;
  }

  /** What the package says. */
  public Manifest manifest() {
    return opened.manifest();
  }

  /** The graph of the backend. */
  public Graph graph() {
    return graph;
  }

  /** The model of that graph. */
  public OnnxModel model() {
    return model;
  }

  /** Finds the bytes of its constants. */
  public TensorData data() {
    return data;
  }

  /** How long mapped files stay. */
  public Arena arena() {
    return arena;
  }

  /** The stages around the model. */
  public StagePlan stages() {
    return stages;
  }

  /** Whether rows may share a run. */
  public boolean isBatched() {
    return manifest().batching().proven();
  }

  /** What the model takes, behind the stages. */
  public List<TensorSpec> inputs() {
    return stages.model().inputs();
  }

  /** Whether an output holds real numbers, of which the largest may be a row's best. */
  boolean hasScores() {
    return stages.model().outputs().stream()
        .anyMatch(output -> TensorDifference.isReal(output.type()));
  }

  private Path folder() {
    return opened.file().toAbsolutePath().getParent();
  }

  /** A file beside the weights that sessions can map, empty; it goes when this is closed. */
  Path scratchFile() throws IOException {
    Path file = Files.createTempFile(folder(), ".weights", ".int8");
    scratch.add(file);
    return file;
  }

  /** A session of a graph whose weights are in the folder, with all cores, for a few runs. */
  OrtSession session(ModelProto proto, String label) throws IOException {
    boolean copy = manifest().weights().sizeBytes() < COPY_MAX_BYTES;
    return session(proto, threads, OrtSessionOptions.Optimization.ALL, copy, label);
  }

  /** A session of a graph whose weights are in the folder, as an engine makes it. */
  OrtSession session(
      ModelProto proto, int intraOpThreads, OrtSessionOptions.Optimization level, String label)
      throws IOException {
    return session(proto, intraOpThreads, level, true, label);
  }

  private OrtSession session(
      ModelProto proto,
      int intraOpThreads,
      OrtSessionOptions.Optimization level,
      boolean copy,
      String label)
      throws IOException {
    Map<String, String> config = new HashMap<>(OrtSessionOptions.NO_OWN_QUANTIZATION);
    if (!copy) {
      config.put("session.disable_prepacking", "1");
    }
    return OrtSession.open(
        OrtEnvironment.shared(),
        MemorySegment.ofArray(inFiles(proto).toByteArray()),
        OrtSessionOptions.defaults()
            .withThreads(intraOpThreads, false)
            .withOptimization(level)
            .withExternalWeightsFolder(folder().toRealPath())
            .withCustomOps(customOps)
            .withConfig(config),
        label);
  }

  /** The model with constants that no file has in one; each is written once. */
  private ModelProto inFiles(ModelProto proto) throws IOException {
    if (proto.getGraph().getInitializerList().stream().noneMatch(TensorData::isKept)) {
      return proto;
    }
    GraphProto.Builder changed = proto.getGraph().toBuilder();
    for (TensorProto.Builder tensor : changed.getInitializerBuilderList()) {
      TensorProto kept = tensor.build();
      if (TensorData.isKept(kept)) {
        List<StringStringEntryProto> where = written.get(kept.getExternalDataList());
        if (where == null) {
          where = write(data.bytes(kept));
          written.put(kept.getExternalDataList(), where);
        }
        tensor.clearExternalData().addAllExternalData(where);
      }
    }
    return proto.toBuilder().setGraph(changed).build();
  }

  /** Writes the bytes of a constant behind those before; where they are. */
  private List<StringStringEntryProto> write(MemorySegment bytes) throws IOException {
    if (keptFile == null) {
      keptFile = scratchFile();
    }
    try (FileChannel channel = FileChannel.open(keptFile, StandardOpenOption.WRITE)) {
      long at = Math.ceilDiv(channel.size(), ALIGNMENT) * ALIGNMENT;
      for (long done = 0; done < bytes.byteSize(); ) {
        long part = Math.min(CHUNK_BYTES, bytes.byteSize() - done);
        done += channel.write(bytes.asSlice(done, part).asByteBuffer(), at + done);
      }
      return List.of(
          field("location", keptFile.getFileName().toString()),
          field("offset", Long.toString(at)),
          field("length", Long.toString(bytes.byteSize())));
    }
  }

  private static StringStringEntryProto field(String key, String value) {
    return StringStringEntryProto.newBuilder().setKey(key).setValue(value).build();
  }

  /** Room for new constants; what was converted once is there again. */
  public NewWeights newWeights() {
    return newWeights;
  }

  /** A model with tensors as its outputs, in place of its own. */
  static ModelProto observing(Graph graph, Collection<String> tensors) {
    GraphProto.Builder observed = graph.model().getGraph().toBuilder().clearOutput();
    // Without a type: ONNX Runtime says which it has.
    tensors.forEach(name -> observed.addOutput(ValueInfoProto.newBuilder().setName(name)));
    return graph.model().toBuilder().setGraph(observed).build();
  }

  @Override
  public void close() throws IOException {
    arena.close();
    opened.close();
    for (Path file : scratch) {
      Files.deleteIfExists(file);
    }
  }
}
