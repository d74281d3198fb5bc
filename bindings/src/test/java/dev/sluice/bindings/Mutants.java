package dev.sluice.bindings;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Locale;
import java.util.SplittableRandom;

/**
 * Fuzzing by seeded mutants: each has a number, and is the same whenever it is made. A family ends
 * when it had {@value #LEAST} mutants and its time. {@code -Dsluice.fuzz=600} makes that time 600
 * seconds instead of 60; {@code -Dsluice.fuzz.mutant=N} with the seed of a failure makes that one
 * mutant alone.
 *
 * <p>Thread safety: stateless.
 */
public final class Mutants {
  private static final long LEAST = 20_000;
  private static final long TIME_NS = Long.getLong("sluice.fuzz", 60) * 1_000_000_000;
  private static final long SEED = Long.getLong("sluice.seed", 20261126);
  private static final long ONLY = Long.getLong("sluice.fuzz.mutant", -1);

  /** Far beyond what a mutant takes on a loaded machine. */
  private static final long MAX_MUTANT_NS = 30_000_000_000L;

  /** Numbers at which code goes wrong. */
  private static final long[] EDGES = {
    0,
    1,
    -1,
    2,
    7,
    8,
    63,
    64,
    127,
    128,
    255,
    256,
    65_535,
    65_536,
    Integer.MAX_VALUE,
    Integer.MIN_VALUE,
    1L << 31,
    1L << 32,
    1L << 40,
    Long.MAX_VALUE,
    Long.MIN_VALUE,
    Long.MAX_VALUE / 4,
    -2
  };

  private Mutants() {}

  /** What is tried with a mutant. */
  @FunctionalInterface
  public interface Attempt {
    /**
     * Makes a mutant and tries it.
     *
     * @param number of the mutant, from 0
     * @param random seeded for it
     * @return whether it was taken; false where it was refused as it should
     */
    boolean taken(long number, SplittableRandom random) throws Exception;
  }

  /** The random numbers of a mutant. */
  public static SplittableRandom random(String family, long number) {
    return new SplittableRandom(
        SEED * 1_000_003 + family.hashCode() + number * 0x9E3779B97F4A7C15L);
  }

  /** How to see a mutant again. */
  public static String replay(String family, long number) {
    return String.format(
        Locale.ROOT,
        "%s, mutant %d; again with -Dsluice.seed=%d -Dsluice.fuzz.mutant=%d",
        family,
        number,
        SEED,
        number);
  }

  /** Tries mutants until there were enough of them. */
  public static void run(String family, Attempt attempt) {
    long startNs = System.nanoTime();
    long taken = 0;
    long number = Math.max(0, ONLY);
    long first = number;
    while (ONLY >= 0 ? number == first : number < LEAST || System.nanoTime() - startNs < TIME_NS) {
      long beginNs = System.nanoTime();
      try {
        taken += attempt.taken(number, random(family, number)) ? 1 : 0;
      } catch (Exception | Error e) {
        throw new AssertionError(replay(family, number), e);
      }
      if (System.nanoTime() - beginNs > MAX_MUTANT_NS) {
        throw new AssertionError(replay(family, number) + " took more than 30 s");
      }
      number++;
    }
    System.out.printf(
        Locale.ROOT,
        "%s: %,d mutants in %.0f s, of which %,d were taken%n",
        family,
        number - first,
        (System.nanoTime() - startNs) / 1e9,
        taken);
  }

  /** A number that is likely to be wrong. */
  public static long number(SplittableRandom random) {
    return switch (random.nextInt(4)) {
      case 0 -> random.nextLong();
      case 1 -> random.nextInt(-16, 64);
      default -> EDGES[random.nextInt(EDGES.length)];
    };
  }

  /** A copy with some bytes flipped, overwritten, cut out, put in, doubled or cut off. */
  public static byte[] bytes(byte[] whole, SplittableRandom random) {
    byte[] bytes = whole.clone();
    for (int n = random.nextInt(1, 5); n > 0 && bytes.length > 0; n--) {
      int at = random.nextInt(bytes.length);
      int length = Math.min(bytes.length - at, random.nextInt(1, 40));
      bytes =
          switch (random.nextInt(7)) {
            case 0 -> Arrays.copyOf(bytes, at);
            case 1 -> joined(bytes, at, new byte[0], at + length);
            case 2 -> joined(bytes, at, Arrays.copyOfRange(bytes, at, at + length), at);
            case 3 -> joined(bytes, at, noise(length, random), at);
            case 4 -> joined(bytes, at, noise(length, random), at + length);
            case 5 -> joined(bytes, at, edge(length, random), at + length);
            default -> {
              bytes[at] ^= (byte) (1 << random.nextInt(8));
              yield bytes;
            }
          };
    }
    return bytes;
  }

  private static byte[] noise(int length, SplittableRandom random) {
    byte[] noise = new byte[length];
    random.nextBytes(noise);
    return noise;
  }

  /** The first bytes of a number, little endian. */
  private static byte[] edge(int length, SplittableRandom random) {
    ByteBuffer number = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN);
    number.putLong(EDGES[random.nextInt(EDGES.length)]);
    return Arrays.copyOf(number.array(), Math.min(length, 1 << random.nextInt(4)));
  }

  /** The bytes before {@code from}, some others, and the bytes after {@code to}. */
  private static byte[] joined(byte[] bytes, int from, byte[] middle, int to) {
    int end = Math.min(bytes.length, to);
    byte[] joined = Arrays.copyOf(bytes, from + middle.length + bytes.length - end);
    System.arraycopy(middle, 0, joined, from, middle.length);
    System.arraycopy(bytes, end, joined, from + middle.length, bytes.length - end);
    return joined;
  }
}
