package dev.sluice.converter.build;

import static dev.sluice.bindings.ElementType.FLOAT;
import static dev.sluice.converter.build.OnnxGraphs.decimal;
import static dev.sluice.converter.build.OnnxGraphs.integer;
import static dev.sluice.converter.build.OnnxGraphs.integers;

import dev.sluice.converter.onnx.proto.Onnx.AttributeProto;
import dev.sluice.converter.onnx.proto.Onnx.FunctionProto;
import dev.sluice.converter.onnx.proto.Onnx.NodeProto;
import dev.sluice.converter.onnx.proto.Onnx.OperatorSetIdProto;
import java.util.List;

/**
 * What PyTorch's new exporter writes, {@code torch.onnx.export(dynamo=True)}: one node for each of
 * ATen's operators with where it came from as metadata, symbolic sizes named {@code s77}, Reshape
 * with {@code allowzero}, and weights by the names of the state dictionary; its first releases left
 * ATen's operators as local functions of a library.
 *
 * <p>Thread safety: stateless.
 */
final class DynamoExports {
  private static final String LIBRARY = "pkg.onnxscript.torch_lib";

  private DynamoExports() {}

  static List<FrameworkExport> all() {
    return List.of(functions(), optimized(), fixed());
  }

  /**
   * PyTorch 2.2: {@code aten_addmm} and {@code aten_relu} are functions, which call others of the
   * library's common ones, one of them in an If; every module is a function, too.
   */
  private static FrameworkExport functions() {
    OnnxGraphs graph =
        new OnnxGraphs()
            .producer("pytorch", "2.2.0")
            .irVersion(8)
            .opset(18)
            .domain("pkg.torch.2.2.0", 1)
            .domain(LIBRARY, 1)
            .domain(LIBRARY + ".common", 1)
            .input("l_x_", FLOAT, "s0", 6)
            .weights("fc1.weight", 1, 4, 6)
            .weights("fc1.bias", 2, 4)
            .function(rank())
            .function(isScalar())
            .function(transpose())
            .function(addmm())
            .function(relu())
            .function(linear())
            .named(
                "torch_nn_modules_linear_Linear_fc1_1",
                "pkg.torch.2.2.0::torch_nn_modules_linear_Linear_fc1_1",
                List.of("l_x_", "fc1.weight", "fc1.bias"),
                List.of("fc1_1"))
            .named("aten_relu_1", LIBRARY + "::aten_relu", List.of("fc1_1"), List.of("relu"))
            .output("relu", FLOAT, "s0", 4);
    return FrameworkExport.dynamic(
        "Dynamo, functions", graph, rows -> List.of(PlainTensor.normal(rows, rows, 6)));
  }

  private static FunctionProto.Builder function(
      String domain, String name, List<String> inputs, String output) {
    return FunctionProto.newBuilder()
        .setDomain(domain)
        .setName(name)
        .addAllInput(inputs)
        .addOutput(output)
        .addOpsetImport(set("", 18))
        .addOpsetImport(set(LIBRARY, 1))
        .addOpsetImport(set(LIBRARY + ".common", 1));
  }

  private static OperatorSetIdProto set(String domain, long version) {
    return OperatorSetIdProto.newBuilder().setDomain(domain).setVersion(version).build();
  }

  private static NodeProto.Builder node(
      String domain, String op, List<String> inputs, String output, AttributeProto... attributes) {
    return NodeProto.newBuilder()
        .setDomain(domain)
        .setOpType(op)
        .setName("n_" + output)
        .addAllInput(inputs)
        .addOutput(output)
        .addAllAttribute(List.of(attributes));
  }

  private static FunctionProto rank() {
    return function(LIBRARY + ".common", "Rank", List.of("input"), "return_val")
        .setDocString("Take the rank of the input tensor.")
        .addNode(node("", "Shape", List.of("input"), "tmp"))
        .addNode(node("", "Size", List.of("tmp"), "return_val"))
        .build();
  }

  private static FunctionProto isScalar() {
    return function(LIBRARY + ".common", "IsScalar", List.of("input"), "return_val")
        .addNode(node("", "Shape", List.of("input"), "tmp"))
        .addNode(node("", "Size", List.of("tmp"), "tmp_0"))
        .addNode(node("", "Constant", List.of(), "tmp_1", integer("value_int", 0)))
        .addNode(node("", "Equal", List.of("tmp_0", "tmp_1"), "return_val"))
        .build();
  }

  /** {@code aten_t}: transposes what has two dimensions, and leaves the rest as it is. */
  private static FunctionProto transpose() {
    AttributeProto.Builder then =
        AttributeProto.newBuilder()
            .setName("then_branch")
            .setType(AttributeProto.AttributeType.GRAPH);
    then.getGBuilder()
        .setName("thenGraph_4")
        .addNode(node("", "Transpose", List.of("self"), "result", integers("perm", 1L, 0L)))
        .addOutputBuilder()
        .setName("result");
    AttributeProto.Builder otherwise =
        AttributeProto.newBuilder()
            .setName("else_branch")
            .setType(AttributeProto.AttributeType.GRAPH);
    otherwise
        .getGBuilder()
        .setName("elseGraph_4")
        .addNode(node("", "Identity", List.of("self"), "result_1"))
        .addOutputBuilder()
        .setName("result_1");
    return function(LIBRARY, "aten_t", List.of("self"), "result_2")
        .addNode(node(LIBRARY + ".common", "Rank", List.of("self"), "rank"))
        .addNode(node("", "Constant", List.of(), "two", integer("value_int", 2)))
        .addNode(node("", "Equal", List.of("rank", "two"), "cond"))
        .addNode(node("", "If", List.of("cond"), "result_2", then.build(), otherwise.build()))
        .build();
  }

