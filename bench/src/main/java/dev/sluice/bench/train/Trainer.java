package dev.sluice.bench.train;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/**
 * Trains a network on the {@link Family#TRAINING} family of a data set. Every sample is drawn
 * afresh and seen once, so there is nothing to learn by heart.
 *
 * <p>A batch is cut into shards of fixed size. Each shard has a network of its own over the shared
 * weights; their gradients are added in the shards' order by one thread. So the weights that come
 * out depend on the plan alone, bit for bit, not on the number of threads.
 *
 * <p>Not thread-safe; it uses threads of its own while {@link #run} lasts.
 */
final class Trainer {
  private static final float RUNNING_RATE = 0.02f;

  /**
   * What is trained and for how long.
   *
   * @param blueprint of the network
   * @param data set
   * @param seed of the first weights and of the data
   * @param steps number of batches
   * @param shards per batch
   * @param shardSamples samples per shard
   * @param method of moving the weights
   * @param peakRate learning rate after the warm-up; it falls to zero along half a cosine
   * @param decay weight decay, as the method has it
   */
  record Plan(
      Blueprint blueprint,
      Dataset.Source data,
      long seed,
      int steps,
      int shards,
      int shardSamples,
      Optimiser.Method method,
      double peakRate,
      double decay) {
    int batch() {
      return shards * shardSamples;
    }

    /** How many samples are drawn. */
    long samples() {
      return (long) steps * batch();
    }

    /** The same with another number of steps. */
    Plan withSteps(int count) {
      return new Plan(blueprint, data, seed, count, shards, shardSamples, method, peakRate, decay);
    }

    /** Learning rate of a step: a straight rise over the first twentieth, then half a cosine. */
    float rate(int step) {
      double warmup = Math.max(1, steps / 20.0);
      double rise = Math.min(1, (step + 1) / warmup);
      return (float) (peakRate * rise * 0.5 * (1 + StrictMath.cos(Math.PI * step / steps)));
    }
  }

  /** Hears how the training goes. */
  interface Progress {
    /** Called after each step with the mean loss over its samples. */
    void step(int step, double loss);
  }

  /** One shard's network, data source and buffers. */
  private final class Shard implements Callable<Double> {
    private final Dataset data = plan.data().of(Family.TRAINING, plan.seed());
    private final Net net = plan.blueprint().net(weights, plan.shardSamples(), false);
    private final int elements = data.rowElements();
    private final int[] labels = new int[plan.shardSamples()];
    private long firstSample;

    @Override
    public Double call() {
      for (int i = 0; i < labels.length; i++) {
        data.draw(firstSample + i, net.input(), i * elements);
        labels[i] = data.label(firstSample + i);
      }
      return net.learn(labels);
    }
  }

  private final Plan plan;
  private final Weights weights;
  private final List<Shard> shards = new ArrayList<>();
  private final Optimiser optimiser;

  Trainer(Plan plan) {
    this.plan = plan;
    this.weights = plan.blueprint().initialise(plan.seed());
    for (int i = 0; i < plan.shards(); i++) {
      shards.add(new Shard());
    }
    this.optimiser =
        plan.method()
            .over(shards.stream().map(shard -> shard.net.parameters()).toList(), plan.decay());
  }

  /**
   * Runs the whole plan.
   *
   * @param threads how many shards run at once; changes the time, not the result
   * @return the trained weights, with batch normalisation still apart
   */
  Weights run(int threads, Progress progress) throws InterruptedException {
    try (ExecutorService executor = Executors.newFixedThreadPool(threads)) {
      for (int step = 0; step < plan.steps(); step++) {
        for (int i = 0; i < shards.size(); i++) {
          shards.get(i).firstSample = ((long) step * shards.size() + i) * plan.shardSamples();
        }
        double loss = 0;
        for (Future<Double> done : executor.invokeAll(shards)) {
          loss += resultOf(done);
        }
        for (Shard shard : shards) {
          shard.net.updateRunning(RUNNING_RATE);
        }
        optimiser.step(plan.rate(step), plan.batch());
        progress.step(step, loss / plan.batch());
      }
    }
    return weights;
  }

  private static double resultOf(Future<Double> done) throws InterruptedException {
    try {
      return done.get();
    } catch (ExecutionException e) {
      throw new IllegalStateException("a shard failed; its cause says where", e.getCause());
    }
  }
}
