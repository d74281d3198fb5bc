package dev.sluice.converter.build;

import static dev.sluice.bindings.ElementType.FLOAT;
import static dev.sluice.converter.build.OnnxGraphs.decimal;
import static dev.sluice.converter.build.OnnxGraphs.integer;
import static dev.sluice.converter.build.OnnxGraphs.integers;
import static dev.sluice.converter.build.OnnxGraphs.text;

import java.util.List;

/**
 * What PyTorch's old exporter writes, {@code torch.onnx.export} over TorchScript: constants of
 * shapes are Constant nodes, sizes that depend on the batch are computed by chains of Shape,
 * Gather, Unsqueeze and Concat, weights of a linear layer without a bias are {@code
 * onnx::MatMul_123}, and nodes and values are named by the path of the module.
 *
 * <p>Thread safety: stateless.
 */
final class TorchScriptExports {
  private TorchScriptExports() {}

  static List<FrameworkExport> all() {
    return List.of(
        classifierWithView(),
        classifierOfIr3(),
        attention(),
        lstm(),
        lstmWithStates(),
        interpolation());
  }

  private static OnnxGraphs pytorch(String version) {
    return new OnnxGraphs().producer("pytorch", version);
  }

  /**
   * PyTorch 2.0, opset 17: {@code torch.flatten} written as {@code x.view(x.size(0), -1)}, and
   * {@code dynamic_axes} for the batch.
   */
  private static FrameworkExport classifierWithView() {
    OnnxGraphs graph =
        pytorch("2.0.1")
            .irVersion(8)
            .opset(17)
            .input("input", FLOAT, "batch_size", 3, 8, 8)
            .weights("fc.weight", 1, 5, 64)
            .weights("fc.bias", 2, 5)
            .weights("onnx::Conv_19", 3, 4, 3, 3, 3)
            .weights("onnx::Conv_20", 4, 4)
            .named(
                "/conv1/Conv",
                "Conv",
                List.of("input", "onnx::Conv_19", "onnx::Conv_20"),
                List.of("/conv1/Conv_output_0"),
                integers("dilations", 1L, 1L),
                integer("group", 1),
                integers("kernel_shape", 3L, 3L),
                integers("pads", 1L, 1L, 1L, 1L),
                integers("strides", 2L, 2L))
            .named(
                "/relu/Relu",
                "Relu",
                List.of("/conv1/Conv_output_0"),
                List.of("/relu/Relu_output_0"))
            .named("/Shape", "Shape", List.of("/relu/Relu_output_0"), List.of("/Shape_output_0"))
            .constant("/Constant", "/Constant_output_0", true, 0)
            .named(
                "/Gather",
                "Gather",
                List.of("/Shape_output_0", "/Constant_output_0"),
                List.of("/Gather_output_0"),
                integer("axis", 0))
            .numbers("onnx::Unsqueeze_13", 0)
            .named(
                "/Unsqueeze",
                "Unsqueeze",
                List.of("/Gather_output_0", "onnx::Unsqueeze_13"),
                List.of("/Unsqueeze_output_0"))
            .constant("/Constant_1", "/Constant_1_output_0", false, -1)
            .named(
                "/Concat",
                "Concat",
                List.of("/Unsqueeze_output_0", "/Constant_1_output_0"),
                List.of("/Concat_output_0"),
                integer("axis", 0))
            .named(
                "/Reshape",
                "Reshape",
                List.of("/relu/Relu_output_0", "/Concat_output_0"),
                List.of("/Reshape_output_0"),
                integer("allowzero", 0))
            .named(
                "/fc/Gemm",
                "Gemm",
                List.of("/Reshape_output_0", "fc.weight", "fc.bias"),
                List.of("output"),
                decimal("alpha", 1),
                decimal("beta", 1),
                integer("transB", 1))
            .output("output", FLOAT, "batch_size", 5);
    return FrameworkExport.dynamic(
        "TorchScript, view", graph, rows -> List.of(PlainTensor.normal(rows, rows, 3, 8, 8)));
  }

