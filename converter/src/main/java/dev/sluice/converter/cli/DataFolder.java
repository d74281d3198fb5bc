package dev.sluice.converter.cli;

import dev.sluice.converter.image.ImageFolder;
import dev.sluice.engine.TensorSpec;
import dev.sluice.engine.npy.Npy;
import dev.sluice.engine.npy.NpyArray;
import dev.sluice.engine.stage.InputStep;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * Samples for all inputs of a package out of a folder: one {@code .npz} with an array for each
 * input; or {@code .npy} files, each a sample, where there is one input; or a folder for each
 * sample with {@code NAME.npy} for each input; or images, where the input takes these.
 *
 * <p>Thread safety: one thread.
 */
final class DataFolder {
  private static final String NPY = ".npy";

  private final Path folder;
  private final Served served;

  private DataFolder(Path folder, Served served) {
    this.folder = folder;
    this.served = served;
  }

  /** Reads the samples of the folder; images are decoded later. */
  static List<RunInputs> read(Path folder, Served served) throws IOException, BadInputException {
    if (!Files.isDirectory(folder)) {
      throw new BadInputException(folder + ": is not a folder; name one with --data");
    }
    return new DataFolder(folder, served).samples();
  }

  /** Reads the samples of one file: an {@code .npz}, or where there is one input its array. */
  static List<RunInputs> file(Path file, Served served) throws IOException, BadInputException {
    DataFolder data = new DataFolder(file.toAbsolutePath().getParent(), served);
    if (file.toString().endsWith(".npz")) {
      return List.of(data.npz(file));
    }
    TensorSpec only = data.onlyInput();
    if (only == null) {
      throw new BadInputException(
          file
              + ": is one array, but there are the inputs "
              + Tensors.list(served.signature().inputs())
              + "; name an .npz with an array for each, or a folder");
    }
    return List.of(RunInputs.of(Map.of(only.name(), file), served));
  }

  private List<RunInputs> samples() throws IOException, BadInputException {
    List<Path> npz = list(folder, ".npz");
    if (npz.size() == 1) {
      return List.of(npz(npz.getFirst()));
    }
    if (npz.size() > 1) {
      throw new BadInputException(
          folder + ": has " + npz.size() + " .npz files; leave one, with an array for each input");
    }
    List<Path> arrays = list(folder, NPY);
    if (!arrays.isEmpty()) {
      return files(arrays);
    }
    List<RunInputs> samples = new ArrayList<>();
    for (Path child : list(folder, "")) {
      if (Files.isDirectory(child) && !list(child, NPY).isEmpty()) {
        samples.add(named(child));
      }
    }
    if (!samples.isEmpty()) {
      return samples;
    }
    TensorSpec only = onlyInput();
    if (only != null && ImageFolder.isOne(folder)) {
      int index = served.signature().inputIndex(only.name());
      InputStep step = served.stages().images(index);
      if (step != null) {
        ImageFolder images = ImageFolder.of(folder);
        RowSource source = new RowSource.Images(index, step.stage(), images);
        return List.of(complete(Map.of(only.name(), source), folder));
      }
    }
    throw new BadInputException(
        folder
            + ": has no samples for the inputs "
            + Tensors.list(served.signature().inputs())
            + "; put one .npz there, or a folder per sample with NAME.npy, or for a single input"
            + " .npy files, or images where the package has a stage that takes them");
  }

  private static List<Path> list(Path folder, String ending) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.filter(file -> file.toString().endsWith(ending)).sorted().toList();
    }
  }

  /** The input, where there is one but for the sizes of its images; else null. */
  private TensorSpec onlyInput() {
    List<TensorSpec> inputs = served.signature().inputs();
    boolean one =
        inputs.size() == 1
            || (inputs.size() == 2
                && served.stages().images(0) != null
                && served.stages().images(0).sizes() == 1);
    return one ? inputs.getFirst() : null;
  }

  private RunInputs npz(Path file) throws IOException, BadInputException {
    Map<String, RowSource> sources = new LinkedHashMap<>();
    for (var named : Npy.readNpz(file).entrySet()) {
      for (int i = 0; i < served.signature().inputs().size(); i++) {
        String name = served.signature().inputs().get(i).name();
        if (named.getKey().equals(name) || named.getKey().equals(plain(name))) {
          sources.put(name, array(i, named.getValue(), file));
        }
      }
    }
    return complete(sources, file);
  }

  private RowSource array(int index, NpyArray array, Path file) throws BadInputException {
    Tensor tensor = new Tensor(array.type(), array.shape(), array.data(), null);
    return RunInputs.source(index, tensor, file, served);
  }

  private List<RunInputs> files(List<Path> files) throws IOException, BadInputException {
    TensorSpec only = onlyInput();
    if (only == null) {
      // All inputs of one sample may lie here, too.
      return List.of(named(folder));
    }
    List<RunInputs> samples = new ArrayList<>();
    for (Path file : files) {
      int index = served.signature().inputIndex(only.name());
      RowSource source = array(index, Npy.read(file), file);
      samples.add(complete(Map.of(only.name(), source), file));
    }
    return samples;
  }

  private RunInputs named(Path sample) throws IOException, BadInputException {
    Map<String, RowSource> sources = new LinkedHashMap<>();
    for (int i = 0; i < served.signature().inputs().size(); i++) {
      String name = served.signature().inputs().get(i).name();
      Path file = sample.resolve(plain(name) + NPY);
      if (Files.isRegularFile(file)) {
        sources.put(name, array(i, Npy.read(file), file));
      }
    }
    return complete(sources, sample);
  }

  /** The name of an input as a file has it. */
  private static String plain(String name) {
    return name.replaceAll("[/\\\\\\p{Cntrl}]", "_").replaceFirst("^\\.", "_");
  }

  private RunInputs complete(Map<String, RowSource> sources, Path where) throws BadInputException {
    try {
      return RunInputs.checked(sources, served);
    } catch (BadInputException e) {
      throw new BadInputException(
          where + ": " + e.getMessage().replaceAll(": add --input .*?=FILE", " there"), e);
    }
  }
}
