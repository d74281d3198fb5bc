package dev.sluice.converter.build;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.bindings.HandleLedger;
import dev.sluice.bindings.NativeException;
import dev.sluice.converter.graph.Rewrite;
import dev.sluice.converter.onnx.proto.Onnx.ModelProto;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.FieldSource;

/**
 * A node whose operator set was raised gives what it gave, by ONNX Runtime alone; {@link
 * OpsetUpgradeFormsTest} has whole graphs, and {@link OnnxStandardTest} the standard's tests.
 */
class OpsetUpgradeTest {
  static final List<OperatorCase> NEEDED = OpsetUpgradeCases.needed();
  static final List<OperatorCase> EQUAL = OpsetUpgradeCases.equal();

  @AfterEach
  void nothingIsLeftOpen() {
    assertThat(HandleLedger.snapshot().sites()).isEmpty();
  }

  @ParameterizedTest
  @FieldSource("NEEDED")
  void nodesThatWouldDoSomethingElseAreChanged(OperatorCase each) throws Exception {
    ModelProto model = each.graph().model();
    Rewrite.Result result = OpsetUpgrades.proven(model, each.inputs());
    assertThat(result.changes()).hasSize(2);
    ModelProto.Builder number = model.toBuilder();
    number.getOpsetImportBuilder(0).setVersion(result.graph().opset());
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
    OpsetUpgrades.proven(each.graph().model(), each.inputs());
  }
}
