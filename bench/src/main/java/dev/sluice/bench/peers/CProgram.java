package dev.sluice.bench.peers;

import dev.sluice.bench.models.ModelInput;
import dev.sluice.bindings.onnxruntime.OrtEnvironment;
import dev.sluice.bindings.onnxruntime.generated.OnnxRuntimeHeader;
import dev.sluice.bindings.onnxruntime.generated.OrtApi;
import dev.sluice.engine.Shape;
import dev.sluice.engine.TensorSpec;
import dev.sluice.engine.format.PackageReader;
import dev.sluice.engine.format.SluicePackage;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.MemoryLayout.PathElement;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The lone caller in C ({@code peer.c}): compiled here by the system's C compiler, and the command
 * that starts it.
 *
 * <p>Thread safety: stateless.
 */
final class CProgram {
  private static final String SOURCE = "peer.c";
  private static final String COMPILER = "cc";
  private static final Pattern FUNCTION = Pattern.compile("CALL\\((\\w+),|API_(\\w+)\\]");

  private CProgram() {}

  /** Whether this machine can compile it. */
  static boolean canBeMade() throws InterruptedException {
    try {
      return run(List.of(COMPILER, "--version")) == 0;
    } catch (IOException e) {
      return false;
    }
  }

  private static int run(List<String> command) throws IOException, InterruptedException {
    return new ProcessBuilder(command)
        .redirectOutput(ProcessBuilder.Redirect.DISCARD)
        .redirectError(ProcessBuilder.Redirect.INHERIT)
        .start()
        .waitFor();
  }

  /**
   * The program's command for a model, compiled where that was not done yet.
   *
   * @param folder where {@link PeerModel#make} has made the model; the program goes there, too
   */
  static List<String> command(PeerModel model, Path folder, int threads) throws IOException {
    List<String> command = new ArrayList<>();
    command.add(compiled(folder).toString());
    command.add(OrtEnvironment.shared().libraryPath().toString());
    command.add(model.onnx(folder).toString());
    command.add(Integer.toString(threads));
    try (SluicePackage opened = PackageReader.open(model.file(folder))) {
      TensorSpec output = opened.manifest().signature().outputs().getFirst();
      command.add(output.name());
      addShape(command, output.shape().withDim(0, 1));
    }
    Peer.Row row = Peer.Row.of(model.model().inputs(), 0);
    for (int i = 0; i < row.inputs().size(); i++) {
      ModelInput input = row.inputs().get(i);
      Path file = folder.resolve(model.model().name() + "-" + i + ".row");
      Files.write(file, row.values().get(i).toArray(ValueLayout.JAVA_BYTE));
      command.add(input.name());
      command.add(Integer.toString(input.type().code()));
      command.add(file.toString());
      addShape(command, input.shape(1));
    }
    return command;
  }

  private static void addShape(List<String> command, Shape shape) {
    command.add(Integer.toString(shape.rank()));
    for (long dimension : shape.dims()) {
      command.add(Long.toString(dimension));
    }
  }

  private static Path compiled(Path folder) throws IOException {
    Path program = folder.resolve("peer");
    if (Files.exists(program)) {
      return program;
    }
    Path source = folder.resolve(SOURCE);
    try (InputStream in = CProgram.class.getResourceAsStream(SOURCE)) {
      Files.copy(in, source);
    }
    List<String> command = new ArrayList<>(List.of(COMPILER, "-std=gnu11", "-O2"));
    command.add("-DAPI_VERSION=" + OnnxRuntimeHeader.ORT_API_VERSION());
    for (String function : functions(Files.readString(source))) {
      long offset = OrtApi.layout().byteOffset(PathElement.groupElement(function));
      command.add("-DAPI_" + function + "=" + offset / ValueLayout.ADDRESS.byteSize());
    }
    command.addAll(List.of("-o", program.toString(), source.toString(), "-ldl"));
    try {
      if (run(command) != 0) {
        throw new IOException("the C compiler refuses: " + String.join(" ", command));
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted while " + SOURCE + " was compiled", e);
    }
    return program;
  }

  /** The functions of the table that the program calls. */
  private static Set<String> functions(String source) {
    Set<String> functions = new TreeSet<>();
    Matcher matcher = FUNCTION.matcher(source);
    while (matcher.find()) {
      functions.add(matcher.group(1) == null ? matcher.group(2) : matcher.group(1));
    }
    // The macro's own parameter.
    functions.remove("name");
    return functions;
  }
}
