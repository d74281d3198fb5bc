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

  public static List<GeneratedModel> all() {
    return List.of(resNet().model(), mobileNet().model(), bert().model());
  }
}
