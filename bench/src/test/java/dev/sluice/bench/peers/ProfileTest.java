package dev.sluice.bench.peers;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.bench.peers.Profile.Owner;
import dev.sluice.bench.peers.Profile.Share;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class ProfileTest {
  private static final String REPORT =
      """
      # To display the perf.data header info, please use --header/--header-only options.
      #
      # Overhead;Shared Object;Symbol
       60.00%;libonnxruntime.so;[.] 0x0000000000538d98
       10.50%;libonnxruntime.so.1.29.0;[.] OrtRun
        9.50%;[kernel.kallsyms];[k] finish_task_switch.isra.0
        8.00%;perf-8169.map;[.] int dev.sluice.engine.batch.Dispatcher.pump(dev.sluice.engine.batch.Batch)
        5.00%;[JIT] tid 8169;[.] Interpreter
        4.00%;libjvm.so;[.] Parker::park(bool, long)
        2.00%;libc.so.6;[.] __memmove; and more
        1.00%;[vdso];[.] __vdso_clock_gettime
      """;

  @Test
  void sharesAreReadWithWhatTheirNamesHold() {
    List<Share> shares = Share.parse(REPORT);
    assertThat(shares).hasSize(8);
    assertThat(shares.getFirst())
        .isEqualTo(new Share(60, "libonnxruntime.so", "[.] 0x0000000000538d98"));
    assertThat(shares.get(6).symbol()).isEqualTo("[.] __memmove; and more");
  }

  @Test
  void eachShareHasOneOwner() {
    assertThat(Share.byOwner(Share.parse(REPORT)))
        .isEqualTo(
            Map.of(
                Owner.BACKEND, 70.5,
                Owner.LINUX, 10.5,
                Owner.JAVA, 13.0,
                Owner.JVM, 4.0,
                Owner.OTHERS, 2.0));
  }
}
