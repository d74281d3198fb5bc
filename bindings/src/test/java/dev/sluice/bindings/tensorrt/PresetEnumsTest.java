package dev.sluice.bindings.tensorrt;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.bytedeco.tensorrt.global.nvinfer;
import org.bytedeco.tensorrt.global.nvonnxparser;
import org.bytedeco.tensorrt.nvinfer.ILogger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** The presets' enums load without their libraries, which are not here. */
class PresetEnumsTest {
  static Stream<Arguments> pairs() {
    return Stream.of(
        Arguments.of(TensorRtApi.DataType.class, nvinfer.DataType.class),
        Arguments.of(TensorRtApi.BuilderFlag.class, nvinfer.BuilderFlag.class),
        Arguments.of(
            TensorRtApi.HardwareCompatibilityLevel.class, nvinfer.HardwareCompatibilityLevel.class),
        Arguments.of(TensorRtApi.ProfilingVerbosity.class, nvinfer.ProfilingVerbosity.class),
        Arguments.of(TensorRtApi.OptProfileSelector.class, nvinfer.OptProfileSelector.class),
        Arguments.of(TensorRtApi.TensorIOMode.class, nvinfer.TensorIOMode.class),
        Arguments.of(TensorRtLog.Severity.class, ILogger.Severity.class));
  }

  @ParameterizedTest
  @MethodSource("pairs")
  <E extends Enum<E>, P extends Enum<P>> void everyConstantHasItsOwn(
      Class<E> ours, Class<P> theirs) {
    for (E constant : ours.getEnumConstants()) {
      P preset = PresetEnums.theirs(theirs, constant);

      assertThat(preset.name()).isEqualTo("k" + constant.name());
      assertThat(PresetEnums.ours(ours, preset)).isSameAs(constant);
    }
  }

  /** What TensorRT answers with must be known whole. */
  @Test
  void everyAnswerIsKnown() {
    assertKnown(TensorRtApi.DataType.class, nvinfer.DataType.values());
    assertKnown(TensorRtApi.TensorIOMode.class, nvinfer.TensorIOMode.values());
    assertKnown(TensorRtLog.Severity.class, ILogger.Severity.values());
  }

  private static <E extends Enum<E>> void assertKnown(Class<E> ours, Enum<?>[] theirs) {
    List<E> known = Arrays.stream(theirs).map(each -> PresetEnums.ours(ours, each)).toList();

    assertThat(known).containsExactlyInAnyOrder(ours.getEnumConstants());
  }

  @Test
  void anAnswerThatIsNotKnownIsNamed() {
    assertThatThrownBy(
            () -> PresetEnums.ours(TensorRtApi.BuilderFlag.class, nvinfer.BuilderFlag.kDEBUG))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("BuilderFlag that is not known here: DEBUG");
  }

  @Test
  void anErrorCodeOfTheParserIsItsName() {
    assertThat(PresetEnums.text(nvonnxparser.ErrorCode.kUNSUPPORTED_NODE))
        .isEqualTo("UNSUPPORTED_NODE");
  }
}
