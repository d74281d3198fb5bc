package dev.sluice.converter.build;

import static dev.sluice.bindings.ElementType.DOUBLE;
import static dev.sluice.bindings.ElementType.FLOAT;
import static dev.sluice.bindings.ElementType.INT64;
import static dev.sluice.bindings.ElementType.INT8;
import static dev.sluice.bindings.ElementType.UINT8;
import static dev.sluice.converter.build.OnnxGraphs.decimal;
import static dev.sluice.converter.build.OnnxGraphs.decimals;
import static dev.sluice.converter.build.OnnxGraphs.integer;
import static dev.sluice.converter.build.OnnxGraphs.integers;
import static dev.sluice.converter.build.OnnxGraphs.text;
import static dev.sluice.converter.build.OperatorCase.bytes;
import static dev.sluice.converter.build.OperatorCase.floats;
import static dev.sluice.converter.build.OperatorCase.longs;
import static dev.sluice.converter.build.OperatorCase.operator;
import static dev.sluice.converter.build.PlainTensor.normal;
import static dev.sluice.converter.build.PlainTensor.numbers;

import dev.sluice.bindings.ElementType;
import dev.sluice.converter.onnx.proto.Onnx.AttributeProto;
import dev.sluice.engine.Shape;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/** The cases of {@link OpsetUpgradeTest}. */
final class OpsetUpgradeCases {
  private static final long SEED = 5;

  private static final PlainTensor EMPTY = floats(Shape.of(0));
  private static final PlainTensor SIZES = longs(1, 2, 7, 8);

  private OpsetUpgradeCases() {}

  /** Nodes that are refused by a later operator set, or do something else there. */
  static List<OperatorCase> needed() {
    return Stream.of(
            bounds(), dropouts(), pads(), slices(), axes(), flattened(), resizes(), others())
        .flatMap(List::stream)
        .toList();
  }

  /** Nodes that do the same as they are. */
  static List<OperatorCase> equal() {
    return Stream.of(
            flattenedAlike(), resizesAlike(), layers(), recurrent(), elementwise(), quantized())
        .flatMap(List::stream)
        .toList();
  }

  /** One case of every version from one on that is before another. */
  private static Stream<Integer> versions(int first, int before) {
    return IntStream.range(first, before).boxed();
  }

  private static List<OperatorCase> bounds() {
    PlainTensor x = normal(SEED, 3, 4);
    List<OperatorCase> cases = new ArrayList<>();
    versions(7, 11)
        .forEach(version -> {
          AttributeProto min = decimal("min", -0.5f);
          AttributeProto max = decimal("max", 0.25f);
          cases.add(operator("Clip", version, "below").in(x).with(max).out(FLOAT));
          cases.add(operator("Clip", version, "above").in(x).with(min).out(FLOAT));
          cases.add(operator("Clip", version, "both").rows().in(x).with(min).with(max).out(FLOAT));
        });
    PlainTensor half = OperatorCase.shorts(ElementType.FLOAT16, Shape.of(3), 0x3c00, 0xc400, 0);
    cases.add(
        operator("Clip", 8, "of half precision")
            .in(half)
            .with(decimal("min", -Float.MAX_VALUE))
            .with(decimal("max", 0.5f))
            .out(ElementType.FLOAT16));
    return cases;
  }

  private static List<OperatorCase> dropouts() {
    PlainTensor x = normal(SEED, 3, 4);
    return versions(7, 12)
        .map(version ->
            operator("Dropout", version, "").in(x).with(decimal("ratio", 0.7f)).out(FLOAT))
        .toList();
  }

  private static List<OperatorCase> pads() {
    PlainTensor x = normal(SEED, 3, 4);
    PlainTensor wide = doubles(Shape.of(2, 1), 0.1, 0.2);
    List<OperatorCase> cases = new ArrayList<>();
    versions(7, 11)
        .forEach(version -> {
          AttributeProto pads = integers("pads", 1L, 0L, 0L, 2L);
          cases.add(operator("Pad", version, "").in(x).with(pads).out(FLOAT));
          cases.add(
              operator("Pad", version, "with a value")
                  .in(x)
                  .with(integers("pads", 0L, 1L, -1L, 1L))
                  .with(decimal("value", 1.5f))
                  .out(FLOAT));
          cases.add(
              operator("Pad", version, "of double precision")
                  .in(wide)
                  .with(pads)
                  .with(decimal("value", 0.1f))
                  .out(DOUBLE));
          for (String mode : List.of("reflect", "edge")) {
            cases.add(
                operator("Pad", version, mode)
                    .in(x)
                    .with(pads)
                    .with(text("mode", mode))
                    .with(decimal("value", 3))
                    .out(FLOAT));
          }
        });
    return cases;
  }

