package dev.sluice.bindings.sim;

import dev.sluice.bindings.cuda.CudaApi;
import dev.sluice.bindings.cuda.CudaStatus;
import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * What goes wrong on a simulated device, and when. Calls are counted per function, allocations,
 * launches and copies each together, from 1, in the order in which they reach the driver: where
 * several threads call, that order may be another one each time. A launch of a graph counts each of
 * its launches and copies. A plan is used by one device; its text says how to make it again.
 *
 * <p>Thread safety: build it on one thread; the simulated driver asks it under its lock.
 */
public final class FaultPlan {
  /** Functions that take memory of the device or of the host. */
  private static final Set<String> ALLOCATIONS =
      Set.of("cuMemAlloc_v2", "cuMemAllocAsync", "cuMemAllocFromPoolAsync", "cuMemHostAlloc");

  private static final Set<String> FUNCTIONS =
      Arrays.stream(CudaApi.class.getMethods())
          .map(Method::getName)
          .collect(Collectors.toUnmodifiableSet());

  private record Rule(String function, long nth, int code) {}

  private record RandomRule(Random random, double rate, int code, Set<String> functions) {
    boolean fails(String function) {
      return functions.contains(function) && random.nextDouble() < rate;
    }
  }

  private final List<Rule> calls = new ArrayList<>();
  private final List<Rule> launches = new ArrayList<>();
  private final List<RandomRule> randoms = new ArrayList<>();
  private final List<String> text = new ArrayList<>();
  private final Map<String, long[]> counts = new HashMap<>();
  private long slowFrom;
  private long slowNs;
  private long lostAtCall;
  private long allCalls;
  private long copies;
  private long launched;

  /** A plan in which nothing goes wrong. */
  public static FaultPlan none() {
    return new FaultPlan();
  }

  private FaultPlan() {}

  /** The n-th call of a function returns a status and does nothing. */
  public FaultPlan failCall(String function, long nth, CudaStatus status) {
    requireFunction(function);
    calls.add(new Rule(function, nth, status.code()));
    text.add("call " + nth + " of " + function + " fails with " + status.cName());
    return this;
  }

  private static void requireFunction(String function) {
    if (!FUNCTIONS.contains(function)) {
      throw new IllegalArgumentException(
          "CudaApi has no function " + function + ": name one of its methods");
    }
  }

  /** The n-th allocation, of any kind, fails with CUDA_ERROR_OUT_OF_MEMORY. */
  public FaultPlan failAllocation(long nth) {
    calls.add(new Rule("", nth, CudaStatus.OUT_OF_MEMORY.code()));
    text.add("allocation " + nth + " fails");
    return this;
  }

  /**
   * The n-th launch of a kernel succeeds, and loses the device when it runs.
   *
   * @throws IllegalArgumentException for a status that does not lose a device, as no launch fails
   *     late with it
   */
  public FaultPlan failLaunchLate(long nth, CudaStatus status) {
    if (status.sort() != CudaStatus.Sort.DEVICE_LOST) {
      throw new IllegalArgumentException(
          status.cName() + " loses no device: take one that does, or failCall(\"cuLaunchKernel\")");
    }
    launches.add(new Rule("cuLaunchKernel", nth, status.code()));
    text.add("launch " + nth + " fails late with " + status.cName());
    return this;
  }

  /** The device is lost at a call, counted over all functions; said once. */
  public FaultPlan loseDevice(long nthCall) {
    requireOnce(lostAtCall == 0, "loseDevice");
    lostAtCall = nthCall;
    text.add("call " + nthCall + " loses the device");
    return this;
  }

  /**
   * From the n-th copy on each takes so much longer; in a stepped device, one step more, where it
   * is not in a graph. Said once.
   */
  public FaultPlan slowCopies(long fromNth, long nanos) {
    requireOnce(slowNs == 0, "slowCopies");
    slowFrom = fromNth;
    slowNs = nanos;
    text.add("copies from " + fromNth + " on take " + nanos + " ns more");
    return this;
  }

  private static void requireOnce(boolean first, String rule) {
    if (!first) {
      throw new IllegalStateException(rule + " was said already: make another plan");
    }
  }

  /** Calls of some functions fail at random; each such rule draws on its own. */
  public FaultPlan failAtRandom(
      long seed, double probability, CudaStatus status, String... functions) {
    for (String function : functions) {
      requireFunction(function);
    }
    randoms.add(new RandomRule(new Random(seed), probability, status.code(), Set.of(functions)));
    text.add(
        "calls of "
            + List.of(functions)
            + " fail with "
            + status.cName()
            + " at a rate of "
            + probability
            + ", seed "
            + seed);
    return this;
  }

  /** The status that this call returns; 0: it goes on. */
  int onCall(String function) {
    allCalls++;
    if (allCalls == lostAtCall) {
      return CudaStatus.ECC_UNCORRECTABLE.code();
    }
    if (calls.isEmpty() && randoms.isEmpty()) {
      return 0;
    }
    long nth = count(function);
    long nthAllocation = ALLOCATIONS.contains(function) ? count("") : -1;
    for (Rule rule : calls) {
      if ((rule.function.equals(function) && rule.nth == nth)
          || (rule.function.isEmpty() && rule.nth == nthAllocation)) {
        return rule.code;
      }
    }
    for (RandomRule rule : randoms) {
      if (rule.fails(function)) {
        return rule.code;
      }
    }
    return 0;
  }

  /** What an action becomes that is put into a stream: one that fails, or that something delays. */
  List<Action> onEnqueue(Action action) {
    return switch (action) {
      case Action.Launch launch -> List.of(launch.failing(onLaunch()));
      case Action.Copy copy -> onCopy(copy);
      case Action.Staged copy -> onCopy(copy);
      case Action.Graph graph ->
          List.of(
              new Action.Graph(
                  graph.actions().stream().flatMap(node -> onEnqueue(node).stream()).toList(),
                  graph.before(),
                  graph.done()));
      default -> List.of(action);
    };
  }

  private int onLaunch() {
    launched++;
    for (Rule rule : launches) {
      if (rule.nth == launched) {
        return rule.code;
      }
    }
    return 0;
  }

  private List<Action> onCopy(Action copy) {
    copies++;
    return slowNs > 0 && copies >= slowFrom
        ? List.of(new Action.Delay(slowNs), copy)
        : List.of(copy);
  }

  private long count(String function) {
    return ++counts.computeIfAbsent(function, _ -> new long[1])[0];
  }

  @Override
  public String toString() {
    return text.isEmpty() ? "no faults" : String.join("; ", text);
  }
}
