package dev.sluice.bindings.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.bindings.cuda.generated.CudaHeader;
import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.util.Arrays;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** Holds the constants and statuses that people wrote against those that jextract read. */
class CudaHeaderTest {
  @Test
  void constantsAreTheHeaders() throws ReflectiveOperationException {
    Map<String, Object> ours = new TreeMap<>();
    for (Field field : CudaConstants.class.getFields()) {
      ours.put(field.getName(), field.getInt(null));
    }
    Map<String, Object> header = new TreeMap<>(headerConstants());
    header.keySet().removeIf(name -> name.startsWith("CUDA_"));
    assertThat(ours).isNotEmpty().isEqualTo(header);
  }

  @Test
  void everyResultHasAStatus() throws ReflectiveOperationException {
    Map<String, Object> ours =
        Arrays.stream(CudaStatus.values())
            .collect(Collectors.toMap(CudaStatus::cName, CudaStatus::code));
    Map<String, Object> header = headerConstants();
    header.keySet().removeIf(name -> !name.startsWith("CUDA_"));
    assertThat(ours).isNotEmpty().isEqualTo(header);
  }

  @Test
  void everyFailureHasARemedy() {
    assertThat(CudaStatus.values())
        .allSatisfy(status -> assertThat(status.remedy().isEmpty()).isEqualTo(status.code() == 0))
        .allSatisfy(status -> assertThat(CudaStatus.of(status.code())).contains(status));
    assertThat(CudaStatus.of(-1)).isEmpty();
    assertThat(CudaStatus.sortOf(-1)).isEqualTo(CudaStatus.Sort.MACHINE);
    assertThat(CudaStatus.sortOf(2)).isEqualTo(CudaStatus.Sort.RETRY);
    assertThat(CudaStatus.sortOf(700)).isEqualTo(CudaStatus.Sort.DEVICE_LOST);
    assertThat(CudaStatus.sortOf(1)).isEqualTo(CudaStatus.Sort.CALLER);
  }

  private static Map<String, Object> headerConstants() throws ReflectiveOperationException {
    Map<String, Object> constants = new TreeMap<>();
    for (Method method : CudaHeader.class.getMethods()) {
      if (method.getName().startsWith("CU")
          && method.getName().equals(method.getName().toUpperCase(Locale.ROOT))) {
        constants.put(method.getName(), method.invoke(null));
      }
    }
    return constants;
  }
}