  private static PlainTensor doubles(Shape shape, double... values) {
    return PlainTensor.of(DOUBLE, shape, MemorySegment.ofArray(values));
  }

  private static List<OperatorCase> slices() {
    PlainTensor x = normal(SEED, 4, 5, 6);
    List<OperatorCase> cases = new ArrayList<>();
    versions(7, 10)
        .forEach(version -> {
          cases.add(
              operator("Slice", version, "of axes")
                  .in(x)
                  .with(integers("axes", 2L, 0L))
                  .with(integers("starts", -3L, 1L))
                  .with(integers("ends", Long.MAX_VALUE, -1L))
                  .out(FLOAT));
          cases.add(
              operator("Slice", version, "of the first axes")
                  .in(x)
                  .with(integers("starts", 1L, 0L))
                  .with(integers("ends", 3L, 1000L))
                  .out(FLOAT));
        });
    cases.add(operator("DynamicSlice", 9, "").in(x).in(longs(1, 0)).in(longs(3, 2)).out(FLOAT));
    return cases;
  }

  private static List<OperatorCase> axes() {
    PlainTensor x = normal(SEED, 4, 1, 6, 1);
    PlainTensor y = normal(SEED, 4, 6);
    List<OperatorCase> cases = new ArrayList<>();
    versions(7, 13)
        .forEach(version -> {
          cases.add(
              operator("Squeeze", version, "").in(x).with(integers("axes", 3L, 1L)).out(FLOAT));
          cases.add(
              operator("Unsqueeze", version, "").in(y).with(integers("axes", 0L, 3L)).out(FLOAT));
          cases.add(
              operator("ReduceSum", version, "").in(x).with(integers("axes", 2L, 0L)).out(FLOAT));
          cases.add(
              operator("ReduceSum", version, "without the axis")
                  .in(x)
                  .with(integers("axes", 2L))
                  .with(integer("keepdims", 0))
                  .out(FLOAT));
          cases.add(
              operator("Split", version, "")
                  .rows()
                  .in(y)
                  .with(integers("split", 1L, 5L))
                  .with(integer("axis", 1))
                  .out(FLOAT)
                  .out(FLOAT));
        });
    versions(11, 13)
        .forEach(version -> {
          AttributeProto last = integers("axes", -1L);
          cases.add(operator("Squeeze", version, "from behind").in(x).with(last).out(FLOAT));
          cases.add(operator("Unsqueeze", version, "from behind").in(x).with(last).out(FLOAT));
          cases.add(operator("ReduceSum", version, "from behind").in(x).with(last).out(FLOAT));
        });
    versions(7, 10)
        .forEach(version ->
            cases.add(
                operator("TopK", version, "").in(y).with(integer("k", 3)).out(FLOAT).out(INT64)));
    cases.add(
        operator("TopK", 9, "of the first axis")
            .in(y)
            .with(integer("k", 2))
            .with(integer("axis", 0))
            .out(FLOAT)
            .out(INT64));
    return cases;
  }

  private static List<OperatorCase> flattened() {
    List<OperatorCase> cases = new ArrayList<>();
    for (String op : List.of("Softmax", "LogSoftmax", "Hardmax")) {
      PlainTensor x = normal(SEED, 2, 3, 4);
      versions(7, 13)
          .forEach(version -> {
            cases.add(operator(op, version, "").in(x).out(FLOAT));
            cases.add(operator(op, version, "of rows").rows().in(x).out(FLOAT));
            cases.add(operator(op, version, "of all").in(x).with(integer("axis", 0)).out(FLOAT));
            cases.add(operator(op, version, "of channels").in(normal(SEED, 2, 9, 1, 1)).out(FLOAT));
          });
      versions(11, 13)
          .forEach(version ->
              cases.add(
                  operator(op, version, "from behind").in(x).with(integer("axis", -2)).out(FLOAT)));
      cases.add(
          operator(op, 9, "of the only axis that is longer")
              .in(normal(SEED, 1, 5, 1))
              .with(integer("axis", 0))
              .out(FLOAT));
    }
    return cases;
  }

  private static List<OperatorCase> flattenedAlike() {
    List<OperatorCase> cases = new ArrayList<>();
    for (String op : List.of("Softmax", "LogSoftmax", "Hardmax")) {
      versions(7, 13)
          .forEach(version -> {
            cases.add(
                operator(op, version, "of a matrix").rows().in(normal(SEED, 3, 4)).out(FLOAT));
            cases.add(
                operator(op, version, "of the last axis")
                    .in(normal(SEED, 2, 3, 4))
                    .with(integer("axis", 2))
                    .out(FLOAT));
            cases.add(
                operator(op, version, "of named channels")
                    .rows()
                    .in(normal(SEED, 2, 9, 1, 1))
                    .with(integer("axis", 1))
                    .out(FLOAT));
          });
      cases.add(
          operator(op, 12, "from behind")
              .in(normal(SEED, 2, 3, 4))
              .with(integer("axis", -1))
              .out(FLOAT));
    }
    return cases;
  }

