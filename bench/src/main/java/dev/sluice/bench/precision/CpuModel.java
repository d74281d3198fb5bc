package dev.sluice.bench.precision;

import dev.sluice.bench.models.Bert;
import dev.sluice.bench.models.GeneratedModel;
import dev.sluice.bench.models.MakeModels;
import dev.sluice.bench.models.MobileNet;
import dev.sluice.bench.models.ModelInput;
import dev.sluice.bench.models.Perceptron;
import dev.sluice.bench.models.ResNet;
import dev.sluice.bench.models.SqueezeNet;
import dev.sluice.converter.build.BuildOptions;
import dev.sluice.converter.build.ModelBuilder;
import dev.sluice.converter.build.PrecisionBuilder;
import dev.sluice.converter.calibrate.CalibrationSource;
import dev.sluice.converter.calibrate.Calibrator;
import dev.sluice.converter.calibrate.Progress;
import dev.sluice.converter.precision.BarNotMetException;
import dev.sluice.converter.precision.LossBar;
import dev.sluice.converter.precision.PrecisionOptions;
import dev.sluice.converter.precision.PrecisionOptions.CpuGraph;
import dev.sluice.engine.npy.NpyArray;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Stream;

/**
 * The models that are measured in FP32 and INT8 on the CPU.
 *
 * <p>Thread safety: immutable.
 */
public enum CpuModel {
  /** {@link Perceptron#wide}. */
  MLP,
  /** {@link ResNet#resNet50}. */
  RESNET50,
  /** {@link MobileNet#mobileNetV2}. */
  MOBILENETV2,
  /** {@link SqueezeNet#squeezeNet11}. */
  SQUEEZENET,
  /** {@link Bert#encoder}. */
  ENCODER,
  /** {@link Perceptron#tiny}; in FP32 alone: no layer of it gets INT8. */
  TINY;

  private static final long SEED = MakeModels.SEED;

  /** Rows that ranges are learnt from, and those that are held out. */
  private static final int SAMPLES = 32;

  /** A precision of the graph that serves. */
  public enum Precision {
    /** As the model is. */
    FP32,
    /** As a build for this machine makes it: layers that are slower in INT8 stay in FP32. */
    INT8
  }

  /** The graph. */
  GeneratedModel model() {
    return switch (this) {
      case MLP -> Perceptron.wide().model();
      case RESNET50 -> ResNet.resNet50().model();
      case MOBILENETV2 -> MobileNet.mobileNetV2().model();
      case SQUEEZENET -> SqueezeNet.squeezeNet11().model();
      case ENCODER -> Bert.encoder().model();
      case TINY -> Perceptron.tiny().model();
    };
  }

  /** Those that have both precisions. */
  static List<CpuModel> quantized() {
    return Stream.of(values()).filter(model -> model != TINY).toList();
  }

  /** The package in a folder, once {@link #pack} has made it. */
  public Path file(Path folder, Precision precision) {
    return folder.resolve(name().toLowerCase(Locale.ROOT) + "-" + precision + ".sluice");
  }

  /** The model as ONNX in a folder, once {@link #pack} has made it. */
  Path onnx(Path folder) {
    return folder.resolve(model().name() + ".onnx");
  }

  /**
   * Writes the package of a precision, and that of FP32, into a folder, where they are not there.
   *
   * @throws IOException where that fails
   */
  public void pack(Path folder, Precision precision) throws IOException {
    Path fp32 = file(folder, Precision.FP32);
    if (!Files.exists(fp32)) {
      Path onnx = model().write(folder, SEED);
      var _ = ModelBuilder.build(onnx, fp32, BuildOptions.defaults());
    }
    Path int8 = file(folder, Precision.INT8);
    if (precision == Precision.INT8 && !Files.exists(int8)) {
      packInt8(fp32, int8);
    }
  }

  private void packInt8(Path fp32, Path int8) throws IOException {
    // Random weights have no accuracy to keep; that the answers are near those of FP32 is checked.
    PrecisionOptions all =
        new PrecisionOptions(
            Calibrator.MSE, new LossBar(LossBar.Unit.DECIBEL, 0), List.of(), CpuGraph.AUTO);
    try {
      PrecisionBuilder.Built built =
          PrecisionBuilder.build(
              fp32,
              int8,
              "int8",
              BuildOptions.defaults(),
              all,
              new Drawn(model().inputs()),
              null,
              Progress.NONE);
      String note = built.conversion().cpuNote();
      if (note.startsWith("FP32")) {
        throw new IOException("nothing is to be compared: " + this + " serves in " + note);
      }
    } catch (BarNotMetException e) {
      throw new IOException(this + " has more noise than signal in INT8", e);
    }
  }

  /** Rows of the model's inputs, those of calibration among them. */
  private record Drawn(List<ModelInput> inputs) implements CalibrationSource {
    @Override
    public int count() {
      return SAMPLES;
    }

    @Override
    public Map<String, NpyArray> sample(int index) {
      Map<String, NpyArray> sample = new LinkedHashMap<>();
      for (ModelInput input : inputs) {
        sample.put(
            input.name(),
            new NpyArray(input.type(), input.shape(1), input.rows(Arena.ofAuto(), index, 1, SEED)));
      }
      return sample;
    }
  }
}
