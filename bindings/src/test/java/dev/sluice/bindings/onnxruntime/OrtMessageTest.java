package dev.sluice.bindings.onnxruntime;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.bindings.ElementType;
import dev.sluice.bindings.NativeException;
import org.junit.jupiter.api.Test;

class OrtMessageTest {
  @Test
  void thePlaceInTheSourcesIsLeftOut() {
    assertThat(
            OrtMessage.plain(
                "Status Message: /onnxruntime_src/onnxruntime/core/providers/cpu/a_helper.h:91"
                    + " onnxruntime::ReshapeHelper::ReshapeHelper(const onnxruntime::TensorShape&,"
                    + " bool) input_size == size was false. It can't be reshaped to {7}"))
        .isEqualTo("Status Message: It can't be reshaped to {7}");
    assertThat(
            OrtMessage.plain(
                "/onnxruntime_src/onnxruntime/core/graph/model.cc:192 void onnxruntime::f(const"
                    + " std::unordered_map<std::basic_string<char>, int>&, bool (*)(int)) const"
                    + " [with T = float] Unsupported IR version: 99"))
        .isEqualTo("Unsupported IR version: 99");
    assertThat(
            OrtMessage.plain("one onnxruntime/core/a.cc:1 f() two onnxruntime/core/b.cc:2 g() 3"))
        .isEqualTo("one two 3");
    assertThat(OrtMessage.plain("a onnxruntime/core/a.cc:1 A::operator()(int) const b"))
        .isEqualTo("a b");
  }

  @Test
  void whatIsNoSuchPlaceStays() {
    for (String message :
        new String[] {
          "Node (Add_n) Op (Add) [ShapeInferenceError] Incompatible dimensions",
          "onnxruntime/core/a.cc:1 no brackets",
          "onnxruntime/core/a.cc:1 void f(int",
          "onnxruntime/core/a.cc:1 void f(int)",
          "onnxruntime/core/a.cc:1 void f(int) x > 0 was false.",
          "x was false. and then",
          ""
        }) {
      String kept = OrtMessage.plain(message);
      assertThat(message).as(kept).endsWith(kept);
      assertThat(kept).contains(message.contains("false.") ? "was false." : message);
    }
  }

  @Test
  void aRefusalOfOnnxRuntimeReadsAsASentence() {
    TinyModel unknown =
        new TinyModel()
            .input("x", ElementType.FLOAT, 1)
            .output("y", ElementType.FLOAT, 1)
            .node("Frobnicate", "x", "y");
    assertThatThrownBy(() ->
            OrtSession.open(
                OrtEnvironment.shared(), unknown.build(), OrtSessionOptions.defaults(), "tiny"))
        .isInstanceOf(NativeException.class)
        .hasMessageContaining("No Op registered for Frobnicate")
        .hasMessageContaining("check the operator's name, domain and version")
        .message()
        .doesNotContain("onnxruntime::", "_src/");
  }
}
