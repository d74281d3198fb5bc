package dev.sluice.converter.cli;

import dev.sluice.engine.Shape;
import dev.sluice.engine.Signature;
import dev.sluice.engine.TensorSpec;
import java.io.IOException;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The inputs of {@code sluice run}: read, and checked against what the model has.
 *
 * <p>Thread safety: immutable.
 *
 * @param tensors one per input of the model, in its order
 * @param rows extent of axis 0 that all inputs share; 1 for a model that is not batched
 */
record RunInputs(List<Tensor> tensors, long rows) {
  /**
   * Reads the files.
   *
   * @param arguments each {@code NAME=FILE}
   * @param batched whether axis 0 of every input is the batch
   */
  static RunInputs read(List<String> arguments, Signature signature, boolean batched)
      throws IOException, BadInputException {
    Map<String, Path> files = new LinkedHashMap<>();
    for (String argument : arguments) {
      TensorSpec spec = spec(argument, signature);
      Path file = file(argument.substring(spec.name().length() + 1));
      if (files.put(spec.name(), file) != null) {
        throw new BadInputException("--input " + spec.name() + " is given twice; give it once");
      }
    }
    List<Tensor> tensors = new ArrayList<>();
    for (TensorSpec spec : signature.inputs()) {
      Path file = files.get(spec.name());
      if (file == null) {
        throw new BadInputException(
            "input '"
                + spec.name()
                + "' is missing: add --input "
                + spec.name()
                + "=FILE; "
                + has(signature));
      }
      Tensor tensor = TensorFile.read(file);
      check(file, tensor, spec, signature, batched);
      tensors.add(tensor);
    }
    return new RunInputs(List.copyOf(tensors), batched ? rows(tensors, signature) : 1);
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

  private static Path file(String name) throws BadInputException {
    if (name.isEmpty()) {
      throw new BadInputException("--input names no file; write NAME=FILE");
    }
    try {
      return Path.of(name);
    } catch (InvalidPathException e) {
      throw new BadInputException("'" + name + "' is no path: " + e.getReason(), e);
    }
  }

  private static void check(
      Path file, Tensor tensor, TensorSpec spec, Signature signature, boolean batched)
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

  private static long rows(List<Tensor> tensors, Signature signature) throws BadInputException {
    long rows = tensors.getFirst().shape().dim(0);
    for (int i = 0; i < tensors.size(); i++) {
      if (tensors.get(i).shape().dim(0) != rows) {
        throw new BadInputException(
            "input '"
                + signature.inputs().get(i).name()
                + "' has "
                + tensors.get(i).shape().dim(0)
                + " rows, input '"
                + signature.inputs().getFirst().name()
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

  /** The shape of each input, by name. */
  Map<String, Shape> shapes(Signature signature) {
    Map<String, Shape> shapes = new LinkedHashMap<>();
    for (int i = 0; i < tensors.size(); i++) {
      shapes.put(signature.inputs().get(i).name(), tensors.get(i).shape());
    }
    return shapes;
  }
}
