package dev.sluice.converter.cli;

import dev.sluice.converter.build.BuildOptions;
import dev.sluice.converter.onnx.ModelReader;
import dev.sluice.converter.onnx.OnnxModel;
import dev.sluice.engine.Shape;
import dev.sluice.engine.Tuning;
import dev.sluice.engine.backend.BackendException;
import dev.sluice.engine.cuda.GpuLibraries;
import dev.sluice.engine.format.Manifest;
import dev.sluice.engine.format.PackageReader;
import dev.sluice.engine.format.SluicePackage;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/**
 * {@code sluice inspect}: what is in a package or a model.
 *
 * <p>Thread safety: one thread.
 */
@Command(
    name = "inspect",
    mixinStandardHelpOptions = true,
    description = {
      "Shows signature, operators, FLOPs, batching, precision and plans of a package or a model.",
      "",
      "FLOPs are for one row, where extents are open for what the package is tuned for, or --shape"
          + " says; a multiply-add counts as two. The ten heaviest layers follow."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  sluice inspect model.onnx",
      "  sluice inspect bert.onnx --shape input_ids=1,128 --json",
      "  sluice inspect resnet.sluice --layers --device cuda"
    })
final class InspectCommand implements Callable<Integer> {
  private static final String NOT_BUILT = "not tried; 'sluice build' proves it or says why not";

  @Spec private CommandSpec spec;
  @Mixin private Output output;
  @Mixin private CustomOps customOps;

  @Parameters(paramLabel = "PKG|MODEL.onnx", description = "A package or an ONNX model.")
  private Path file;

  @Option(names = "--layers", description = "List the layers of each plan.")
  private boolean layers;

  @Option(
      names = "--shape",
      paramLabel = "NAME=DIMS",
      description =
          "For a model: extents of an input that FLOPs are counted for, the batch included."
              + " Repeatable.")
  private List<String> shapes = new ArrayList<>();

  private String device;

  @Option(
      names = "--device",
      paramLabel = "DEVICE",
      description =
          "With --layers: cuda or cuda:N, where each plan that fits is run to time its layers.")
  void setDevice(String value) {
    device = DeviceOption.parse(spec, value);
    if (device.equals(DeviceOption.CPU) || device.equals(DeviceOption.AUTO)) {
      throw usage("--device " + value + ": plans run on a GPU alone; say cuda or cuda:N");
    }
  }

  private ParameterException usage(String problem) {
    return new ParameterException(spec.commandLine(), problem);
  }

  @Override
  public Integer call() throws IOException, BackendException, BadInputException {
    if (device != null && !layers) {
      throw usage("--device: it is for the time of layers; add --layers");
    }
    if (PackageFile.isPackage(file)) {
      if (!shapes.isEmpty()) {
        throw usage("--shape: a package has its shapes, inspect shows them; it is for a model");
      }
      inspectPackage();
    } else if (layers) {
      throw usage(
          "--layers: a model has no plans; build a package with sluice build --device cuda");
    } else {
      inspectModel();
    }
    return 0;
  }

  /** The GPU that is named. */
  private PlanReport.Gpu namedGpu() throws BackendException {
    GpuLibraries libraries = Sluice.of(spec).gpu().require();
    return new PlanReport.Gpu(libraries, libraries.device(DeviceOption.ordinal(device)));
  }

  /** The first GPU, where it can be used. */
  private Optional<PlanReport.Gpu> firstGpu() {
    Optional<GpuLibraries> libraries = Sluice.of(spec).gpu().libraries();
    try {
      return libraries.isEmpty()
          ? Optional.empty()
          : Optional.of(new PlanReport.Gpu(libraries.get(), libraries.get().device(0)));
    } catch (BackendException e) {
      return Optional.empty();
    }
  }

  private void inspectPackage() throws IOException, BackendException, BadInputException {
    Optional<PlanReport.Gpu> named = device == null ? Optional.empty() : Optional.of(namedGpu());
    try (SluicePackage opened = PackageReader.open(file)) {
      opened.verify();
      Manifest manifest = opened.manifest();
      boolean batched = manifest.batching().proven();
      Manifest.Graph graph = manifest.graphs().values().iterator().next();
      byte[] onnx = opened.entry(graph.entry()).toArray(ValueLayout.JAVA_BYTE);
      OnnxModel model = ModelReader.read(Path.of(file + "!" + graph.entry()), onnx);
      PlanReport plans = PlanReport.of(opened, () -> named.or(this::firstGpu), device != null);
      long sizeBytes = opened.bytes().byteSize();
      Map<String, Object> object = new LinkedHashMap<>();
      object.put("package", file.toString());
      object.put("model", manifest.model());
      object.put("producer", manifest.producer());
      object.put("formatVersion", manifest.formatVersion());
      object.put("hash", opened.packageHash());
      object.put("bytes", sizeBytes);
      object.put("inputs", Tensors.json(manifest.signature().inputs()));
      object.put("outputs", Tensors.json(manifest.signature().outputs()));
      object.put("stages", ManifestText.stages(manifest));
      object.put("selfTest", ManifestText.selfTest(manifest, null));
      object.put("opset", graph.opset());
      object.put("nodes", graph.nodes());
      object.put("parameters", manifest.parameters());
      object.put("operators", model.operators());
      FlopReport flops =
          FlopReport.of(model, manifest.profile().shapes(), batched, customOps.libraries());
      object.put("weightBytes", manifest.weights().sizeBytes());
      object.put("flops", flops.json());
      object.put("batching", ManifestText.batching(manifest.batching()));
      object.put("profile", manifest.profile());
      object.put("padding", manifest.padding());
      object.put("precision", ManifestText.precision(manifest.precision()));
      object.put("plans", plans.json());
      object.put("calibration", null);
      Optional<Tuning> tuning = Tuning.remembered(opened.packageHash());
      object.put("tuning", tuning.orElse(null));
      TextTable table =
          new TextTable()
              .row("package", file.toString())
              .row("model", manifest.model())
              .row("made by", manifest.producer() + ", format " + manifest.formatVersion())
              .row("size", bytes(sizeBytes));
      ManifestText.describe(manifest, table);
      table
          .row("self-test", ManifestText.selfTestText(manifest, null))
          .row("parameters", count(manifest.parameters()))
          .row("opset", "" + graph.opset())
          .row("operators", operators(graph.nodes(), model.operators()));
      flops.rows(table);
      table.row("tuning", tuning.map(InspectCommand::text).orElse("not measured here yet"));
      plans.rows(table);
      table.row("hash", opened.packageHash());
      output.print(
          object,
          out -> {
            table.print(out);
            flops.layers().print(out);
            if (layers) {
              plans.layers(out);
            }
          });
    }
  }

