package dev.sluice.converter.build;

import static dev.sluice.bindings.ElementType.FLOAT;
import static dev.sluice.bindings.ElementType.INT64;
import static dev.sluice.bindings.ElementType.INT8;
import static dev.sluice.converter.build.OnnxGraphs.decimal;
import static dev.sluice.converter.build.OnnxGraphs.integer;
import static dev.sluice.converter.build.OnnxGraphs.integers;
import static dev.sluice.converter.build.OnnxGraphs.text;
import static dev.sluice.converter.build.OperatorCase.bytes;
import static dev.sluice.converter.build.OperatorCase.floats;
import static dev.sluice.converter.build.OperatorCase.longs;
import static dev.sluice.converter.build.OperatorCase.operator;
import static dev.sluice.converter.build.PlainTensor.normal;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.bindings.HandleLedger;
import dev.sluice.bindings.NativeException;
import dev.sluice.converter.graph.OpsetUpgrade;
import dev.sluice.converter.graph.Rewrite;
import dev.sluice.converter.onnx.proto.Onnx.ModelProto;
import dev.sluice.engine.Shape;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.FieldSource;

/** Operator sets up to 22: what operators of 13 and later become, and those before it, too. */
class LaterUpgradeTest {
  private static final long SEED = 9;
  private static final long TO = OpsetUpgrade.BRAIN_LAYERS;

  /** All but a BatchNormalization that gives statistics. */
  static final List<OperatorCase> EARLIER =
      Stream.of(OpsetUpgradeCases.needed(), OpsetUpgradeCases.equal())
          .flatMap(List::stream)
          .filter(each -> !each.toString().endsWith("with its statistics"))
          .toList();

  static final List<OperatorCase> NEEDED = needed();
  static final List<OperatorCase> EQUAL = equal();

  @AfterEach
  void nothingIsLeftOpen() {
    assertThat(HandleLedger.snapshot().sites()).isEmpty();
  }

  private static Stream<Integer> versions(int first, int before) {
    return IntStream.range(first, before).boxed();
  }

  private static List<OperatorCase> needed() {
    PlainTensor x = normal(SEED, 2, 4, 6);
    PlainTensor image = normal(SEED, 1, 2, 8, 8);
    List<OperatorCase> cases = new ArrayList<>();
    for (String op : List.of("L1", "L2", "LogSumExp", "Max", "Mean", "Min", "Prod", "SumSquare")) {
      versions(13, 18)
          .forEach(version ->
              cases.add(
                  operator("Reduce" + op, version, "")
                      .in(x)
                      .with(integers("axes", -1L, 0L))
                      .with(integer("keepdims", 0))
                      .out(FLOAT)));
    }
    cases.add(
        operator("ReduceLogSum", 13, "")
            .in(floats(Shape.of(2, 2), 1, 2, 3, 4))
            .with(integers("axes", 1L))
            .out(FLOAT));
    versions(13, 18)
        .forEach(version ->
            cases.add(
                operator("Split", version, "in halves")
                    .rows()
                    .in(x)
                    .with(integer("axis", 1))
                    .out(FLOAT)
                    .out(FLOAT)));
    for (String mode : List.of("avg", "max")) {
      cases.add(
          operator("RoiAlign", 15, mode)
              .in(image)
              .in(floats(Shape.of(2, 4), 0.5f, 1, 5, 6, 2, 0, 7.5f, 3))
              .in(longs(0, 0))
              .with(text("mode", mode))
              .with(integer("output_height", 3))
              .with(integer("output_width", 2))
              .out(FLOAT));
    }
    for (String mode : List.of("bilinear", "bicubic")) {
      versions(16, 20)
          .forEach(version ->
              cases.add(
                  operator("GridSample", version, mode)
                      .in(image)
                      .in(normal(SEED + 1, 1, 3, 5, 2))
                      .with(text("mode", mode))
                      .out(FLOAT)));
    }
    PlainTensor signal = normal(SEED, 2, 6, 4, 1);
    cases.add(operator("DFT", 17, "of the first axis").in(signal).out(FLOAT));
    cases.add(operator("DFT", 19, "of an axis").in(signal).with(integer("axis", 2)).out(FLOAT));
    cases.add(
        operator("DFT", 18, "of a length")
            .in(signal)
            .constant(PlainTensor.of(INT64, Shape.of(), longs(5).data()))
            .with(integer("onesided", 1))
            .out(FLOAT));
    return cases;
  }

