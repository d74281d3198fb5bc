package dev.sluice.bench.train;

import java.util.Arrays;
import java.util.function.Consumer;

/**
 * A vector for each token's number plus one for its place, as channels of planes whose width is a
 * sample's tokens.
 *
 * <p>Weights are a matrix of one row per number, and one of one row per place.
 *
 * <p>Not thread-safe.
 */
final class Embedding {
  private final Parameter numbers;
  private final Parameter places;
  private final Planes output;
  private final int[] tokens;

  /**
   * An embedding over shared weights.
   *
   * @param vocabulary how many numbers there are
   * @param output planes that it writes
   */
  Embedding(String name, Weights shared, int vocabulary, Planes output) {
    String numberName = name + ".token.weight";
    String placeName = name + ".place.weight";
    int channels = output.channels();
    numbers = new Parameter(numberName, shared.matrix(numberName, vocabulary, channels), false);
    places = new Parameter(placeName, shared.matrix(placeName, output.plane(), channels), false);
    this.output = output;
    tokens = new int[output.length()];
  }

  /**
   * Looks tokens up.
   *
   * @param input their numbers, all those of a sample one after another
   */
  Planes forward(float[] input) {
    for (int i = 0; i < tokens.length; i++) {
      tokens[i] = (int) input[i];
      float[] number = numbers.value()[tokens[i]];
      float[] place = places.value()[i % output.plane()];
      for (int c = 0; c < output.channels(); c++) {
        output.rows()[c][i] = number[c] + place[c];
      }
    }
    return output;
  }

  /** See {@link Layer#backward}; there is no gradient by the input. */
  void backward(Planes gradient) {
    for (float[] row : numbers.gradient()) {
      Arrays.fill(row, 0);
    }
    for (float[] row : places.gradient()) {
      Arrays.fill(row, 0);
    }
    for (int i = 0; i < tokens.length; i++) {
      float[] number = numbers.gradient()[tokens[i]];
      float[] place = places.gradient()[i % output.plane()];
      for (int c = 0; c < output.channels(); c++) {
        float g = gradient.rows()[c][i];
        number[c] += g;
        place[c] += g;
      }
    }
  }

  void parameters(Consumer<Parameter> visitor) {
    visitor.accept(numbers);
    visitor.accept(places);
  }
}
