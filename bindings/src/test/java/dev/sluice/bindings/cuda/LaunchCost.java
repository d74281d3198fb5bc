package dev.sluice.bindings.cuda;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.sluice.bindings.library.SharedLibrary;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.nio.file.Path;
import java.util.Arrays;

/**
 * What calls of the driver cost from Java, beside the same calls from a loop in C, interleaved
 * round by round.
 */
final class LaunchCost implements AutoCloseable {
  private static final int ROUNDS = 41;

  /** Calls of each side before the first round that counts: enough for the optimizing compiler. */
  private static final int WARM_UP_CALLS = 500_000;

  /** The loops in C; a function's address is passed in, as if it had been linked. */
  private static final String LOOPS =
      """
      typedef int (*launch_t)(void *, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned,
                              unsigned, void *, void **, void **);
      int loop_launch(launch_t f, void *kernel, void *stream, void **arguments, int n) {
        int status = 0;
        for (int i = 0; i < n; i++)
          status |= f(kernel, 1, 1, 1, 32, 1, 1, 0, stream, arguments, 0);
        return status;
      }
      int loop_two(int (*f)(void *, void *), void *a, void *b, int n) {
        int status = 0;
        for (int i = 0; i < n; i++) status |= f(a, b);
        return status;
      }
      """;

  /** A driver call, made n times. */
  interface Loop {
    int run(int n);
  }

  /**
   * What was measured.
   *
   * @param javaNs median of a call from Java
   * @param cNs median of a call from C
   * @param ratio median of the rounds' ratios
   */
  record Result(String name, double javaNs, double cNs, double ratio) {}

  private final Arena arena = Arena.ofShared();
  private final CudaApi api;
  private final SharedLibrary driver;
  private final MethodHandle launchLoop;
  private final MethodHandle twoLoop;

  /**
   * Compiles the loops; the test is skipped where there is no gcc.
   *
   * @param library the driver's, for the addresses of its functions
   */
  LaunchCost(CudaApi api, String library, Path folder)
      throws IOException, InterruptedException, SharedLibrary.OpenException {
    this.api = api;
    this.driver = SharedLibrary.open(library);
    Path loops = StandInLibrary.compile("gcc", folder.resolve("loops.so"), LOOPS, "-O2");
    SymbolLookup symbols = SymbolLookup.libraryLookup(loops, arena);
    Linker linker = Linker.nativeLinker();
    launchLoop =
        linker.downcallHandle(
            symbols.findOrThrow("loop_launch"),
            FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG, JAVA_LONG, ADDRESS, JAVA_INT));
    twoLoop =
        linker.downcallHandle(
            symbols.findOrThrow("loop_two"),
            FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG, JAVA_LONG, JAVA_INT));
  }

  /** Launches of a kernel. */
  Result launches(long kernel, long stream, MemorySegment arguments, int n, Runnable between) {
    MemorySegment function = driver.find("cuLaunchKernel");
    return measure(
        "cuLaunchKernel",
        n,
        count -> {
          int status = 0;
          for (int i = 0; i < count; i++) {
            status |=
                api.cuLaunchKernel(
                    kernel, 1, 1, 1, 32, 1, 1, 0, stream, arguments, MemorySegment.NULL);
          }
          return status;
        },
        count -> {
          try {
            return (int) launchLoop.invokeExact(function, kernel, stream, arguments, count);
          } catch (Throwable e) {
            throw new AssertionError(e);
          }
        },
        between);
  }

  /** Records of an event. */
  Result records(long event, long stream, int n, Runnable between) {
    MemorySegment function = driver.find("cuEventRecord");
    return measure(
        "cuEventRecord",
        n,
        count -> {
          int status = 0;
          for (int i = 0; i < count; i++) {
            status |= api.cuEventRecord(event, stream);
          }
          return status;
        },
        count -> {
          try {
            return (int) twoLoop.invokeExact(function, event, stream, count);
          } catch (Throwable e) {
            throw new AssertionError(e);
          }
        },
        between);
  }

  private static Result measure(String name, int n, Loop java, Loop c, Runnable between) {
    double[] javaNs = new double[ROUNDS];
    double[] cNs = new double[ROUNDS];
    double[] ratios = new double[ROUNDS];
    for (int round = -WARM_UP_CALLS / n; round < ROUNDS; round++) {
      // Which goes first changes, so that neither always finds the other's caches.
      boolean javaFirst = round % 2 == 0;
      double first = time(javaFirst ? java : c, n, between);
      double second = time(javaFirst ? c : java, n, between);
      if (round >= 0) {
        javaNs[round] = javaFirst ? first : second;
        cNs[round] = javaFirst ? second : first;
        ratios[round] = javaNs[round] / cNs[round];
      }
    }
    return new Result(name, median(javaNs), median(cNs), median(ratios));
  }

  private static double time(Loop loop, int n, Runnable between) {
    long start = System.nanoTime();
    int status = loop.run(n);
    long end = System.nanoTime();
    if (status != 0) {
      throw new AssertionError("a call failed, the statuses together: " + status);
    }
    between.run();
    return (double) (end - start) / n;
  }

  private static double median(double[] values) {
    double[] sorted = values.clone();
    Arrays.sort(sorted);
    return sorted[sorted.length / 2];
  }

  @Override
  public void close() {
    arena.close();
  }
}
