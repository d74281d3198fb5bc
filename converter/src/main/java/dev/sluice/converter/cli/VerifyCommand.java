package dev.sluice.converter.cli;

import dev.sluice.bindings.ElementType;
import dev.sluice.converter.build.BuildOptions;
import dev.sluice.converter.build.ModelBuilder;
import dev.sluice.converter.build.PrecisionBuilder;
import dev.sluice.converter.calibrate.OutputComparison;
import dev.sluice.engine.Engine;
import dev.sluice.engine.EngineOptions;
import dev.sluice.engine.TensorSpec;
import dev.sluice.engine.backend.BackendException;
import dev.sluice.engine.format.Manifest;
import dev.sluice.engine.format.PackageReader;
import dev.sluice.engine.format.SluicePackage;
import dev.sluice.engine.stage.InputStage;
import dev.sluice.engine.stage.InputStageSpec;
import dev.sluice.engine.stage.OutputStageSpec;
import dev.sluice.engine.stage.Stage;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.function.Consumer;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/**
 * {@code sluice verify}: a package and what it was made of, or another package, on the same data.
 *
 * <p>Thread safety: one thread.
 */
@Command(
    name = "verify",
    mixinStandardHelpOptions = true,
    description = {
      "Compares the answers of a package with those of a model or another package, on the same data.",
      "",
      "For each output it tells the largest difference, absolute and relative, the signal to noise in"
          + " decibels, the cosine, and how often both rank the same first. A bar that is not met makes the"
          + " exit status 3."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  sluice verify model.sluice --against model.onnx --data samples",
      "  sluice verify int8.sluice --against fp32.sluice --data samples --min-sqnr 30 --min-top1 99%%"
    })
