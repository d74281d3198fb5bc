package dev.sluice.bench.train;

import dev.sluice.bindings.ElementType;
import java.util.ArrayList;
import java.util.List;

/**
 * The data set of remarks: sentences of a small language on eight things, after a question that
 * asks for one of them. What is said of a thing adds up; the class says what comes out: not
 * mentioned, bad, rather bad, as good as bad, rather good, good.
 *
 * <p>A sentence names a thing and a quality of it, from -2 to 2; a word of stress doubles the
 * quality, and a word of denial turns it round. Each thing and each quality has several words.
 *
 * <p>The two families share the words and nothing else: neither a form of sentence, nor how words
 * are picked, nor how the idle words between them follow each other, nor what goes wrong.
 *
 * <table>
 * <caption>What the families do</caption>
 * <tr><th></th><th>training</th><th>held-out</th></tr>
 * <tr><td>sentences</td><td>{@code thing idle* quality}, {@code quality thing}</td>
 *     <td>{@code idle thing idle quality idle}, {@code idle quality idle thing}</td></tr>
 * <tr><td>words</td><td>all as often</td><td>some far more often than others</td></tr>
 * <tr><td>idle words</td><td>independent</td><td>each near the last one</td></tr>
 * <tr><td>mistakes</td><td>a wrong word</td><td>two words change places</td></tr>
 * </table>
 *
 * <p>Not thread-safe.
 */
final class Remarks implements Dataset {
  /** The models' input. */
  static final String INPUT = "tokens";

  /** Tokens of a sample: the question, the sentences, and {@link #NOTHING} to the end. */
  static final int TOKENS = 32;

  /** How many numbers of tokens there are. */
  static final int VOCABULARY = 96;

  /** How many answers there are. */
  static final int CLASSES = 6;

  private static final int NOTHING = 0;
  private static final int THINGS = 8;
  private static final int FIRST_QUESTION = 1;
  private static final int STOP = FIRST_QUESTION + THINGS;
  private static final int FIRST_DENIAL = STOP + 1;
  private static final int DENIALS = 2;
  private static final int FIRST_STRESS = FIRST_DENIAL + DENIALS;
  private static final int STRESSES = 2;
  private static final int FIRST_THING = FIRST_STRESS + STRESSES;
  private static final int WORDS_PER_THING = 3;
  private static final int FIRST_QUALITY = FIRST_THING + THINGS * WORDS_PER_THING;
  private static final int[] QUALITIES = {-2, -1, 1, 2};
  private static final int WORDS_PER_QUALITY = 6;
  private static final int FIRST_IDLE = FIRST_QUALITY + QUALITIES.length * WORDS_PER_QUALITY;
  private static final int IDLE = VOCABULARY - FIRST_IDLE;

  private final Family family;
  private final long seed;

  Remarks(Family family, long seed) {
    this.family = family;
    this.seed = family.apart(seed);
  }

  /** What a sentence says. */
  private record Claim(int thing, int quality, boolean stressed, boolean denied) {
    int value() {
      return (denied ? -1 : 1) * (stressed ? 2 : 1) * QUALITIES[quality];
    }
  }

  @Override
  public String input() {
    return INPUT;
  }

  @Override
  public ElementType type() {
    return ElementType.INT64;
  }

  @Override
  public long[] rowShape() {
    return new long[] {TOKENS};
  }

  @Override
  public int classes() {
    return CLASSES;
  }

  @Override
  public void draw(long index, float[] values, int at) {
    SeededDraws draws = SeededDraws.of(seed, index);
    int asked = draws.below(THINGS);
    List<int[]> sentences = new ArrayList<>();
    int free = TOKENS - 1;
    for (Claim claim : answer(asked, label(index), draws)) {
      int[] sentence = sentence(claim, draws);
      sentences.add(sentence);
      free -= sentence.length;
    }
    int others = 2 + draws.below(3);
    for (int i = 0; i < others; i++) {
      int other = (asked + 1 + draws.below(THINGS - 1)) % THINGS;
      int[] sentence = sentence(claim(other, draws), draws);
      if (sentence.length <= free) {
        sentences.add(draws.below(sentences.size() + 1), sentence);
        free -= sentence.length;
      }
    }
    int[] tokens = new int[TOKENS];
    int length = 0;
    tokens[length++] = FIRST_QUESTION + asked;
    for (int[] sentence : sentences) {
      System.arraycopy(sentence, 0, tokens, length, sentence.length);
      length += sentence.length;
    }
    mistake(draws, tokens, length);
    for (int i = 0; i < TOKENS; i++) {
      values[at + i] = tokens[i];
    }
  }

