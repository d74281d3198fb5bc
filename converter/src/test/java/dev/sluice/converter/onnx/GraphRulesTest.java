package dev.sluice.converter.onnx;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import dev.sluice.converter.onnx.proto.Onnx.AttributeProto;
import dev.sluice.converter.onnx.proto.Onnx.AttributeProto.AttributeType;
import dev.sluice.converter.onnx.proto.Onnx.FunctionProto;
import dev.sluice.converter.onnx.proto.Onnx.GraphProto;
import dev.sluice.converter.onnx.proto.Onnx.ModelProto;
import dev.sluice.converter.onnx.proto.Onnx.NodeProto;
import dev.sluice.converter.onnx.proto.Onnx.OperatorSetIdProto;
import dev.sluice.converter.onnx.proto.Onnx.SparseTensorProto;
import dev.sluice.converter.onnx.proto.Onnx.TensorProto;
import dev.sluice.converter.onnx.proto.Onnx.TypeProto;
import dev.sluice.converter.onnx.proto.Onnx.ValueInfoProto;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Graphs that do not hold together are refused by name before native code gets to see them. */
class GraphRulesTest {
  private static final Path FILE = Path.of("m.onnx");

  private static ValueInfoProto value(String name) {
    return ValueInfoProto.newBuilder()
        .setName(name)
        .setType(TypeProto.newBuilder().setTensorType(TypeProto.Tensor.newBuilder().setElemType(1)))
        .build();
  }

  private static NodeProto.Builder node(String op, String inputs, String outputs) {
    return NodeProto.newBuilder()
        .setOpType(op)
        .setName(op + "_" + outputs)
        .addAllInput(inputs.isEmpty() ? List.of() : List.of(inputs.split(" ", -1)))
        .addAllOutput(List.of(outputs.split(" ", -1)));
  }

  private static NodeProto.Builder call(String function, String inputs, String outputs) {
    return node(function, inputs, outputs).setDomain("own");
  }

  private static FunctionProto.Builder function(String name, NodeProto.Builder... nodes) {
    FunctionProto.Builder function =
        FunctionProto.newBuilder().setName(name).setDomain("own").addInput("a").addOutput("b");
    for (NodeProto.Builder node : nodes) {
      function.addNode(node);
    }
    return function;
  }

  private static TensorProto tensor(String name) {
    return TensorProto.newBuilder().setName(name).setDataType(1).addFloatData(1).build();
  }

  private static GraphProto.Builder graph(NodeProto.Builder... nodes) {
    GraphProto.Builder graph =
        GraphProto.newBuilder().setName("g").addInput(value("x")).addOutput(value("y"));
    for (NodeProto.Builder node : nodes) {
      graph.addNode(node);
    }
    return graph;
  }

  private static ModelProto.Builder model(GraphProto.Builder graph) {
    return ModelProto.newBuilder()
        .setIrVersion(8)
        .addOpsetImport(OperatorSetIdProto.newBuilder().setVersion(17))
        .setGraph(graph);
  }

  private static NodeProto.Builder withBranch(NodeProto.Builder node, GraphProto.Builder branch) {
    return node.addAttribute(
        AttributeProto.newBuilder().setName("branch").setType(AttributeType.GRAPH).setG(branch));
  }

  private static void taken(ModelProto.Builder model) throws ModelException {
    assertThat(ModelReader.read(FILE, model.build().toByteArray()).outputs()).isNotEmpty();
  }

  private static void refused(ModelProto.Builder model, String expected) {
    byte[] bytes = model.build().toByteArray();
    assertThatThrownBy(() -> ModelReader.read(FILE, bytes))
        .isInstanceOf(ModelException.class)
        .hasMessageStartingWith("m.onnx: ")
        .hasMessageContaining(expected)
        .hasMessageContaining("; ");
  }

  private static void refused(GraphProto.Builder graph, String expected) {
    refused(model(graph), expected);
  }

  @Test
  void whatIsTakenIsMade() throws ModelException {
    refused(graph(node("Add", "x z", "y")), "the node 'Add_y' (Add) takes 'z', which no node");
    refused(
        graph(node("Abs", "x", "y")).addOutput(value("z")), "the graph gives 'z', which no node");
    refused(
        model(graph(call("F", "x", "y"))).addFunctions(function("F", node("Add", "a x", "b"))),
        "the node 'Add_b' (Add) takes 'x'");
    refused(
        model(graph(call("F", "x", "y"))).addFunctions(function("F", node("Abs", "a", "c"))),
        "the function 'F' gives 'b'");
    // Left out and trailing optional inputs, and nodes in another order.
    taken(model(graph(node("Abs", "p", "y"), node("Clip", "x  ", "p"))));
    taken(model(graph(node("Add", "x w", "y")).addInitializer(tensor("w"))));
    taken(
        model(
            graph(node("Add", "x w", "y"))
                .addSparseInitializer(SparseTensorProto.newBuilder().setValues(tensor("w")))));
  }

