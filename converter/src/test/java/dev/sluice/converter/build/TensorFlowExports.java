package dev.sluice.converter.build;

import static dev.sluice.bindings.ElementType.BOOL;
import static dev.sluice.bindings.ElementType.FLOAT;
import static dev.sluice.bindings.ElementType.INT64;
import static dev.sluice.converter.build.OnnxGraphs.integer;
import static dev.sluice.converter.build.OnnxGraphs.integers;
import static dev.sluice.converter.build.OnnxGraphs.text;

import com.google.protobuf.ByteString;
import dev.sluice.bindings.ElementType;
import dev.sluice.converter.onnx.proto.Onnx.AttributeProto;
import dev.sluice.converter.onnx.proto.Onnx.TensorProto;
import dev.sluice.converter.onnx.proto.Onnx.TypeProto;
import java.util.List;

/**
 * What tf2onnx makes of TensorFlow's and Keras' models: values are called {@code path:0}, images
 * come as NHWC and are turned for each run of convolutions, a dynamic batch is {@code unk__6},
 * shapes are computed in int32 between Casts; and what skl2onnx makes of scikit-learn's, with the
 * operators of {@code ai.onnx.ml}.
 *
 * <p>Thread safety: stateless.
 */
final class TensorFlowExports {
  private static final String MODEL = "StatefulPartitionedCall/model/";

  private TensorFlowExports() {}

  static List<FrameworkExport> all() {
    return List.of(
        images("tf2onnx, images", "unk__6"),
        images("tf2onnx, images of a fixed batch", 2),
        sizesInInt32(),
        whileLoop(),
        lstm(),
        logisticRegression(),
        trees());
  }

  private static OnnxGraphs tf2onnx() {
    return new OnnxGraphs()
        .producer("tf2onnx", "1.16.1 15c810")
        .irVersion(8)
        .opset(15)
        .domain("ai.onnx.ml", 2);
  }

  /** tf2onnx 1.16, Keras' Conv2D, BatchNormalization folded into it, Flatten and Dense. */
  private static FrameworkExport images(String name, Object batch) {
    boolean fixed = batch instanceof Integer;
    String conv = MODEL + "conv2d/";
    OnnxGraphs graph =
        tf2onnx()
            .input("input_1", FLOAT, batch, 8, 8, 3)
            .weights(conv + "Conv2D/ReadVariableOp:0", 1, 4, 3, 3, 3)
            .weights("const_fold_opt__28", 2, 4)
            .named(
                conv + "Conv2D__6",
                "Transpose",
                List.of("input_1"),
                List.of(conv + "Conv2D__6:0"),
                integers("perm", 0L, 3L, 1L, 2L))
            .named(
                conv + "BiasAdd",
                "Conv",
                List.of(
                    conv + "Conv2D__6:0", conv + "Conv2D/ReadVariableOp:0", "const_fold_opt__28"),
                List.of(conv + "BiasAdd:0"),
                integers("dilations", 1L, 1L),
                integer("group", 1),
                integers("kernel_shape", 3L, 3L),
                text("auto_pad", "SAME_UPPER"),
                integers("strides", 2L, 2L))
            .named(
                MODEL + "re_lu/Relu",
                "Relu",
                List.of(conv + "BiasAdd:0"),
                List.of(MODEL + "re_lu/Relu:0"))
            // Flatten takes NHWC again.
            .named(
                MODEL + "flatten/Reshape__18",
                "Transpose",
                List.of(MODEL + "re_lu/Relu:0"),
                List.of(MODEL + "flatten/Reshape__18:0"),
                integers("perm", 0L, 2L, 3L, 1L))
            .numbers(MODEL + "flatten/Const:0", fixed ? 2 : -1, 64)
            .named(
                MODEL + "flatten/Reshape",
                "Reshape",
                List.of(MODEL + "flatten/Reshape__18:0", MODEL + "flatten/Const:0"),
                List.of(MODEL + "flatten/Reshape:0"))
            .weights(MODEL + "dense/MatMul/ReadVariableOp:0", 3, 64, 5)
            .weights(MODEL + "dense/BiasAdd/ReadVariableOp:0", 4, 5)
            .named(
                MODEL + "dense/MatMul",
                "MatMul",
                List.of(MODEL + "flatten/Reshape:0", MODEL + "dense/MatMul/ReadVariableOp:0"),
                List.of(MODEL + "dense/MatMul:0"))
            .named(
                MODEL + "dense/BiasAdd",
                "Add",
                List.of(MODEL + "dense/MatMul:0", MODEL + "dense/BiasAdd/ReadVariableOp:0"),
                List.of(MODEL + "dense/BiasAdd:0"))
            .named(
                MODEL + "dense/Softmax",
                "Softmax",
                List.of(MODEL + "dense/BiasAdd:0"),
                List.of("dense"),
                integer("axis", 1))
            .output("dense", FLOAT, fixed ? 2 : "unk__7", 5);
    return fixed
        ? FrameworkExport.fixed(name, graph, 2, TensorFlowExports::pictures)
        : FrameworkExport.dynamic(name, graph, TensorFlowExports::pictures);
  }