  /**
   * PyTorch 1.1, IR version 3 and opset 9: initializers are inputs, too, values are numbers, and
   * the batch is what the example had.
   */
  private static FrameworkExport classifierOfIr3() {
    OnnxGraphs graph =
        pytorch("1.1")
            .irVersion(3)
            .opset(9)
            .input("input.1", FLOAT, 1, 3, 8, 8)
            .input("conv.weight", FLOAT, 4, 3, 3, 3)
            .input("conv.bias", FLOAT, 4)
            .input("fc.weight", FLOAT, 5, 144)
            .input("fc.bias", FLOAT, 5)
            .weights("conv.weight", 1, 4, 3, 3, 3)
            .weights("conv.bias", 2, 4)
            .weights("fc.weight", 3, 5, 144)
            .weights("fc.bias", 4, 5)
            .named(
                "",
                "Conv",
                List.of("input.1", "conv.weight", "conv.bias"),
                List.of("5"),
                integers("kernel_shape", 3L, 3L))
            .named("", "Relu", List.of("5"), List.of("6"))
            .constant("", "7", false, 1, -1)
            .named("", "Reshape", List.of("6", "7"), List.of("8"))
            .named(
                "",
                "Gemm",
                List.of("8", "fc.weight", "fc.bias"),
                List.of("9"),
                decimal("alpha", 1),
                decimal("beta", 1),
                integer("transB", 1))
            .output("9", FLOAT, 1, 5);
    return FrameworkExport.fixed(
        "TorchScript, IR 3", graph, 1, rows -> List.of(PlainTensor.normal(rows, rows, 3, 8, 8)));
  }

  /** PyTorch 1.13, opset 13: self-attention with every size taken from the input. */
  private static FrameworkExport attention() {
    OnnxGraphs graph =
        pytorch("1.13.1")
            .irVersion(7)
            .opset(13)
            .input("hidden_states", FLOAT, "batch", "seq", 8)
            .weights("query.bias", 1, 8)
            .weights("onnx::MatMul_101", 2, 8, 8)
            .weights("onnx::MatMul_102", 3, 8, 8)
            .named(
                "/query/MatMul",
                "MatMul",
                List.of("hidden_states", "onnx::MatMul_101"),
                List.of("/query/MatMul_output_0"))
            .named(
                "/query/Add",
                "Add",
                List.of("query.bias", "/query/MatMul_output_0"),
                List.of("/query/Add_output_0"))
            .named(
                "/value/MatMul",
                "MatMul",
                List.of("hidden_states", "onnx::MatMul_102"),
                List.of("/value/MatMul_output_0"))
            .constant("/Constant", "/Constant_output_0", false, 2)
            .constant("/Constant_1", "/Constant_1_output_0", false, 4)
            .constant("/Constant_2", "/Constant_2_output_0", false, 8);
    String batch = size(graph, "", "hidden_states", 0);
    String sequence = size(graph, "_1", "hidden_states", 1);
    graph
        .named(
            "/Concat",
            "Concat",
            List.of(batch, sequence, "/Constant_output_0", "/Constant_1_output_0"),
            List.of("/Concat_output_0"),
            integer("axis", 0))
        .named(
            "/Concat_1",
            "Concat",
            List.of(batch, sequence, "/Constant_2_output_0"),
            List.of("/Concat_1_output_0"),
            integer("axis", 0));
    heads(graph, "", "/query/Add_output_0", 0, 2, 1, 3);
    heads(graph, "_1", "/query/Add_output_0", 0, 2, 3, 1);
    heads(graph, "_2", "/value/MatMul_output_0", 0, 2, 1, 3);
    graph
        .named(
            "/MatMul",
            "MatMul",
            List.of("/Transpose_output_0", "/Transpose_1_output_0"),
            List.of("/MatMul_output_0"))
        .constant("/Constant_3", "/Constant_3_output_0", 2f)
        .named(
            "/Div",
            "Div",
            List.of("/MatMul_output_0", "/Constant_3_output_0"),
            List.of("/Div_output_0"))
        .named(
            "/Softmax",
            "Softmax",
            List.of("/Div_output_0"),
            List.of("/Softmax_output_0"),
            integer("axis", -1))
        .named(
            "/MatMul_1",
            "MatMul",
            List.of("/Softmax_output_0", "/Transpose_2_output_0"),
            List.of("/MatMul_1_output_0"))
        .named(
            "/Transpose_3",
            "Transpose",
            List.of("/MatMul_1_output_0"),
            List.of("/Transpose_3_output_0"),
            integers("perm", 0L, 2L, 1L, 3L))
        .named(
            "/Reshape_3",
            "Reshape",
            List.of("/Transpose_3_output_0", "/Concat_1_output_0"),
            List.of("context"))
        .output("context", FLOAT, "batch", "seq", "Reshapecontext_dim_2");
    return FrameworkExport.dynamic(
        "TorchScript, attention",
        graph,
        rows -> List.of(PlainTensor.normal(rows, rows, 4 + rows, 8)));
  }