  /** What is written alike and means the same. */
  private static List<OperatorCase> equal() {
    PlainTensor x = normal(SEED, 2, 4, 6);
    PlainTensor image = normal(SEED, 1, 2, 7, 7);
    List<OperatorCase> cases = new ArrayList<>();
    versions(13, 22)
        .forEach(version -> {
          for (String op : List.of("MaxPool", "AveragePool", "LpPool")) {
            for (int pads = 0; pads < 2; pads++) {
              OperatorCase pool =
                  operator(op, version, pads + " padded")
                      .in(image)
                      .with(integers("kernel_shape", 3L, 3L))
                      .with(integers("strides", 2L, 2L))
                      .with(integers("pads", (long) pads, 0L, 1L, (long) pads));
              cases.add(pool.out(FLOAT));
            }
          }
          cases.add(
              operator("AveragePool", version, "past the end")
                  .in(normal(SEED, 1, 2, 8, 8))
                  .with(integers("kernel_shape", 3L, 3L))
                  .with(integers("strides", 2L, 2L))
                  .with(integer("ceil_mode", 1))
                  .out(FLOAT));
          cases.add(operator("ReduceMax", version, "of all").in(x).out(FLOAT));
          cases.add(
              operator("Split", version, "by extents")
                  .in(x)
                  .constant(longs(1, 3))
                  .with(integer("axis", 1))
                  .out(FLOAT)
                  .out(FLOAT));
          cases.add(
              operator("Pad", version, "").in(x).constant(longs(0, 1, 0, 0, 0, 2)).out(FLOAT));
          cases.add(
              operator("QuantizeLinear", version, "")
                  .in(x)
                  .constant(floats(Shape.of(4), 0.02f, 0.03f, 0.01f, 0.05f))
                  .constant(bytes(INT8, Shape.of(4), 0, 0, 3, 0))
                  .with(integer("axis", 1))
                  .out(INT8));
          cases.add(norm(version).out(FLOAT));
        });
    resizes(cases);
    cases.add(
        operator("GridSample", 16, "nearest")
            .in(image)
            .in(normal(SEED + 1, 1, 3, 5, 2))
            .with(text("mode", "nearest"))
            .out(FLOAT));
    cases.add(
        operator("RoiAlign", 16, "as it says")
            .in(image)
            .in(floats(Shape.of(1, 4), 0.5f, 1, 5, 6))
            .in(longs(0))
            .with(text("coordinate_transformation_mode", "half_pixel"))
            .out(FLOAT));
    return cases;
  }

  private static void resizes(List<OperatorCase> cases) {
    PlainTensor image = normal(SEED, 1, 2, 7, 7);
    versions(13, 22)
        .forEach(version -> {
          for (String mode : List.of("nearest", "linear", "cubic")) {
            for (String pixels : List.of("half_pixel", "align_corners", "pytorch_half_pixel")) {
              cases.add(
                  operator("Resize", version, mode + " " + pixels)
                      .in(image)
                      .none()
                      .constant(floats(Shape.of(4), 1, 1, 1.7f, 0.6f))
                      .with(text("mode", mode))
                      .with(text("coordinate_transformation_mode", pixels))
                      .out(FLOAT));
            }
          }
          cases.add(
              operator("Resize", version, "to sizes")
                  .in(image)
                  .none()
                  .none()
                  .constant(longs(1, 2, 5, 9))
                  .out(FLOAT));
        });
  }

