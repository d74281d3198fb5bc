package dev.sluice.converter.graph;

import dev.sluice.bindings.NativeException;
import dev.sluice.converter.onnx.ModelException;
import dev.sluice.converter.onnx.OnnxModel;
import dev.sluice.converter.onnx.proto.Onnx.AttributeProto;
import dev.sluice.converter.onnx.proto.Onnx.FunctionProto;
import dev.sluice.converter.onnx.proto.Onnx.GraphProto;
import dev.sluice.converter.onnx.proto.Onnx.ModelProto;
import dev.sluice.converter.onnx.proto.Onnx.NodeProto;
import dev.sluice.converter.onnx.proto.Onnx.OperatorSetIdProto;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Set;
import java.util.TreeMap;

/**
 * Raises the default operator set of a model: to version {@value #OPSET}, from which on
 * QuantizeLinear and DequantizeLinear can have a scale for each channel, to {@value #HALF_SCALES},
 * from which on these have scales of 16 bits, or to {@value #BRAIN_LAYERS}, from which on
 * convolutions, pools and more have BFLOAT16. Nodes whose form or meaning is another there, by the
 * ONNX standard's change log (github.com/onnx/onnx, docs/Changelog.md), are changed so that they do
 * what they did, see {@link NodeUpgrade}, those of subgraphs included. Other domains stay as they
 * are, and so do models of this version and later. Where constants were folded ahead, more shapes
 * are known, and fewer nodes have to be added.
 *
 * <p>The version of the intermediate representation goes up with it. Before version 4 each constant
 * is listed as an input, too, which from there on would make it one that callers can override; so
 * these inputs go.
 *
 * <p>Thread safety: immutable.
 */
public final class OpsetUpgrade implements Rewrite {
  /** The first version with scales by channel. */
  public static final long OPSET = 13;

  /** The first version with scales of 16 bits. */
  public static final long HALF_SCALES = 19;

  /** The first version with a Conv of BFLOAT16; none later is raised to. */
  public static final long BRAIN_LAYERS = 22;

  /** The versions of the intermediate representation that came with versions from here on. */
  private static final NavigableMap<Long, Long> IR_VERSIONS =
      new TreeMap<>(Map.of(13L, 7L, 15L, 8L, 19L, 9L, 21L, 10L));

  /** Since this version constants need not be listed as inputs. */
  private static final long IR_WITHOUT_CONSTANT_INPUTS = 4;

  /** Before it operators broadcast by attributes, and ONNX Runtime vouches for none of them. */
  private static final long LOWEST_OPSET = 7;

  private final Path file;
  private final long to;

  /**
   * The rewrite for a model.
   *
   * @param file the model, for messages
   * @param to the version that it has afterwards, if not a later one: {@value #OPSET} to {@value
   *     #BRAIN_LAYERS}
   * @throws IllegalArgumentException for another version
   */
  public OpsetUpgrade(Path file, long to) {
    if (to < OPSET || to > BRAIN_LAYERS) {
      throw new IllegalArgumentException("models are not raised to operator set " + to);
    }
    this.file = file;
    this.to = to;
  }

  @Override
  public String name() {
    return "operator set " + to;
  }

  /**
   * Raises the operator set.
   *
   * @throws ModelException when a node can't be expressed in the later operator set; it names the
   *     node and its operator
   */
  @Override
  public Result apply(Graph graph, NewWeights weights) throws IOException {
    if (graph.opset() >= to) {
      return new Result(graph, List.of());
    }
    try {
      return new Run(graph, weights).result();
    } catch (OpsetException e) {
      throw refusal(graph, e.getMessage(), e);
    } catch (NativeException | UnsupportedOperationException e) {
      throw refusal(graph, "ONNX Runtime refuses it there: " + e.getMessage(), e);
    }
  }

  private ModelException refusal(Graph graph, String problem, Exception cause) {
    return new ModelException(
        file,
        "the operator set can't be raised from "
            + graph.opset()
            + " to "
            + to
            + ": "
            + problem
            + "; export the model with operator set "
            + to
            + " or later",
        cause);
  }

  private static boolean isDefault(OperatorSetIdProto set) {
    return set.getDomain().isEmpty() || set.getDomain().equals("ai.onnx");
  }

  /** What is done for one model. */
  private final class Run {
    private final Graph graph;
    private final NewWeights weights;
    private final GraphEdit names;
    private final Set<String> taken = new HashSet<>();
    private final List<String> changes = new ArrayList<>();

    Run(Graph graph, NewWeights weights) {
      this.graph = graph;
      this.weights = weights;
      this.names = graph.edit();
      OnnxModel.forEachGraph(
          graph.model().getGraph(),
          each -> {
            each.getNodeList().forEach(node -> taken.addAll(node.getInputList()));
            each.getOutputList().forEach(output -> taken.add(output.getName()));
          });
      taken.remove("");
    }

