package dev.sluice.bench.peers;

import dev.sluice.bench.models.Bert;
import dev.sluice.bench.models.GeneratedModel;
import dev.sluice.bench.models.MakeModels;
import dev.sluice.bench.models.Perceptron;
import dev.sluice.bench.models.ResNet;
import dev.sluice.bench.models.SqueezeNet;
import dev.sluice.converter.build.BuildOptions;
import dev.sluice.converter.build.ModelBuilder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;

/**
 * The models of the comparison, in FP32, with weights from a seed and a dynamic batch.
 *
 * <p>Thread safety: immutable.
 */
public enum PeerModel {
  /** {@link Perceptron#tiny}. */
  A,
  /** {@link Perceptron#wide}. */
  B,
  /** {@link ResNet#resNet50}. */
  C,
  /** {@link Bert#encoder}. */
  D,
  /** {@link SqueezeNet#squeezeNet11}, for many models at once. */
  E;

  /** As ids have it: {@code a}. */
  String id() {
    return name().toLowerCase(Locale.ROOT);
  }

  /** The graph. */
  GeneratedModel model() {
    return switch (this) {
      case A -> Perceptron.tiny().model();
      case B -> Perceptron.wide().model();
      case C -> ResNet.resNet50().model();
      case D -> Bert.encoder().model();
      case E -> SqueezeNet.squeezeNet11().model();
    };
  }

  /** The model as ONNX in a folder, once {@link #make} has made it. */
  Path onnx(Path folder) {
    return folder.resolve(model().name() + ".onnx");
  }

  /** The package in a folder, once {@link #make} has made it. */
  Path file(Path folder) {
    return folder.resolve(model().name() + ".sluice");
  }

  /**
   * Writes the model and its package into a folder.
   *
   * @throws IOException where that fails
   */
  void make(Path folder) throws IOException {
    if (!Files.exists(file(folder))) {
      Path onnx = model().write(folder, MakeModels.SEED);
      var _ = ModelBuilder.build(onnx, file(folder), BuildOptions.defaults());
    }
  }
}
