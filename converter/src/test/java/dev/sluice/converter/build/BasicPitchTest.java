package dev.sluice.converter.build;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.engine.Shape;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.zip.ZipFile;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Audio to notes: the published answer is that of a whole pipeline. The audio is brought to 22,050
 * Hz, cut into windows of 43,844 samples that overlap by 30 frames of 256, and of each window's
 * frames 15 at either end are dropped.
 */
class BasicPitchTest {
  private static final int WINDOW = 43_844;
  private static final int OVERLAP = 30 * 256;
  private static final int HOP = WINDOW - OVERLAP;
  private static final int FRAMES = 172;
  private static final int KEPT = FRAMES - 30;

  /** The model's outputs in its order, by the name that the published file has for them. */
  private static final List<String> OUTPUTS = List.of("onset", "note", "contour");

  @TempDir Path folder;

  @Test
  void notesOfAVoice() throws Exception {
    Path file = folder.resolve("model.sluice");
    ModelBuilder.build(RealModels.file("basic_pitch/nmp.onnx"), file, BuildOptions.defaults());
    float[] audio = halved(samples(RealModels.file("basic_pitch/vocadito_10.wav")));
    int rows = Math.ceilDiv(audio.length + OVERLAP / 2, HOP);
    float[] windows = new float[rows * WINDOW];
    for (int row = 0; row < rows; row++) {
      for (int i = 0; i < WINDOW; i++) {
        int at = row * HOP + i - OVERLAP / 2;
        windows[row * WINDOW + i] = at >= 0 && at < audio.length ? audio[at] : 0;
      }
    }
    List<byte[]> outputs;
    try (Served served = new Served(file)) {
      outputs =
          served.run(
              List.of(MemorySegment.ofArray(windows)), List.of(Shape.of(1, WINDOW, 1)), rows);
    }
    byte[] published = published();
    for (int i = 0; i < OUTPUTS.size(); i++) {
      int bins = OUTPUTS.get(i).equals("contour") ? 264 : 88;
      float[] expected = array(published, OUTPUTS.get(i), bins);
      float[] actual = unwrapped(Served.floats(outputs.get(i)), rows, bins);
      int frames = Math.min(expected.length, actual.length) / bins - 4;
      assertThat(frames).isGreaterThan(700);
      double correlation = correlation(expected, actual, frames * bins);
      assertThat(correlation).as(OUTPUTS.get(i)).isGreaterThan(0.9999);
    }
  }

  private static float[] unwrapped(float[] output, int rows, int bins) {
    float[] unwrapped = new float[rows * KEPT * bins];
    for (int row = 0; row < rows; row++) {
      System.arraycopy(
          output, (row * FRAMES + 15) * bins, unwrapped, row * KEPT * bins, KEPT * bins);
    }
    return unwrapped;
  }

  /** 16-bit mono samples as -1..1. */
  private static float[] samples(Path wav) throws IOException {
    byte[] bytes = Files.readAllBytes(wav);
    int data = new String(bytes, StandardCharsets.ISO_8859_1).indexOf("data") + 8;
    ByteBuffer in = ByteBuffer.wrap(bytes, data, bytes.length - data);
    in.order(ByteOrder.LITTLE_ENDIAN);
    float[] samples = new float[in.remaining() / 2];
    for (int i = 0; i < samples.length; i++) {
      samples[i] = in.getShort() / 32768f;
    }
    return samples;
  }

  /** Half the rate: a windowed sinc that cuts off at a quarter of the rate, every other sample. */
  private static float[] halved(float[] samples) {
    int taps = 128;
    float[] out = new float[samples.length / 2];
    for (int i = 0; i < out.length; i++) {
      double sum = 0;
      for (int k = -taps; k <= taps; k++) {
        int at = 2 * i + k;
        if (at >= 0 && at < samples.length) {
          double x = k * 0.5;
          double sinc = k == 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
          double window = 0.5 + 0.5 * Math.cos(Math.PI * k / (taps + 1));
          sum += samples[at] * sinc * window * 0.5;
        }
      }
      out[i] = (float) sum;
    }
    return out;
  }

  /** The pickled dictionary of arrays in the published file. */
  private static byte[] published() throws IOException {
    Path npz = RealModels.file("basic_pitch/vocadito_10_model_output.npz");
    try (ZipFile zip = new ZipFile(npz.toFile());
        InputStream in = zip.getInputStream(zip.entries().nextElement())) {
      return in.readAllBytes();
    }
  }

  /** The floats of the array that follows a key: pickle's BINBYTES, 'B' and a u32 length. */
  private static float[] array(byte[] pickle, String key, int bins) {
    String text = new String(pickle, StandardCharsets.ISO_8859_1);
    int at = text.indexOf("X" + (char) key.length() + "\0\0\0" + key);
    ByteBuffer bytes = ByteBuffer.wrap(pickle).order(ByteOrder.LITTLE_ENDIAN);
    for (at = text.indexOf('B', at); at >= 0; at = text.indexOf('B', at + 1)) {
      int length = bytes.getInt(at + 1);
      if (length > 100_000 && length % (bins * 4) == 0 && length <= pickle.length - at) {
        return Served.floats(Arrays.copyOfRange(pickle, at + 5, at + 5 + length));
      }
    }
    throw new AssertionError("no array '" + key + "'");
  }

  private static double correlation(float[] a, float[] b, int count) {
    double meanA = 0;
    double meanB = 0;
    for (int i = 0; i < count; i++) {
      meanA += a[i] / count;
      meanB += b[i] / count;
    }
    double ab = 0;
    double aa = 0;
    double bb = 0;
    for (int i = 0; i < count; i++) {
      ab += (a[i] - meanA) * (b[i] - meanB);
      aa += (a[i] - meanA) * (a[i] - meanA);
      bb += (b[i] - meanB) * (b[i] - meanB);
    }
    return ab / Math.sqrt(aa * bb);
  }
}
