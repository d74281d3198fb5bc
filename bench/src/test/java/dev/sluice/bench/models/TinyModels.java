package dev.sluice.bench.models;

import dev.sluice.bench.models.MobileNet.Stage;
import java.util.List;

/** Each architecture in small: every kind of block, few of them. */
public final class TinyModels {
  private TinyModels() {}

  public static ResNet resNet() {
    return new ResNet("tiny-resnet", 8, List.of(2, 1), 10, 32);
  }

  public static MobileNet mobileNet() {
    return new MobileNet(
        "tiny-mobilenet", 8, List.of(new Stage(1, 8, 1, 1), new Stage(6, 16, 2, 2)), 32, 10, 32);
  }

  public static Bert bert() {
    return new Bert("tiny-bert", 50, 16, 32, 2, 4, 64, 12);
  }

  public static Lstm lstm() {
    return new Lstm("tiny-lstm", 6, 8, 2, 5, 7);
  }

  public static UNet uNet() {
    return new UNet("tiny-unet", 4, 2, 2, 16, false);
  }

  /** The other way to grow. */
  public static UNet resizingUNet() {
    return new UNet("tiny-resizing-unet", 4, 2, 2, 16, true);
  }

  public static Yolo yolo() {
    return new Yolo("tiny-yolo", 4, 2, 3, 64);
  }

  public static Perceptron perceptron() {
    return new Perceptron("tiny-mlp", List.of(20, 32, 24));
  }

  public static SqueezeNet squeezeNet() {
    return new SqueezeNet(
        "tiny-squeezenet",
        8,
        List.of(List.of(new SqueezeNet.Fire(4, 8)), List.of(new SqueezeNet.Fire(8, 12))),
        10,
        32);
  }

  /** Those of the GPU table. */
  public static List<GeneratedModel> table() {
    return networks().subList(0, 3).stream().map(Network::model).toList();
  }

  public static List<Network> networks() {
    return List.of(
        resNet(),
        mobileNet(),
        bert(),
        lstm(),
        uNet(),
        resizingUNet(),
        yolo(),
        perceptron(),
        squeezeNet());
  }

  public static List<GeneratedModel> all() {
    return networks().stream().map(Network::model).toList();
  }
}