  /** With attributes that the caller may set, and that are referred to inside. */
  private static FunctionProto addmm() {
    AttributeProto alpha =
        AttributeProto.newBuilder()
            .setName("alpha")
            .setType(AttributeProto.AttributeType.FLOAT)
            .setRefAttrName("alpha")
            .build();
    AttributeProto beta =
        AttributeProto.newBuilder()
            .setName("beta")
            .setType(AttributeProto.AttributeType.FLOAT)
            .setRefAttrName("beta")
            .build();
    return function(LIBRARY, "aten_addmm", List.of("self", "mat1", "mat2"), "return_val")
        .addAttributeProto(decimal("beta", 1))
        .addAttributeProto(decimal("alpha", 1))
        .addNode(node("", "Gemm", List.of("mat1", "mat2", "self"), "return_val", alpha, beta))
        .build();
  }

  private static FunctionProto relu() {
    return function(LIBRARY, "aten_relu", List.of("self"), "return_val")
        .addNode(node("", "Relu", List.of("self"), "return_val"))
        .build();
  }

  private static FunctionProto linear() {
    return function(
            "pkg.torch.2.2.0",
            "torch_nn_modules_linear_Linear_fc1_1",
            List.of("l_x_", "fc1.weight", "fc1.bias"),
            "addmm")
        .addNode(node(LIBRARY, "aten_t", List.of("fc1.weight"), "t"))
        .addNode(
            node(
                LIBRARY,
                "aten_addmm",
                List.of("fc1.bias", "l_x_", "t"),
                "addmm",
                decimal("beta", 1),
                decimal("alpha", 0.5f)))
        .build();
  }

  /**
   * PyTorch 2.9, opset 20: functions are inlined, constants are initializers named {@code val_3},
   * each node has its namespace and its line as metadata, and the batch is a symbol.
   */
  private static FrameworkExport optimized() {
    return FrameworkExport.dynamic(
        "Dynamo, optimized", flattened("s77", -1), DynamoExports::images);
  }

  /** The same of an example's 2 rows without {@code dynamic_shapes}: the size is a constant. */
  private static FrameworkExport fixed() {
    return FrameworkExport.fixed("Dynamo, fixed", flattened(2, 2), 2, DynamoExports::images);
  }

  private static List<PlainTensor> images(long rows) {
    return List.of(PlainTensor.normal(rows, rows, 3, 4, 4));
  }

  /**
   * @param batch as declared
   * @param rows in the shape of the Reshape, or -1 where it is taken from the input
   */
  private static OnnxGraphs flattened(Object batch, int rows) {
    OnnxGraphs graph =
        new OnnxGraphs()
            .producer("pytorch", "2.9.0+cu128")
            .irVersion(10)
            .opset(20)
            .metadata("pkg.torch.export.ExportedProgram.graph_signature", "# inputs x: USER_INPUT")
            .metadata("pkg.torch.export.ExportedProgram.range_constraints", "{s77: VR[0, int_oo]}")
            .input("x", FLOAT, batch, 3, 4, 4)
            .weights("conv.weight", 1, 2, 3, 3, 3)
            .weights("conv.bias", 2, 2)
            .weights("fc.weight", 3, 5, 32)
            .weights("fc.bias", 4, 5)
            .named(
                "node_conv2d",
                "Conv",
                List.of("x", "conv.weight", "conv.bias"),
                List.of("conv2d"),
                integers("pads", 1L, 1L, 1L, 1L));
    traced(graph, "conv: torch.nn.modules.conv.Conv2d/conv2d: aten.conv2d.default");
    if (rows < 0) {
      graph
          .named(
              "node_sym_size_int_1",
              "Shape",
              List.of("x"),
              List.of("val_0"),
              integer("start", 0),
              integer("end", 1))
          .numbers("val_2", 32)
          .named(
              "node_Concat_3",
              "Concat",
              List.of("val_0", "val_2"),
              List.of("val_3"),
              integer("axis", 0));
    } else {
      graph.numbers("val_3", rows, 32);
    }
    graph
        .named(
            "node_view",
            "Reshape",
            List.of("conv2d", "val_3"),
            List.of("view"),
            integer("allowzero", 1))
        .named(
            "node_linear",
            "Gemm",
            List.of("view", "fc.weight", "fc.bias"),
            List.of("linear"),
            decimal("alpha", 1),
            decimal("beta", 1),
            integer("transA", 0),
            integer("transB", 1));
    traced(graph, "fc: torch.nn.modules.linear.Linear/linear: aten.linear.default");
    return graph.output("linear", FLOAT, batch, 5);
  }

  private static void traced(OnnxGraphs graph, String namespace) {
    graph
        .lastNode()
        .addMetadataPropsBuilder()
        .setKey("namespace")
        .setValue(": __main__.Net/" + namespace);
    graph
        .lastNode()
        .addMetadataPropsBuilder()
        .setKey("pkg.torch.onnx.stack_trace")
        .setValue("File \"net.py\", line 12, in forward\n    return self.fc(x.view(-1))");
  }
}