  private static List<OperatorCase> resizes() {
    PlainTensor x = normal(SEED, 1, 2, 5, 6);
    List<OperatorCase> cases = new ArrayList<>();
    for (String mode : List.of("nearest", "linear")) {
      AttributeProto with = text("mode", mode);
      versions(7, 9)
          .forEach(version ->
              cases.add(
                  operator("Upsample", version, mode)
                      .in(x)
                      .with(with)
                      .with(decimals("scales", 1f, 1f, 2f, 1.7f))
                      .out(FLOAT)));
      PlainTensor grows = floats(Shape.of(4), 1, 1, 2, 1.7f);
      cases.add(operator("Upsample", 9, mode).in(x).constant(grows).with(with).out(FLOAT));
      cases.add(
          operator("Upsample", 9, mode + " by an input").in(x).in(grows).with(with).out(FLOAT));
      for (float[] scales :
          new float[][] {{1, 1, 2, 1.7f}, {1, 1, 0.6f, 0.45f}, {1, 1, 0.6f, 1.7f}, {1, 1, 1, 1}}) {
        PlainTensor given = floats(Shape.of(4), scales);
        String what = mode + " by " + scales[2] + " x " + scales[3];
        cases.add(operator("Resize", 10, what).in(x).constant(given).with(with).out(FLOAT));
        cases.add(operator("Resize", 10, what + " in").in(x).in(given).with(with).out(FLOAT));
      }
    }
    versions(11, 13)
        .forEach(version -> cases.add(sized(version).in(EMPTY).constant(SIZES).out(FLOAT)));
    return cases;
  }

  private static OperatorCase sized(int version) {
    return operator("Resize", version, "to sizes").in(normal(SEED, 1, 2, 5, 6)).constant(EMPTY);
  }

  private static List<OperatorCase> resizesAlike() {
    List<OperatorCase> cases = new ArrayList<>();
    versions(11, 13)
        .forEach(version -> {
          cases.add(sized(version).constant(EMPTY).constant(SIZES).out(FLOAT));
          cases.add(sized(version).constant(floats(Shape.of(4), 1, 1, 2, 0.7f)).out(FLOAT));
        });
    return cases;
  }

  private static List<OperatorCase> others() {
    List<OperatorCase> cases = new ArrayList<>();
    versions(7, 9)
        .forEach(version -> {
          cases.add(norm(version, "", 3).with(integer("spatial", 1)).out(FLOAT));
          cases.add(norm(version, "by element", 3, 2, 5).with(integer("spatial", 0)).out(FLOAT));
        });
    versions(9, 11)
        .forEach(version -> {
          OperatorCase first = operator("Scatter", version, "").in(normal(SEED, 3, 3));
          cases.add(
              first
                  .in(PlainTensor.of(INT64, Shape.of(2, 3), longs(1, 0, 2, 0, 2, 1).data()))
                  .in(normal(SEED + 1, 2, 3))
                  .out(FLOAT));
          cases.add(
              operator("Scatter", version, "of columns")
                  .in(normal(SEED, 1, 5))
                  .in(PlainTensor.of(INT64, Shape.of(1, 2), longs(1, 3).data()))
                  .in(normal(SEED + 1, 1, 2))
                  .with(integer("axis", 1))
                  .out(FLOAT));
        });
    return cases;
  }

  private static OperatorCase norm(int version, String what, long... parameters) {
    OperatorCase each = operator("BatchNormalization", version, what).in(normal(SEED, 2, 3, 2, 5));
    for (int i = 1; i < 4; i++) {
      each.constant(normal(SEED + i, parameters));
    }
    PlainTensor deviation = normal(SEED + 4, parameters);
    float[] variance = new float[Math.toIntExact(deviation.shape().elementCount())];
    for (int i = 0; i < variance.length; i++) {
      variance[i] = 1 + i % 4;
    }
    return each.constant(floats(deviation.shape(), variance));
  }

