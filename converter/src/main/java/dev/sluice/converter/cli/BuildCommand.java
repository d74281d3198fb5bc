package dev.sluice.converter.cli;

import dev.sluice.converter.build.BuildOptions;
import dev.sluice.converter.build.BuildResult;
import dev.sluice.converter.build.ModelBuilder;
import dev.sluice.converter.build.PlanAdder;
import dev.sluice.converter.build.PrecisionBuilder;
import dev.sluice.engine.backend.BackendException;
import dev.sluice.engine.plan.PlanException;
import dev.sluice.engine.stage.InputStageSpec;
import dev.sluice.engine.stage.OutputStageSpec;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/**
 * {@code sluice build}: an ONNX file becomes a package, or a package gets one more plan.
 *
 * <p>Thread safety: one thread.
 */
@Command(
    name = "build",
    mixinStandardHelpOptions = true,
    description = {
      "Reads an ONNX model, proves whether its rows may share a run, and packs it; with --device cuda"
          + " together with a TensorRT plan.",
      "",
      "The model is rewritten first: dead nodes go, constants and batch normalization are folded, and"
          + " with --batch a fixed batch becomes dynamic. Each rewrite says what it did, and is held against"
          + " the model on samples. The package holds the weights once, for the CPU and for GPUs.",
      "",
      "Given a package in the place of a model, a plan is added to it."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  sluice build model.onnx",
      "  sluice build bert.onnx -o bert.sluice --shape input_ids=1:8:32,16:128:512",
      "  sluice build resnet.onnx --batch 1:8:64 --device cuda",
      "  sluice build resnet.sluice --device cuda:1"
    })
final class BuildCommand implements Callable<Integer> {
  private static final String ENDING = ".sluice";

  @Spec private CommandSpec spec;
  @Mixin private Output output;
  @Mixin private PlanFlags plan;
  @Mixin private PrecisionFlags precision;
  @Mixin private CustomOps customOps;

  @Parameters(
      paramLabel = "MODEL.onnx|PKG",
      description = "The model; or a package that gets one more plan.")
  private Path model;

  @Option(
      names = {"-o", "--output"},
      paramLabel = "OUT.sluice",
      description =
          "The package; by default beside the model, under its name. A package is replaced.")
  private Path packageFile;

  @Option(
      names = "--batch",
      paramLabel = "MIN:OPT:MAX",
      description =
          "Rows of one run that the package is made for (default: 1:16:64). Makes a fixed batch"
              + " dynamic.")
  private String batch;

  @Option(
      names = "--shape",
      paramLabel = "NAME=DIMS",
      description =
          "Shape of an input with dynamic dimensions: a number or MIN:OPT:MAX per dimension,"
              + " separated by commas, the batch included. Repeatable.")
  private List<String> shapes = new ArrayList<>();

  @Option(
      names = "--pad",
      paramLabel = "NAME=AXIS:BUCKETS[,value=X][,mask=INPUT]",
      description =
          "Fill a dynamic axis of an input up to the least bucket that holds it, so that requests of"
              + " different extents share batches, as in ids=1:16,32,64,mask=attention_mask. The"
              + " value is 0 where none is given. The mask is an input that the engine then writes:"
              + " 1 where a request has elements, 0 in the rest. Repeatable.")
  private List<String> pads = new ArrayList<>();

  @Option(names = "--no-batching", description = "Serve one request at a time, and prove nothing.")
  private boolean noBatching;

  @Option(
      names = "--input-stage",
      paramLabel = "NAME=u8,KEY=VALUE,...",
      description =
          "Take images of bytes for an input, as in image=u8,letterbox=224x224,"
              + "mean=0.485:0.456:0.406,std=0.229:0.224:0.225. Keys: resize or letterbox=HxW, fill,"
              + " size or max=HxW, scale, mean, std, order=rgb|bgr. Repeatable.")
  private List<String> inputStages = new ArrayList<>();

  @Option(
      names = "--output-stage",
      paramLabel = "NAME=STAGE",
      description =
          "Give what callers want of an output: NAME=softmax_topk:K, NAME=topk:K where it is"
              + " probabilities already, or NAME=argmax. Repeatable.")
  private List<String> outputStages = new ArrayList<>();

  private ParameterException usage(String problem) {
    return new ParameterException(spec.commandLine(), problem);
  }

  @Override
  public Integer call()
      throws IOException, BackendException, BadInputException, BelowBarException, PlanException {
    plan.check();
    precision.check(!inputStages.isEmpty() || !outputStages.isEmpty());
    BuildOptions options = options().withCustomOps(customOps.libraries());
    boolean packed = plan.wanted() && PackageFile.isPackage(model);
    if (packed) {
      checkMade();
    }
    Path target = packageFile != null ? packageFile : packed ? model : beside(model);
    checkTarget(target, packed);
    try (Interruption _ = new Interruption()) {
      BuildReport built = packed ? withPlan(target) : built(target, options);
      output.print(built.json(), built::text);
    }
    return 0;
  }