  private void inspectModel() throws IOException, BadInputException {
    OnnxModel model = ModelReader.read(file);
    Map<String, List<Manifest.Range>> given = given();
    checkShapes(model, given);
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("model", model.name());
    object.put("inputs", values(model.inputs()));
    object.put("outputs", values(model.outputs()));
    object.put("opset", model.opset());
    object.put("irVersion", model.irVersion());
    object.put("nodes", model.nodes());
    object.put("parameters", model.parameters());
    object.put("operators", model.operators());
    FlopReport flops = FlopReport.of(model, given, false, customOps.libraries());
    object.put("weightBytes", flops.weightBytes() < 0 ? null : flops.weightBytes());
    object.put("flops", flops.json());
    object.put("batching", ManifestText.batching(new Manifest.Batching(false, 0, NOT_BUILT)));
    object.put("precision", Map.of("layers", List.of(), "reason", "a model has no package yet"));
    object.put("plans", List.of());
    TextTable table = new TextTable().row("model", model.name());
    model.inputs().forEach(value -> table.row("input", value.name() + "  " + text(value)));
    model.outputs().forEach(value -> table.row("output", value.name() + "  " + text(value)));
    table
        .row("batching", NOT_BUILT)
        .row("parameters", count(model.parameters()))
        .row("opset", model.opset() + ", IR version " + model.irVersion())
        .row("operators", operators(model.nodes(), model.operators()));
    flops.rows(table);
    output.print(
        object,
        out -> {
          table.print(out);
          flops.layers().print(out);
        });
  }

  private Map<String, List<Manifest.Range>> given() {
    BuildOptions options = BuildOptions.defaults();
    try {
      for (String shape : shapes) {
        options = options.withShape(shape);
      }
    } catch (IllegalArgumentException e) {
      throw usage(e.getMessage());
    }
    return options.shapes();
  }

  private void checkShapes(OnnxModel model, Map<String, List<Manifest.Range>> given) {
    given.forEach((name, ranges) -> {
      OnnxModel.Value input =
          model.inputs().stream().filter(i -> i.name().equals(name)).findFirst().orElse(null);
      if (input == null) {
        throw usage(
            "--shape "
                + name
                + ": no such input, there are "
                + model.inputs().stream().map(OnnxModel.Value::name).toList());
      }
      Shape shape = Shape.of(ranges.stream().mapToLong(Manifest.Range::opt).toArray());
      if (input.isRanked() && !input.shape().accepts(shape)) {
        throw usage("--shape " + name + ": " + shape + " does not fit " + text(input));
      }
    });
  }

  private static String text(Tuning tuning) {
    return String.format(
        Locale.ROOT,
        "batches of up to %d rows, %d lanes of %d threads, %d buffers for callers alone, waits up to"
            + " %d us for company",
        tuning.maxBatch(),
        tuning.lanes(),
        tuning.threadsPerLane(),
        tuning.soloBuffers(),
        tuning.maxDelayNs() / 1_000);
  }

  private static List<Map<String, Object>> values(List<OnnxModel.Value> values) {
    List<Map<String, Object>> list = new ArrayList<>();
    for (OnnxModel.Value value : values) {
      Map<String, Object> object =
          Tensors.json(value.name(), value.type(), value.isRanked() ? value.shape() : Shape.of());
      if (!value.isRanked()) {
        object.put("shape", null);
      }
      list.add(object);
    }
    return list;
  }

  private static String text(OnnxModel.Value value) {
    return value.isRanked()
        ? Tensors.text(value.type(), value.shape())
        : Tensors.name(value.type()) + " of undeclared rank";
  }

  private static String operators(int nodes, SortedMap<String, Integer> operators) {
    List<String> words = new ArrayList<>();
    operators.entrySet().stream()
        .sorted(Map.Entry.<String, Integer>comparingByValue().reversed())
        .forEach(e -> words.add(e.getValue() + " " + e.getKey()));
    return nodes + " nodes: " + String.join(", ", words);
  }

  static String count(long number) {
    return String.format(Locale.ROOT, "%,d", number);
  }

  static String bytes(long size) {
    return size < 1_000_000
        ? count(size) + " bytes"
        : String.format(Locale.ROOT, "%.1f MB", size / 1e6);
  }
}