  private static List<PlainTensor> pictures(long rows) {
    return List.of(PlainTensor.normal(rows, rows, 8, 8, 3));
  }

  /** tf2onnx 1.14, {@code tf.reshape(x, [tf.shape(x)[0], 2, 6])}: int32 between two Casts. */
  private static FrameworkExport sizesInInt32() {
    OnnxGraphs graph =
        tf2onnx()
            .opset(13)
            .input("x:0", FLOAT, "unk__2", 3, 4)
            .named("Shape", "Shape", List.of("x:0"), List.of("Shape:0"))
            .named("Shape__8", "Cast", List.of("Shape:0"), List.of("Shape__8:0"), integer("to", 6))
            .numbers("const_starts__11", 0)
            .numbers("const_ends__12", 1)
            .numbers("const_axes__13", 0)
            .named(
                "strided_slice",
                "Slice",
                List.of("Shape__8:0", "const_starts__11", "const_ends__12", "const_axes__13"),
                List.of("strided_slice:0"))
            .named(
                "strided_slice__15",
                "Squeeze",
                List.of("strided_slice:0", "const_axes__13"),
                List.of("strided_slice__15:0"))
            .named(
                "Reshape/shape_Unsqueeze__17",
                "Unsqueeze",
                List.of("strided_slice__15:0", "const_axes__13"),
                List.of("Reshape/shape_Unsqueeze__17:0"))
            .initializer(
                TensorProto.newBuilder()
                    .setName("const_fold_opt__24")
                    .setDataType(ElementType.INT32.code())
                    .addDims(2)
                    .addInt32Data(2)
                    .addInt32Data(6)
                    .build())
            .named(
                "Reshape/shape_Concat__20",
                "Concat",
                List.of("Reshape/shape_Unsqueeze__17:0", "const_fold_opt__24"),
                List.of("Reshape/shape_Concat__20:0"),
                integer("axis", 0))
            .named(
                "Reshape__21",
                "Cast",
                List.of("Reshape/shape_Concat__20:0"),
                List.of("Reshape__21:0"),
                integer("to", 7))
            .named("Reshape", "Reshape", List.of("x:0", "Reshape__21:0"), List.of("Reshape:0"))
            .named("Tanh", "Tanh", List.of("Reshape:0"), List.of("Identity:0"))
            .output("Identity:0", FLOAT, "unk__3", 2, 6);
    return FrameworkExport.dynamic(
        "tf2onnx, sizes in int32", graph, rows -> List.of(PlainTensor.normal(rows, rows, 3, 4)));
  }