  @Test
  void subgraphsSeeWhatIsAroundThem() throws ModelException {
    GraphProto.Builder branch = GraphProto.newBuilder().addOutput(value("o"));
    GraphProto.Builder reads = branch.clone().addNode(node("Add", "x p", "o"));
    NodeProto.Builder before = node("Abs", "x", "p");
    taken(model(graph(withBranch(node("If", "x", "y"), reads), before)));
    refused(
        graph(withBranch(node("If", "x", "y"), branch.clone().addNode(node("Abs", "q", "o")))),
        "the node 'Abs_o' (Abs) takes 'q'");
    refused(
        graph(withBranch(node("If", "x", "y"), branch.clone())),
        "the subgraph 'branch' of the node 'If_y' (If) gives 'o'");
    // What a subgraph makes is its own.
    refused(
        graph(
            withBranch(node("If", "x", "p"), branch.clone().addNode(node("Abs", "x", "o"))),
            node("Add", "p o", "y")),
        "takes 'o'");
    // A subgraph's own value of the same name is no circle.
    taken(
        model(
            graph(
                withBranch(
                    node("If", "x", "p"),
                    branch.clone().addNode(node("Abs", "x", "y")).addNode(node("Abs", "y", "o"))),
                node("Abs", "p", "y"))));
    refused(
        graph(
            withBranch(node("If", "x", "p"), branch.clone().addNode(node("Abs", "y", "o"))),
            node("Abs", "p", "y")),
        "goes in a circle");
  }

  @Test
  void nothingGoesInCircles() {
    refused(
        graph(node("Add", "x q", "p"), node("Abs", "p", "q"), node("Neg", "q", "y")),
        "the node 'Add_p' (Add) waits for itself: 'p' goes in a circle");
    refused(graph(node("Add", "x y", "y")), "'y' goes in a circle");
    refused(
        model(graph(call("F", "x", "y")))
            .addFunctions(function("F", node("Add", "a b", "c"), node("Abs", "c", "b"))),
        "goes in a circle");
  }

  @Test
  void namesAreGivenOnce() throws ModelException {
    refused(graph(node("Abs", "x", "y"), node("Neg", "x", "y")), "'Neg_y' (Neg) makes 'y', which");
    refused(graph(node("Split", "x", "y y")), "makes 'y', which is made already");
    refused(graph(node("Abs", "x", "x"), node("Neg", "x", "y")), "makes 'x', which");
    refused(graph(node("Abs", "x", "y")).addInitializer(tensor("y")), "makes 'y', which");
    refused(graph(node("Abs", "x", "y")).addInput(value("x")), "two inputs of the graph");
    refused(graph(node("Abs", "x", "y")).addOutput(value("y")), "two outputs of the graph");
    refused(
        graph(node("Add", "x w", "y")).addInitializer(tensor("w")).addInitializer(tensor("w")),
        "two initializers of the graph are named 'w'");
    AttributeProto axis =
        AttributeProto.newBuilder().setName("axis").setType(AttributeType.INT).build();
    refused(
        graph(node("Softmax", "x", "y").addAttribute(axis).addAttribute(axis)),
        "two attributes of the node 'Softmax_y' (Softmax) are named 'axis'");
    FunctionProto.Builder function = function("F", node("Abs", "a", "b"));
    refused(
        model(graph(call("F", "x", "y"))).addFunctions(function).addFunctions(function),
        "two functions 'F'");
    taken(
        model(graph(call("F", "x", "y")))
            .addFunctions(function)
            .addFunctions(function.clone().setOverload("2")));
    refused(graph(node("", "x", "y")), "node 0 of the graph has no operator");
    refused(graph(node("Abs", "x", "y")).addInput(value("")), "an input of the graph has no name");
    ModelProto.Builder twice = model(graph(node("Abs", "x", "y")));
    taken(
        twice.addOpsetImport(OperatorSetIdProto.newBuilder().setDomain("ai.onnx").setVersion(17)));
    refused(
        twice.addOpsetImport(OperatorSetIdProto.newBuilder().setDomain("ai.onnx").setVersion(9)),
        "the standard's operator set is imported in the versions 17 and 9");
    refused(
        model(graph(node("Abs", "x", "y")))
            .addOpsetImport(OperatorSetIdProto.newBuilder().setDomain("own").setVersion(1))
            .addOpsetImport(OperatorSetIdProto.newBuilder().setDomain("own").setVersion(2)),
        "the operator set 'own' is imported in the versions 1 and 2");
    refused(
        model(graph(call("F", "x", "y")))
            .addFunctions(
                function
                    .clone()
                    .addOpsetImport(OperatorSetIdProto.newBuilder().setVersion(3))
                    .addOpsetImport(OperatorSetIdProto.newBuilder().setVersion(4))),
        "versions 3 and 4");
  }