final class VerifyCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;
  @Mixin private Output output;
  @Mixin private DeviceOption device;
  @Mixin private CustomOps customOps;

  @Parameters(paramLabel = "PKG", description = "The package.")
  private Path packageFile;

  @Option(
      names = "--against",
      required = true,
      paramLabel = "MODEL.onnx|PKG",
      description = "The reference: a model, which gets the package's stages, or a package.")
  private Path against;

  @Option(
      names = "--data",
      required = true,
      paramLabel = "DIR",
      description =
          "One .npz, or a folder per sample with NAME.npy or NAME.pb, or test_data_set_N/input_M.pb,"
              + " or for a single input .npy or .pb files, or images where the package takes them.")
  private Path data;

  @Option(
      names = "--min-sqnr",
      paramLabel = "DB",
      description =
          "The least signal to noise, in decibels, of every output of real numbers. Whole numbers"
              + " (classes, places) are judged by --min-top1 alone.")
  private Double minSqnr;

  private Double minTop1;

  @Option(
      names = "--max-abs",
      paramLabel = "X",
      description = "The largest difference of two elements, of every output of real numbers.")
  private Double maxAbs;

  @Option(
      names = "--min-top1",
      paramLabel = "X",
      description = "The least part of the rows that rank the same first: 0.99 or 99%%.")
  void setMinTop1(String value) {
    try {
      double number = Double.parseDouble(value.replaceFirst("%$", ""));
      number = value.endsWith("%") ? number / 100 : number;
      if (number >= 0 && number <= 1) {
        minTop1 = number;
        return;
      }
    } catch (NumberFormatException e) {
      // Told below, like a number that makes no sense.
    }
    throw usage("--min-top1 " + value + ": a part of the rows, as in 0.99 or 99%");
  }

  @Option(
      names = "--graph",
      paramLabel = "GRAPH",
      defaultValue = Manifest.CPU,
      description =
          "cpu: the package's graph for the CPU. tensorrt: that for TensorRT, run on the CPU, so that"
              + " its accuracy shows before a GPU sees it (default: ${DEFAULT-VALUE}).")
  void setGraph(String value) {
    if (!value.equals(Manifest.CPU) && !value.equals(Manifest.TENSORRT)) {
      throw usage("--graph " + value + ": there are cpu and tensorrt");
    }
    graph = value;
  }

  private String graph = Manifest.CPU;

  private ParameterException usage(String problem) {
    return new ParameterException(spec.commandLine(), problem);
  }

  @Override
  public Integer call()
      throws IOException, BackendException, BadInputException, InterruptedException {
    try (Scratch scratch = new Scratch("sluice-verify-")) {
      return verify(scratch.folder());
    }
  }

  private int verify(Path folder)
      throws IOException, BackendException, BadInputException, InterruptedException {
    List<OutputComparison> outputs = new ArrayList<>();
    long samples = 0;
    Served served = Served.of(packageFile);
    Path judged = judged(folder);
    List<RunInputs> ownData = DataFolder.read(data, served);
    output.progress("making the reference ready …");
    Path referenceFile = reference(folder);
    Served other = Served.of(referenceFile);
    checkAlike(served, other);
    // The same files, read as the reference takes them: its images may be of another size.
    List<RunInputs> otherData = DataFolder.read(data, other);
    served.signature().outputs().forEach(spec -> outputs.add(new OutputComparison(spec.name())));
    boolean single = served.batched() || other.batched();
    // The reference is the CPU's, so that a GPU is not held against itself.
    EngineOptions.Builder onCpu = EngineOptions.builder().device(DeviceOption.CPU);
    try (Engine engine =
            open(judged, judged.equals(packageFile) ? device.engine() : onCpu, served, ownData);
        Engine reference = open(referenceFile, onCpu, other, otherData)) {
      for (int n = 0; n < ownData.size(); n++) {
        List<Tensor> actual = PackageRun.of(engine, ownData.get(n), single);
        List<Tensor> expected = PackageRun.of(reference, otherData.get(n), single);
        for (int i = 0; i < outputs.size(); i++) {
          compare(outputs.get(i), actual.get(i), expected.get(i));
        }
        samples += single || ownData.get(n).hasImages() ? ownData.get(n).rows() : 1;
      }
    }
    List<String> problems = problems(outputs);
    output.print(json(outputs, samples, problems), text(outputs, samples));
    problems.forEach(output::warn);
    unjudged(outputs).forEach(output::warn);
    return problems.isEmpty() ? 0 : Failures.BELOW_BAR;
  }

  /** The package, or one that does on the CPU what its graph for TensorRT says. */
  private Path judged(Path folder) throws IOException, BadInputException {
    if (graph.equals(Manifest.CPU)) {
      return packageFile;
    }
    if (device.isCuda()) {
      throw usage("--graph tensorrt is run on the CPU; leave out --device");
    }
    Path emulated = folder.resolve("emulated.sluice");
    PrecisionBuilder.emulate(packageFile, emulated, customOps.libraries());
    return emulated;
  }

  private Engine open(Path file, EngineOptions.Builder on, Served served, List<RunInputs> inputs)
      throws IOException, BackendException, BadInputException {
    EngineOptions.Builder named =
        on.customOps(customOps.libraries()).prepacking(OneCaller.prepacks(file));
    return Engine.open(file, OneCaller.options(named, served, inputs));
  }

  /** The package to compare with; a model is packed as it is, without batching, in the folder. */
  private Path reference(Path folder) throws IOException, BadInputException {
    if (PackageFile.isPackage(against)) {
      return against;
    }
    BuildOptions options =
        BuildOptions.defaults().withoutBatching().withCustomOps(customOps.libraries());
    try (SluicePackage opened = PackageReader.open(packageFile)) {
      Manifest manifest = opened.manifest();
      for (var shape : manifest.profile().shapes().entrySet()) {
        List<Manifest.Range> dims = new ArrayList<>(shape.getValue());
        if (manifest.batching().proven()) {
          dims.set(0, new Manifest.Range(1, 1, 1));
        }
        options = options.withShape(shape.getKey(), dims);
      }
      for (Stage stage : manifest.stages()) {
        options =
            stage instanceof InputStage
                ? options.withInputStage(InputStageSpec.parse(stage.text()))
                : options.withOutputStage(OutputStageSpec.parse(stage.text()));
      }
    }
    Path made = folder.resolve("reference.sluice");
    var _ = ModelBuilder.build(against, made, options);
    return made;
  }

  private void checkAlike(Served own, Served reference) throws BadInputException {
    boolean alike =
        names(own.signature().inputs()).equals(names(reference.signature().inputs()))
            && names(own.signature().outputs()).equals(names(reference.signature().outputs()));
    if (!alike) {
      throw new BadInputException(
          against
              + ": has the inputs "
              + Tensors.list(reference.signature().inputs())
              + " and the outputs "
              + Tensors.list(reference.signature().outputs())
              + ", but "
              + packageFile
              + " has the inputs "
              + Tensors.list(own.signature().inputs())
              + " and the outputs "
              + Tensors.list(own.signature().outputs())
              + "; name one that has the same");
    }
  }

  /** Numbers of 16 and 32 bits are alike. */
  private static List<String> names(List<TensorSpec> specs) {
    return specs.stream().map(spec -> spec.name() + " " + likeness(spec.type())).toList();
  }

  private static ElementType likeness(ElementType type) {
    return Tensor.isConvertible(type) ? ElementType.FLOAT : type;
  }

  private List<String> problems(List<OutputComparison> outputs) {
    List<String> problems = new ArrayList<>();
    for (OutputComparison one : outputs) {
      String who = "output '" + one.name() + "' ";
      if (minSqnr != null && one.isQuantity() && !(one.sqnrDb() >= minSqnr)) {
        problems.add(
            who + number("has an SQNR of %.4g dB, ", one.sqnrDb()) + minSqnr + " are asked for");
      }
      if (minTop1 != null && one.top1Agreement() != null && one.top1Agreement() < minTop1) {
        problems.add(
            who
                + number("agrees in the first place in %.4g of the rows, ", one.top1Agreement())
                + minTop1
                + " is asked for");
      }
      if (maxAbs != null && one.isQuantity() && !(one.maxAbs() <= maxAbs)) {
        problems.add(who + number("is off by %.4g, ", one.maxAbs()) + maxAbs + " is allowed");
      }
    }
    return problems;
  }

  /** What differs and no bar is for, so that nobody takes silence for agreement. */
  private List<String> unjudged(List<OutputComparison> outputs) {
    if (minTop1 != null || (minSqnr == null && maxAbs == null)) {
      return List.of();
    }
    return outputs.stream()
        .filter(one -> !one.isQuantity() && one.maxAbs() > 0)
        .map(one ->
            "output '"
                + one.name()
                + "' has whole numbers, and some differ; no bar judged them: add --min-top1")
        .toList();
  }

  private static String number(String format, double value) {
    return String.format(Locale.ROOT, format, value);
  }

  private static void compare(OutputComparison output, Tensor actual, Tensor reference)
      throws BadInputException {
    if (likeness(actual.type()) != likeness(reference.type())
        || !actual.shape().equals(reference.shape())) {
      throw new BadInputException(
          "output '"
              + output.name()
              + "' is "
              + Tensors.text(actual.type(), actual.shape())
              + ", that of the reference "
              + Tensors.text(reference.type(), reference.shape())
              + ", so they can't be compared; give samples, or a reference, for which they agree");
    }
    if (actual.type() == ElementType.STRING) {
      output.addTexts(actual.strings().equals(reference.strings()));
    } else {
      ElementType type =
          actual.type() == reference.type() ? actual.type() : likeness(actual.type());
      output.add(type, actual.shape(), actual.as(type).data(), reference.as(type).data());
    }
  }

  private static Map<String, Object> json(OutputComparison one) {
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("maxAbs", one.maxAbs());
    object.put("maxRel", one.maxRel());
    object.put("sqnrDb", one.sqnrDb());
    object.put("cosine", one.cosine());
    object.put("top1Agreement", one.top1Agreement());
    return object;
  }

  private static Map<String, Object> json(
      List<OutputComparison> outputs, long samples, List<String> problems) {
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("samples", samples);
    Map<String, Object> byName = new LinkedHashMap<>();
    outputs.forEach(one -> byName.put(one.name(), json(one)));
    object.put("outputs", byName);
    object.put("ok", problems.isEmpty());
    object.put("problems", problems);
    return object;
  }

  private static Consumer<PrintWriter> text(List<OutputComparison> outputs, long samples) {
    TextTable table = new TextTable();
    table.row("output", "max abs", "max rel", "SQNR dB", "cosine", "top-1");
    for (OutputComparison one : outputs) {
      Double top1 = one.top1Agreement();
      table.row(
          one.name(),
          number("%.3g", one.maxAbs()),
          number("%.3g", one.maxRel()),
          number("%.1f", one.sqnrDb()),
          number("%.7f", one.cosine()),
          top1 == null ? "-" : number("%.4f", top1));
    }
    return out -> {
      table.print(out);
      out.println("  " + samples + " samples");
    };
  }
}
