package dev.sluice.converter.build;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.sluice.bindings.ElementType;
import dev.sluice.converter.build.StandardCase.End;
import dev.sluice.converter.build.StandardCase.Verdict;
import dev.sluice.converter.graph.OpsetUpgrade;
import dev.sluice.converter.onnx.proto.Onnx.TensorProto;
import dev.sluice.converter.onnx.proto.Onnx.TypeProto;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The ONNX standard's own backend tests: each that ONNX Runtime alone passes gives the expected
 * outputs as a package in an engine, too, and with a later operator set. What is not served is
 * listed, with the reason, in {@code onnx-standard-exceptions.txt} beside this test's class file.
 */
class OnnxStandardTest {
  private static final String WHERE = "/usr/share/libonnx-testdata/data";

  /** Cases of release 1.12, which the list of exceptions was made for. */
  private static final int LISTED_RELEASE = 1072;

  @TempDir Path folder;

  static Path data() {
    String given = System.getProperty("sluice.onnx.testdata", "");
    Path data = Path.of(given.isEmpty() ? WHERE : given);
    assumeTrue(
        Files.isDirectory(data),
        "the ONNX standard's tests are not in "
            + data
            + ": install Debian's package libonnx-testdata, or name their folder with"
            + " -Dsluice.onnx.testdata=FOLDER");
    return data;
  }

  static List<StandardCase> cases(Path data) throws IOException {
    try (Stream<Path> files = Files.walk(data)) {
      return files
          .filter(file -> file.endsWith("model.onnx"))
          .map(file -> new StandardCase(file.getParent()))
          .sorted((a, b) -> a.folder().compareTo(b.folder()))
          .toList();
    }
  }

  /** Reason by case: lines of "case: reason", and comments. */
  private static Map<String, String> exceptions() throws IOException {
    Map<String, String> exceptions = new TreeMap<>();
    try (InputStream in =
        OnnxStandardTest.class.getResourceAsStream("onnx-standard-exceptions.txt")) {
      for (String line : new String(in.readAllBytes(), StandardCharsets.UTF_8).lines().toList()) {
        if (!line.isBlank() && !line.startsWith("#")) {
          String[] parts = line.split(": ", 2);
          assertThat(exceptions.put(parts[0], parts[1])).as(line).isNull();
        }
      }
    }
    return exceptions;
  }

  /**
   * What speaks against the verdicts: exceptions that are not listed, and listed ones that pass.
   */
  private static List<String> problems(
      Map<String, Verdict> verdicts, Map<String, String> listed, boolean complete) {
    List<String> problems = new ArrayList<>();
    verdicts.forEach((name, verdict) -> {
      String reason = listed.get(name);
      boolean excepted = verdict.end() == End.EXCEPTION;
      if (excepted && reason == null && complete) {
        problems.add(name + " is no listed exception: " + verdict.why());
      } else if (excepted && reason != null && !verdict.why().startsWith(reason)) {
        problems.add(name + " is excepted as '" + reason + "', but: " + verdict.why());
      } else if (!excepted && reason != null) {
        problems.add(name + " is listed as an exception, but is " + verdict.end());
      }
    });
    return problems;
  }

  @Test
  void whatOnnxRuntimePassesAPackagePasses() throws Exception {
    List<StandardCase> cases = cases(data());
    Map<String, Verdict> verdicts = new TreeMap<>();
    Map<End, Integer> counts = new EnumMap<>(End.class);
    for (StandardCase each : cases) {
      Verdict verdict = each.run(folder.resolve("case.sluice"));
      verdicts.put(each.name(), verdict);
      counts.merge(verdict.end(), 1, Integer::sum);
    }
    Map<String, Integer> reasons = new TreeMap<>();
    verdicts.values().stream()
        .filter(verdict -> verdict.end() == End.EXCEPTION)
        .map(verdict -> verdict.why().replaceAll("'[^']*'", "'…'"))
        .forEach(why -> reasons.merge(why, 1, Integer::sum));
    int shaped = counts.getOrDefault(End.PASSED_WITH_SHAPES, 0);
    int passed = counts.getOrDefault(End.PASSED, 0) + shaped;
    System.out.printf(
        "ONNX standard: %d cases; ONNX Runtime alone does not pass %d; %d pass through build and"
            + " engine (%d with --shape); %d are excepted: %s%n",
        cases.size(),
        counts.getOrDefault(End.NOT_BY_ONNX_RUNTIME, 0),
        passed,
        shaped,
        counts.getOrDefault(End.EXCEPTION, 0),
        reasons);
    assertThat(problems(verdicts, exceptions(), cases.size() == LISTED_RELEASE)).isEmpty();
    assertThat(passed).as("cases that pass").isGreaterThan(cases.size() * 8 / 10);
  }