  /** Builds the package, and the plan of it; the package appears when all is done. */
  private BuildReport built(Path target, BuildOptions options)
      throws IOException, BackendException, BadInputException, BelowBarException, PlanException {
    PlanAdder adder = null;
    String noPlan = null;
    try {
      // Before all else: a missing GPU is to be told at once.
      adder = plan.wanted() ? plan.adder() : null;
    } catch (BackendException e) {
      if (!plan.optional()) {
        throw e;
      }
      noPlan = e.getMessage();
    }
    output.progress("building " + target + " …");
    if (adder == null && !precision.wanted()) {
      return new BuildReport(ModelBuilder.build(model, target, options), null, null, noPlan);
    }
    Path name = target.toAbsolutePath().getFileName();
    try (Scratch scratch = new Scratch(target)) {
      Path staged = scratch.folder("model").resolve(name);
      BuildResult result = ModelBuilder.build(model, staged, options);
      PrecisionBuilder.Built converted = null;
      if (precision.wanted()) {
        Path made = adder == null ? target : scratch.folder("precision").resolve(name);
        converted = precision.build(staged, made, options, output);
        staged = made;
      }
      return adder == null
          ? new BuildReport(packed(target, result, converted), converted, null, noPlan)
          : withPlan(adder, staged, target, result, converted);
    }
  }

  /** The result for a package that was made of the one that was built. */
  private static BuildResult packed(
      Path target, BuildResult result, PrecisionBuilder.Built converted) {
    return new BuildResult(
        target,
        converted.manifest(),
        result.rewrites(),
        result.rewriteProof(),
        converted.noSelfTest(),
        converted.sizeBytes(),
        result.durationNs() + converted.durationNs());
  }

  /** Adds a plan to a package that was made already. */
  private BuildReport withPlan(Path target)
      throws IOException, BackendException, BadInputException, PlanException {
    return withPlan(plan.adder(), model, target, null, null);
  }

  /**
   * Adds a plan.
   *
   * @param made what the package was made of just now; null where it was there
   * @param converted its other precision; null where it has none
   */
  private BuildReport withPlan(
      PlanAdder adder, Path source, Path target, BuildResult made, PrecisionBuilder.Built converted)
      throws IOException, PlanException {
    output.progress("building a plan for " + adder.device().name() + " …");
    PlanAdder.Added added;
    Optional<PrintWriter> terminal = output.terminal();
    if (terminal.isPresent()) {
      try (PlanProgress progress = new PlanProgress(terminal.get(), System::nanoTime)) {
        added = adder.add(source, target, progress);
      }
    } else {
      added = adder.add(source, target, (_, _, _) -> {});
    }
    return new BuildReport(
        new BuildResult(
            target,
            added.manifest(),
            made == null ? List.of() : made.rewrites(),
            made == null ? null : made.rewriteProof(),
            made == null ? null : converted == null ? made.noSelfTest() : converted.noSelfTest(),
            Files.size(target),
            (made == null ? 0 : made.durationNs())
                + (converted == null ? 0 : converted.durationNs())
                + added.durationNs()),
        converted,
        added,
        null);
  }

  /** Throws where an option is given that a package had when it was made. */
  private void checkMade() {
    if (batch != null
        || noBatching
        || !shapes.isEmpty()
        || !pads.isEmpty()
        || !inputStages.isEmpty()
        || !outputStages.isEmpty()
        || precision.wanted()) {
      throw usage(
          model
              + " is a package already: --batch, --shape, --pad, --no-batching, --precision and stages"
              + " are for a model; build it from the model again to change them");
    }
  }

  private BuildOptions options() {
    BuildOptions options = BuildOptions.defaults();
    if (noBatching) {
      if (batch != null) {
        throw usage("--batch and --no-batching exclude each other");
      }
      options = options.withoutBatching();
    }
    try {
      if (batch != null) {
        options = options.withRows(BuildOptions.range(batch));
      }
      for (String shape : shapes) {
        options = options.withShape(shape);
      }
      options = options.withPads(pads.stream().map(BuildOptions::pad).toList());
      for (String stage : inputStages) {
        options = options.withInputStage(InputStageSpec.parse(stage));
      }
      for (String stage : outputStages) {
        options = options.withOutputStage(OutputStageSpec.parse(stage));
      }
      return options;
    } catch (IllegalArgumentException e) {
      throw usage(e.getMessage());
    }
  }

  static Path beside(Path model) {
    String name = String.valueOf(model.getFileName());
    return model.resolveSibling(name.replaceFirst("(?i)\\.onnx$", "") + ENDING);
  }

  private void checkTarget(Path target, boolean packed) throws IOException, BadInputException {
    if (Files.isDirectory(target)) {
      throw new BadInputException(target + ": is a folder; name a file with -o");
    }
    Path folder = target.toAbsolutePath().getParent();
    if (!Files.isDirectory(folder)) {
      throw new BadInputException(folder + ": no such folder; make it, or name another with -o");
    }
    if (!Files.isWritable(folder)) {
      throw new BadInputException(
          folder + ": this user can't write there; name another folder with -o");
    }
    if (!packed && Files.exists(target) && Files.exists(model) && Files.isSameFile(target, model)) {
      throw new BadInputException(target + ": is the model itself; name another file with -o");
    }
  }
}
