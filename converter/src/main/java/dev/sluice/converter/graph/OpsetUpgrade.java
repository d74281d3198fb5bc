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
import java.util.Set;

/**
 * Raises the default operator set of a model to version {@value #OPSET}, from which on
 * QuantizeLinear and DequantizeLinear can have a scale for each channel. Nodes whose form or
 * meaning is another there, by the ONNX standard's change log (github.com/onnx/onnx,
 * docs/Changelog.md), are changed so that they do what they did, see {@link NodeUpgrade}, those of
 * subgraphs included. Other domains stay as they are, and so do models of this version and later.
 * Where constants were folded ahead, more shapes are known, and fewer nodes have to be added.
 *
 * <p>The version of the intermediate representation goes up to {@value #IR_VERSION} with it. Before
 * version 4 each constant is listed as an input, too, which from there on would make it one that
 * callers can override; so these inputs go.
 *
 * <p>Thread safety: immutable.
 */
public final class OpsetUpgrade implements Rewrite {
  /** The version that models have afterwards, if not a later one. */
  public static final long OPSET = 13;

  /** The version of the intermediate representation that came with it. */
  private static final long IR_VERSION = 7;

  /** Since this version constants need not be listed as inputs. */
  private static final long IR_WITHOUT_CONSTANT_INPUTS = 4;

  /** Before it operators broadcast by attributes, and ONNX Runtime vouches for none of them. */
  private static final long LOWEST_OPSET = 7;

  private final Path file;

  /**
   * The rewrite for a model.
   *
   * @param file the model, for messages
   */
  public OpsetUpgrade(Path file) {
    this.file = file;
  }

  @Override
  public String name() {
    return "operator set " + OPSET;
  }

  /**
   * Raises the operator set.
   *
   * @throws ModelException when a node can't be expressed in the later operator set; it names the
   *     node and its operator
   */
  @Override
  public Result apply(Graph graph, NewWeights weights) throws IOException {
    if (graph.opset() >= OPSET) {
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
            + OPSET
            + ": "
            + problem
            + "; export the model with operator set "
            + OPSET
            + " or later",
        cause);
  }

  /** What is done for one model. */
  private static final class Run {
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
      changes.add("raised the operator set from " + graph.opset() + " to " + OPSET);
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
              .setIrVersion(Math.max(old.getIrVersion(), IR_VERSION))
              .clearOpsetImport()
              .addAllOpsetImport(imports(old.getOpsetImportList()))
              .clearFunctions();
      for (FunctionProto function : old.getFunctionsList()) {
        model.addFunctions(upgraded(function));
      }
      return new Result(Graph.of(model.build(), graph.customOps()), changes);
    }

    private static List<OperatorSetIdProto> imports(List<OperatorSetIdProto> old) {
      List<OperatorSetIdProto> imports = new ArrayList<>();
      for (OperatorSetIdProto set : old) {
        boolean raised = isDefault(set) && set.getVersion() < OPSET;
        imports.add(raised ? set.toBuilder().setVersion(OPSET).build() : set);
      }
      if (imports.stream().noneMatch(Run::isDefault)) {
        imports.add(OperatorSetIdProto.newBuilder().setVersion(OPSET).build());
      }
      return imports;
    }

    private static boolean isDefault(OperatorSetIdProto set) {
      return set.getDomain().isEmpty() || set.getDomain().equals("ai.onnx");
    }

    private GraphProto upgraded(GraphProto old, Scope scope, long opset)
        throws OpsetException, IOException {
      NodeUpgrade upgrade = new NodeUpgrade(scope, taken, names::freshName, weights);
      GraphProto.Builder upgraded = old.toBuilder().clearNode();
      for (NodeProto each : old.getNodeList()) {
        check(each, opset);
        NodeProto node = inside(each, scope, opset);
        List<NodeProto> nodes =
            NodeUpgrade.isNeeded(node, opset) ? upgrade.nodes(node) : List.of(node);
        if (!nodes.equals(List.of(node))) {
          changes.add(NodeUpgrade.change(node));
        }
        upgraded.addAllNode(nodes);
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
    private static FunctionProto upgraded(FunctionProto function) throws OpsetException {
      long opset =
          function.getOpsetImportList().stream()
              .filter(Run::isDefault)
              .mapToLong(OperatorSetIdProto::getVersion)
              .findFirst()
              .orElse(OPSET);
      if (opset >= OPSET) {
        return function;
      }
      List<NodeProto> nodes = new ArrayList<>(function.getNodeList());
      for (NodeProto node : function.getNodeList()) {
        OnnxModel.forEachSubgraph(node, subgraph -> nodes.addAll(subgraph.getNodeList()));
      }
      for (NodeProto node : nodes) {
        check(node, opset);
        if (NodeUpgrade.isNeeded(node, opset)) {
          throw new OpsetException(
              node,
              "of the function '"
                  + function.getName()
                  + "' has another form in operator set "
                  + OPSET
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