  /** Below 7 no operator set is raised. */
  @ParameterizedTest
  @ValueSource(longs = {13, 19, 22})
  void whatOnnxRuntimePassesItPassesWithALaterOperatorSet(long to) throws Exception {
    Map<String, Verdict> verdicts = new TreeMap<>();
    Map<Long, Integer> passed = new TreeMap<>();
    for (StandardCase each : cases(data())) {
      long opset = each.opset();
      if (opset < 7 || opset >= to) {
        continue;
      }
      if (to == OpsetUpgrade.BRAIN_LAYERS && each.name().startsWith("test_roialign")) {
        continue; // ONNX Runtime 1.29.0 has none of version 22 on the CPU
      }
      Verdict verdict = each.upgraded(to);
      verdicts.put(each.name(), verdict);
      if (verdict.end() == End.PASSED) {
        passed.merge(opset, 1, Integer::sum);
      }
    }
    System.out.printf(
        "ONNX standard: %d cases of operator sets 7 to %d; with operator set %d there pass by their"
            + " own: %s%n",
        verdicts.size(), to - 1, to, passed);
    assertThat(problems(verdicts, exceptions(), true)).isEmpty();
    assertThat(passed).as("operator sets with cases").hasSizeGreaterThan(1);
  }

  /** A case whose model doubles its input, and says to expect this. */
  private StandardCase doubling(float expected) throws IOException {
    Path at = Files.createDirectories(folder.resolve("test_doubling/test_data_set_0"));
    new OnnxGraphs()
        .input("x", ElementType.FLOAT, 1)
        .output("y", ElementType.FLOAT, 1)
        .node("Add", List.of("x", "x"), List.of("y"))
        .write(at.resolveSibling("model.onnx"));
    TensorProto.Builder tensor = TensorProto.newBuilder().setDataType(1).addDims(1);
    Files.write(at.resolve("input_0.pb"), tensor.addFloatData(2).build().toByteArray());
    tensor.clearFloatData().addFloatData(expected);
    Files.write(at.resolve("output_0.pb"), tensor.build().toByteArray());
    return new StandardCase(at.getParent());
  }

  @Test
  void outputsAreJudged() throws Exception {
    Path file = folder.resolve("p.sluice");
    assertThat(doubling(4).run(file)).isEqualTo(new Verdict(End.PASSED, ""));
    assertThat(doubling(4.003f).run(file).end()).isEqualTo(End.PASSED);
    Verdict wrong = doubling(4.005f).run(file);
    assertThat(wrong.end()).isEqualTo(End.NOT_BY_ONNX_RUNTIME);
    assertThat(wrong.why()).startsWith("output 0 of data set 0 has 4.0 at 0, not 4.005");
  }

  @Test
  void anExceptionIsListedOrAProblem() throws Exception {
    StandardCase refused = doubling(4);
    new OnnxGraphs()
        .input("x", ElementType.FLOAT, 1)
        .output(
            "s", TypeProto.newBuilder().setSequenceType(TypeProto.Sequence.newBuilder()).build())
        .node("SequenceConstruct", List.of("x"), List.of("s"))
        .write(refused.folder().resolve("model.onnx"));
    Verdict verdict = refused.run(folder.resolve("p.sluice"));
    assertThat(verdict.end()).isEqualTo(End.EXCEPTION);
    String reason = "the output 's' is a sequence, only tensors are served";
    assertThat(verdict.why()).startsWith(reason);
    Map<String, Verdict> verdicts = Map.of("a", verdict);
    assertThat(problems(verdicts, Map.of("a", reason), true)).isEmpty();
    assertThat(problems(verdicts, Map.of(), true)).singleElement().asString().contains("a is no");
    assertThat(problems(verdicts, Map.of("a", "the output 's' is a map"), false)).hasSize(1);
    assertThat(problems(Map.of("a", new Verdict(End.PASSED, "")), Map.of("a", reason), false))
        .containsExactly("a is listed as an exception, but is PASSED");
  }
}
