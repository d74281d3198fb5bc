package dev.sluice.bench.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.bindings.ElementType;
import dev.sluice.engine.Shape;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ModelCheckTest {
  private static final int WIDTH = 8;

  @TempDir private Path folder;

  /** y = x * w, with weights of that size. */
  private static GeneratedModel product(double bound) {
    NetworkBuilder network = new NetworkBuilder("product", Shape.DYNAMIC);
    String x = network.input("x", ElementType.FLOAT, 1, WIDTH);
    String w = network.weight("w", 0, bound, WIDTH, WIDTH);
    network.graph().nodeTo("y", "MatMul", "product", List.of(x, w));
    network.graph().output("y", ElementType.FLOAT, WIDTH);
    return network.build("for a test");
  }

  private double check(GeneratedModel model) throws IOException {
    return ModelCheck.check(model, model.write(folder, 1), 1);
  }

  @Test
  void saysHowFarTwoAnswersAreApart() throws IOException {
    assertThat(check(product(1))).isBetween(0.1, 2.0);
  }

  @Test
  void refusesAnswersThatVanish() {
    assertThatThrownBy(() -> check(product(0)))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("output 'y'")
        .hasMessageContaining("0.0e+00 apart");
  }

  @Test
  void refusesAnswersThatHardlyChange() {
    NetworkBuilder network = new NetworkBuilder("steady", Shape.DYNAMIC);
    String x = network.input("x", ElementType.FLOAT, 1, WIDTH);
    String large = network.weight("large", 1000, 1, WIDTH);
    network.graph().nodeTo("y", "Add", "sum", List.of(x, large));
    network.graph().output("y", ElementType.FLOAT, WIDTH);
    assertThatThrownBy(() -> check(network.build("for a test")))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("change the gain");
  }

  @Test
  void refusesInfinities() {
    assertThatThrownBy(() -> check(product(Float.MAX_VALUE)))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("lower the gain");
  }
}
