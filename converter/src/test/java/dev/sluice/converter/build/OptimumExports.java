package dev.sluice.converter.build;

import static dev.sluice.bindings.ElementType.FLOAT;
import static dev.sluice.bindings.ElementType.INT64;
import static dev.sluice.bindings.ElementType.INT8;
import static dev.sluice.bindings.ElementType.UINT8;
import static dev.sluice.converter.build.OnnxGraphs.decimal;
import static dev.sluice.converter.build.OnnxGraphs.integer;
import static dev.sluice.converter.build.OnnxGraphs.integers;

import com.google.protobuf.ByteString;
import dev.sluice.bindings.ElementType;
import dev.sluice.converter.onnx.proto.Onnx.TensorProto;
import dev.sluice.engine.Shape;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Random;

/**
 * What Hugging Face's Optimum writes: PyTorch's export with the axes {@code batch_size} and {@code
 * sequence_length}, int64 ids and masks, layer normalization in its parts below opset 17; what ONNX
 * Runtime's transformer optimizer makes of it, with operators of {@code com.microsoft}; and its
 * quantization, dynamic with MatMulInteger and static with Q/DQ pairs.
 *
 * <p>Thread safety: stateless.
 */
final class OptimumExports {
  private static final int WORDS = 16;
  private static final int HIDDEN = 8;
  private static final Object[] TOKENS = {"batch_size", "sequence_length"};

  private OptimumExports() {}

  static List<FrameworkExport> all() {
    return List.of(
        features(TOKENS, 0),
        features(new Object[] {1, 6}, 1),
        optimized(),
        pastKeys(),
        dynamicallyQuantized(),
        staticallyQuantized());
  }

  private static OnnxGraphs pytorch(long opset) {
    return new OnnxGraphs().producer("pytorch", "2.1.0").irVersion(7).opset(opset);
  }

  private static List<PlainTensor> tokens(long rows) {
    // Each row has its own length, 4 to 6.
    long[] mask = new long[Math.toIntExact(rows * 6)];
    for (int i = 0; i < mask.length; i++) {
      mask[i] = i % 6 < 4 + i / 6 % 3 ? 1 : 0;
    }
    return List.of(
        PlainTensor.numbers(rows, WORDS, rows, 6),
        PlainTensor.of(INT64, Shape.of(rows, 6), MemorySegment.ofArray(mask)));
  }

  /** Optimum 1.16, feature-extraction with opset 11: a mask of large negative numbers. */
  private static FrameworkExport features(Object[] dims, int fixedRows) {
    OnnxGraphs graph =
        pytorch(11)
            .input("input_ids", INT64, dims)
            .input("attention_mask", INT64, dims)
            .weights("embeddings.word_embeddings.weight", 1, WORDS, HIDDEN)
            .named(
                "/embeddings/word_embeddings/Gather",
                "Gather",
                List.of("embeddings.word_embeddings.weight", "input_ids"),
                List.of("/embeddings/Gather_output_0"));
    normalized(graph, "/embeddings/LayerNorm", "/embeddings/Gather_output_0", "embedded");
    graph
        .named(
            "/Unsqueeze",
            "Unsqueeze",
            List.of("attention_mask"),
            List.of("/Unsqueeze_output_0"),
            integers("axes", 1L))
        .named(
            "/Cast",
            "Cast",
            List.of("/Unsqueeze_output_0"),
            List.of("/Cast_output_0"),
            integer("to", 1))
        .constant("/Constant_2", "/Constant_2_output_0", 1f)
        .named(
            "/Sub",
            "Sub",
            List.of("/Constant_2_output_0", "/Cast_output_0"),
            List.of("/Sub_output_0"))
        .constant("/Constant_3", "/Constant_3_output_0", -3.4028235e38f)
        .named(
            "/Mul",
            "Mul",
            List.of("/Sub_output_0", "/Constant_3_output_0"),
            List.of("/Mul_output_0"))
        .weights("onnx::MatMul_201", 2, HIDDEN, HIDDEN)
        .named(
            "/query/MatMul",
            "MatMul",
            List.of("embedded", "onnx::MatMul_201"),
            List.of("/query/MatMul_output_0"))
        .named(
            "/Transpose",
            "Transpose",
            List.of("embedded"),
            List.of("/Transpose_output_0"),
            integers("perm", 0L, 2L, 1L))
        .named(
            "/MatMul",
            "MatMul",
            List.of("/query/MatMul_output_0", "/Transpose_output_0"),
            List.of("/MatMul_output_0"))
        .named(
            "/Add", "Add", List.of("/MatMul_output_0", "/Mul_output_0"), List.of("/Add_output_0"))
        .named(
            "/Softmax",
            "Softmax",
            List.of("/Add_output_0"),
            List.of("/Softmax_output_0"),
            integer("axis", 2))
        .named(
            "/MatMul_1",
            "MatMul",
            List.of("/Softmax_output_0", "embedded"),
            List.of("/MatMul_1_output_0"))
        .named(
            "/Add_1", "Add", List.of("/MatMul_1_output_0", "embedded"), List.of("/Add_1_output_0"));
    normalized(graph, "/output/LayerNorm", "/Add_1_output_0", "last_hidden_state");
    graph.output("last_hidden_state", FLOAT, dims[0], dims[1], HIDDEN);
    return fixedRows == 0
        ? FrameworkExport.dynamic("Optimum, features", graph, OptimumExports::tokens)
        : FrameworkExport.fixed(
            "Optimum, features of one row", graph, fixedRows, OptimumExports::tokens);
  }

