package dev.sluice.bench.zoo;

import dev.sluice.bench.train.Lesson;
import dev.sluice.converter.demo.DemoModel;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.Properties;

/**
 * The models of the zoo. Each has one input, whose rows {@link Samples} holds, and one output
 * {@code logits}, {@code f32[N, classes]}; the class with the highest score is the answer.
 *
 * <p>Thread safety: immutable; samples are drawn anew on each call.
 */
public enum ZooModel {
  /** A residual network of images: the demonstration model, which the converter ships. */
  HEX_DIGITS(Lesson.HEX_DIGITS, DemoModel.class),

  /** A network of depthwise-separable convolutions and ReLU6, of the same images. */
  SEPARABLE(Lesson.SEPARABLE, ZooModel.class),

  /** ONNX's LSTM over the movements of a hand. */
  LSTM(Lesson.LSTM, ZooModel.class),

  /** An encoder with attention, layer normalisation and GELU over tokens. */
  ENCODER(Lesson.ENCODER, ZooModel.class);

  /** Seed of the samples for calibration; no model was trained with it. */
  private static final long CALIBRATION_SEED = 71;

  private final Lesson lesson;
  private final Class<?> neighbour;

  /** A model beside whose files a class lies. */
  ZooModel(Lesson lesson, Class<?> neighbour) {
    this.lesson = lesson;
    this.neighbour = neighbour;
  }

  /** The bytes of the ONNX file. */
  public byte[] onnx() throws IOException {
    try (InputStream in = resource(".onnx")) {
      return in.readAllBytes();
    }
  }

  /**
   * What the model is: {@code model.*}, {@code training.*}, and {@code heldout.*} with {@code
   * heldout.samples} and {@code heldout.correct}, which the model as it is gets right of {@link
   * #heldOut}.
   */
  public Properties card() throws IOException {
    Properties card = new Properties();
    try (InputStreamReader in =
        new InputStreamReader(resource(".properties"), StandardCharsets.UTF_8)) {
      card.load(in);
    }
    return card;
  }

  /**
   * The samples that accuracy is measured on: more than 5,000, drawn by a generator that shares
   * neither seed nor manner with that of the training samples.
   */
  public Samples heldOut() {
    return Samples.draw(lesson.heldOut(), lesson.heldOutSamples());
  }

  /**
   * Samples by the generator of the training samples, with a seed of their own.
   *
   * @param count how many, at least 1; fewer are the first of more
   */
  public Samples calibration(int count) {
    return Samples.draw(lesson.training(CALIBRATION_SEED), count);
  }

  private InputStream resource(String ending) throws IOException {
    String name = lesson.file() + ending;
    InputStream in = neighbour.getResourceAsStream(name);
    if (in == null) {
      throw new IOException("the zoo's " + name + " is not in this build; build it again");
    }
    return in;
  }
}
