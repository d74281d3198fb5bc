package dev.sluice.converter.build;

import static dev.sluice.bindings.ElementType.BOOL;
import static dev.sluice.bindings.ElementType.FLOAT;
import static dev.sluice.bindings.ElementType.INT64;
import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.ByteString;
import dev.sluice.converter.graph.FlopCount;
import dev.sluice.converter.graph.FlopCount.Layer;
import dev.sluice.converter.onnx.ModelReader;
import dev.sluice.converter.onnx.proto.Onnx.AttributeProto;
import dev.sluice.converter.onnx.proto.Onnx.FunctionProto;
import dev.sluice.converter.onnx.proto.Onnx.NodeProto;
import dev.sluice.converter.onnx.proto.Onnx.OperatorSetIdProto;
import dev.sluice.converter.onnx.proto.Onnx.TensorProto;
import dev.sluice.engine.Shape;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Operations of what is inside of nodes: functions of the model, branches and loops. */
class FlopsInsideTest {
  private static FlopCount count(OnnxGraphs graph) throws Exception {
    byte[] bytes = graph.model().toByteArray();
    return FlopCount.of(ModelReader.read(Path.of("m.onnx"), bytes), Map.of());
  }

  private static FunctionProto.Builder function(String name, List<String> in, List<String> out) {
    return FunctionProto.newBuilder()
        .setName(name)
        .setDomain("own")
        .addAllInput(in)
        .addAllOutput(out)
        .addOpsetImport(OperatorSetIdProto.newBuilder().setVersion(17))
        .addOpsetImport(OperatorSetIdProto.newBuilder().setDomain("own").setVersion(1));
  }

  private static NodeProto node(
      String op, List<String> inputs, List<String> outputs, AttributeProto... attributes) {
    int split = op.lastIndexOf("::");
    return NodeProto.newBuilder()
        .setName(outputs.getFirst() + "_node")
        .setOpType(op.substring(split < 0 ? 0 : split + 2))
        .setDomain(split < 0 ? "" : op.substring(0, split))
        .addAllInput(inputs)
        .addAllOutput(outputs)
        .addAllAttribute(List.of(attributes))
        .build();
  }

  private static AttributeProto reference(
      String name, String to, AttributeProto.AttributeType type) {
    return AttributeProto.newBuilder().setName(name).setType(type).setRefAttrName(to).build();
  }

  private static AttributeProto graph(String name, OnnxGraphs graph) {
    return AttributeProto.newBuilder()
        .setName(name)
        .setType(AttributeProto.AttributeType.GRAPH)
        .setG(graph.model().getGraph())
        .build();
  }

  private static TensorProto bool(String name, boolean value) {
    return TensorProto.newBuilder()
        .setName(name)
        .setDataType(BOOL.code())
        .setRawData(ByteString.copyFrom(new byte[] {(byte) (value ? 1 : 0)}))
        .build();
  }

  @Test
  void aFunctionIsCountedAtTheShapesOfEachCall() throws Exception {
    OnnxGraphs graph =
        new OnnxGraphs()
            .domain("own", 1)
            .input("x", FLOAT, 5, 20)
            .output("z", FLOAT, 5, 7)
            .weights("v", 1, 20, 30)
            .weights("w", 2, 30, 7)
            .function(
                function("Layer", List.of("a", "k", "bias"), List.of("r"))
                    .addNode(node("MatMul", List.of("a", "k"), List.of("p")))
                    .addNode(node("Relu", List.of("p"), List.of("r")))
                    .build())
            .named("first", "own::Layer", List.of("x", "v"), List.of("y"))
            .named("second", "own::Layer", List.of("y", "w", ""), List.of("z"));
    FlopCount counted = count(graph);
    assertThat(counted.notCounted()).isEmpty();
    assertThat(counted.layers())
        .containsExactly(
            new Layer("first/p_node", "MatMul", Shape.of(5, 30), 1, 2L * 5 * 20 * 30, 600),
            new Layer("second/p_node", "MatMul", Shape.of(5, 7), 1, 2L * 5 * 30 * 7, 210),
            new Layer("first/r_node", "Relu", Shape.of(5, 30), 1, 150, 0),
            new Layer("second/r_node", "Relu", Shape.of(5, 7), 1, 35, 0));
    assertThat(counted.perOperator())
        .containsExactly(
            Map.entry("MatMul", 2L * 5 * 30 * (20 + 7)), Map.entry("Relu", 5L * (30 + 7)));
  }

