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
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Samples for all inputs of a package out of a folder: one {@code .npz} with an array for each
 * input; or {@code .npy} or {@code .pb} files, each a sample, where there is one input; or a folder
 * for each sample with {@code NAME.npy} or {@code NAME.pb} for each input; or the ONNX standard's
 * layout, {@code test_data_set_N/input_M.pb}, in the order of the model's inputs; or images, where
 * the input takes these.
 *
 * <p>Thread safety: one thread.
 */
final class DataFolder {
  private static final String NPZ = ".npz";
  private static final String NPY = ".npy";
  private static final String PB = ".pb";

  /** A sample of the ONNX standard's tests. */
  private static final Pattern SET = Pattern.compile("test_data_set_(\\d{1,9})");

  private static final Pattern NUMBERED = Pattern.compile("input_\\d+\\.pb");

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
    if (file.toString().endsWith(NPZ)) {
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
    if (isSet(folder)) {
      return List.of(numbered(folder));
    }
    List<RunInputs> sets = sets();
    if (!sets.isEmpty()) {
      return sets;
    }
    List<Path> npz = list(folder, NPZ);
    if (npz.size() == 1) {
      return List.of(npz(npz.getFirst()));
    }
    if (npz.size() > 1) {
      throw new BadInputException(
          folder + ": has " + npz.size() + " .npz files; leave one, with an array for each input");
    }
    List<Path> arrays = list(folder, NPY, PB);
    if (!arrays.isEmpty()) {
      return files(arrays);
    }
    List<RunInputs> samples = new ArrayList<>();
    for (Path child : folders()) {
      if (!list(child, NPY, PB).isEmpty()) {
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
            + "; put one .npz there, or a folder per sample with NAME.npy or NAME.pb, or"
            + " test_data_set_N/input_M.pb, or for a single input .npy or .pb files, or images where"
            + " the package has a stage that takes them");
  }

  private static List<Path> list(Path folder, String... endings) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files
          .filter(file -> Stream.of(endings).anyMatch(file.toString()::endsWith))
          .sorted()
          .toList();
    }
  }

  private List<Path> folders() throws IOException {
    return list(folder, "").stream().filter(Files::isDirectory).toList();
  }

  /** Whether a folder is a sample of the standard's layout: it may have another name. */
  private static boolean isSet(Path sample) throws IOException {
    if (Files.exists(sample.resolve("input_0.pb")) && Files.exists(sample.resolve("output_0.pb"))) {
      return true;
    }
    return SET.matcher(name(sample)).matches()
        && list(sample, PB).stream().anyMatch(file -> NUMBERED.matcher(name(file)).matches());
  }

  private static String name(Path file) {
    return String.valueOf(file.toAbsolutePath().normalize().getFileName());
  }

  /** The samples of the standard's layout, in the order of their numbers; empty where none is. */
  private List<RunInputs> sets() throws IOException, BadInputException {
    List<Path> sets = new ArrayList<>();
    List<Path> others = new ArrayList<>(list(folder, NPZ, NPY, PB));
    for (Path child : folders()) {
      if (isSet(child)) {
        sets.add(child);
      } else if (SET.matcher(name(child)).matches() || !list(child, NPY, PB).isEmpty()) {
        others.add(child);
      }
    }
    if (sets.isEmpty()) {
      return List.of();
    }
    if (!others.isEmpty()) {
      throw new BadInputException(
          others.getFirst()
              + ": lies beside "
              + name(sets.getFirst())
              + " and has no input_M.pb as that has; move it away, or give all samples alike");
    }
    sets.sort(Comparator.comparingLong(DataFolder::number).thenComparing(set -> set));
    List<RunInputs> samples = new ArrayList<>();
    for (Path set : sets) {
      samples.add(numbered(set));
    }
    return samples;
  }

  private static long number(Path set) {
    Matcher matcher = SET.matcher(name(set));
    return matcher.matches() ? Long.parseLong(matcher.group(1)) : Long.MAX_VALUE;
  }

  /** A sample whose files have the numbers of the model's inputs. */
  private RunInputs numbered(Path sample) throws IOException, BadInputException {
    Map<String, RowSource> sources = new LinkedHashMap<>();
    List<TensorSpec> inputs = served.signature().inputs();
    int count = 0;
    for (int i = 0; i < inputs.size(); i++) {
      InputStep step = served.stages().images(i);
      if (step == null && served.stages().modelInput(i) < 0) {
        continue; // the sizes of images
      }
      count++;
      int number = step == null ? served.stages().modelInput(i) : step.model();
      Path file = sample.resolve("input_" + number + PB);
      if (Files.exists(file)) {
        sources.put(
            inputs.get(i).name(), RunInputs.source(i, StoredTensor.read(file), file, served));
      } else if (!served.masks().containsKey(inputs.get(i).name())) {
        throw new BadInputException(
            file + ": is not there; input '" + inputs.get(i).name() + "' takes it; " + order());
      }
    }
    Path more = sample.resolve("input_" + count + PB);
    if (Files.exists(more)) {
      throw new BadInputException(more + ": no input takes it; " + order());
    }
    return complete(sources, sample);
  }

  private String order() {
    return "give input_0.pb and so on for the inputs "
        + Tensors.list(served.signature().inputs())
        + ", in this order";
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

  private RowSource array(int index, NpyArray array, Path file)
      throws IOException, BadInputException {
    Tensor tensor = new Tensor(array.type(), array.shape(), array.data(), null);
    return RunInputs.source(index, StoredTensor.of(tensor), file, served);
  }

  private List<RunInputs> files(List<Path> files) throws IOException, BadInputException {
    TensorSpec only = onlyInput();
    if (only == null) {
      // All inputs of one sample may lie here, too.
      return List.of(named(folder));
    }
    List<RunInputs> samples = new ArrayList<>();
    for (Path file : files) {
      if (!ending(file).equals(ending(files.getFirst()))) {
        throw new BadInputException(
            file + ": lies beside " + name(files.getFirst()) + "; leave files of one kind there");
      }
      int index = served.signature().inputIndex(only.name());
      RowSource source = RunInputs.source(index, StoredTensor.read(file), file, served);
      samples.add(complete(Map.of(only.name(), source), file));
    }
    return samples;
  }

  private static String ending(Path file) {
    return file.toString().endsWith(PB) ? PB : NPY;
  }

  private RunInputs named(Path sample) throws IOException, BadInputException {
    Map<String, RowSource> sources = new LinkedHashMap<>();
    for (int i = 0; i < served.signature().inputs().size(); i++) {
      String name = served.signature().inputs().get(i).name();
      Path file = sample.resolve(plain(name) + NPY);
      Path proto = sample.resolve(plain(name) + PB);
      if (Files.isRegularFile(file) && Files.isRegularFile(proto)) {
        throw new BadInputException(proto + ": lies beside " + name(file) + "; leave one of them");
      }
      file = Files.isRegularFile(proto) ? proto : file;
      if (Files.isRegularFile(file)) {
        sources.put(name, RunInputs.source(i, StoredTensor.read(file), file, served));
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
      return RunInputs.checked(sources, served, where);
    } catch (BadInputException e) {
      throw new BadInputException(
          where + ": " + e.getMessage().replaceAll(": add --input .*?=FILE", " there"), e);
    }
  }
}
