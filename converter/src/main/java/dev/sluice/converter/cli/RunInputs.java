package dev.sluice.converter.cli;

import dev.sluice.bindings.ElementType;
import dev.sluice.converter.image.ImageFile;
import dev.sluice.converter.image.ImageFolder;
import dev.sluice.engine.Shape;
import dev.sluice.engine.Signature;
import dev.sluice.engine.TensorSpec;
import dev.sluice.engine.stage.InputStep;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

/**
 * Inputs out of files, checked against what the model has.
 *
 * <p>Thread safety: one thread.
 *
 * @param sources at most one for each input of the model, in its order; images bring their sizes
 *     with them
 * @param rows extent of axis 0 that all inputs share; for a model that is not batched that of the
 *     first
 * @param rowsAtOnce images of one run of a model that is not batched
 * @param origin the file or folder that holds them all; null where each was named
 */
record RunInputs(List<RowSource> sources, long rows, int rowsAtOnce, Path origin) {
  /**
   * Reads the files.
   *
   * @param arguments each {@code NAME=FILE}, or {@code NAME=FOLDER} for images
   */
  static RunInputs read(List<String> arguments, Served served)
      throws IOException, BadInputException {
    Signature signature = served.signature();
    Map<String, Path> files = new LinkedHashMap<>();
    for (String argument : arguments) {
      TensorSpec spec = spec(argument, signature);
      Path file = file(spec.name(), argument.substring(spec.name().length() + 1));
      if (files.put(spec.name(), file) != null) {
        throw new BadInputException("--input " + spec.name() + " is given twice; give it once");
      }
    }
    return of(files, served);
  }

  /**
   * Reads files by the name of their input.
   *
   * @param files of every input; the sizes of images that are no arrays are left out
   */
  static RunInputs of(Map<String, Path> files, Served served)
      throws IOException, BadInputException {
    Map<String, RowSource> sources = new LinkedHashMap<>();
    Signature signature = served.signature();
    for (var named : files.entrySet()) {
      int index = signature.inputIndex(named.getKey());
      sources.put(named.getKey(), source(index, named.getValue(), served));
    }
    return checked(sources, served, null);
  }

  /**
   * Checks that each input has a source, and that they have as many rows.
   *
   * @param origin the file or folder that holds them all; null where each was named
   */
  static RunInputs checked(Map<String, RowSource> given, Served served, Path origin)
      throws BadInputException {
    Signature signature = served.signature();
    List<RowSource> sources = new ArrayList<>();
    for (int i = 0; i < signature.inputs().size(); i++) {
      String name = signature.inputs().get(i).name();
      RowSource source = given.get(name);
      if (served.masks().containsKey(name) || (source == null && bringsSizes(given, served, i))) {
        continue;
      }
      if (source != null && bringsSizes(given, served, i)) {
        throw new BadInputException(
            "input '" + name + "' comes with the images; leave out --input " + name);
      }
      if (source == null) {
        throw new BadInputException(
            "input '" + name + "' is missing: add --input " + name + "=FILE; " + has(signature));
      }
      sources.add(source);
    }
    boolean images = sources.stream().anyMatch(RunInputs::isImages);
    long rows =
        served.batched() || images
            ? rows(sources, signature)
            : sources.isEmpty() ? 1 : sources.getFirst().rows();
    int atOnce = served.batched() || !images ? 1 : atOnce(sources, served, rows);
    return new RunInputs(List.copyOf(sources), rows, atOnce, origin);
  }

  private static boolean isImages(RowSource source) {
    return !(source instanceof RowSource.Arrays);
  }

  /** Whether an input has the sizes of images that are not given as an array of its own shape. */
  private static boolean bringsSizes(Map<String, RowSource> given, Served served, int index) {
    return served.stages().inputs().stream()
        .anyMatch(step ->
            step.sizes() == index
                && given.containsKey(step.stage().tensor())
                && isImages(given.get(step.stage().tensor())));
  }

  /** A model that is not batched takes as many images at once as it declares, or one. */
  private static int atOnce(List<RowSource> sources, Served served, long rows)
      throws BadInputException {
    for (RowSource source : sources) {
      long declared = served.signature().inputs().get(source.input()).shape().dim(0);
      if (isImages(source) && declared > 0) {
        if (rows % declared != 0) {
          throw new BadInputException(
              "input '"
                  + served.signature().inputs().get(source.input()).name()
                  + "' takes "
                  + declared
                  + " images at once, but there are "
                  + rows
                  + "; give a multiple of "
                  + declared);
        }
        return Math.toIntExact(declared);
      }
    }
    return 1;
  }

  private static RowSource source(int index, Path file, Served served)
      throws IOException, BadInputException {
    TensorSpec spec = served.signature().inputs().get(index);
    InputStep step = served.stages().images(index);
    if (ImageFile.isNamedLikeOne(file) || (step != null && Files.isDirectory(file))) {
      if (step == null) {
        throw new BadInputException(
            file
                + ": input '"
                + spec.name()
                + "' takes an array, not images: name a .npy file, or build the package with"
                + " --input-stage");
      }
      return new RowSource.Images(index, step.stage(), ImageFolder.of(file));
    }
    return source(index, StoredTensor.read(file), file, served);
  }

