package dev.sluice.converter.cli;

import dev.sluice.bindings.ElementType;
import dev.sluice.bindings.onnxruntime.TinyModel;
import dev.sluice.engine.Shape;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What is wrong, where, why, and what to do: of bad input that people really give. */
@Timeout(120)
class MessagesTest {
  @TempDir static Path folder;

  @BeforeAll
  static void build() throws IOException {
    Models.built(Models.product(folder));
    Models.sum(folder);
    write(
        "text",
        new TinyModel()
            .input("t", ElementType.STRING, "N")
            .output("u", ElementType.STRING, "N")
            .node("Identity", "t", "u"));
    write(
        "seven",
        new TinyModel()
            .weights("seven", new long[] {7}, 1)
            .input("x", ElementType.FLOAT, "N", "w")
            .output("y", ElementType.FLOAT, 7)
            .node("Reshape", "x seven", "y"));
    Models.built(folder.resolve("text.onnx"));
    Models.floats(folder.resolve("x.npy"), Shape.of(2, 3), 1, 2, 3, 4, 5, 6);
    Models.floats(folder.resolve("wide.npy"), Shape.of(2, 4), 1, 2, 3, 4, 5, 6, 7, 8);
  }

  private static void write(String name, TinyModel model) throws IOException {
    Files.write(folder.resolve(name + ".onnx"), model.build().toArray(ValueLayout.JAVA_BYTE));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          build @sum.onnx --shape left=3,1:2:4 | \
          the shape 3,1:2:4 that is given for the input 'left' does not fit [2,-1], which it \
          declares, -1 for any extent; give one that does with --shape
          build @sum.onnx --shape nosuch=1 | \
          a shape is given for [nosuch], but the inputs are [left, right]; name one of them \
          with --shape
          build @seven.onnx | \
          the model does not run with inputs of x [1,16] nor with other extents: Run(
          build @seven.onnx | ; give shapes that it takes: --shape NAME=DIMS
          build @seven.onnx --shape x=1,1:7:9 | \
          the model does not run at an end of the given shapes, x [1,1]: Run(
          build @sum.onnx --pad nosuch=1:8,16 | \
          padding is for the input 'nosuch', but the inputs are [left, right]; name one of \
          them with --pad
          build @sum.onnx --pad left=0:8,16 | axis 0
          build @product.onnx --pad x=1:8,16 | \
          axis 1 of the input 'x' is not dynamic, so it can't be padded; name a dynamic axis \
          with --pad
          build @product.onnx --output-stage z=topk:2 | \
          a stage is for the output 'z', but the outputs are [y]; name one of them
          run @product.sluice --input x= | --input x= names no file; write NAME=FILE
          run @product.sluice --input x=@wide.npy | \
          wide.npy: is float[2,4], but input 'x' takes 3 in axis 1, not 4; the model's inputs \
          are x float[N,3]
          run @product.sluice --input x=@x.npy --custom-ops @ | \
          is no regular file; name a shared library with --custom-ops
          bench @product.sluice --batch 9999 | \
          ; give at most that, or build the package with a larger --batch
          bench @text.sluice --batch 2 | ); give at most that
          bench @text.sluice --data @ | input 't' takes strings
          """)
  void saysWhatToDo(String line, String message) {
    List<Object> words = new ArrayList<>();
    for (String word : line.split(" ", -1)) {
      words.add(word.replaceFirst("@", folder + "/"));
    }
    Cli.run(words.toArray()).refused(2, message);
  }
}