  @Test
  void namesAreText() throws InvalidProtocolBufferException {
    byte[] good =
        model(graph(node("Add", "x inputname", "y")).addInitializer(tensor("inputname")))
            .build()
            .toByteArray();
    byte[] latin =
        new String(good, StandardCharsets.ISO_8859_1)
            .replace("inputname", "input\u00e4ame")
            .getBytes(StandardCharsets.ISO_8859_1);
    refused(
        ModelProto.parseFrom(latin).toBuilder(), "an initializer of the graph, 'input\uFFFDame',");
    refused(graph(node("Abs", "x", "y\0y")).clearOutput().addOutput(value("y\0y")), "byte of zero");
    refused(
        graph(node("Abs", "x", "y").setNameBytes(ByteString.copyFrom(new byte[] {(byte) 0xff}))),
        "the name of node 0 of the graph, '\uFFFD', is not UTF-8");
    ModelProto.Builder symbol = model(graph(node("Abs", "x", "y")));
    symbol
        .getGraphBuilder()
        .getInputBuilder(0)
        .getTypeBuilder()
        .getTensorTypeBuilder()
        .getShapeBuilder()
        .addDimBuilder()
        .setDimParamBytes(ByteString.copyFrom(new byte[] {(byte) 0xff}));
    refused(symbol, "a dimension of 'x', '\uFFFD', is not UTF-8");
    refused(
        model(graph(node("Abs", "x", "y")))
            .addOpsetImport(
                OperatorSetIdProto.newBuilder()
                    .setDomainBytes(ByteString.copyFrom(new byte[] {(byte) 0xff}))
                    .setVersion(1)),
        "the domain of an operator set, '\uFFFD', is not UTF-8");
  }

  @Test
  void functionsDoNotUnfoldWithoutEnd() throws ModelException {
    refused(
        model(graph(call("F", "x", "y"))).addFunctions(function("F", call("F", "a", "b"))),
        "the function 'F' calls itself");
    refused(
        model(graph(call("F", "x", "y")))
            .addFunctions(function("F", call("G", "a", "b")))
            .addFunctions(function("G", call("F", "a", "b"))),
        "calls itself");
    ModelProto.Builder laughs = model(graph(call("F0", "x", "y")));
    ModelProto.Builder deep = model(graph(call("F0", "x", "y")));
    ModelProto.Builder fine = model(graph(call("F0", "x", "y")));
    for (int i = 0; i < 20_000; i++) {
      String next = "F" + (i + 1);
      if (i < 30) {
        laughs.addFunctions(function("F" + i, call(next, "a", "c"), call(next, "c", "b")));
      }
      if (i < FunctionRules.MAX_DEPTH - 1) {
        fine.addFunctions(function("F" + i, call(next, "a", "b")));
      }
      deep.addFunctions(function("F" + i, call(next, "a", "b")));
    }
    NodeProto.Builder last = node("Abs", "a", "b");
    refused(laughs.addFunctions(function("F30", last)), "calls functions more than 50000 times");
    NodeProto.Builder[] thousand = new NodeProto.Builder[1000];
    for (int i = 0; i < thousand.length; i++) {
      String taken = i == 0 ? "a" : "v" + i;
      thousand[i] = node("Abs", taken, i + 1 == thousand.length ? "b" : "v" + (i + 1));
    }
    NodeProto.Builder[] calls = new NodeProto.Builder[1001];
    for (int i = 0; i < calls.length; i++) {
      calls[i] = call("T", i == 0 ? "x" : "w" + i, i + 1 == calls.length ? "y" : "w" + (i + 1));
    }
    refused(
        model(graph(calls)).addFunctions(function("T", thousand)),
        "the graph has more than 1000000 nodes with its");
    refused(deep.addFunctions(function("F20000", last)), "is inside of more than 64 others");
    taken(fine.addFunctions(function("F" + (FunctionRules.MAX_DEPTH - 1), last)));
  }
}
