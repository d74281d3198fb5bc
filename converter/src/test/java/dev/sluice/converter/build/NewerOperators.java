package dev.sluice.converter.build;

import static dev.sluice.bindings.ElementType.BOOL;
import static dev.sluice.bindings.ElementType.FLOAT;
import static dev.sluice.bindings.ElementType.FLOAT8E4M3FN;
import static dev.sluice.bindings.ElementType.INT32;
import static dev.sluice.bindings.ElementType.INT4;
import static dev.sluice.bindings.ElementType.INT64;
import static dev.sluice.bindings.ElementType.INT8;
import static dev.sluice.bindings.ElementType.STRING;
import static dev.sluice.bindings.ElementType.UINT16;
import static dev.sluice.bindings.ElementType.UINT4;
import static dev.sluice.bindings.ElementType.UINT8;
import static dev.sluice.converter.build.OnnxGraphs.decimal;
import static dev.sluice.converter.build.OnnxGraphs.integer;
import static dev.sluice.converter.build.OnnxGraphs.integers;
import static dev.sluice.converter.build.OnnxGraphs.text;
import static dev.sluice.converter.build.OperatorCase.bytes;
import static dev.sluice.converter.build.OperatorCase.floats;
import static dev.sluice.converter.build.OperatorCase.longs;
import static dev.sluice.converter.build.OperatorCase.operator;
import static dev.sluice.converter.build.OperatorCase.ramp;
import static dev.sluice.converter.build.OperatorCase.shorts;
import static dev.sluice.converter.build.OperatorCase.texts;

import dev.sluice.bindings.ElementType;
import dev.sluice.engine.Shape;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.function.DoubleUnaryOperator;
import java.util.stream.Stream;

/** The cases of {@link NewerOperatorsTest}. */
final class NewerOperators {
  private static final float INF = Float.POSITIVE_INFINITY;

  /** Types that ONNX Runtime's Identity lacks. */
  private static final Set<ElementType> LACKING =
      EnumSet.of(ElementType.COMPLEX64, ElementType.COMPLEX128, INT4, UINT4);

  private NewerOperators() {}

  static List<OperatorCase> all() {
    List<OperatorCase> cases = new ArrayList<>();
    Stream.of(
            elementwise(),
            reductions(),
            shapes(),
            images(),
            strings(),
            numbers(),
            layers(),
            types())
        .forEach(cases::addAll);
    return cases;
  }

  private static Shape shape(long... dims) {
    return Shape.of(dims);
  }

