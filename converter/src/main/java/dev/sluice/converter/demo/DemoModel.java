package dev.sluice.converter.demo;

import dev.sluice.engine.npy.Npy;
import dev.sluice.engine.npy.NpyArray;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Properties;
import java.util.SequencedMap;

/**
 * The demonstration model, unpacked into a folder: a small classifier of images, the images that it
 * never saw, and a card that says how many of them it gets right.
 *
 * <p>Thread safety: immutable.
 */
public final class DemoModel {
  private static final String MODEL = "hexdigits.onnx";
  private static final String HELD_OUT = "hexdigits-heldout.npz";
  private static final String CARD = "hexdigits.properties";
  private static final ValueLayout.OfFloat F32 =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final Path model;
  private final Properties card;
  private final MemorySegment[] images;
  private final int[] labels;

  private DemoModel(Path model, Properties card, MemorySegment[] images, int[] labels) {
    this.model = model;
    this.card = card;
    this.images = images;
    this.labels = labels;
  }

  /** Unpacks the model into a folder and reads the data. */
  public static DemoModel unpack(Path folder) throws IOException {
    Path model = copy(MODEL, folder);
    Path heldOut = copy(HELD_OUT, folder);
    Properties card = new Properties();
    try (InputStream in = resource(CARD)) {
      card.load(new InputStreamReader(in, StandardCharsets.UTF_8));
    }
    SequencedMap<String, NpyArray> arrays = Npy.readNpz(heldOut);
    float divisor = Float.parseFloat(card.getProperty("input.divisor"));
    MemorySegment pixels = arrays.get("image").data();
    MemorySegment classes = arrays.get("label").data();
    int count = Math.toIntExact(classes.byteSize());
    int imagePixels = Math.toIntExact(pixels.byteSize() / count);
    MemorySegment[] images = new MemorySegment[count];
    int[] labels = new int[count];
    for (int i = 0; i < count; i++) {
      images[i] = MemorySegment.ofArray(new byte[imagePixels * Float.BYTES]);
      for (int p = 0; p < imagePixels; p++) {
        int grey =
            Byte.toUnsignedInt(pixels.get(ValueLayout.JAVA_BYTE, (long) i * imagePixels + p));
        images[i].set(F32, (long) p * Float.BYTES, grey / divisor);
      }
      labels[i] = classes.get(ValueLayout.JAVA_BYTE, i);
    }
    return new DemoModel(model, card, images, labels);
  }

  private static InputStream resource(String name) throws IOException {
    InputStream in = DemoModel.class.getResourceAsStream(name);
    if (in == null) {
      throw new IOException(
          "the demonstration's " + name + " is not in this build; build it again");
    }
    return in;
  }

  private static Path copy(String name, Path folder) throws IOException {
    Path file = folder.resolve(name);
    try (InputStream in = resource(name)) {
      Files.copy(in, file);
    }
    return file;
  }

  /** The ONNX file. */
  public Path model() {
    return model;
  }

  /** What the card says about the model in a line. */
  public String description() {
    return card.getProperty("model.name") + ", " + card.getProperty("model.architecture");
  }

  /** Number of held-out images. */
  public int count() {
    return images.length;
  }

  /** A held-out image as the model takes it: one row of its input. */
  public MemorySegment image(int index) {
    return images[index];
  }

  /** How many held-out images the model gets right, by the card. */
  public int expectedCorrect() {
    return Integer.parseInt(card.getProperty("heldout.correct"));
  }

  /** Whether the largest of the scores is the right class of an image. */
  public boolean isCorrect(int index, MemorySegment scores) {
    return best(scores) == labels[index];
  }

  /** The class of the largest of the scores. */
  public static int best(MemorySegment scores) {
    int best = 0;
    for (int i = 1; i < scores.byteSize() / Float.BYTES; i++) {
      if (scores.get(F32, (long) i * Float.BYTES) > scores.get(F32, (long) best * Float.BYTES)) {
        best = i;
      }
    }
    return best;
  }
}