  /** Claims on a thing that add up to the class. */
  private static List<Claim> answer(int asked, int label, SeededDraws draws) {
    if (label == 0) {
      return List.of();
    }
    while (true) {
      List<Claim> claims = new ArrayList<>();
      claims.add(claim(asked, draws));
      int sum = claims.getFirst().value();
      if (draws.chance(0.5)) {
        claims.add(claim(asked, draws));
        sum += claims.getLast().value();
      }
      if (answerTo(sum) == label) {
        return claims;
      }
    }
  }

  private static int answerTo(int sum) {
    if (sum == 0) {
      return 3;
    }
    boolean strong = Math.abs(sum) > 2;
    if (sum < 0) {
      return strong ? 1 : 2;
    }
    return strong ? 5 : 4;
  }

  private static Claim claim(int thing, SeededDraws draws) {
    return new Claim(thing, draws.below(QUALITIES.length), draws.chance(0.3), draws.chance(0.3));
  }

  private int[] sentence(Claim claim, SeededDraws draws) {
    List<Integer> words = new ArrayList<>();
    int thing = FIRST_THING + claim.thing * WORDS_PER_THING + pick(WORDS_PER_THING, draws);
    switch (family) {
      case TRAINING -> {
        if (draws.chance(0.5)) {
          words.add(thing);
          idle(words, draws.below(4), draws);
          quality(claim, words, draws);
        } else {
          quality(claim, words, draws);
          words.add(thing);
        }
      }
      case HELD_OUT -> {
        idle(words, 1, draws);
        if (draws.chance(0.5)) {
          words.add(thing);
          idle(words, 1, draws);
          quality(claim, words, draws);
          idle(words, 1, draws);
        } else {
          quality(claim, words, draws);
          idle(words, 1, draws);
          words.add(thing);
        }
      }
    }
    words.add(STOP);
    return words.stream().mapToInt(Integer::intValue).toArray();
  }

  private void quality(Claim claim, List<Integer> words, SeededDraws draws) {
    if (claim.denied) {
      words.add(FIRST_DENIAL + pick(DENIALS, draws));
    }
    if (claim.stressed) {
      words.add(FIRST_STRESS + pick(STRESSES, draws));
    }
    words.add(FIRST_QUALITY + claim.quality * WORDS_PER_QUALITY + pick(WORDS_PER_QUALITY, draws));
  }

  private void idle(List<Integer> words, int count, SeededDraws draws) {
    int word = draws.below(IDLE);
    for (int i = 0; i < count; i++) {
      words.add(FIRST_IDLE + word);
      word = family == Family.TRAINING ? draws.below(IDLE) : (word + 1 + draws.below(3)) % IDLE;
    }
  }

  /** One of several words for the same. */
  private int pick(int count, SeededDraws draws) {
    double unit = draws.unit();
    return (int) (count * (family == Family.TRAINING ? unit : unit * unit));
  }

  private void mistake(SeededDraws draws, int[] tokens, int length) {
    for (int i = 1; i < length; i++) {
      switch (family) {
        case TRAINING -> {
          if (draws.chance(0.02)) {
            tokens[i] = FIRST_DENIAL + draws.below(VOCABULARY - FIRST_DENIAL);
          }
        }
        case HELD_OUT -> {
          if (i + 1 < length && draws.chance(0.03)) {
            int word = tokens[i];
            tokens[i] = tokens[i + 1];
            tokens[i + 1] = word;
          }
        }
      }
    }
  }
}
