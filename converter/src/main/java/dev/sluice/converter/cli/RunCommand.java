package dev.sluice.converter.cli;

import dev.sluice.bindings.ElementType;
import dev.sluice.engine.Admission;
import dev.sluice.engine.Engine;
import dev.sluice.engine.EngineOptions;
import dev.sluice.engine.InferenceException;
import dev.sluice.engine.Outputs;
import dev.sluice.engine.Request;
import dev.sluice.engine.Shape;
import dev.sluice.engine.TensorSpec;
import dev.sluice.engine.backend.BackendException;
import java.io.IOException;
import java.io.PrintWriter;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
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
 * {@code sluice run}: one call of a package on arrays out of files.
 *
 * <p>Thread safety: one thread.
 */
@Command(
    name = "run",
    mixinStandardHelpOptions = true,
    description = "Runs a package on arrays out of files.")
final class RunCommand implements Callable<Integer> {
  private static final Duration CLAIM_WAIT = Duration.ofSeconds(30);

  @Mixin private Output output;
  @Mixin private DeviceOption device;

  @Parameters(paramLabel = "PKG", description = "The package.")
  private Path packageFile;

  @Option(
      names = "--input",
      paramLabel = "NAME=FILE",
      description =
          "An input as .npy, or as ONNX TensorProto .pb for types that NumPy lacks. A batched model"
              + " takes any number of rows. Repeatable.")
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
    EngineOptions options = EngineOptions.builder().device(device.device()).tune(false).build();
    try (Engine engine = Engine.open(packageFile, options)) {
      RunInputs given = RunInputs.read(inputs, engine.signature(), engine.batched());
      long startNs = System.nanoTime();
      List<Tensor> results = run(engine, given);
      double seconds = (System.nanoTime() - startNs) / 1e9;
      List<TensorSpec> specs = engine.signature().outputs();
      List<Path> files = folder == null ? List.of() : OutputFiles.write(folder, specs, results);
      output.print(
          json(engine, results, files, seconds), out -> text(specs, results, files, seconds, out));
    }
    return 0;
  }

  private static List<Tensor> run(Engine engine, RunInputs given)
      throws BackendException, BadInputException, InterruptedException {
    Request request;
    try {
      request = engine.newRequest(given.shapes(engine.signature()));
    } catch (IllegalArgumentException e) {
      throw new BadInputException(e.getMessage(), e);
    }
    RunResults results = new RunResults(engine, given.rows());
    for (long row = 0; row < given.rows(); ) {
      int rows = (int) Math.min(engine.maxBatch(), given.rows() - row);
      Admission admission = request.claim(rows, CLAIM_WAIT);
      if (!admission.admitted()) {
        throw new InferenceException(admission);
      }
      try {
        write(engine, given, row, rows, request);
        Outputs outputs = request.run();
        results.add(outputs, row);
      } finally {
        request.close();
      }
      row += rows;
    }
    return results.tensors();
  }

  private static void write(Engine engine, RunInputs given, long row, int rows, Request request) {
    for (int i = 0; i < given.tensors().size(); i++) {
      Tensor tensor = given.tensors().get(i);
      if (tensor.type() == ElementType.STRING) {
        request.strings(i, tensor.strings().toArray(String[]::new));
        continue;
      }
      MemorySegment part = tensor.data();
      if (engine.batched()) {
        long rowBytes = tensor.data().byteSize() / given.rows();
        part = tensor.data().asSlice(row * rowBytes, rows * rowBytes);
      }
      request.input(i).copyFrom(part);
    }
  }

  /** Puts the outputs of the runs one after the other. */
  private static final class RunResults {
    private final Engine engine;
    private final long allRows;
    private final List<Tensor> tensors = new ArrayList<>();

    RunResults(Engine engine, long allRows) {
      this.engine = engine;
      this.allRows = allRows;
    }

    void add(Outputs outputs, long row) {
      List<TensorSpec> specs = engine.signature().outputs();
      for (int i = 0; i < specs.size(); i++) {
        Shape shape = outputs.outputShape(i);
        ElementType type = specs.get(i).type();
        if (type == ElementType.STRING) {
          addStrings(i, shape, List.of(outputs.strings(i)));
          continue;
        }
        MemorySegment part = outputs.output(i);
        if (i == tensors.size()) {
          tensors.add(whole(type, engine.batched() ? shape.withDim(0, allRows) : shape));
        }
        long rowBytes = part.byteSize() / outputs.rows();
        tensors.get(i).data().asSlice(row * rowBytes, part.byteSize()).copyFrom(part);
      }
    }

    private void addStrings(int index, Shape shape, List<String> more) {
      if (index == tensors.size()) {
        tensors.add(new Tensor(ElementType.STRING, shape, null, more));
        return;
      }
      List<String> all = new ArrayList<>(tensors.get(index).strings());
      all.addAll(more);
      Shape grown = shape.withDim(0, tensors.get(index).shape().dim(0) + shape.dim(0));
      tensors.set(index, new Tensor(ElementType.STRING, grown, null, all));
    }

    private static Tensor whole(ElementType type, Shape shape) {
      byte[] bytes = new byte[Math.toIntExact(type.byteSize(shape.elementCount()))];
      return new Tensor(type, shape, MemorySegment.ofArray(bytes), null);
    }

    List<Tensor> tensors() {
      return tensors;
    }
  }

  private static Map<String, Object> json(
      Engine engine, List<Tensor> results, List<Path> files, double seconds) {
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
    object.put("device", engine.device());
    object.put("seconds", seconds);
    return object;
  }

  private static void text(
      List<TensorSpec> specs,
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
    out.printf(Locale.ROOT, "  ran in %.1f ms%n", seconds * 1e3);
  }
}