  /** The call's attribute, the function's own default, and an input that the call leaves out. */
  @Test
  void attributesAndInputsAreThoseOfTheCall() throws Exception {
    FunctionProto pool =
        function("Pool", List.of("a", "most"), List.of("r"))
            .addAttribute("kernel")
            .addAttributeProto(OnnxGraphs.integers("steps", 2L))
            .addNode(
                node(
                    "MaxPool",
                    List.of("a"),
                    List.of("p"),
                    reference("kernel_shape", "kernel", AttributeProto.AttributeType.INTS),
                    reference("strides", "steps", AttributeProto.AttributeType.INTS),
                    reference("pads", "rim", AttributeProto.AttributeType.INTS)))
            .addNode(node("Clip", List.of("p", "", "most"), List.of("r")))
            .build();
    OnnxGraphs graph =
        new OnnxGraphs()
            .domain("own", 1)
            .input("x", FLOAT, 1, 4, 21)
            .output("y", FLOAT, 1, 4, 10)
            .function(pool)
            .named(
                "call", "own::Pool", List.of("x"), List.of("y"), OnnxGraphs.integers("kernel", 3L));
    FlopCount counted = count(graph);
    assertThat(counted.notCounted()).isEmpty();
    assertThat(counted.total()).isEqualTo(4 * 10 * 3 + 4 * 10);
  }

  /** A function inside of a function, of a shape that the caller computes from another one. */
  @Test
  void shapesThatTheCallerComputesAreKnown() throws Exception {
    OnnxGraphs graph =
        new OnnxGraphs()
            .domain("own", 1)
            .input("x", FLOAT, 6, 4)
            .output("y", FLOAT, "a", "b")
            .numbers("tail", -1)
            .numbers("zero", 0)
            .function(
                function("Outer", List.of("a", "s"), List.of("r"))
                    .addNode(node("own::Inner", List.of("a", "s"), List.of("q")))
                    .addNode(node("Tanh", List.of("q"), List.of("r")))
                    .build())
            .function(
                function("Inner", List.of("a", "s"), List.of("r"))
                    .addNode(node("Reshape", List.of("a", "s"), List.of("r")))
                    .build())
            .node("Shape", List.of("x"), List.of("dims"))
            .node("Gather", List.of("dims", "zero"), List.of("rows"))
            .node("Concat", List.of("rows", "tail"), List.of("s"), OnnxGraphs.integer("axis", 0))
            .named("call", "own::Outer", List.of("x", "s"), List.of("y"));
    FlopCount counted = count(graph);
    assertThat(counted.notCounted()).isEmpty();
    assertThat(counted.heaviest(5))
        .containsExactly(new Layer("call/r_node", "Tanh", Shape.of(6, 4), 1, 24, 0));
  }

  private static OnnxGraphs branch(String output, String op, int repeats) {
    OnnxGraphs graph = new OnnxGraphs().output(output, FLOAT, 3, 4);
    for (int i = 0; i < repeats; i++) {
      boolean last = i + 1 == repeats;
      graph.node(op, List.of(i == 0 ? "x" : "v" + i), List.of(last ? output : "v" + (i + 1)));
    }
    return graph;
  }

  private static OnnxGraphs choice(OnnxGraphs then, OnnxGraphs otherwise) {
    return new OnnxGraphs()
        .input("x", FLOAT, 3, 4)
        .output("y", FLOAT, 3, 4)
        .named(
            "choice",
            "If",
            List.of("condition"),
            List.of("y"),
            graph("then_branch", then),
            graph("else_branch", otherwise));
  }

  @Test
  void ofAnIfTheHeavierBranch() throws Exception {
    FlopCount counted =
        count(choice(branch("t", "Tanh", 1), branch("e", "Exp", 3)).input("condition", BOOL));
    assertThat(counted.total()).isEqualTo(3 * 12);
    assertThat(counted.layers()).extracting(Layer::name).contains("choice/Exp2");
    assertThat(counted.remarks())
        .containsExactly("'choice' (If): counted is the heavier branch, else_branch");
    FlopCount alike =
        count(choice(branch("t", "Tanh", 2), branch("e", "Exp", 2)).input("condition", BOOL));
    assertThat(alike.perOperator()).containsExactly(Map.entry("Tanh", 24L));
    assertThat(alike.remarks())
        .containsExactly("'choice' (If): both branches take as much, counted is one");
  }

  @Test
  void ofAnIfThatIsSettledTheBranchThatRuns() throws Exception {
    OnnxGraphs graph = choice(branch("t", "Tanh", 1), branch("e", "Exp", 3));
    FlopCount counted = count(graph.initializer(bool("condition", true)));
    assertThat(counted.total()).isEqualTo(12);
    assertThat(counted.remarks())
        .containsExactly("'choice' (If): its condition is always true, counted is the then_branch");
  }

