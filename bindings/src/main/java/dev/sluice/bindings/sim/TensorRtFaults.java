package dev.sluice.bindings.sim;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;

/**
 * What goes wrong in a {@link SimulatedTensorRt}, and when. Calls are counted per {@link Call},
 * from 1, in the order in which they come; a plan is used by one simulated TensorRT, and its text
 * says how to make it again.
 *
 * <p>Thread safety: build it on one thread; then any thread may ask.
 */
public final class TensorRtFaults {
  /** Calls that can fail, and how they do. */
  public enum Call {
    /** {@code buildSerializedNetwork} gives no plan. */
    BUILD,
    /** {@code deserializeCudaEngine} takes the plan for one of another version. */
    DESERIALIZE,
    /** {@code createExecutionContext} has no memory. */
    CREATE_CONTEXT,
    /** {@code refit} refuses. */
    REFIT,
    /** {@code enqueueV3} returns false, and nothing is enqueued. */
    ENQUEUE
  }

  private record Rule(Call call, long nth) {}

  private record RandomRule(Call call, Random random, double rate) {}

  private final List<Rule> rules = new ArrayList<>();
  private final List<RandomRule> randoms = new ArrayList<>();
  private final List<String> text = new ArrayList<>();
  private final Map<Call, Long> counts = new HashMap<>();

  private TensorRtFaults() {}

  /** A plan in which nothing goes wrong. */
  public static TensorRtFaults none() {
    return new TensorRtFaults();
  }

  /** The n-th call fails. */
  public TensorRtFaults fail(Call call, long nth) {
    rules.add(new Rule(call, nth));
    text.add(call + " " + nth + " fails");
    return this;
  }

  /** Calls fail at random; each such rule draws on its own. */
  public TensorRtFaults failAtRandom(Call call, long seed, double probability) {
    randoms.add(new RandomRule(call, new Random(seed), probability));
    text.add(call + " fails at a rate of " + probability + ", seed " + seed);
    return this;
  }

  /** Whether this call fails. */
  synchronized boolean fails(Call call) {
    long nth = counts.merge(call, 1L, Long::sum);
    boolean fails = rules.contains(new Rule(call, nth));
    for (RandomRule rule : randoms) {
      fails |= rule.call == call && rule.random.nextDouble() < rule.rate;
    }
    return fails;
  }

  @Override
  public String toString() {
    return text.isEmpty() ? "no faults" : String.join("; ", text);
  }
}