    Result result() throws OpsetException, IOException {
      ModelProto old = graph.model();
      changes.add("raised the operator set from " + graph.opset() + " to " + to);
      GraphProto.Builder main =
          upgraded(old.getGraph(), Scope.of(graph), graph.opset()).toBuilder();
      if (old.getIrVersion() < IR_WITHOUT_CONSTANT_INPUTS) {
        main.clearInput();
        old.getGraph().getInputList().stream()
            .filter(input -> !graph.initializers().containsKey(input.getName()))
            .forEach(main::addInput);
      }
      ModelProto.Builder model =
          old.toBuilder()
              .setGraph(main.clearValueInfo())
              .setIrVersion(Math.max(old.getIrVersion(), IR_VERSIONS.floorEntry(to).getValue()))
              .clearOpsetImport()
              .addAllOpsetImport(imports(old.getOpsetImportList()))
              .clearFunctions();
      for (FunctionProto function : old.getFunctionsList()) {
        model.addFunctions(upgraded(function));
      }
      return new Result(Graph.of(model.build(), graph.customOps()), changes);
    }

    private List<OperatorSetIdProto> imports(List<OperatorSetIdProto> old) {
      List<OperatorSetIdProto> imports = new ArrayList<>();
      for (OperatorSetIdProto set : old) {
        boolean raised = isDefault(set) && set.getVersion() < to;
        imports.add(raised ? set.toBuilder().setVersion(to).build() : set);
      }
      if (imports.stream().noneMatch(OpsetUpgrade::isDefault)) {
        imports.add(OperatorSetIdProto.newBuilder().setVersion(to).build());
      }
      return imports;
    }

    private GraphProto upgraded(GraphProto old, Scope scope, long opset)
        throws OpsetException, IOException {
      NodeUpgrade upgrade =
          new NodeUpgrade(to, scope, changes::add, taken, names::freshName, weights);
      GraphProto.Builder upgraded = old.toBuilder().clearNode();
      for (NodeProto each : old.getNodeList()) {
        check(each, opset);
        NodeProto node = inside(each, scope, opset);
        upgraded.addAllNode(upgrade.nodes(node, opset));
      }
      return upgraded.addAllInitializer(upgrade.constants()).build();
    }

    private static void check(NodeProto node, long opset) throws OpsetException {
      if (opset < LOWEST_OPSET && Graph.isStandard(node)) {
        throw new OpsetException(
            node, "is of version " + opset + ", and below " + LOWEST_OPSET + " none is raised");
      }
    }

    /** The node with its subgraphs as they are to be. */
    private NodeProto inside(NodeProto node, Scope scope, long opset)
        throws OpsetException, IOException {
      if (!Graph.hasSubgraphs(node)) {
        return node;
      }
      NodeProto.Builder builder = node.toBuilder();
      for (AttributeProto.Builder attribute : builder.getAttributeBuilderList()) {
        if (attribute.hasG()) {
          attribute.setG(upgraded(attribute.getG(), scope.inside(attribute.getG()), opset));
        }
        for (int i = 0; i < attribute.getGraphsCount(); i++) {
          GraphProto subgraph = attribute.getGraphs(i);
          attribute.setGraphs(i, upgraded(subgraph, scope.inside(subgraph), opset));
        }
      }
      return builder.build();
    }

    /**
     * A function of the model, which imports operator sets of its own. Its types are those of its
     * callers, and its attributes may be theirs, so that nodes of it can't be changed.
     */
    private FunctionProto upgraded(FunctionProto function) throws OpsetException {
      long opset =
          function.getOpsetImportList().stream()
              .filter(OpsetUpgrade::isDefault)
              .mapToLong(OperatorSetIdProto::getVersion)
              .findFirst()
              .orElse(to);
      if (opset >= to) {
        return function;
      }
      List<NodeProto> nodes = new ArrayList<>(function.getNodeList());
      for (NodeProto node : function.getNodeList()) {
        OnnxModel.forEachSubgraph(node, subgraph -> nodes.addAll(subgraph.getNodeList()));
      }
      for (NodeProto node : nodes) {
        check(node, opset);
        if (NodeUpgrade.isNeeded(node, opset, to)) {
          throw new OpsetException(
              node,
              "of the function '"
                  + function.getName()
                  + "' has another form in operator set "
                  + to
                  + ", and nodes of functions are not changed");
        }
      }
      return function.toBuilder()
          .clearOpsetImport()
          .addAllOpsetImport(imports(function.getOpsetImportList()))
          .build();
    }
  }
}