  private static List<OperatorCase> layers() {
    PlainTensor image = normal(SEED, 1, 2, 6, 7);
    List<OperatorCase> cases = new ArrayList<>();
    versions(7, 13)
        .forEach(version -> {
          cases.add(norm(version, "plain", 3).out(FLOAT));
          OperatorCase statistics = norm(version, "with its statistics", 3);
          IntStream.range(0, 5).forEach(_ -> statistics.out(FLOAT));
          cases.add(statistics);
          cases.add(
              operator("Gemm", version, "")
                  .in(normal(SEED, 3, 4))
                  .constant(normal(SEED + 1, 5, 4))
                  .constant(normal(SEED + 2, 5))
                  .with(integer("transB", 1))
                  .out(FLOAT));
          for (String side : List.of("SAME_UPPER", "SAME_LOWER")) {
            AttributeProto same = text("auto_pad", side);
            AttributeProto strides = integers("strides", 2L, 2L);
            cases.add(
                operator("ConvTranspose", version, side)
                    .in(image)
                    .constant(normal(SEED + 1, 2, 3, 3, 3))
                    .with(same)
                    .with(strides)
                    .out(FLOAT));
            cases.add(
                operator("MaxPool", version, side)
                    .in(image)
                    .with(integers("kernel_shape", 2L, 2L))
                    .with(same)
                    .with(strides)
                    .out(FLOAT));
          }
        });
    versions(10, 13)
        .forEach(version -> {
          for (String op : List.of("MaxPool", "AveragePool")) {
            cases.add(
                operator(op, version, "rounded up")
                    .in(image)
                    .with(integers("kernel_shape", 3L, 3L))
                    .with(integers("strides", 2L, 2L))
                    .with(integers("pads", 1L, 0L, 0L, 1L))
                    .with(integer("ceil_mode", 1))
                    .out(FLOAT));
          }
        });
    return cases;
  }

  private static List<OperatorCase> recurrent() {
    List<OperatorCase> cases = new ArrayList<>();
    String[] ops = {"RNN", "GRU", "LSTM"};
    long[] gates = {1, 3, 4};
    versions(7, 13)
        .forEach(version -> {
          for (int i = 0; i < ops.length; i++) {
            cases.add(
                operator(ops[i], version, "")
                    .in(normal(SEED, 5, 2, 3))
                    .constant(normal(SEED + 1, 1, 4 * gates[i], 3))
                    .constant(normal(SEED + 2, 1, 4 * gates[i], 4))
                    .with(integer("hidden_size", 4))
                    .out(FLOAT)
                    .out(FLOAT));
          }
        });
    return cases;
  }

  private static List<OperatorCase> elementwise() {
    PlainTensor x = normal(SEED, 2, 3, 4);
    List<OperatorCase> cases = new ArrayList<>();
    versions(7, 13)
        .forEach(version -> {
          cases.add(operator("Add", version, "").in(x).in(normal(SEED + 1, 3, 1)).out(FLOAT));
          cases.add(
              operator("Cast", version, "").in(x).with(integer("to", INT64.code())).out(INT64));
          cases.add(operator("Clip", version, "without bounds").in(x).out(FLOAT));
          cases.add(operator("Dropout", version, "without a ratio").in(x).out(FLOAT));
          cases.add(operator("PRelu", version, "").in(x).constant(normal(SEED, 3, 1)).out(FLOAT));
          cases.add(
              operator("ReduceMean", version, "").in(x).with(integers("axes", 1L)).out(FLOAT));
          cases.add(operator("ReduceSum", version, "of all").in(x).out(FLOAT));
          cases.add(operator("Split", version, "in halves").in(x).out(FLOAT).out(FLOAT));
          cases.add(operator("Squeeze", version, "all").in(normal(SEED, 1, 3, 1)).out(FLOAT));
        });
    versions(9, 13)
        .forEach(version ->
            cases.add(
                operator("OneHot", version, "")
                    .in(longs(2, -1, 0, 7))
                    .constant(longs(3))
                    .constant(floats(Shape.of(2), -1, 1))
                    .out(FLOAT)));
    return cases;
  }

  private static List<OperatorCase> quantized() {
    List<OperatorCase> cases = new ArrayList<>();
    versions(10, 13)
        .forEach(version -> {
          for (Shape one : List.of(Shape.of(), Shape.of(1))) {
            cases.add(
                operator("QuantizeLinear", version, "by " + one)
                    .in(normal(SEED, 2, 3, 4))
                    .constant(floats(one, 0.02f))
                    .constant(bytes(INT8, one, 3))
                    .out(INT8));
            cases.add(
                operator("DequantizeLinear", version, "by " + one)
                    .in(bytes(UINT8, Shape.of(3), 0, 128, 255))
                    .constant(floats(one, 0.02f))
                    .constant(bytes(UINT8, one, 128))
                    .out(FLOAT));
          }
        });
    cases.add(operator("TopK", 10, "").in(normal(SEED, 9)).in(longs(2)).out(FLOAT).out(INT64));
    cases.add(operator("Gather", 9, "").in(normal(SEED, 9)).in(numbers(SEED, 9, 4)).out(FLOAT));
    return cases;
  }
}