  @Test
  void whatIsNotKnownOfEitherBranchIsTold() throws Exception {
    OnnxGraphs odd =
        new OnnxGraphs()
            .output("t", FLOAT, 3, 4)
            .constant("two", "two", false, 2)
            .named("rare", "TopK", List.of("x", "two"), List.of("best", "where"))
            .node("Tanh", List.of("x"), List.of("t"));
    FlopCount counted = count(choice(odd, branch("e", "Exp", 3)).input("condition", BOOL));
    assertThat(counted.total()).isEqualTo(3 * 12);
    assertThat(counted.notCounted())
        .containsExactly("'choice/rare' (TopK): of this operator nothing is known here");
  }

  /** Adds x to what is carried on; what it gives besides is the product of that with w. */
  private static OnnxGraphs body(String goesOn) {
    return new OnnxGraphs()
        .input("i", INT64)
        .input("before", BOOL)
        .input("sum", FLOAT, 3, 4)
        .output(goesOn, BOOL)
        .output("more", FLOAT, 3, 4)
        .output("seen", FLOAT, 3, 5)
        .node("Identity", List.of("before"), List.of("after"))
        .node("Add", List.of("sum", "x"), List.of("more"))
        .node("MatMul", List.of("more", "w"), List.of("seen"));
  }

  private static OnnxGraphs loop(OnnxGraphs body, String most, String condition) {
    return new OnnxGraphs()
        .input("x", FLOAT, 3, 4)
        .output("last", FLOAT, 3, 4)
        .output("all", FLOAT, "n", 3, 5)
        .weights("w", 1, 4, 5)
        .named(
            "loop",
            "Loop",
            List.of(most, condition, "x"),
            List.of("last", "all"),
            graph("body", body));
  }

  @Test
  void aLoopTimesItsTrips() throws Exception {
    FlopCount counted = count(loop(body("after"), "most", "").constant("most", "most", true, 7));
    assertThat(counted.notCounted()).isEmpty();
    assertThat(counted.heaviest(9))
        .containsExactly(
            new Layer("loop/MatMul2", "MatMul", Shape.of(3, 5), 7, 7L * 2 * 3 * 4 * 5, 20),
            new Layer("loop/Add1", "Add", Shape.of(3, 4), 7, 7L * 12, 0));
    assertThat(counted.remarks()).containsExactly("'loop' (Loop): its body runs 7 times");
  }

  /** As many as a dimension says, as exporters write a loop over the rows of a tensor. */
  @Test
  void aLoopOverAnExtent() throws Exception {
    OnnxGraphs graph =
        loop(body("after"), "most", "go")
            .initializer(bool("go", true))
            .constant("which", "which", true, 1)
            .node("Shape", List.of("x"), List.of("dims"))
            .node("Gather", List.of("dims", "which"), List.of("most"));
    assertThat(count(graph).total()).isEqualTo(4 * (2 * 3 * 4 * 5 + 12));
    OnnxGraphs never =
        loop(body("after"), "most", "go")
            .initializer(bool("go", false))
            .constant("most", "most", true, 3);
    assertThat(count(never).total()).isZero();
    assertThat(count(never).remarks())
        .containsExactly("'loop' (Loop): its condition is false from the start: it does not run");
  }

  @Test
  void aLoopOfUnknownTripsIsNotCounted() throws Exception {
    assertThat(count(loop(body("after"), "most", "").input("most", INT64)).notCounted())
        .containsExactly("'loop' (Loop): how often it runs depends on what 'most' holds");
    OnnxGraphs open = loop(body("after"), "", "go").initializer(bool("go", true));
    assertThat(count(open).notCounted())
        .containsExactly("'loop' (Loop): nothing but a condition ends it");
    OnnxGraphs computed =
        body("small")
            .constant("limit", "limit", true, 3)
            .node("Less", List.of("i", "limit"), List.of("small"));
    OnnxGraphs ends = loop(computed, "most", "").constant("most", "most", true, Long.MAX_VALUE);
    assertThat(count(ends).notCounted())
        .containsExactly("'loop' (Loop): a condition that is computed may end it");
    OnnxGraphs given =
        loop(body("after"), "most", "go").input("go", BOOL).constant("most", "most", true, 7);
    assertThat(count(given).notCounted())
        .containsExactly("'loop' (Loop): a condition that is computed may end it");
    OnnxGraphs endless =
        loop(body("after"), "most", "").constant("most", "most", true, Long.MAX_VALUE);
    assertThat(count(endless).notCounted())
        .contains(
            "'loop/MatMul2' (MatMul): it takes more operations than a number of 64 bits holds");
  }