  /** One function of each element of five rows of three. */
  private static OperatorCase unary(String op, int opset, DoubleUnaryOperator function) {
    PlainTensor x = ramp(0.4f, 5, 3);
    float[] values = new float[15];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) function.applyAsDouble(i * 0.4f);
    }
    return operator(op, opset, "of rows").rows().in(x).gives(floats(x.shape(), values));
  }

  /** The error function by its series, which is exact enough up to 6. */
  private static double erf(double x) {
    double sum = 0;
    double term = x;
    for (int n = 0; n < 150; n++) {
      sum += term / (2 * n + 1);
      term *= -x * x / (n + 1);
    }
    return 2 / Math.sqrt(Math.PI) * sum;
  }

  private static List<OperatorCase> elementwise() {
    return List.of(
        unary("Mish", 18, x -> x * Math.tanh(Math.log1p(Math.exp(x)))),
        unary("Gelu", 20, x -> 0.5 * x * (1 + erf(x / Math.sqrt(2)))),
        unary("HardSwish", 22, x -> x * Math.clamp(x / 6 + 0.5, 0, 1)),
        unary("Round", 22, Math::rint),
        unary("Swish", 24, x -> x / (1 + Math.exp(-x))),
        operator("Gelu", 20, "approximated")
            .in(ramp(0.25f, 9))
            .with(text("approximate", "tanh"))
            .out(FLOAT),
        operator("BitwiseAnd", 18, "")
            .in(bytes(UINT8, shape(3), 12, 255, 7))
            .in(bytes(UINT8, shape(3), 10, 1, 8))
            .gives(bytes(UINT8, shape(3), 8, 1, 0)),
        operator("BitwiseOr", 18, "")
            .in(bytes(INT8, shape(2), 12, -128))
            .in(bytes(INT8, shape(2), 3, 1))
            .gives(bytes(INT8, shape(2), 15, -127)),
        operator("BitwiseXor", 18, "broadcast")
            .in(shorts(UINT16, shape(2), 0xf0f0, 1))
            .in(shorts(UINT16, shape(), 0xffff))
            .gives(shorts(UINT16, shape(2), 0x0f0f, 0xfffe)),
        operator("BitwiseNot", 18, "")
            .in(bytes(INT8, shape(2), 0, 5))
            .gives(bytes(INT8, shape(2), -1, -6)),
        operator("IsInf", 20, "FLOAT16")
            .in(shorts(ElementType.FLOAT16, shape(3), 0x7c00, 0xfc00, 0x3c00))
            .with(integer("detect_negative", 0))
            .gives(bytes(BOOL, shape(3), 1, 0, 0)),
        operator("IsInf", 20, "FLOAT8E5M2")
            .in(bytes(ElementType.FLOAT8E5M2, shape(3), 0x7c, 0xfc, 0x3c))
            .gives(bytes(BOOL, shape(3), 1, 1, 0)),
        operator("IsNaN", 20, "")
            .in(floats(shape(3), Float.NaN, INF, 1))
            .gives(bytes(BOOL, shape(3), 1, 0, 0)),
        operator("Equal", 19, "of strings")
            .in(texts("a", "b", "ä"))
            .in(texts("a", "c", "ä"))
            .gives(bytes(BOOL, shape(3), 1, 0, 1)),
        operator("OptionalHasElement", 18, "of a tensor")
            .in(ramp(1, 2))
            .gives(bytes(BOOL, shape(), 1)));
  }

  private static List<OperatorCase> reductions() {
    PlainTensor x = ramp(1, 2, 3);
    return List.of(
        operator("ReduceMax", 18, "with axes as input")
            .in(x)
            .constant(longs(1))
            .with(integer("keepdims", 0))
            .gives(floats(shape(2), 2, 5)),
        operator("ReduceMean", 18, "with axes that vary")
            .in(x)
            .in(longs(0))
            .gives(floats(shape(1, 3), 1.5f, 2.5f, 3.5f)),
        operator("ReduceSumSquare", 18, "")
            .in(x)
            .constant(longs(-1))
            .gives(floats(shape(2, 1), 5, 50)),
        operator("ReduceL1", 18, "of no axes")
            .in(x)
            .with(integer("noop_with_empty_axes", 1))
            .gives(x),
        operator("ReduceProd", 18, "of an empty tensor")
            .in(floats(shape(2, 0, 2)))
            .constant(longs(1))
            .gives(floats(shape(2, 1, 2), 1, 1, 1, 1)),
        operator("ReduceMax", 20, "of BOOL")
            .in(bytes(BOOL, shape(2, 2), 1, 0, 0, 0))
            .constant(longs(1))
            .with(integer("keepdims", 0))
            .gives(bytes(BOOL, shape(2), 1, 0)),
        operator("ReduceMin", 20, "of BOOL")
            .in(bytes(BOOL, shape(2, 2), 1, 1, 0, 1))
            .constant(longs(1))
            .with(integer("keepdims", 0))
            .gives(bytes(BOOL, shape(2), 1, 0)));
  }

  private static List<OperatorCase> shapes() {
    PlainTensor five = ramp(1, 5);
    return List.of(
        operator("Split", 18, "into a number of parts")
            .in(five)
            .with(integer("num_outputs", 2))
            .gives(floats(shape(3), 0, 1, 2))
            .gives(floats(shape(2), 3, 4)),
        operator("Pad", 18, "of some axes")
            .in(ramp(1, 2, 2))
            .constant(longs(1, 0))
            .constant(floats(shape(), 9))
            .constant(longs(1))
            .gives(floats(shape(2, 3), 9, 0, 1, 9, 2, 3)),
        operator("Pad", 19, "that wraps")
            .in(ramp(1, 3))
            .constant(longs(2, 1))
            .with(text("mode", "wrap"))
            .gives(floats(shape(6), 1, 2, 0, 1, 2, 0)),
        operator("CenterCropPad", 18, "")
            .in(ramp(1, 4, 1))
            .constant(longs(2, 3))
            .gives(floats(shape(2, 3), 0, 1, 0, 0, 2, 0)),
        operator("ScatterElements", 18, "max")
            .in(five)
            .in(longs(1, 1, 3))
            .in(floats(shape(3), 7, 8, -1))
            .with(text("reduction", "max"))
            .gives(floats(shape(5), 0, 8, 2, 3, 4)),
        operator("ScatterElements", 18, "min")
            .in(five)
            .in(longs(1, 1, 3))
            .in(floats(shape(3), 7, 0.5f, -1))
            .with(text("reduction", "min"))
            .gives(floats(shape(5), 0, 0.5f, 2, -1, 4)),
        operator("ScatterND", 18, "max")
            .in(five)
            .constant(PlainTensor.of(INT64, shape(2, 1), longs(0, 4).data()))
            .in(floats(shape(2), 3, 3))
            .with(text("reduction", "max"))
            .gives(floats(shape(5), 3, 1, 2, 3, 4)),
        operator("Col2Im", 18, "")
            .in(ramp(1, 1, 4, 1))
            .constant(longs(2, 2))
            .constant(longs(2, 2))
            .gives(ramp(1, 1, 1, 2, 2)),
        operator("Identity", 19, "of FLOAT8E4M3FN")
            .in(bytes(FLOAT8E4M3FN, shape(2), 0x38, 0xb8))
            .gives(bytes(FLOAT8E4M3FN, shape(2), 0x38, 0xb8)),
        operator("Reshape", 19, "of FLOAT8E4M3FN")
            .in(bytes(FLOAT8E4M3FN, shape(2, 1), 0x38, 0xb8))
            .constant(longs(2))
            .out(FLOAT8E4M3FN)
            .lacking(),
        operator("Identity", 21, "of INT4, an odd number")
            .in(bytes(INT4, shape(3), 0x21, 0x0f))
            .out(INT4)
            .lacking(),
        operator("Reshape", 21, "of UINT4")
            .in(bytes(UINT4, shape(2, 2), 0x21, 0xf3))
            .constant(longs(-1))
            .out(UINT4)
            .lacking(),
        operator("ConstantOfShape", 20, "of a shape that varies")
            .in(longs(1, 2))
            .gives(floats(shape(1, 2), 0, 0)),
        operator("Shape", 21, "of a part")
            .in(ramp(1, 2, 3, 4))
            .with(integer("start", 1))
            .gives(longs(3, 4)),
        operator("Flatten", 21, "").in(ramp(1, 2, 3, 2)).gives(ramp(1, 2, 6)),
        operator("Transpose", 21, "").in(ramp(1, 2, 2)).gives(floats(shape(2, 2), 0, 2, 1, 3)),
        operator("TensorScatter", 24, "")
            .in(ramp(1, 1, 1, 4, 1))
            .in(floats(shape(1, 1, 1, 1), 9))
            .in(longs(2))
            .gives(floats(shape(1, 1, 4, 1), 0, 1, 9, 3)));
  }

  private static List<OperatorCase> images() {
    PlainTensor image = ramp(1, 1, 1, 4, 4);
    PlainTensor half = floats(shape(4), 1, 1, 0.5f, 0.5f);
    return List.of(
        operator("Resize", 18, "antialias linear")
            .in(image)
            .none()
            .constant(half)
            .with(integer("antialias", 1))
            .with(text("mode", "linear"))
            .out(FLOAT),
        operator("Resize", 18, "antialias cubic")
            .in(image)
            .none()
            .constant(half)
            .with(integer("antialias", 1))
            .with(text("mode", "cubic"))
            .out(FLOAT),
        operator("Resize", 18, "of some axes")
            .in(image)
            .none()
            .none()
            .constant(longs(2, 2))
            .with(integers("axes", 2L, 3L))
            .out(FLOAT),
        operator("Resize", 19, "that keeps the ratio, half_pixel_symmetric")
            .in(image)
            .none()
            .none()
            .constant(longs(3, 6))
            .with(integers("axes", 2L, 3L))
            .with(text("keep_aspect_ratio_policy", "not_larger"))
            .with(text("mode", "linear"))
            .with(text("coordinate_transformation_mode", "half_pixel_symmetric"))
            .out(FLOAT),
        operator("LpPool", 18, "with dilations")
            .in(image)
            .with(integers("kernel_shape", 2L, 2L))
            .with(integers("dilations", 2L, 2L))
            .with(integer("p", 1))
            .gives(floats(shape(1, 1, 2, 2), 20, 24, 36, 40)),
        operator("AveragePool", 19, "with dilations")
            .in(image)
            .with(integers("kernel_shape", 2L, 2L))
            .with(integers("dilations", 2L, 2L))
            .gives(floats(shape(1, 1, 2, 2), 5, 6, 9, 10)),
        operator("MaxPool", 22, "of INT8")
            .in(bytes(INT8, shape(1, 1, 2, 2), 1, -2, 3, 4))
            .with(integers("kernel_shape", 2L, 2L))
            .gives(bytes(INT8, shape(1, 1, 1, 1), 4)),
        operator("GridSample", 20, "in three dimensions, at the corners and outside")
            .in(ramp(1, 1, 1, 2, 2, 2))
            .in(floats(shape(1, 1, 1, 3, 3), -1, -1, -1, 1, 1, 1, 9, 9, 9))
            .with(integer("align_corners", 1))
            .with(text("mode", "linear"))
            .gives(floats(shape(1, 1, 1, 1, 3), 0, 7, 0)),
        operator("AffineGrid", 20, "of the identity")
            .in(floats(shape(1, 2, 3), 1, 0, 0, 0, 1, 0))
            .constant(longs(1, 1, 1, 2))
            .gives(floats(shape(1, 1, 2, 2), -0.5f, 0, 0.5f, 0)),
        operator("DeformConv", 19, "without an offset")
            .in(image)
            .constant(floats(shape(1, 1, 1, 1), 2))
            .in(floats(shape(1, 2, 4, 4), new float[32]))
            .with(integers("kernel_shape", 1L, 1L))
            .gives(ramp(2, 1, 1, 4, 4)),
        operator("ImageDecoder", 20, "")
            .in(bytes(UINT8, shape(4), 1, 2, 3, 4))
            .out(UINT8)
            .lacking());
  }

  private static List<OperatorCase> strings() {
    return List.of(
        operator("StringConcat", 20, "")
            .in(texts("a", "", "é"))
            .in(texts("b", "c", "ü"))
            .gives(texts("ab", "c", "éü")),
        operator("StringSplit", 20, "")
            .in(texts("a b", "c"))
            .gives(PlainTensor.ofStrings(shape(2, 2), List.of("a", "b", "c", "")))
            .gives(longs(2, 1)),
        operator("RegexFullMatch", 20, "")
            .in(texts("ab1", "b", ""))
            .with(text("pattern", "[a-z]+\\d"))
            .gives(bytes(BOOL, shape(3), 1, 0, 0)),
        operator("Identity", 21, "of strings in no rows")
            .in(PlainTensor.ofStrings(shape(0, 2), List.of()))
            .gives(PlainTensor.ofStrings(shape(0, 2), List.of())),
        operator("Cast", 21, "to strings")
            .in(longs(1, -2))
            .with(integer("to", STRING.code()))
            .gives(texts("1", "-2")));
  }

  private static List<OperatorCase> numbers() {
    return List.of(
        operator("Cast", 19, "to FLOAT8E4M3FN, saturating")
            .in(floats(shape(3), 1, -1, 1000))
            .with(integer("to", FLOAT8E4M3FN.code()))
            .gives(bytes(FLOAT8E4M3FN, shape(3), 0x38, 0xb8, 0x7e)),
        operator("Cast", 19, "to FLOAT8E5M2, not saturating")
            .in(floats(shape(2), 1, 1e6f))
            .with(integer("to", ElementType.FLOAT8E5M2.code()))
            .with(integer("saturate", 0))
            .gives(bytes(ElementType.FLOAT8E5M2, shape(2), 0x3c, 0x7c)),
        operator("Cast", 21, "to INT4")
            .in(floats(shape(3), 1, 2, -1))
            .with(integer("to", INT4.code()))
            .gives(bytes(INT4, shape(3), 0x21, 0x0f)),
        operator("Cast", 21, "from UINT4")
            .in(bytes(UINT4, shape(3), 0x21, 0x0f))
            .with(integer("to", INT32.code()))
            .gives(PlainTensor.of(INT32, shape(3), MemorySegment.ofArray(new int[] {1, 2, 15}))),
        operator("Cast", 19, "to BFLOAT16")
            .in(floats(shape(2), 1, -2))
            .with(integer("to", ElementType.BFLOAT16.code()))
            .gives(shorts(ElementType.BFLOAT16, shape(2), 0x3f80, 0xc000)),
        operator("QuantizeLinear", 19, "to FLOAT8E4M3FN")
            .in(floats(shape(2), 2, -4))
            .constant(floats(shape(), 2))
            .constant(bytes(FLOAT8E4M3FN, shape(), 0))
            .gives(bytes(FLOAT8E4M3FN, shape(2), 0x38, 0xc0)),
        operator("QuantizeLinear", 21, "in blocks, to INT8")
            .in(ramp(1, 2, 4))
            .constant(floats(shape(2, 2), 1, 0.5f, 2, 0.25f))
            .constant(bytes(INT8, shape(2, 2), 0, 0, 0, 0))
            .with(integer("axis", 1))
            .with(integer("block_size", 2))
            .gives(bytes(INT8, shape(2, 4), 0, 1, 4, 6, 2, 2, 24, 28)),
        operator("QuantizeLinear", 21, "to UINT16")
            .in(floats(shape(2), 0, 40000))
            .constant(floats(shape(), 1))
            .constant(shorts(UINT16, shape(), 1))
            .gives(shorts(UINT16, shape(2), 1, 40001)),
        operator("QuantizeLinear", 21, "to INT4")
            .in(floats(shape(3), 1, 20, -3))
            .constant(floats(shape(), 1))
            .constant(bytes(INT4, shape(), 0))
            .gives(bytes(INT4, shape(3), 0x71, 0x0d)),
        operator("DequantizeLinear", 21, "of INT4 in blocks")
            .in(bytes(INT4, shape(1, 4), 0x21, 0xf3))
            .constant(floats(shape(1, 2), 2, 3))
            .with(integer("axis", 1))
            .with(integer("block_size", 2))
            .gives(floats(shape(1, 4), 2, 4, 9, -3)),
        operator("DequantizeLinear", 21, "of UINT16")
            .in(shorts(UINT16, shape(2), 3, 60000))
            .constant(floats(shape(), 0.5f))
            .gives(floats(shape(2), 1.5f, 30000)));
  }

  private static List<OperatorCase> layers() {
    PlainTensor rows = ramp(0.5f, 2, 4);
    return List.of(
        operator("GroupNormalization", 18, "")
            .rows()
            .in(ramp(1, 2, 2, 2))
            .constant(floats(shape(1), 2))
            .constant(floats(shape(1), 1))
            .with(integer("num_groups", 1))
            .out(FLOAT),
        operator("GroupNormalization", 21, "with a scale for each channel")
            .rows()
            .in(ramp(1, 2, 2, 2))
            .constant(floats(shape(2), 2, 3))
            .constant(floats(shape(2), 1, 0))
            .with(integer("num_groups", 2))
            .gives(floats(shape(2, 2, 2), normalized())),
        operator("RMSNormalization", 23, "")
            .rows()
            .in(rows)
            .constant(floats(shape(4), 1, 1, 1, 1))
            .with(decimal("epsilon", 0))
            .gives(floats(shape(2, 4), rootMeanSquare(rows))),
        operator("RotaryEmbedding", 23, "by a quarter turn")
            .in(ramp(1, 1, 1, 1, 4))
            .constant(floats(shape(1, 2), 0, 0))
            .constant(floats(shape(1, 2), 1, 1))
            .constant(PlainTensor.of(INT64, shape(1, 1), longs(0).data()))
            .gives(floats(shape(1, 1, 1, 4), -2, -3, 0, 1)),
        operator("Attention", 23, "of equal keys")
            .in(ramp(1, 1, 1, 1, 2))
            .in(floats(shape(1, 1, 2, 2), 1, 1, 1, 1))
            .in(floats(shape(1, 1, 2, 2), 2, 4, 6, 8))
            .gives(floats(shape(1, 1, 1, 2), 4, 6)),
        operator("DFT", 20, "of a real signal")
            .in(floats(shape(1, 4, 1), 1, 0, 0, 0))
            .none()
            .constant(PlainTensor.of(INT64, shape(), longs(1).data()))
            .gives(floats(shape(1, 4, 2), 1, 0, 1, 0, 1, 0, 1, 0)),
        operator("DFT", 20, "one-sided")
            .in(ramp(1, 1, 4, 1))
            .none()
            .constant(PlainTensor.of(INT64, shape(), longs(1).data()))
            .with(integer("onesided", 1))
            .gives(floats(shape(1, 3, 2), 6, 0, -2, 2, -2, 0)),
        operator("LSTM", 22, "")
            .in(ramp(0.1f, 3, 1, 2))
            .constant(ramp(0.1f, 1, 4, 2))
            .constant(ramp(0.1f, 1, 4, 1))
            .with(integer("hidden_size", 1))
            .out(FLOAT));
  }

  /** Every element type as a scalar, a vector and an empty matrix, out as it came in. */
  private static List<OperatorCase> types() {
    List<OperatorCase> cases = new ArrayList<>();
    for (ElementType type : ElementType.values()) {
      for (Shape shape : List.of(shape(), shape(3), shape(0, 2))) {
        int count = Math.toIntExact(shape.elementCount());
        OperatorCase each = operator("Identity", 25, "of " + type + shape);
        if (LACKING.contains(type)) {
          each.in(bytes(type, shape, new int[size(type, count)])).out(type);
          String complex = "tensor(" + type.name().toLowerCase(Locale.ROOT) + ") is not";
          cases.add(type.bits() < 8 ? each.lacking() : each.lacking(complex));
          continue;
        }
        int[] ones = new int[type == STRING ? 0 : size(type, count)];
        Arrays.fill(ones, 1);
        PlainTensor tensor =
            type == STRING
                ? PlainTensor.ofStrings(shape, Collections.nCopies(count, "é"))
                : bytes(type, shape, ones);
        cases.add(each.in(tensor).gives(tensor));
      }
    }
    return cases;
  }

  private static int size(ElementType type, int count) {
    return Math.toIntExact(type.byteSize(count));
  }

  /** Each channel of two numbers x, x + 1 is -1, 1 without its scale and bias, but for epsilon. */
  private static float[] normalized() {
    float one = (float) (0.5 / Math.sqrt(0.25 + 1e-5));
    return new float[] {
      1 - 2 * one, 1 + 2 * one, -3 * one, 3 * one, 1 - 2 * one, 1 + 2 * one, -3 * one, 3 * one
    };
  }

  private static float[] rootMeanSquare(PlainTensor rows) {
    float[] values = rows.data().toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
    for (int row = 0; row < values.length; row += 4) {
      double sum = 0;
      for (int i = row; i < row + 4; i++) {
        sum += values[i] * values[i];
      }
      for (int i = row; i < row + 4; i++) {
        values[i] /= (float) Math.sqrt(sum / 4);
      }
    }
    return values;
  }
}
