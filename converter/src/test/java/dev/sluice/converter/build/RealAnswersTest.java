package dev.sluice.converter.build;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.sluice.engine.Shape;
import dev.sluice.engine.backend.BackendException;
import dev.sluice.engine.format.Manifest;
import dev.sluice.engine.npy.Npy;
import dev.sluice.engine.npy.NpyArray;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Packages answer as what is published about their models says. */
class RealAnswersTest {
  @TempDir Path folder;

  private Served serve(String model) throws IOException, BackendException {
    Path file = folder.resolve("model.sluice");
    ModelBuilder.build(RealModels.file(model), file, BuildOptions.defaults());
    return new Served(file);
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2})
  void digitsWithPublishedPairs(int pair) throws Exception {
    try (Served served = serve("mnist8/mnist8.onnx")) {
      String prefix = "mnist8/mnist8_" + pair;
      float[] output = served.run(RealModels.floats(RealModels.file(prefix + "_input.f32")), 1);
      assertThat(output)
          .containsExactly(
              RealModels.floats(RealModels.file(prefix + "_output.f32")), within(0.02f));
    }
  }

  @Test
  void superResolutionWithItsPublishedPair() throws Exception {
    String prefix = "super_resolution_10/super_resolution_10";
    try (Served served = serve(prefix + ".onnx")) {
      float[] input = RealModels.floats(RealModels.file(prefix + "_0_input.f32"));
      float[] expected = RealModels.floats(RealModels.file(prefix + "_0_output.f32"));
      assertThat(served.run(input, 1)).containsExactly(expected, within(1e-4f));
      float[] twice = Arrays.copyOf(input, input.length * 2);
      System.arraycopy(input, 0, twice, input.length, input.length);
      float[] both = served.run(twice, 2);
      assertThat(Arrays.copyOfRange(both, expected.length, both.length))
          .containsExactly(expected, within(1e-4f));
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 62})
  void all62DigitsAreRight(int rows) throws Exception {
    try (Served served = serve("tribuo_mnist_cnn/cnn_mnist.onnx")) {
      List<String> lines =
          Files.readAllLines(RealModels.file("tribuo_mnist_cnn/mnist_test_head.libsvm"));
      assertThat(lines).hasSize(62);
      int right = 0;
      for (int from = 0; from < lines.size(); from += rows) {
        float[] pixels = new float[rows * 784];
        for (int r = 0; r < rows; r++) {
          String[] fields = lines.get(from + r).strip().split(" ", -1);
          for (String field : Arrays.asList(fields).subList(1, fields.length)) {
            int colon = field.indexOf(':');
            int pixel = Integer.parseInt(field.substring(0, colon));
            pixels[r * 784 + pixel] = Integer.parseInt(field.substring(colon + 1)) / 255f;
          }
        }
        float[] output = served.run(pixels, rows);
        for (int r = 0; r < rows; r++) {
          int label = Integer.parseInt(lines.get(from + r).split(" ", -1)[0]);
          right += argMax(output, r * 10, 10) == label ? 1 : 0;
        }
      }
      assertThat(right).isEqualTo(62);
    }
  }

  @ParameterizedTest
  @CsvSource({
    "images/n01440764_tench.JPEG,jpeg",
    "magika/magika_standard_v3_3.onnx,onnx",
    "magika/LICENSE,txt",
    "magika/config.min.json,json",
    "gtcrn/mix.wav,wav",
    "pom.xml,xml",
    "src/main/java/dev/sluice/converter/build/BatchProof.java,java",
  })
  void fileTypes(String file, String expected) throws Exception {
    try (Served served = serve("magika/magika_standard_v3_3.onnx")) {
      // The last two are this module's own.
      Path own = Path.of(file);
      byte[] content = Files.readAllBytes(Files.exists(own) ? own : RealModels.file(file));
      MemorySegment tokens = MemorySegment.ofArray(magikaTokens(content));
      byte[] output = served.run(List.of(tokens), List.of(Shape.of(1, 2048)), 1).getFirst();
      String config = Files.readString(RealModels.file("magika/config.min.json"));
      String key = "\"target_labels_space\":[";
      int start = config.indexOf(key) + key.length();
      String[] labels =
          config.substring(start, config.indexOf(']', start)).replace("\"", "").split(",", -1);
      assertThat(labels[argMax(Served.floats(output), 0, labels.length)]).isEqualTo(expected);
    }
  }

  /** The first and last 1024 bytes after stripping blanks, padded with 256. */
  private static int[] magikaTokens(byte[] content) {
    byte[] head = strip(Arrays.copyOf(content, Math.min(content.length, 4096)), true);
    byte[] tail =
        strip(
            Arrays.copyOfRange(content, Math.max(0, content.length - 4096), content.length), false);
    int[] tokens = new int[2048];
    Arrays.fill(tokens, 256);
    for (int i = 0; i < Math.min(1024, head.length); i++) {
      tokens[i] = head[i] & 0xff;
    }
    for (int i = 0; i < Math.min(1024, tail.length); i++) {
      tokens[2047 - i] = tail[tail.length - 1 - i] & 0xff;
    }
    return tokens;
  }

  private static byte[] strip(byte[] bytes, boolean leading) {
    int from = 0;
    int to = bytes.length;
    while (leading && from < to && isBlank(bytes[from])) {
      from++;
    }
    while (!leading && to > from && isBlank(bytes[to - 1])) {
      to--;
    }
    return Arrays.copyOfRange(bytes, from, to);
  }

  private static boolean isBlank(byte b) {
    return b == ' ' || (b >= 9 && b <= 13);
  }

  @Test
  void photographs() throws Exception {
    try (Served served = serve("squeezenet_fp32/squeezenet_fp32_dynbatch.onnx")) {
      List<String> lines = Files.readAllLines(RealModels.file("images/labels.tsv"));
      int top1 = 0;
      int top5 = 0;
      int count = 0;
      for (String line : lines.subList(1, lines.size())) {
        String[] fields = line.split("\t", -1);
        float[] scores = served.run(squeezeNetInput(RealModels.file("images/" + fields[0])), 1);
        float score = scores[Integer.parseInt(fields[1])];
        int better = 0;
        for (float other : scores) {
          better += other > score ? 1 : 0;
        }
        top1 += better == 0 ? 1 : 0;
        top5 += better < 5 ? 1 : 0;
        count++;
      }
      // On a larger set of the same kind 182 of 300 are right, 257 among the first five.
      assertThat(count).isEqualTo(100);
      assertThat(top1).isBetween(56, 64);
      assertThat(top5).isBetween(83, 91);
    }
  }

  /** Shorter side to 256, centre crop of 224, channels BGR, minus their means. */
  static float[] squeezeNetInput(Path file) throws IOException {
    BufferedImage image = ImageIO.read(file.toFile());
    double scale = 256.0 / Math.min(image.getWidth(), image.getHeight());
    int width = (int) Math.round(image.getWidth() * scale);
    int height = (int) Math.round(image.getHeight() * scale);
    int[] pixels = new int[image.getWidth() * image.getHeight()];
    image.getRGB(0, 0, image.getWidth(), image.getHeight(), pixels, 0, image.getWidth());
    float[] means = {104, 117, 123};
    float[] planes = new float[3 * 224 * 224];
    for (int y = 0; y < 224; y++) {
      for (int x = 0; x < 224; x++) {
        double sourceX = (x + (width - 224) / 2 + 0.5) / scale - 0.5;
        double sourceY = (y + (height - 224) / 2 + 0.5) / scale - 0.5;
        for (int c = 0; c < 3; c++) {
          planes[c * 224 * 224 + y * 224 + x] =
              (float) box(pixels, image.getWidth(), sourceX, sourceY, Math.max(1, 1 / scale), 8 * c)
                  - means[c];
        }
      }
    }
    return planes;
  }

  /** Triangle filter of the given radius around a point, as Pillow's bilinear resize has it. */
  private static double box(int[] pixels, int width, double x, double y, double radius, int shift) {
    int height = pixels.length / width;
    double sum = 0;
    double weights = 0;
    for (int j = (int) Math.ceil(y - radius); j <= y + radius; j++) {
      for (int i = (int) Math.ceil(x - radius); i <= x + radius; i++) {
        if (i >= 0 && j >= 0 && i < width && j < height) {
          double weight = (1 - Math.abs(i - x) / radius) * (1 - Math.abs(j - y) / radius);
          sum += weight * (pixels[j * width + i] >> shift & 0xff);
          weights += weight;
        }
      }
    }
    return sum / weights;
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "tribuo_bert/tinybert.onnx",
        "silero_vad/silero_vad_op18_ifless.onnx",
        "dtln/dtln_model_1.onnx",
        "dtln/dtln_model_2.onnx",
        "gtcrn/gtcrn.onnx",
        "gtcrn/gtcrn_simple.onnx",
        "ultraface_rfb320/version-RFB-320.onnx",
        "squeezenet_fp16/SqueezeNet_fp16.onnx",
        "basic_pitch/nmp.onnx"
      })
  void goldenSamplesComeOutAgain(String model) throws Exception {
    try (Served served = serve(model)) {
      for (Manifest.GoldenSample sample : served.manifest().golden()) {
        List<MemorySegment> inputs = new ArrayList<>();
        List<Shape> shapes = new ArrayList<>();
        for (String entry : sample.inputs().values()) {
          NpyArray array = Npy.read(served.file().entry(entry), entry);
          inputs.add(array.data());
          shapes.add(array.shape());
        }
        List<byte[]> outputs = served.run(inputs, shapes, 1);
        int i = 0;
        for (Map.Entry<String, String> output : sample.outputs().entrySet()) {
          NpyArray expected = Npy.read(served.file().entry(output.getValue()), output.getKey());
          assertThat(
                  RowComparison.difference(
                      expected.type(), expected.data(), MemorySegment.ofArray(outputs.get(i++))))
              .as(output.getKey())
              .isLessThan(1e-5);
        }
      }
    }
  }

  private static int argMax(float[] values, int from, int count) {
    int best = from;
    for (int i = from; i < from + count; i++) {
      best = values[i] > values[best] ? i : best;
    }
    return best - from;
  }
}