  /** tf2onnx 1.16, {@code tf.while_loop}: a Loop whose body takes values from around it. */
  private static FrameworkExport whileLoop() {
    OnnxGraphs body =
        new OnnxGraphs()
            .input("while/body/i", INT64)
            .input("while/body/cond", BOOL)
            .input("while/body/x", FLOAT, "unk__9", 4)
            .named(
                "while/body/MatMul",
                "MatMul",
                List.of("while/body/x", "w:0"),
                List.of("while/body/MatMul:0"))
            .named("while/body/Tanh", "Tanh", List.of("while/body/MatMul:0"), List.of("next:0"))
            .named("while/body/Less", "Identity", List.of("while/body/cond"), List.of("goes_on:0"))
            .output("goes_on:0", BOOL)
            .output("next:0", FLOAT, "unk__9", 4);
    AttributeProto.Builder attribute =
        AttributeProto.newBuilder()
            .setName("body")
            .setType(AttributeProto.AttributeType.GRAPH)
            .setG(body.model().getGraph());
    OnnxGraphs graph =
        tf2onnx()
            .input("x:0", FLOAT, "unk__8", 4)
            .weights("w:0", 1, 4, 4)
            .initializer(scalar("maximum_iterations__21", INT64, 3))
            .initializer(scalar("cond_init__22", BOOL, 1))
            .named(
                "while",
                "Loop",
                List.of("maximum_iterations__21", "cond_init__22", "x:0"),
                List.of("Identity:0"),
                attribute.build())
            .output("Identity:0", FLOAT, "unk__10", 4);
    return FrameworkExport.dynamic(
        "tf2onnx, while loop", graph, rows -> List.of(PlainTensor.normal(rows, rows, 4)));
  }

  private static TensorProto scalar(String name, ElementType type, int value) {
    TensorProto.Builder tensor = TensorProto.newBuilder().setName(name).setDataType(type.code());
    return type == INT64 ? tensor.addInt64Data(value).build() : tensor.addInt32Data(value).build();
  }

  /** tf2onnx 1.16, Keras' LSTM: one operator, whose direction is squeezed away. */
  private static FrameworkExport lstm() {
    OnnxGraphs graph =
        tf2onnx()
            .input("input_1", FLOAT, "unk__31", 6, 3)
            .weights("W__38", 1, 1, 20, 3)
            .weights("R__39", 2, 1, 20, 5)
            .weights("B__40", 3, 1, 40)
            .named(
                "lstm/transpose",
                "Transpose",
                List.of("input_1"),
                List.of("lstm/transpose:0"),
                integers("perm", 1L, 0L, 2L))
            .named(
                "LSTM__47",
                "LSTM",
                List.of("lstm/transpose:0", "W__38", "R__39", "B__40"),
                List.of("LSTM__47:0", "LSTM__47:1"),
                text("direction", "forward"),
                integer("hidden_size", 5))
            .numbers("const_axes__48", 0)
            .named(
                "Squeeze__49", "Squeeze", List.of("LSTM__47:1", "const_axes__48"), List.of("lstm"))
            .output("lstm", FLOAT, "unk__32", 5);
    return FrameworkExport.dynamic(
        "tf2onnx, LSTM", graph, rows -> List.of(PlainTensor.normal(rows, rows, 6, 3)));
  }

  private static OnnxGraphs skl2onnx() {
    return new OnnxGraphs()
        .producer("skl2onnx", "1.17.0")
        .irVersion(8)
        .opset(15)
        .domain("ai.onnx.ml", 1)
        .input("X", FLOAT, "", 4);
  }

  private static AttributeProto reals(String name, Float... values) {
    return AttributeProto.newBuilder()
        .setName(name)
        .setType(AttributeProto.AttributeType.FLOATS)
        .addAllFloats(List.of(values))
        .build();
  }

  private static AttributeProto texts(String name, String... values) {
    AttributeProto.Builder attribute =
        AttributeProto.newBuilder().setName(name).setType(AttributeProto.AttributeType.STRINGS);
    for (String value : values) {
      attribute.addStrings(ByteString.copyFromUtf8(value));
    }
    return attribute.build();
  }

