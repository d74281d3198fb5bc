package dev.sluice.bench.train;

import dev.sluice.bindings.ElementType;
import java.util.ArrayList;
import java.util.List;

/**
 * The data set of remarks: sentences of a small language on a few things, after a question that
 * asks for one of them. The class says how good that thing is said to be: not mentioned, very bad,
 * bad, good, very good.
 *
 * <p>A sentence names a thing and then a quality of it; a word of stress makes the quality a strong
 * one, and a word of denial turns it round. Each thing and each quality has several words. What is
 * said of other things does not count.
 *
 * <p>The two families share the words and nothing else: neither a form of sentence, nor how often
 * words are picked, nor how the idle words between them follow each other, nor what goes wrong.
 *
 * <table>
 * <caption>What the families do</caption>
 * <tr><th></th><th>training</th><th>held-out</th></tr>
 * <tr><td>sentences</td>
 *     <td>{@code thing quality}, with two idle words before either, both or none</td>
 *     <td>{@code idle thing idle quality}, {@code thing idle quality idle}</td></tr>
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

  /** Tokens of a sample: the question, the sentences, and 0 to the end. */
  static final int TOKENS = 24;

  /** How many numbers of tokens there are. */
  static final int VOCABULARY = 64;

  /** How many answers there are. */
  static final int CLASSES = 5;

  private static final int THINGS = 4;
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
  private static final int WORDS_PER_QUALITY = 5;
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
    /**
     * The class that it makes of its thing: the place of what it says in the qualities, plus one.
     */
    int answer() {
      int size = stressed ? 2 : Math.abs(QUALITIES[quality]);
      boolean bad = QUALITIES[quality] < 0 != denied;
      int said = bad ? -size : size;
      int place = 0;
      while (QUALITIES[place] != said) {
        place++;
      }
      return place + 1;
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
    if (label(index) > 0) {
      Claim claim = claim(asked, draws);
      while (claim.answer() != label(index)) {
        claim = claim(asked, draws);
      }
      sentences.add(sentence(claim, draws));
      free -= sentences.getFirst().length;
    }
    // Where nothing is said of the thing, something is said of another.
    int others = sentences.isEmpty() ? 1 + draws.below(3) : draws.below(4);
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

  private static Claim claim(int thing, SeededDraws draws) {
    return new Claim(thing, draws.below(QUALITIES.length), draws.chance(0.3), draws.chance(0.3));
  }

  private int[] sentence(Claim claim, SeededDraws draws) {
    List<Integer> words = new ArrayList<>();
    int thing = FIRST_THING + claim.thing * WORDS_PER_THING + pick(WORDS_PER_THING, draws);
    switch (family) {
      case TRAINING -> {
        idle(words, 2 * draws.below(2), draws);
        words.add(thing);
        idle(words, 2 * draws.below(2), draws);
        quality(claim, words, draws);
      }
      case HELD_OUT -> {
        boolean early = draws.chance(0.5);
        idle(words, early ? 1 : 0, draws);
        words.add(thing);
        idle(words, 1, draws);
        quality(claim, words, draws);
        idle(words, early ? 0 : 1, draws);
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
          if (draws.chance(0.01)) {
            tokens[i] = FIRST_DENIAL + draws.below(VOCABULARY - FIRST_DENIAL);
          }
        }
        case HELD_OUT -> {
          if (i + 1 < length && draws.chance(0.015)) {
            int word = tokens[i];
            tokens[i] = tokens[i + 1];
            tokens[i + 1] = word;
          }
        }
      }
    }
  }
}