  private static void heads(OnnxGraphs graph, String suffix, String in, Long... order) {
    graph
        .named(
            "/Reshape" + suffix,
            "Reshape",
            List.of(in, "/Concat_output_0"),
            List.of("/Reshape" + suffix + "_output_0"))
        .named(
            "/Transpose" + suffix,
            "Transpose",
            List.of("/Reshape" + suffix + "_output_0"),
            List.of("/Transpose" + suffix + "_output_0"),
            integers("perm", order));
  }

  private static void heads(
      OnnxGraphs graph, String suffix, String in, int a, int b, int c, int d) {
    heads(graph, suffix, in, (long) a, (long) b, (long) c, (long) d);
  }

  /** {@code x.size(axis)} where it goes into a list: its output's name. */
  private static String size(OnnxGraphs graph, String suffix, String in, int axis) {
    String output = "/Unsqueeze" + suffix + "_output_0";
    graph
        .named("/Shape" + suffix, "Shape", List.of(in), List.of("/Shape" + suffix + "_output_0"))
        .constant("/Constant_s" + suffix, "/Constant_s" + suffix + "_output_0", true, axis)
        .named(
            "/Gather" + suffix,
            "Gather",
            List.of("/Shape" + suffix + "_output_0", "/Constant_s" + suffix + "_output_0"),
            List.of("/Gather" + suffix + "_output_0"),
            integer("axis", 0))
        .numbers("onnx::Unsqueeze_5" + axis + suffix, 0)
        .named(
            "/Unsqueeze" + suffix,
            "Unsqueeze",
            List.of("/Gather" + suffix + "_output_0", "onnx::Unsqueeze_5" + axis + suffix),
            List.of(output));
    return output;
  }

  /**
   * PyTorch 2.0, opset 14: {@code nn.LSTM(batch_first=True, bidirectional=True)}, whose first
   * states of zeros are made by ConstantOfShape.
   */
  private static FrameworkExport lstm() {
    OnnxGraphs graph = recurrent().output("output", FLOAT, "batch", "time", 10);
    return FrameworkExport.dynamic("TorchScript, LSTM", graph, TorchScriptExports::steps);
  }

  /** The same, which gives its last states, too: rows of these lie in axis 1. */
  private static FrameworkExport lstmWithStates() {
    OnnxGraphs graph =
        recurrent()
            .output("output", FLOAT, "batch", "time", 10)
            .output("hn", FLOAT, 2, "batch", 5)
            .output("cn", FLOAT, 2, "batch", 5);
    return new FrameworkExport(
        "TorchScript, LSTM with states", graph, 0, "'hn'", TorchScriptExports::steps);
  }

  private static List<PlainTensor> steps(long rows) {
    return List.of(PlainTensor.normal(rows, rows, 6, 3));
  }

