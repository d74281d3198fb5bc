package dev.sluice.converter.onnx;

import dev.sluice.bindings.ElementType;
import dev.sluice.converter.onnx.proto.Onnx.AttributeProto;
import dev.sluice.converter.onnx.proto.Onnx.FunctionProto;
import dev.sluice.converter.onnx.proto.Onnx.GraphProto;
import dev.sluice.converter.onnx.proto.Onnx.ModelProto;
import dev.sluice.converter.onnx.proto.Onnx.NodeProto;
import dev.sluice.converter.onnx.proto.Onnx.OperatorSetIdProto;
import dev.sluice.converter.onnx.proto.Onnx.TensorProto;
import dev.sluice.converter.onnx.proto.Onnx.TensorShapeProto;
import dev.sluice.converter.onnx.proto.Onnx.TypeProto;
import dev.sluice.converter.onnx.proto.Onnx.ValueInfoProto;
import dev.sluice.engine.Shape;
import dev.sluice.engine.Signature;
import dev.sluice.engine.TensorSpec;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Consumer;

/**
 * A model that was read, and what it says about itself.
 *
 * <p>Thread safety: immutable.
 */
public final class OnnxModel {
  private final Path file;
  private final ModelProto proto;
  private final List<Value> inputs;
  private final List<Value> outputs;

  /**
   * One dimension as declared.
   *
   * @param extent the number of elements, or {@link Shape#DYNAMIC}
   * @param symbol the name that the model gives a dynamic dimension, or the empty string; equal
   *     symbols mean equal extents
   */
  public record Dim(long extent, String symbol) {}

  /**
   * A tensor that goes in or out.
   *
   * @param name its name
   * @param type its element type
   * @param dims its dimensions, or null where not even their number is declared
   */
  public record Value(String name, ElementType type, List<Dim> dims) {
    /** Copies the list. */
    public Value {
      dims = dims == null ? null : List.copyOf(dims);
    }

    private Value unranked() {
      return new Value(name, type, null);
    }

    /** Whether the number of dimensions is declared. */
    public boolean isRanked() {
      return dims != null;
    }

    /**
     * The declared shape.
     *
     * @throws IllegalStateException when there is none
     */
    public Shape shape() {
      if (dims == null) {
        throw new IllegalStateException("the shape of '" + name + "' is not declared");
      }
      return Shape.of(dims.stream().mapToLong(Dim::extent).toArray());
    }
  }

  private OnnxModel(Path file, ModelProto proto, List<Value> inputs, List<Value> outputs) {
    this.file = file;
    this.proto = proto;
    this.inputs = inputs;
    this.outputs = outputs;
  }

  OnnxModel(Path file, ModelProto proto) throws ModelException {
    this.file = file;
    this.proto = proto;
    GraphProto graph = proto.getGraph();
    // Files of IR version 3 and before list each initializer as an input, too.
    Set<String> initialized = new HashSet<>();
    graph.getInitializerList().forEach(tensor -> initialized.add(tensor.getName()));
    graph.getSparseInitializerList().forEach(t -> initialized.add(t.getValues().getName()));
    inputs = new ArrayList<>();
    outputs = new ArrayList<>();
    for (ValueInfoProto input : graph.getInputList()) {
      if (!initialized.contains(input.getName())) {
        inputs.add(value(input, "input"));
      }
    }
    for (ValueInfoProto output : graph.getOutputList()) {
      outputs.add(value(output, "output"));
    }
  }

  /**
   * The model with other contents, of the same file.
   *
   * @throws ModelException when it can't be served
   */
  public OnnxModel with(ModelProto contents) throws ModelException {
    return new OnnxModel(file, contents);
  }

  /** The file that the model was read from. */
  public Path file() {
    return file;
  }

  /** The whole model in the standard's own messages. */
  public ModelProto proto() {
    return proto;
  }

