package dev.sluice.converter.cli;

import dev.sluice.engine.Engine;
import dev.sluice.engine.EngineOptions;
import dev.sluice.engine.TensorSpec;
import dev.sluice.engine.backend.BackendException;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/**
 * {@code sluice run}: a package on arrays or images out of files.
 *
 * <p>Thread safety: one thread.
 */
@Command(
    name = "run",
    mixinStandardHelpOptions = true,
    description = {
      "Runs a package on arrays or images out of files.",
      "",
      "Arrays are .npy files, or .pb files with an ONNX TensorProto for types that NumPy lacks; inputs"
          + " with a stage take JPEG and PNG files, or folders of them. Without -o a line about each output is"
          + " printed."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  sluice run model.sluice --input x=x.npy",
      "  sluice run model.sluice --input x=x.npy -o answers --device cpu",
      "  sluice run photos.sluice --input image=photos/ --json"
    })
final class RunCommand implements Callable<Integer> {
  @Mixin private Output output;
  @Mixin private DeviceOption device;
  @Mixin private CustomOps customOps;

  @Parameters(paramLabel = "PKG", description = "The package.")
  private Path packageFile;

  @Option(
      names = "--input",
      paramLabel = "NAME=FILE",
      description =
          "An input as .npy, or as ONNX TensorProto .pb for types that NumPy lacks. A batched model"
              + " takes any number of rows. An input with a stage takes a JPEG or PNG, or a folder of"
              + " them. Repeatable.")
  private List<String> inputs = new ArrayList<>();

  @Option(
      names = {"-o", "--output"},
      paramLabel = "DIR",
      description = "Write each output to DIR/NAME.npy; else a summary is printed.")
  private Path folder;

  @Override
  public Integer call()
      throws IOException, BackendException, BadInputException, InterruptedException {
    if (folder != null && Files.exists(folder) && !Files.isDirectory(folder)) {
      throw new BadInputException(folder + ": is not a folder; name one with -o");
    }
    Served served = Served.of(packageFile);
    RunInputs given = RunInputs.read(inputs, served);
    EngineOptions.Builder named =
        device
            .engine()
            .customOps(customOps.libraries())
            .prepacking(OneCaller.prepacks(packageFile));
    EngineOptions options = OneCaller.options(named, served, List.of(given));
    try (Engine engine = Engine.open(packageFile, options)) {
      long startNs = System.nanoTime();
      List<Tensor> results = PackageRun.of(engine, given, false);
      double seconds = (System.nanoTime() - startNs) / 1e9;
      List<TensorSpec> specs = engine.signature().outputs();
      List<Path> files = folder == null ? List.of() : OutputFiles.write(folder, specs, results);
      output.print(
          json(engine, given, results, files, seconds),
          out -> text(specs, given, results, files, seconds, out));
    }
    return 0;
  }

  private static Map<String, Object> json(
      Engine engine, RunInputs given, List<Tensor> results, List<Path> files, double seconds) {
    List<Map<String, Object>> outputs = new ArrayList<>();
    for (int i = 0; i < results.size(); i++) {
      Tensor tensor = results.get(i);
      String name = engine.signature().outputs().get(i).name();
      Map<String, Object> object = Tensors.json(name, tensor.type(), tensor.shape());
      object.put("file", files.isEmpty() ? null : files.get(i).toString());
      object.put("summary", Summary.of(tensor));
      outputs.add(object);
    }
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("outputs", outputs);
    if (given.hasImages()) {
      object.put("images", given.images());
    }
    object.put("device", engine.device());
    object.put("seconds", seconds);
    return object;
  }

  private static void text(
      List<TensorSpec> specs,
      RunInputs given,
      List<Tensor> results,
      List<Path> files,
      double seconds,
      PrintWriter out) {
    TextTable table = new TextTable();
    for (int i = 0; i < results.size(); i++) {
      Tensor tensor = results.get(i);
      table.row(
          specs.get(i).name(),
          Tensors.text(tensor.type(), tensor.shape()),
          files.isEmpty() ? Summary.of(tensor) : files.get(i).toString());
    }
    table.print(out);
    List<String> images = given.images();
    for (int row = 0; row < images.size(); row++) {
      out.println("  row " + row + "  " + images.get(row));
    }
    out.printf(Locale.ROOT, "  ran in %.1f ms%n", seconds * 1e3);
  }
}
