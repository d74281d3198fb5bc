package dev.sluice.bindings.tensorrt;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

class TensorRtLogTest {
  private final TensorRtLog log = new TensorRtLog("test");

  @Test
  void theErrorsOfAFailedCallAreInItsException() {
    log.log(TensorRtLog.Severity.INFO, "did this");
    log.log(TensorRtLog.Severity.VERBOSE, "and that");
    assertThat(log.hasErrors()).isFalse();
    log.log(TensorRtLog.Severity.ERROR, "first");
    log.log(TensorRtLog.Severity.INTERNAL_ERROR, "second");
    assertThat(log.hasErrors()).isTrue();

    assertThatThrownBy(() -> log.made(null, "createThing", "of 3", "do this"))
        .isInstanceOfSatisfying(
            TensorRtException.class,
            e -> {
              assertThat(e.function()).isEqualTo("createThing");
              assertThat(e.libraryMessage()).isEqualTo("first; second");
              assertThat(e.remedy()).isEqualTo("do this");
            });
    assertThat(log.hasErrors()).isFalse();
  }

  @Test
  void theErrorsOfACallThatSucceededAreNotTheNextOnes() {
    log.log(TensorRtLog.Severity.ERROR, "first");
    assertThatCode(() -> log.check(true, "call", "", "")).doesNotThrowAnyException();

    assertThatThrownBy(() -> log.check(false, "call", "", ""))
        .hasMessageStartingWith("call() failed")
        .hasMessageNotContaining("first");
  }

  @Test
  void errorsWithoutEndAreNotKeptWithoutEnd() {
    for (int i = 0; i < 70; i++) {
      log.log(TensorRtLog.Severity.ERROR, "e" + i);
    }

    assertThatThrownBy(() -> log.check(false, "call", "", ""))
        .hasMessageContaining("e63")
        .hasMessageNotContaining("e64");
  }
}