  /**
   * This model with a rank for inputs that declare none: each of their dimensions is dynamic then.
   *
   * @param ranks number of dimensions by input; inputs that declare a shape keep it
   */
  public OnnxModel withInputRanks(Map<String, Integer> ranks) {
    Set<String> unranked = new HashSet<>();
    List<Value> ranked = new ArrayList<>();
    for (Value input : inputs) {
      Integer rank = input.isRanked() ? null : ranks.get(input.name());
      if (rank != null) {
        unranked.add(input.name());
      }
      ranked.add(
          rank == null
              ? input
              : new Value(
                  input.name(),
                  input.type(),
                  Collections.nCopies(rank, new Dim(Shape.DYNAMIC, ""))));
    }
    if (unranked.isEmpty()) {
      return this;
    }
    GraphProto.Builder graph = proto.getGraph().toBuilder();
    for (ValueInfoProto.Builder input : graph.getInputBuilderList()) {
      if (unranked.contains(input.getName())) {
        TensorShapeProto.Builder shape =
            input.getTypeBuilder().getTensorTypeBuilder().getShapeBuilder();
        for (int axis = 0; axis < ranks.get(input.getName()); axis++) {
          shape.addDim(TensorShapeProto.Dimension.getDefaultInstance());
        }
      }
    }
    return new OnnxModel(file, proto.toBuilder().setGraph(graph).build(), ranked, outputs);
  }

  /** This model without the declared shapes of some outputs; their types stay. */
  public OnnxModel withoutOutputShapes(Set<String> names) {
    GraphProto.Builder graph = proto.getGraph().toBuilder();
    for (ValueInfoProto.Builder output : graph.getOutputBuilderList()) {
      if (names.contains(output.getName())) {
        output.getTypeBuilder().getTensorTypeBuilder().clearShape();
      }
    }
    List<Value> fewer =
        outputs.stream()
            .map(output -> names.contains(output.name()) ? output.unranked() : output)
            .toList();
    return new OnnxModel(file, proto.toBuilder().setGraph(graph).build(), inputs, fewer);
  }

  /** The graph's name, or the file's without its ending where the graph has none. */
  public String name() {
    String name = proto.getGraph().getName();
    return name.isBlank() ? file.getFileName().toString().replaceFirst("\\.onnx$", "") : name;
  }

  /** What a caller must give: the graph's inputs without those that have an initializer. */
  public List<Value> inputs() {
    return List.copyOf(inputs);
  }

  /** What a caller gets. */
  public List<Value> outputs() {
    return List.copyOf(outputs);
  }

  /**
   * Inputs and outputs with their declared shapes.
   *
   * @throws ModelException when the rank of one is not declared; then only a run tells
   */
  public Signature signature() throws ModelException {
    return new Signature(specs(inputs, "input"), specs(outputs, "output"));
  }

  /** Version of the intermediate representation. */
  public long irVersion() {
    return proto.getIrVersion();
  }

  /** Version of the default operator set; 1 where the file imports none, as IR version 2 says. */
  public long opset() {
    for (OperatorSetIdProto set : proto.getOpsetImportList()) {
      if (set.getDomain().isEmpty() || set.getDomain().equals("ai.onnx")) {
        return set.getVersion();
      }
    }
    return 1;
  }

  /** Number of nodes, those of subgraphs included. */
  public int nodes() {
    return operators().values().stream().mapToInt(Integer::intValue).sum();
  }

  /** How often each operator occurs, subgraphs included; those of other domains with the domain. */
  public SortedMap<String, Integer> operators() {
    SortedMap<String, Integer> counts = new TreeMap<>();
    forEachNode(node -> {
      boolean standard = node.getDomain().isEmpty() || node.getDomain().equals("ai.onnx");
      counts.merge(
          standard ? node.getOpType() : node.getDomain() + "::" + node.getOpType(),
          1,
          Integer::sum);
    });
    return counts;
  }

  /** Elements of all initializers, those of subgraphs included. */
  public long parameters() {
    long[] count = {0};
    forEachGraph(
        proto.getGraph(),
        graph -> {
          for (TensorProto tensor : graph.getInitializerList()) {
            count[0] += elements(tensor.getDimsList());
          }
          graph.getSparseInitializerList().forEach(t -> count[0] += elements(t.getDimsList()));
        });
    return count[0];
  }

  /** Visits the nodes of the graph and its subgraphs, and of the model's functions. */
  public void forEachNode(Consumer<NodeProto> visitor) {
    forEachGraph(proto.getGraph(), graph -> graph.getNodeList().forEach(visitor));
    for (FunctionProto function : proto.getFunctionsList()) {
      for (NodeProto node : function.getNodeList()) {
        visitor.accept(node);
        forEachSubgraph(node, graph -> graph.getNodeList().forEach(visitor));
      }
    }
  }