  /** Layer normalization as it was before opset 17. */
  private static void normalized(OnnxGraphs graph, String name, String in, String out) {
    graph
        .positive(name + ".weight", 11, HIDDEN)
        .weights(name + ".bias", 12, HIDDEN)
        .named(
            name + "/ReduceMean",
            "ReduceMean",
            List.of(in),
            List.of(name + "/mean"),
            integers("axes", -1L))
        .named(name + "/Sub", "Sub", List.of(in, name + "/mean"), List.of(name + "/centred"))
        .constant(name + "/Constant", name + "/two", 2f)
        .named(
            name + "/Pow",
            "Pow",
            List.of(name + "/centred", name + "/two"),
            List.of(name + "/squared"))
        .named(
            name + "/ReduceMean_1",
            "ReduceMean",
            List.of(name + "/squared"),
            List.of(name + "/variance"),
            integers("axes", -1L))
        .constant(name + "/Constant_1", name + "/epsilon", 1e-12f)
        .named(
            name + "/Add",
            "Add",
            List.of(name + "/variance", name + "/epsilon"),
            List.of(name + "/shifted"))
        .named(name + "/Sqrt", "Sqrt", List.of(name + "/shifted"), List.of(name + "/deviation"))
        .named(
            name + "/Div",
            "Div",
            List.of(name + "/centred", name + "/deviation"),
            List.of(name + "/normal"))
        .named(
            name + "/Mul",
            "Mul",
            List.of(name + "/normal", name + ".weight"),
            List.of(name + "/scaled"))
        .named(name + "/Add_1", "Add", List.of(name + "/scaled", name + ".bias"), List.of(out));
  }

