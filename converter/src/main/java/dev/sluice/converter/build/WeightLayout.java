package dev.sluice.converter.build;

import dev.sluice.bindings.ElementType;
import dev.sluice.converter.onnx.OnnxModel;
import dev.sluice.converter.onnx.TensorData;
import dev.sluice.converter.onnx.proto.Onnx.AttributeProto;
import dev.sluice.converter.onnx.proto.Onnx.GraphProto;
import dev.sluice.converter.onnx.proto.Onnx.ModelProto;
import dev.sluice.converter.onnx.proto.Onnx.NodeProto;
import dev.sluice.converter.onnx.proto.Onnx.StringStringEntryProto;
import dev.sluice.converter.onnx.proto.Onnx.TensorProto;
import dev.sluice.converter.onnx.proto.Onnx.ValueInfoProto;
import dev.sluice.engine.format.PackageWriter;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Models whose large tensors were moved out, and where these go in the package. Tensors of the same
 * bytes are there once.
 *
 * <p>Thread safety: immutable.
 *
 * @param graphs the models with external data that names the package
 * @param pieces the tensors, ascending by offset
 */
record WeightLayout(List<ModelProto> graphs, List<PackageWriter.Piece> pieces) {
  /**
   * Smaller tensors stay in the graph: most are shapes, axes and scales, which ONNX Runtime's own
   * shape inference wants to see, and a reference takes some 80 bytes itself.
   */
  static final long MIN_EXTERNAL_BYTES = 1024;

  /** From here on a tensor starts on a page of its own, below at a cache line. */
  private static final long PAGE_FROM_BYTES = 64 << 10;

  private static final long PAGE = 4096;
  private static final long CACHE_LINE = 64;
  private static final long CHUNK_BYTES = 1 << 20;

  /** Since this version initializers need not be listed as inputs. */
  private static final long IR_WITHOUT_INITIALIZER_INPUTS = 4;

  /** Since this version a model imports its operator sets. */
  private static final long IR_WITH_OPSETS = 3;

  /** Bytes that are mapped, told apart by where. */
  private record Mapped(long address, long sizeBytes) {}

  /**
   * Moves the weights of a model out.
   *
   * @param model stays as it is
   * @param location the file name of the package
   * @param data finds the tensors' bytes
   */
  static WeightLayout of(OnnxModel model, String location, TensorData data) throws IOException {
    return of(List.of(model), location, data);
  }

  /**
   * Moves the weights of models out that share some.
   *
   * @param models stay as they are
   * @param location the file name of the package
   * @param data finds the tensors' bytes
   */
  static WeightLayout of(List<OnnxModel> models, String location, TensorData data)
      throws IOException {
    List<ModelProto> graphs = new ArrayList<>();
    List<PackageWriter.Piece> pieces = new ArrayList<>();
    Map<Object, Long> placed = new HashMap<>();
    for (OnnxModel model : models) {
      graphs.add(moved(model, location, data, pieces, placed));
    }
    return new WeightLayout(List.copyOf(graphs), List.copyOf(pieces));
  }

  private static ModelProto moved(
      OnnxModel model,
      String location,
      TensorData data,
      List<PackageWriter.Piece> pieces,
      Map<Object, Long> placed)
      throws IOException {
    GraphProto source = model.proto().getGraph();
    GraphProto.Builder graph = source.toBuilder().clearInitializer();
    bringIn(graph, data);
    for (TensorProto tensor : source.getInitializerList()) {
      boolean external = tensor.getDataLocation() == TensorProto.DataLocation.EXTERNAL;
      if (data.type(tensor) == ElementType.STRING) {
        graph.addInitializer(tensor);
        continue;
      }
      MemorySegment bytes = data.bytes(tensor);
      if (bytes.byteSize() >= MIN_EXTERNAL_BYTES) {
        Object key =
            bytes.isNative()
                ? new Mapped(bytes.address(), bytes.byteSize())
                : tensor.hasRawData() ? tensor.getRawData() : tensor;
        Long position = placed.get(key);
        if (position == null) {
          position = next(pieces, bytes.byteSize());
          pieces.add(new PackageWriter.Piece(position, bytes));
          placed.put(key, position);
        }
        graph.addInitializer(external(tensor, location, position, bytes.byteSize()));
      } else if (external) {
        graph.addInitializer(bare(tensor).setRawData(TensorData.copy(bytes)));
      } else {
        graph.addInitializer(tensor);
      }
    }
    return finished(model, graph);
  }

  /** Where the next piece goes. */
  private static long next(List<PackageWriter.Piece> pieces, long sizeBytes) {
    long end =
        pieces.isEmpty()
            ? PackageWriter.weightsOffset()
            : pieces.getLast().offset() + pieces.getLast().data().byteSize();
    long alignment = sizeBytes >= PAGE_FROM_BYTES ? PAGE : CACHE_LINE;
    return Math.ceilDiv(end, alignment) * alignment;
  }

  /** The first of the models. */
  ModelProto graph() {
    return graphs.getFirst();
  }