  /** A node as messages name it: its name, or else its first output, and its operator. */
  public static String describe(NodeProto node) {
    String name = node.getName();
    if (name.isEmpty()) {
      name = node.getOutputList().stream().filter(o -> !o.isEmpty()).findFirst().orElse("");
    }
    boolean standard = node.getDomain().isEmpty() || node.getDomain().equals("ai.onnx");
    String operator = standard ? node.getOpType() : node.getDomain() + "::" + node.getOpType();
    return "'" + name + "' (" + operator + ")";
  }

  /** Visits a graph, then its subgraphs; reading has bounded how deep they are nested. */
  public static void forEachGraph(GraphProto graph, Consumer<GraphProto> visitor) {
    visitor.accept(graph);
    for (NodeProto node : graph.getNodeList()) {
      forEachSubgraph(node, visitor);
    }
  }

  /** Visits the subgraphs of a node, and those inside of them. */
  public static void forEachSubgraph(NodeProto node, Consumer<GraphProto> visitor) {
    for (AttributeProto attribute : node.getAttributeList()) {
      if (attribute.hasG()) {
        forEachGraph(attribute.getG(), visitor);
      }
      attribute.getGraphsList().forEach(graph -> forEachGraph(graph, visitor));
    }
  }

  private static long elements(List<Long> dims) {
    long count = 1;
    for (long dim : dims) {
      // A hostile file may overflow; the tensor itself is refused where its bytes are needed.
      count *= Math.max(0, dim);
    }
    return Math.max(0, count);
  }

  private List<TensorSpec> specs(List<Value> values, String kind) throws ModelException {
    List<TensorSpec> specs = new ArrayList<>();
    for (Value value : values) {
      if (!value.isRanked()) {
        throw new ModelException(
            file,
            "the "
                + kind
                + " '"
                + value.name()
                + "' has no declared shape; export the model with it");
      }
      specs.add(new TensorSpec(value.name(), value.type(), value.shape()));
    }
    return specs;
  }

  /** The number of an element type, and its name where the standard has one. */
  static String typeName(int code) {
    TensorProto.DataType type = TensorProto.DataType.forNumber(code);
    return type == null ? code + "" : code + " (" + type + ")";
  }

  private Value value(ValueInfoProto info, String kind) throws ModelException {
    String who = "the " + kind + " '" + info.getName() + "' ";
    TypeProto type = info.getType();
    if (type.getValueCase() != TypeProto.ValueCase.TENSOR_TYPE) {
      String what =
          switch (type.getValueCase()) {
            case SEQUENCE_TYPE -> "a sequence";
            case MAP_TYPE -> "a map";
            case OPTIONAL_TYPE -> "an optional value";
            case SPARSE_TENSOR_TYPE -> "a sparse tensor";
            case OPAQUE_TYPE -> "of an opaque type";
            case TENSOR_TYPE, VALUE_NOT_SET -> "of no declared type";
          };
      // What skl2onnx makes of a classifier's probabilities.
      boolean zipMap = type.getSequenceType().getElemType().hasMapType();
      throw new ModelException(
          file,
          who
              + "is "
              + what
              + (zipMap ? " of maps" : "")
              + ", only tensors are served; export the model without it"
              + (zipMap ? ", with skl2onnx by options={'zipmap': False}" : ""));
    }
    ElementType element;
    try {
      element = ElementType.ofCode(type.getTensorType().getElemType());
    } catch (IllegalArgumentException e) {
      throw new ModelException(
          file,
          who
              + "has the element type "
              + typeName(type.getTensorType().getElemType())
              + ", which ONNX Runtime's CPU does not take; export it with another type",
          e);
    }
    if (!type.getTensorType().hasShape()) {
      return new Value(info.getName(), element, null);
    }
    List<Dim> dims = new ArrayList<>();
    for (TensorShapeProto.Dimension dim : type.getTensorType().getShape().getDimList()) {
      // Some exporters write -1 where the standard has nothing.
      boolean known = dim.hasDimValue() && dim.getDimValue() >= 0;
      dims.add(known ? new Dim(dim.getDimValue(), "") : new Dim(Shape.DYNAMIC, dim.getDimParam()));
    }
    return new Value(info.getName(), element, dims);
  }
}