  /** Optimum 1.16 with O2: embedding, attention and the two sums with norms are one node each. */
  private static FrameworkExport optimized() {
    OnnxGraphs graph =
        new OnnxGraphs()
            .producer("onnxruntime.transformers", "1.17.1")
            .irVersion(8)
            .opset(17)
            .domain("com.microsoft", 1)
            .input("input_ids", INT64, TOKENS)
            .input("attention_mask", INT64, TOKENS)
            .weights("word_embedding", 1, WORDS, HIDDEN)
            .weights("position_embedding", 2, 12, HIDDEN)
            .positive("gamma", 3, HIDDEN)
            .weights("beta", 4, HIDDEN)
            .weights("qkv.weight", 5, HIDDEN, 3 * HIDDEN)
            .weights("qkv.bias", 6, 3 * HIDDEN)
            .weights("dense.weight", 7, HIDDEN, 2 * HIDDEN)
            .weights("dense.bias", 8, 2 * HIDDEN)
            .weights("dense_1.weight", 9, 2 * HIDDEN, HIDDEN)
            .named("Cast_ids", "Cast", List.of("input_ids"), List.of("ids32"), integer("to", 6))
            .named(
                "Cast_mask", "Cast", List.of("attention_mask"), List.of("mask32"), integer("to", 6))
            .named(
                "EmbedLayerNormalization_0",
                "com.microsoft::EmbedLayerNormalization",
                List.of("ids32", "", "word_embedding", "position_embedding", "", "gamma", "beta"),
                List.of("embedded", "unused_mask_index"),
                decimal("epsilon", 1e-12f))
            .named(
                "Attention_0",
                "com.microsoft::Attention",
                List.of("embedded", "qkv.weight", "qkv.bias", "mask32"),
                List.of("attended"),
                integer("num_heads", 2))
            .named(
                "SkipLayerNorm_0",
                "com.microsoft::SkipLayerNormalization",
                List.of("attended", "embedded", "gamma", "beta"),
                List.of("summed"),
                decimal("epsilon", 1e-12f))
            .named("MatMul_0", "MatMul", List.of("summed", "dense.weight"), List.of("wide"))
            .named(
                "Gelu_AddBias_0",
                "com.microsoft::BiasGelu",
                List.of("wide", "dense.bias"),
                List.of("active"))
            .named("MatMul_1", "MatMul", List.of("active", "dense_1.weight"), List.of("narrow"))
            .named(
                "SkipLayerNorm_1",
                "com.microsoft::SkipLayerNormalization",
                List.of("narrow", "summed", "gamma", "beta"),
                List.of("last_hidden_state"),
                decimal("epsilon", 1e-12f))
            .output("last_hidden_state", FLOAT, "batch_size", "sequence_length", HIDDEN);
    return FrameworkExport.dynamic(
        "Optimum, optimized by ONNX Runtime", graph, OptimumExports::tokens);
  }

  /** Optimum 1.16, text-generation-with-past: keys of earlier steps go in, and longer ones out. */
  private static FrameworkExport pastKeys() {
    OnnxGraphs graph =
        pytorch(14)
            .input("input_ids", INT64, TOKENS)
            .input("past_key_values.0.key", FLOAT, "batch_size", "past_sequence_length", HIDDEN)
            .weights("wte.weight", 1, WORDS, HIDDEN)
            .named("/wte/Gather", "Gather", List.of("wte.weight", "input_ids"), List.of("embedded"))
            .named(
                "/Concat",
                "Concat",
                List.of("past_key_values.0.key", "embedded"),
                List.of("present.0.key"),
                integer("axis", 1))
            .named(
                "/Transpose",
                "Transpose",
                List.of("present.0.key"),
                List.of("turned"),
                integers("perm", 0L, 2L, 1L))
            .named("/MatMul", "MatMul", List.of("embedded", "turned"), List.of("scores"))
            .named("/Softmax", "Softmax", List.of("scores"), List.of("shares"), integer("axis", -1))
            .named("/MatMul_1", "MatMul", List.of("shares", "present.0.key"), List.of("logits"))
            .output("logits", FLOAT, "batch_size", "sequence_length", HIDDEN)
            .output(
                "present.0.key",
                FLOAT,
                "batch_size",
                "past_sequence_length + sequence_length",
                HIDDEN);
    return FrameworkExport.dynamic(
        "Optimum, past keys",
        graph,
        rows ->
            List.of(
                PlainTensor.numbers(rows, WORDS, rows, 2),
                PlainTensor.normal(rows, rows, 5, HIDDEN)));
  }

  private static TensorProto bytes(String name, ElementType type, long... dims) {
    TensorProto.Builder tensor = TensorProto.newBuilder().setName(name).setDataType(type.code());
    int count = 1;
    for (long dim : dims) {
      tensor.addDims(dim);
      count *= (int) dim;
    }
    byte[] data = new byte[count];
    Random random = new Random(count);
    for (int i = 0; i < count; i++) {
      data[i] = (byte) (random.nextInt(100) - (type == INT8 ? 50 : 0));
    }
    return tensor.setRawData(ByteString.copyFrom(data)).build();
  }

  private static TensorProto byteScalar(String name, ElementType type, int value) {
    return TensorProto.newBuilder()
        .setName(name)
        .setDataType(type.code())
        .addInt32Data(value)
        .build();
  }

