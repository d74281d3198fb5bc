package dev.sluice.bindings.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.reflect.Method;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The presets have every function of ours; none of them is loaded here. */
class JavaCppCudaApiTest {
  static Method[] functions() {
    return CudaApi.class.getMethods();
  }

  @ParameterizedTest
  @MethodSource("functions")
  void thePresetsHaveIt(Method function) throws ClassNotFoundException {
    assertThat(JavaCppCudaApi.find(JavaCppCudaApi.unloaded(), function))
        .hasValueSatisfying(theirs ->
            assertThat(theirs.getParameterCount()).isEqualTo(function.getParameterCount()));
  }
}