  /** Checks an array; numbers of 16 and 32 bits stand for each other. */
  static RowSource source(int index, StoredTensor tensor, Path file, Served served)
      throws IOException, BadInputException {
    TensorSpec spec = served.signature().inputs().get(index);
    InputStep step = served.stages().images(index);
    if (step != null
        && step.stage().anySize()
        && tensor.type() == ElementType.UINT8
        && tensor.shape().rank() == 4
        && tensor.shape().dim(3) == step.stage().channels()) {
      String problem =
          step.stage()
              .sizeProblem(
                  (int) Math.min(Integer.MAX_VALUE, tensor.shape().dim(1)),
                  (int) Math.min(Integer.MAX_VALUE, tensor.shape().dim(2)));
      if (problem != null) {
        throw new BadInputException(file + ": has " + problem);
      }
      return new RowSource.Pixels(index, step.stage(), tensor);
    }
    StoredTensor array = inType(spec, tensor, file);
    check(file, array, spec, served.signature(), served.batched());
    return new RowSource.Arrays(index, array);
  }

  private static StoredTensor inType(TensorSpec spec, StoredTensor tensor, Path file)
      throws IOException, BadInputException {
    if (tensor.type() == spec.type()
        || !Tensor.isConvertible(tensor.type())
        || !Tensor.isConvertible(spec.type())) {
      return tensor;
    }
    try {
      return tensor.as(spec.type());
    } catch (ArithmeticException e) {
      throw new BadInputException(
          file
              + ": "
              + e.getMessage()
              + ", which input '"
              + spec.name()
              + "' takes; scale the numbers, or build the package with --io-types keep",
          e);
    }
  }

  /** The input that an argument names; names may contain '=', so the longest that fits. */
  private static TensorSpec spec(String argument, Signature signature) throws BadInputException {
    TensorSpec best = null;
    for (TensorSpec spec : signature.inputs()) {
      if (argument.startsWith(spec.name() + "=")
          && (best == null || spec.name().length() > best.name().length())) {
        best = spec;
      }
    }
    if (best != null) {
      return best;
    }
    int split = argument.indexOf('=');
    throw new BadInputException(
        split < 0
            ? "--input " + argument + ": write NAME=FILE; " + has(signature)
            : "no input is named '" + argument.substring(0, split) + "'; " + has(signature));
  }

  private static Path file(String input, String name) throws BadInputException {
    if (name.isEmpty()) {
      throw new BadInputException("--input " + input + "= names no file; write NAME=FILE");
    }
    try {
      return Path.of(name);
    } catch (InvalidPathException e) {
      throw new BadInputException(
          "--input "
              + input
              + ": '"
              + name
              + "' is no path ("
              + e.getReason()
              + "); name a file that is there",
          e);
    }
  }

  private static void check(
      Path file, StoredTensor tensor, TensorSpec spec, Signature signature, boolean batched)
      throws BadInputException {
    String what = file + ": is " + Tensors.text(tensor.type(), tensor.shape()) + ", but input '";
    if (tensor.type() != spec.type()) {
      throw new BadInputException(
          what
              + spec.name()
              + "' has the type "
              + Tensors.name(spec.type())
              + "; convert the array; "
              + has(signature));
    }
    if (tensor.shape().rank() != spec.shape().rank()) {
      throw new BadInputException(
          what
              + spec.name()
              + "' has "
              + spec.shape().rank()
              + " dimensions, not "
              + tensor.shape().rank()
              + "; reshape the array; "
              + has(signature));
    }
    for (int axis = batched ? 1 : 0; axis < spec.shape().rank(); axis++) {
      long wanted = spec.shape().dim(axis);
      if (wanted != Shape.DYNAMIC && wanted != tensor.shape().dim(axis)) {
        throw new BadInputException(
            what
                + spec.name()
                + "' takes "
                + wanted
                + " in axis "
                + axis
                + ", not "
                + tensor.shape().dim(axis)
                + "; "
                + has(signature));
      }
    }
  }

  private static long rows(List<RowSource> sources, Signature signature) throws BadInputException {
    long rows = sources.getFirst().rows();
    for (RowSource source : sources) {
      if (source.rows() != rows) {
        throw new BadInputException(
            "input '"
                + signature.inputs().get(source.input()).name()
                + "' has "
                + source.rows()
                + " rows, input '"
                + signature.inputs().get(sources.getFirst().input()).name()
                + "' has "
                + rows
                + "; give as many of each");
      }
    }
    if (rows == 0) {
      throw new BadInputException("the inputs have no rows; give at least one");
    }
    return rows;
  }

  private static String has(Signature signature) {
    return "the model's inputs are " + Tensors.list(signature.inputs());
  }

  /** Whether images out of files or arrays are among the inputs. */
  boolean hasImages() {
    return sources.stream().anyMatch(RunInputs::isImages);
  }

  /** The files of the images, row by row; empty where there are none. */
  List<String> images() {
    for (RowSource source : sources) {
      if (source instanceof RowSource.Images images) {
        return IntStream.range(0, images.folder().count()).mapToObj(images.folder()::name).toList();
      }
    }
    return List.of();
  }

  /** The shape of each input, by name, for so many rows. */
  Map<String, Shape> shapes(Served served, int rowsOfRun) {
    Map<String, Shape> shapes = new LinkedHashMap<>();
    List<TensorSpec> specs = served.signature().inputs();
    for (RowSource source : sources) {
      Shape shape = source.shape();
      boolean part = shape.rank() > 0 && rowsOfRun != rows;
      shapes.put(specs.get(source.input()).name(), part ? shape.withDim(0, rowsOfRun) : shape);
      InputStep step = served.stages().images(source.input());
      if (step != null && step.sizes() >= 0) {
        shapes.putIfAbsent(specs.get(step.sizes()).name(), Shape.of(rowsOfRun, 2));
      }
    }
    return shapes;
  }
}