  private static OnnxGraphs classifier() {
    return skl2onnx()
        .named(
            "LinearClassifier",
            "ai.onnx.ml::LinearClassifier",
            List.of("X"),
            List.of("label", "probability_tensor"),
            integers("classlabels_ints", 0L, 1L, 2L),
            reals(
                "coefficients",
                0.1f,
                0.5f,
                -0.3f,
                0.8f,
                -0.2f,
                0.4f,
                0.6f,
                -0.7f,
                0.9f,
                -0.5f,
                0.3f,
                0.35f),
            reals("intercepts", 0.1f, -0.2f, 0.3f),
            integer("multi_class", 1),
            text("post_transform", "SOFTMAX"))
        .named(
            "Normalizer",
            "ai.onnx.ml::Normalizer",
            List.of("probability_tensor"),
            List.of("probabilities"),
            text("norm", "L1"));
  }

  /** skl2onnx 1.17, LogisticRegression with {@code options={'zipmap': False}}. */
  private static FrameworkExport logisticRegression() {
    return FrameworkExport.dynamic(
        "skl2onnx, logistic regression",
        classifier().output("label", INT64, "").output("probabilities", FLOAT, "", 3),
        TensorFlowExports::measured);
  }

  /** The same as it comes without that option: the probabilities are a sequence of maps. */
  static OnnxGraphs withZipMap() {
    TypeProto.Builder maps = TypeProto.newBuilder();
    maps.getSequenceTypeBuilder()
        .getElemTypeBuilder()
        .getMapTypeBuilder()
        .setKeyType(INT64.code())
        .getValueTypeBuilder()
        .getTensorTypeBuilder()
        .setElemType(FLOAT.code());
    return classifier()
        .named(
            "ZipMap",
            "ai.onnx.ml::ZipMap",
            List.of("probabilities"),
            List.of("output_probability"),
            integers("classlabels_int64s", 0L, 1L, 2L))
        .output("label", INT64, "")
        .output("output_probability", maps.build());
  }

  private static List<PlainTensor> measured(long rows) {
    return List.of(PlainTensor.normal(rows, rows, 4));
  }

  /** skl2onnx 1.17, GradientBoostingRegressor of two stumps. */
  private static FrameworkExport trees() {
    OnnxGraphs graph =
        skl2onnx()
            .named(
                "TreeEnsembleRegressor",
                "ai.onnx.ml::TreeEnsembleRegressor",
                List.of("X"),
                List.of("variable"),
                integer("n_targets", 1),
                integers("nodes_treeids", 0L, 0L, 0L, 1L, 1L, 1L),
                integers("nodes_nodeids", 0L, 1L, 2L, 0L, 1L, 2L),
                integers("nodes_featureids", 2L, 0L, 0L, 0L, 0L, 0L),
                texts("nodes_modes", "BRANCH_LEQ", "LEAF", "LEAF", "BRANCH_LEQ", "LEAF", "LEAF"),
                reals("nodes_values", 0.3f, 0f, 0f, -0.2f, 0f, 0f),
                integers("nodes_truenodeids", 1L, 0L, 0L, 1L, 0L, 0L),
                integers("nodes_falsenodeids", 2L, 0L, 0L, 2L, 0L, 0L),
                integers("target_treeids", 0L, 0L, 1L, 1L),
                integers("target_nodeids", 1L, 2L, 1L, 2L),
                integers("target_ids", 0L, 0L, 0L, 0L),
                reals("target_weights", 1.5f, -2f, 0.25f, 4f),
                reals("base_values", 0.7f),
                text("post_transform", "NONE"))
            .output("variable", FLOAT, "", 1);
    return FrameworkExport.dynamic("skl2onnx, trees", graph, TensorFlowExports::measured);
  }
}