  private static OperatorCase norm(int version) {
    return operator("BatchNormalization", version, "")
        .in(normal(SEED, 2, 3, 5))
        .constant(normal(SEED + 1, 3))
        .constant(normal(SEED + 2, 3))
        .constant(normal(SEED + 3, 3))
        .constant(floats(Shape.of(3), 1, 0.5f, 2));
  }

  /** ONNX Runtime 1.29.0 has no RoiAlign of version 22 on the CPU. */
  private static long highest(OperatorCase each) {
    return each.toString().startsWith("RoiAlign") ? OpsetUpgrade.HALF_SCALES : TO;
  }

  @ParameterizedTest
  @FieldSource("EARLIER")
  void earlierNodesPassAllVersions(OperatorCase each) throws Exception {
    OpsetUpgrades.proven(each.graph().model(), each.inputs(), TO);
  }

  @ParameterizedTest
  @FieldSource("NEEDED")
  void nodesThatWouldDoSomethingElseAreChanged(OperatorCase each) throws Exception {
    ModelProto model = each.graph().model();
    Rewrite.Result result = OpsetUpgrades.proven(model, each.inputs(), highest(each));
    assertThat(result.changes()).hasSize(2);
    ModelProto.Builder number = model.toBuilder();
    number.getOpsetImportBuilder(0).setVersion(highest(each));
    String problem;
    try {
      problem = OpsetUpgrades.difference(number.build(), model, each.inputs());
    } catch (NativeException e) {
      problem = e.getMessage();
    }
    assertThat(problem).as("what is wrong with the number alone").isNotEmpty();
  }

  @ParameterizedTest
  @FieldSource("EQUAL")
  void nodesThatDoTheSameGiveTheSame(OperatorCase each) throws Exception {
    OpsetUpgrades.proven(each.graph().model(), each.inputs(), highest(each));
  }

  /** Each version on the way is one that a model can stop at. */
  @Test
  void theFormatGoesWithTheVersion() throws Exception {
    Map<Integer, Long> formats = Map.of(13, 7L, 14, 7L, 15, 8L, 18, 8L, 19, 9L, 20, 9L, 22, 10L);
    for (Map.Entry<Integer, Long> entry : formats.entrySet()) {
      ModelProto model = OnnxGraphs.matMul(6).opset(12).irVersion(3).model();
      ModelProto later =
          OpsetUpgrades.proven(model, List.of(normal(SEED, 2, 20)), entry.getKey()).graph().model();
      assertThat(later.getIrVersion()).as("of %s", entry.getKey()).isEqualTo(entry.getValue());
    }
  }

  @Test
  void versionsThatAreNotKnownAreRefused() {
    for (long version : new long[] {12, 23}) {
      assertThatThrownBy(() -> new OpsetUpgrade(OpsetUpgrades.FILE, version))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("models are not raised to operator set " + version);
    }
  }

  @Test
  void groupsBecomeChannels() throws Exception {
    OnnxGraphs graph =
        new OnnxGraphs()
            .opset(18)
            .input("x", FLOAT, "N", 6, 5)
            .output("y", FLOAT, "N", 6, 5)
            .weights("factor", SEED, 2)
            .weights("summand", SEED + 1, 2)
            .node(
                "GroupNormalization",
                List.of("x", "factor", "summand"),
                List.of("y"),
                integer("num_groups", 2),
                decimal("epsilon", 0.01f));
    PlainTensor x = normal(SEED, 2, 6, 5);
    assertThat(OpsetUpgrades.proven(graph.model(), List.of(x), TO).changes())
        .contains("'GroupNormalization0' (GroupNormalization) scales each channel");
  }

  @Test
  void statisticsThatSomebodyTakesAreRefused() throws Exception {
    OperatorCase statistics = norm(13);
    IntStream.range(0, 5).forEach(_ -> statistics.out(FLOAT));
    OpsetUpgrades.refuses(
        statistics.graph().model(),
        TO,
        "the node 'BatchNormalization0' (BatchNormalization) has its statistics 'y1' taken");
  }
}