  private static OnnxGraphs recurrent() {
    OnnxGraphs graph =
        pytorch("2.0.1")
            .irVersion(7)
            .opset(14)
            .input("input", FLOAT, "batch", "time", 3)
            .weights("onnx::LSTM_170", 1, 2, 20, 3)
            .weights("onnx::LSTM_171", 2, 2, 20, 5)
            .weights("onnx::LSTM_169", 3, 2, 40)
            .constant("/lstm/Constant", "/lstm/Constant_output_0", false, 2)
            .constant("/lstm/Constant_1", "/lstm/Constant_1_output_0", false, 5);
    String batch = size(graph, "", "input", 0);
    return graph
        .named(
            "/lstm/Concat",
            "Concat",
            List.of("/lstm/Constant_output_0", batch, "/lstm/Constant_1_output_0"),
            List.of("/lstm/Concat_output_0"),
            integer("axis", 0))
        .named(
            "/lstm/ConstantOfShape",
            "ConstantOfShape",
            List.of("/lstm/Concat_output_0"),
            List.of("/lstm/ConstantOfShape_output_0"))
        .named(
            "/lstm/Transpose",
            "Transpose",
            List.of("input"),
            List.of("/lstm/Transpose_output_0"),
            integers("perm", 1L, 0L, 2L))
        .named(
            "/lstm/LSTM",
            "LSTM",
            List.of(
                "/lstm/Transpose_output_0",
                "onnx::LSTM_170",
                "onnx::LSTM_171",
                "onnx::LSTM_169",
                "",
                "/lstm/ConstantOfShape_output_0",
                "/lstm/ConstantOfShape_output_0"),
            List.of("/lstm/LSTM_output_0", "hn", "cn"),
            text("direction", "bidirectional"),
            integer("hidden_size", 5))
        .named(
            "/lstm/Transpose_1",
            "Transpose",
            List.of("/lstm/LSTM_output_0"),
            List.of("/lstm/Transpose_1_output_0"),
            integers("perm", 0L, 2L, 1L, 3L))
        .constant("/lstm/Constant_2", "/lstm/Constant_2_output_0", false, 0, 0, -1)
        .named(
            "/lstm/Reshape",
            "Reshape",
            List.of("/lstm/Transpose_1_output_0", "/lstm/Constant_2_output_0"),
            List.of("/lstm/Reshape_output_0"),
            integer("allowzero", 0))
        .named(
            "/lstm/Transpose_2",
            "Transpose",
            List.of("/lstm/Reshape_output_0"),
            List.of("output"),
            integers("perm", 1L, 0L, 2L));
  }

  /**
   * PyTorch 1.10, opset 11, numbered names: {@code F.interpolate(x, scale_factor=2)}, whose sizes
   * are the first two of the input's shape and constants.
   */
  private static FrameworkExport interpolation() {
    OnnxGraphs graph =
        pytorch("1.10")
            .irVersion(6)
            .opset(11)
            .input("input.1", FLOAT, "N", 2, 3, 4)
            .named("Shape_0", "Shape", List.of("input.1"), List.of("onnx::Slice_1"))
            .constant("Constant_1", "onnx::Slice_2", false, 0)
            .constant("Constant_2", "onnx::Slice_3", false, 0)
            .constant("Constant_3", "onnx::Slice_4", false, 2)
            .named(
                "Slice_4",
                "Slice",
                List.of("onnx::Slice_1", "onnx::Slice_3", "onnx::Slice_4", "onnx::Slice_2"),
                List.of("onnx::Concat_5"))
            .constant("Constant_5", "onnx::Concat_6", false, 6, 8)
            .named(
                "Concat_6",
                "Concat",
                List.of("onnx::Concat_5", "onnx::Concat_6"),
                List.of("onnx::Resize_7"),
                integer("axis", 0))
            .named(
                "Resize_7",
                "Resize",
                List.of("input.1", "roi", "scales", "onnx::Resize_7"),
                List.of("10"),
                text("coordinate_transformation_mode", "pytorch_half_pixel"),
                decimal("cubic_coeff_a", -0.75f),
                text("mode", "linear"),
                text("nearest_mode", "floor"))
            .weights("roi", 1, 0)
            .weights("scales", 1, 0)
            .output("10", FLOAT, "N", 2, 6, 8);
    return FrameworkExport.dynamic(
        "TorchScript, interpolation",
        graph,
        rows -> List.of(PlainTensor.normal(rows, rows, 2, 3, 4)));
  }
}