  /** What grows from run to run has no shape; what does not depend on it is counted. */
  @Test
  void ofALoopWhoseValuesGrowTheRestIsCounted() throws Exception {
    OnnxGraphs grows =
        new OnnxGraphs()
            .input("i", INT64)
            .input("before", BOOL)
            .input("all", FLOAT, "n", 4)
            .output("after", BOOL)
            .output("more", FLOAT, "n", 4)
            .output("seen", FLOAT, 3, 5)
            .node("Identity", List.of("before"), List.of("after"))
            .node("Concat", List.of("all", "x"), List.of("more"), OnnxGraphs.integer("axis", 0))
            .node("Tanh", List.of("more"), List.of("grown"))
            .node("MatMul", List.of("x", "w"), List.of("seen"));
    FlopCount counted = count(loop(grows, "most", "").constant("most", "most", true, 7));
    assertThat(counted.total()).isEqualTo(7 * 2 * 3 * 4 * 5);
    assertThat(counted.notCounted())
        .containsExactly("'loop/Tanh2' (Tanh): the shape of 'grown' is not known before a run");
  }

  /** Over axis 1 of x [3,9,4], forwards, with the sum so far. */
  @Test
  void aScanTimesItsExtent() throws Exception {
    OnnxGraphs body =
        new OnnxGraphs()
            .input("sum", FLOAT, 3, 4)
            .input("slice", FLOAT, 3, 4)
            .output("more", FLOAT, 3, 4)
            .output("seen", FLOAT, 3, 5)
            .node("Add", List.of("sum", "slice"), List.of("more"))
            .node("MatMul", List.of("more", "w"), List.of("seen"));
    OnnxGraphs graph =
        new OnnxGraphs()
            .input("start", FLOAT, 3, 4)
            .input("x", FLOAT, 3, 9, 4)
            .output("last", FLOAT, 3, 4)
            .output("all", FLOAT, 9, 3, 5)
            .weights("w", 1, 4, 5)
            .named(
                "scan",
                "Scan",
                List.of("start", "x"),
                List.of("last", "all"),
                graph("body", body),
                OnnxGraphs.integer("num_scan_inputs", 1),
                OnnxGraphs.integers("scan_input_axes", -2L));
    FlopCount counted = count(graph);
    assertThat(counted.notCounted()).isEmpty();
    assertThat(counted.total()).isEqualTo(9 * (2 * 3 * 4 * 5 + 12));
    assertThat(counted.remarks()).containsExactly("'scan' (Scan): its body runs 9 times");
  }

  /** A loop in a branch in a function, called twice. */
  @Test
  void loopsInBranchesInFunctions() throws Exception {
    OnnxGraphs then =
        new OnnxGraphs()
            .output("t", FLOAT, 3, 4)
            .constant("most", "most", true, 2)
            .named(
                "loop",
                "Loop",
                List.of("most", "", "x"),
                List.of("t", "unused"),
                graph("body", body("after")));
    FunctionProto function =
        function("Deep", List.of("x", "c", "w"), List.of("r"))
            .addNode(
                node(
                    "If",
                    List.of("c"),
                    List.of("r"),
                    graph("then_branch", then),
                    graph("else_branch", branch("e", "Exp", 3))))
            .build();
    OnnxGraphs graph =
        new OnnxGraphs()
            .domain("own", 1)
            .input("x", FLOAT, 3, 4)
            .input("c", BOOL)
            .output("z", FLOAT, 3, 4)
            .weights("w", 1, 4, 5)
            .function(function)
            .named("one", "own::Deep", List.of("x", "c", "w"), List.of("y"))
            .named("two", "own::Deep", List.of("y", "c", "w"), List.of("z"));
    FlopCount counted = count(graph);
    assertThat(counted.notCounted()).isEmpty();
    assertThat(counted.total()).isEqualTo(2 * 2 * (2 * 3 * 4 * 5 + 12));
    assertThat(counted.heaviest(1))
        .containsExactly(
            new Layer("one/r_node/loop/MatMul2", "MatMul", Shape.of(3, 5), 2, 2 * 120, 20));
    assertThat(counted.remarks())
        .contains(
            "'two/r_node' (If): counted is the heavier branch, then_branch",
            "'two/r_node/loop' (Loop): its body runs 2 times");
  }
}
