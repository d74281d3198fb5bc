package dev.sluice.bindings.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.bindings.library.SharedLibrary;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Both loops call the same driver, with the same arguments, as often; what that costs is printed.
 */
class LaunchCostTest {
  private static final String COUNTING =
      """
      static long launches, records, wrong;
      int cuLaunchKernel(void *f, unsigned a, unsigned b, unsigned c, unsigned d, unsigned e,
                         unsigned g, unsigned s, void *st, void **p, void **x) {
        launches++;
        wrong += f != (void *) 7 || a != 1 || d != 32 || s != 0 || st != (void *) 9 || x != 0;
        return 0;
      }
      int cuEventRecord(void *e, void *s) { records++; wrong += e != (void *) 8; return 0; }
      long launches_seen(void) { return launches; }
      long records_seen(void) { return records; }
      long wrong_seen(void) { return wrong; }
      """;

  @TempDir private Path folder;

  @Test
  void bothSidesMakeTheSameCalls() throws Exception {
    String rest =
        Arrays.stream(CudaApi.class.getMethods())
            .map(method -> method.getName())
            .filter(name -> !COUNTING.contains(" " + name + "("))
            .map(name -> "int " + name + "(void) { return 0; }")
            .collect(Collectors.joining("\n"));
    Path library = StandInLibrary.compile("gcc", folder.resolve("libcuda.so.1"), COUNTING + rest);
    CudaApi api = CudaDriverLoader.load(library).api().orElseThrow();
    SharedLibrary counters = SharedLibrary.open(library.toString());
    try (LaunchCost cost = new LaunchCost(api, library.toString(), folder)) {
      int n = 500;
      System.out.println(cost.launches(7, 9, MemorySegment.NULL, n, () -> {}));
      System.out.println(cost.records(8, 9, n, () -> {}));
      long calls = count(counters, "launches_seen");
      assertThat(calls).isPositive().isEqualTo(count(counters, "records_seen"));
      assertThat(calls % (2L * n)).isZero();
      assertThat(count(counters, "wrong_seen")).isZero();
    }
  }

  private static long count(SharedLibrary library, String name) {
    try {
      return (long)
          Linker.nativeLinker()
              .downcallHandle(library.find(name), FunctionDescriptor.of(ValueLayout.JAVA_LONG))
              .invokeExact();
    } catch (Throwable e) {
      throw new AssertionError(e);
    }
  }
}
