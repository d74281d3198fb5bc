package dev.sluice.bindings.tensorrt;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import java.util.logging.Handler;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
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
  void aCallThatSucceedsLeavesTheErrorsOfOtherThreads() throws Exception {
    CountDownLatch said = new CountDownLatch(1);
    CountDownLatch judged = new CountDownLatch(1);
    FutureTask<Void> lane =
        new FutureTask<>(() -> {
          log.check(true, "setInputShape", "", "");
          log.log(TensorRtLog.Severity.ERROR, "theirs");
          said.countDown();
          judged.await();
          log.check(false, "enqueueV3", "", "");
          return null;
        });
    Thread.ofPlatform().start(lane);
    said.await();
    log.log(TensorRtLog.Severity.ERROR, "mine");
    log.check(true, "call", "", "");
    log.log(TensorRtLog.Severity.ERROR, "mine again");
    assertThatThrownBy(() -> log.check(false, "call", "", ""))
        .hasMessageContaining("mine again")
        .hasMessageNotContaining("theirs");
    judged.countDown();
    assertThatThrownBy(lane::get)
        .cause()
        .hasMessageContaining("theirs")
        .hasMessageNotContaining("mine");
  }

  @Test
  void whatThreadsOfTensorRtSayIsInTheExceptionToo() throws Exception {
    Thread builders =
        Thread.ofPlatform().start(() -> log.log(TensorRtLog.Severity.ERROR, "no kernel"));
    builders.join();
    log.log(TensorRtLog.Severity.ERROR, "the build ends");
    assertThatThrownBy(() -> log.check(false, "buildSerializedNetwork", "", ""))
        .hasMessageContaining("the build ends; no kernel");
  }

  @Test
  void anErrorIsToldOnce() {
    List<LogRecord> records = new ArrayList<>();
    Logger logger = Logger.getLogger("dev.sluice.tensorrt");
    Handler handler =
        new Handler() {
          @Override
          public void publish(LogRecord record) {
            records.add(record);
          }

          @Override
          public void flush() {}

          @Override
          public void close() {}
        };
    logger.addHandler(handler);
    try {
      log.log(TensorRtLog.Severity.ERROR, "in the exception");
      assertThatThrownBy(() -> log.check(false, "call", "", ""))
          .hasMessageContaining("in the exception");
      assertThat(records).isEmpty();
      log.log(TensorRtLog.Severity.ERROR, "succeeded");
      log.check(true, "call", "", "");
      log.log(TensorRtLog.Severity.ERROR, "not judged");
      log.tellRest();
      new TensorRtLog("nobody's", false).log(TensorRtLog.Severity.ERROR, "at once");
      assertThat(records)
          .extracting(LogRecord::getMessage)
          .containsExactly("test: succeeded", "test: not judged", "nobody's: at once");
    } finally {
      logger.removeHandler(handler);
    }
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
