package dev.sluice.bindings.sim;

import dev.sluice.bindings.cuda.CudaApi;
import dev.sluice.bindings.cuda.CudaStatus;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;

/**
 * What goes wrong on a simulated device, and when. Calls are counted per function, allocations and
 * launches each together, from 1. A plan is used by one device; its text says how to make it again.
 *
 * <p>Thread safety: build it on one thread; the simulated driver asks it under its lock.
 */
public final class FaultPlan {
  /** Functions that take memory of the device or of the host. */
  private static final Set<String> ALLOCATIONS =
      Set.of("cuMemAlloc_v2", "cuMemAllocAsync", "cuMemAllocFromPoolAsync", "cuMemHostAlloc");

  private record Rule(String function, long nth, int code) {}

  private final List<Rule> calls = new ArrayList<>();
  private final List<Rule> launches = new ArrayList<>();
  private final List<String> text = new ArrayList<>();
  private final Map<String, long[]> counts = new HashMap<>();
  private Random random;
  private double rate;
  private int randomCode;
  private Set<String> randomFunctions = Set.of();
  private long slowFrom;
  private long slowNs;
  private long lostAfterCalls = Long.MAX_VALUE;
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
    boolean known = false;
    for (var method : CudaApi.class.getMethods()) {
      known |= method.getName().equals(function);
    }
    if (!known) {
      throw new IllegalArgumentException("CudaApi has no function " + function);
    }
    calls.add(new Rule(function, nth, status.code()));
    text.add("call " + nth + " of " + function + " fails with " + status.cName());
    return this;
  }

  /** The n-th allocation, of any kind, fails with CUDA_ERROR_OUT_OF_MEMORY. */
  public FaultPlan failAllocation(long nth) {
    calls.add(new Rule("", nth, CudaStatus.OUT_OF_MEMORY.code()));
    text.add("allocation " + nth + " fails");
    return this;
  }

  /** The n-th launch succeeds and fails when it runs; a status of lost devices loses the device. */
  public FaultPlan failLaunchLate(long nth, CudaStatus status) {
    launches.add(new Rule("cuLaunchKernel", nth, status.code()));
    text.add("launch " + nth + " fails late with " + status.cName());
    return this;
  }

  /** The device is lost at a call, counted over all functions. */
  public FaultPlan loseDevice(long nthCall) {
    lostAfterCalls = nthCall;
    text.add("call " + nthCall + " loses the device");
    return this;
  }

  /** From the n-th copy on each takes so much longer; in a stepped device, one step more. */
  public FaultPlan slowCopies(long fromNth, long nanos) {
    slowFrom = fromNth;
    slowNs = nanos;
    text.add("copies from " + fromNth + " on take " + nanos + " ns more");
    return this;
  }

  /** Calls of some functions fail at random. */
  public FaultPlan failAtRandom(
      long seed, double probability, CudaStatus status, String... functions) {
    random = new Random(seed);
    rate = probability;
    randomCode = status.code();
    randomFunctions = Set.of(functions);
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
    if (allCalls == lostAfterCalls) {
      return CudaStatus.ECC_UNCORRECTABLE.code();
    }
    if (calls.isEmpty() && random == null) {
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
    boolean fails =
        random != null && randomFunctions.contains(function) && random.nextDouble() < rate;
    return fails ? randomCode : 0;
  }

  /** How this launch fails when it runs; 0: it does not. */
  int onLaunch() {
    launched++;
    for (Rule rule : launches) {
      if (rule.nth == launched) {
        return rule.code;
      }
    }
    return 0;
  }

  /** How much longer this copy takes. */
  long onCopy() {
    copies++;
    return slowNs > 0 && copies >= slowFrom ? slowNs : 0;
  }

  private long count(String function) {
    return ++counts.computeIfAbsent(function, _ -> new long[1])[0];
  }

  @Override
  public String toString() {
    return text.isEmpty() ? "no faults" : String.join("; ", text);
  }
}