  /**
   * The original of the model that this is the layout of, for a session of its own: its weights are
   * where the package has them, and those that the package lacks in a file beside it.
   *
   * @param original the model before it was rewritten
   * @param rewritten the model that was laid out
   * @param beside a file in the package's folder; made where it is needed
   */
  ModelProto original(OnnxModel original, OnnxModel rewritten, TensorData data, Path beside)
      throws IOException {
    Map<String, TensorProto> sources = byName(rewritten.proto().getGraph());
    Map<String, TensorProto> placed = byName(graph().getGraph());
    GraphProto source = original.proto().getGraph();
    GraphProto.Builder builder = source.toBuilder().clearInitializer();
    bringIn(builder, data);
    List<PackageWriter.Piece> lacking = new ArrayList<>();
    long position = 0;
    for (TensorProto tensor : source.getInitializerList()) {
      boolean external = tensor.getDataLocation() == TensorProto.DataLocation.EXTERNAL;
      if (tensor.equals(sources.get(tensor.getName()))) {
        builder.addInitializer(placed.get(tensor.getName()));
        continue;
      }
      if (data.type(tensor) == ElementType.STRING) {
        builder.addInitializer(tensor);
        continue;
      }
      MemorySegment bytes = data.bytes(tensor);
      if (bytes.byteSize() >= MIN_EXTERNAL_BYTES) {
        position = Math.ceilDiv(position, PAGE) * PAGE;
        lacking.add(new PackageWriter.Piece(position, bytes));
        String location = beside.getFileName().toString();
        builder.addInitializer(external(tensor, location, position, bytes.byteSize()));
        position += bytes.byteSize();
      } else {
        builder.addInitializer(
            external ? bare(tensor).setRawData(TensorData.copy(bytes)).build() : tensor);
      }
    }
    if (!lacking.isEmpty()) {
      write(beside, lacking);
    }
    return finished(original, builder);
  }

  /** ONNX Runtime wants the data of a Constant node inside of it. */
  private static void bringIn(GraphProto.Builder graph, TensorData data) throws IOException {
    for (NodeProto.Builder node : graph.getNodeBuilderList()) {
      for (AttributeProto.Builder attribute : node.getAttributeBuilderList()) {
        if (attribute.getT().getDataLocation() == TensorProto.DataLocation.EXTERNAL) {
          TensorProto tensor = attribute.getT();
          attribute.setT(bare(tensor).setRawData(TensorData.copy(data.bytes(tensor))));
        }
      }
    }
  }

  /** How much memory the weights take. */
  long sizeBytes() {
    return pieces.stream().mapToLong(piece -> piece.data().byteSize()).sum();
  }

  private static void write(Path file, List<PackageWriter.Piece> pieces) throws IOException {
    try (FileChannel channel =
        FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
      for (PackageWriter.Piece piece : pieces) {
        long written = 0;
        while (written < piece.data().byteSize()) {
          long chunk = Math.min(CHUNK_BYTES, piece.data().byteSize() - written);
          written +=
              channel.write(
                  piece.data().asSlice(written, chunk).asByteBuffer(), piece.offset() + written);
        }
      }
    }
  }

  private static Map<String, TensorProto> byName(GraphProto graph) {
    Map<String, TensorProto> tensors = new HashMap<>();
    graph.getInitializerList().forEach(tensor -> tensors.put(tensor.getName(), tensor));
    return tensors;
  }

  private static ModelProto finished(OnnxModel model, GraphProto.Builder graph) {
    ModelProto.Builder rewritten = model.proto().toBuilder();
    if (model.irVersion() >= IR_WITH_OPSETS) {
      // Listed as inputs they could be overridden, so the runtime would not fold them.
      dropInitializersFromInputs(graph);
      rewritten.setIrVersion(Math.max(model.irVersion(), IR_WITHOUT_INITIALIZER_INPUTS));
    }
    return rewritten.setGraph(graph).build();
  }

  private static TensorProto.Builder bare(TensorProto tensor) {
    return tensor.toBuilder()
        .clearRawData()
        .clearFloatData()
        .clearInt32Data()
        .clearInt64Data()
        .clearDoubleData()
        .clearUint64Data()
        .clearExternalData()
        .clearDataLocation();
  }

  private static TensorProto.Builder external(
      TensorProto tensor, String location, long offset, long length) {
    return bare(tensor)
        .setDataLocation(TensorProto.DataLocation.EXTERNAL)
        .addExternalData(field("location", location))
        .addExternalData(field("offset", Long.toString(offset)))
        .addExternalData(field("length", Long.toString(length)));
  }

  private static StringStringEntryProto.Builder field(String key, String value) {
    return StringStringEntryProto.newBuilder().setKey(key).setValue(value);
  }

  private static void dropInitializersFromInputs(GraphProto.Builder graph) {
    Set<String> initialized = new HashSet<>();
    graph.getInitializerList().forEach(tensor -> initialized.add(tensor.getName()));
    graph.getSparseInitializerList().forEach(t -> initialized.add(t.getValues().getName()));
    List<ValueInfoProto> kept =
        graph.getInputList().stream()
            .filter(input -> !initialized.contains(input.getName()))
            .toList();
    graph.clearInput().addAllInput(kept);
  }
}