  private static TensorProto real(String name, float value) {
    return TensorProto.newBuilder().setName(name).setDataType(1).addFloatData(value).build();
  }

  /** Optimum 1.16, {@code ORTQuantizer} with {@code avx512_vnni(is_static=False)}. */
  private static FrameworkExport dynamicallyQuantized() {
    OnnxGraphs graph =
        new OnnxGraphs()
            .producer("onnx.quantize", "0.1.0")
            .irVersion(8)
            .opset(11)
            .input("x", FLOAT, "batch_size", HIDDEN)
            .initializer(bytes("onnx::MatMul_20_quantized", INT8, HIDDEN, 6))
            .initializer(byteScalar("onnx::MatMul_20_zero_point", INT8, 0))
            .initializer(real("onnx::MatMul_20_scale", 0.02f))
            .named(
                "x_QuantizeLinear",
                "DynamicQuantizeLinear",
                List.of("x"),
                List.of("x_quantized", "x_scale", "x_zero_point"))
            .named(
                "/MatMul_quant",
                "MatMulInteger",
                List.of(
                    "x_quantized",
                    "onnx::MatMul_20_quantized",
                    "x_zero_point",
                    "onnx::MatMul_20_zero_point"),
                List.of("/MatMul_output_quantized"))
            .named(
                "/MatMul_output_quantized_cast",
                "Cast",
                List.of("/MatMul_output_quantized"),
                List.of("/MatMul_output_quantized_cast_output"),
                integer("to", 1))
            .named(
                "/MatMul_quant_scales_mul",
                "Mul",
                List.of("x_scale", "onnx::MatMul_20_scale"),
                List.of("/MatMul_quant_scales_mul:0"))
            .named(
                "/MatMul_quant_output_scale_mul",
                "Mul",
                List.of("/MatMul_output_quantized_cast_output", "/MatMul_quant_scales_mul:0"),
                List.of("logits"))
            .output("logits", FLOAT, "batch_size", 6);
    // The scale is that of all rows of a run together.
    return new FrameworkExport(
        "Optimum, dynamically quantized",
        graph,
        0,
        "depends on the other rows",
        rows -> List.of(PlainTensor.normal(rows, rows, HIDDEN)));
  }

  /** Optimum 1.16, static quantization in the form of Q/DQ pairs, weights in int8. */
  private static FrameworkExport staticallyQuantized() {
    OnnxGraphs graph =
        new OnnxGraphs()
            .producer("onnx.quantize", "0.1.0")
            .irVersion(8)
            .opset(13)
            .input("x", FLOAT, "batch_size", HIDDEN)
            .initializer(bytes("w_quantized", INT8, HIDDEN, 6))
            .initializer(byteScalar("w_zero_point", INT8, 0))
            .initializer(real("w_scale", 0.02f))
            .initializer(byteScalar("x_zero_point", UINT8, 128))
            .initializer(real("x_scale", 0.03f))
            .initializer(byteScalar("y_zero_point", UINT8, 120))
            .initializer(real("y_scale", 0.05f))
            .named(
                "x_QuantizeLinear",
                "QuantizeLinear",
                List.of("x", "x_scale", "x_zero_point"),
                List.of("x_q"))
            .named(
                "x_DequantizeLinear",
                "DequantizeLinear",
                List.of("x_q", "x_scale", "x_zero_point"),
                List.of("x_dq"))
            .named(
                "w_DequantizeLinear",
                "DequantizeLinear",
                List.of("w_quantized", "w_scale", "w_zero_point"),
                List.of("w_dq"))
            .named("/MatMul", "MatMul", List.of("x_dq", "w_dq"), List.of("product"))
            .named(
                "y_QuantizeLinear",
                "QuantizeLinear",
                List.of("product", "y_scale", "y_zero_point"),
                List.of("y_q"))
            .named(
                "y_DequantizeLinear",
                "DequantizeLinear",
                List.of("y_q", "y_scale", "y_zero_point"),
                List.of("logits"))
            .output("logits", FLOAT, "batch_size", 6);
    return FrameworkExport.dynamic(
        "Optimum, statically quantized",
        graph,
        rows -> List.of(PlainTensor.normal(rows, rows, HIDDEN)));
  }
}
