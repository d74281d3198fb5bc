package dev.sluice.converter.cli;

import dev.sluice.bindings.ElementType;
import dev.sluice.engine.Admission;
import dev.sluice.engine.Engine;
import dev.sluice.engine.InferenceException;
import dev.sluice.engine.Outputs;
import dev.sluice.engine.Request;
import dev.sluice.engine.Shape;
import dev.sluice.engine.TensorSpec;
import dev.sluice.engine.backend.BackendException;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/**
 * Runs all rows of some inputs, as many at once as the package takes, and puts the outputs one
 * after the other.
 *
 * <p>Thread safety: one thread.
 */
final class PackageRun {
  private static final Duration CLAIM_WAIT = Duration.ofSeconds(30);

  /** What an array surely holds. */
  private static final long MAX_BYTES = Integer.MAX_VALUE - 8;

  private final Engine engine;
  private final RunInputs inputs;
  private final List<List<Tensor>> parts = new ArrayList<>();

  private PackageRun(Engine engine, RunInputs inputs) {
    this.engine = engine;
    this.inputs = inputs;
  }

  /**
   * Runs; a model that is not batched gets arrays whole, and images one by one.
   *
   * @param single whether a model that is not batched gets the rows of arrays one by one, too
   * @return one tensor per output
   */
  static List<Tensor> of(Engine engine, RunInputs inputs, boolean single)
      throws IOException, BackendException, BadInputException, InterruptedException {
    PackageRun run = new PackageRun(engine, inputs);
    if (!engine.batched() && !inputs.hasImages() && !single) {
      int rows = run.rows();
      run.run(0, rows, true, run.request(rows));
      return run.joined();
    }
    int most = engine.batched() ? engine.maxBatch() : inputs.rowsAtOnce();
    Request request = run.request((int) Math.min(most, inputs.rows()));
    for (long row = 0; row < inputs.rows(); row += most) {
      run.run(row, (int) Math.min(most, inputs.rows() - row), false, request);
    }
    return run.joined();
  }

  private void run(long row, int rows, boolean whole, Request request)
      throws IOException, BadInputException, InterruptedException {
    Admission admission = request.claim(engine.batched() ? rows : 1, CLAIM_WAIT);
    if (!admission.admitted()) {
      throw new InferenceException(admission);
    }
    try {
      for (RowSource source : inputs.sources()) {
        source.write(row, whole ? Math.toIntExact(source.rows()) : rows, request, 0);
      }
      parts.add(copied(request.run()));
    } finally {
      request.close();
    }
  }

  private Request request(int rows) throws BackendException, BadInputException {
    try {
      return engine.newRequest(inputs.shapes(Served.of(engine), rows));
    } catch (IllegalArgumentException e) {
      throw new BadInputException(e.getMessage(), e);
    }
  }

  private List<Tensor> copied(Outputs outputs) throws BadInputException {
    List<Tensor> copies = new ArrayList<>();
    List<TensorSpec> specs = engine.signature().outputs();
    for (int i = 0; i < specs.size(); i++) {
      ElementType type = specs.get(i).type();
      Shape shape = outputs.outputShape(i);
      if (type == ElementType.STRING) {
        copies.add(new Tensor(type, shape, null, List.of(outputs.strings(i))));
        continue;
      }
      MemorySegment copy = room(i, type.byteSize(shape.elementCount()));
      outputs.read(i, copy);
      copies.add(new Tensor(type, shape, copy, null));
    }
    return copies;
  }

  /** Room on the heap for what an output gives. */
  private MemorySegment room(int output, long sizeBytes) throws BadInputException {
    if (sizeBytes > MAX_BYTES) {
      throw new BadInputException(
          "the output '"
              + engine.signature().outputs().get(output).name()
              + "' of all rows has "
              + sizeBytes
              + " bytes, at most "
              + MAX_BYTES
              + " are read at once; give fewer rows at a time");
    }
    return MemorySegment.ofArray(new byte[(int) sizeBytes]);
  }

  private int rows() throws BadInputException {
    if (inputs.rows() > Integer.MAX_VALUE) {
      throw new BadInputException(
          "the inputs have "
              + inputs.rows()
              + " rows, of which a run takes at most "
              + Integer.MAX_VALUE
              + "; give fewer");
    }
    return (int) inputs.rows();
  }

  private List<Tensor> joined() throws BadInputException {
    List<Tensor> results = new ArrayList<>();
    for (int i = 0; i < engine.signature().outputs().size(); i++) {
      int output = i;
      results.add(join(i, parts.stream().map(part -> part.get(output)).toList()));
    }
    return results;
  }

  private Tensor join(int output, List<Tensor> tensors) throws BadInputException {
    Tensor first = tensors.getFirst();
    if (tensors.size() == 1) {
      return first;
    }
    long rows = 0;
    long sizeBytes = 0;
    List<String> strings = new ArrayList<>();
    for (Tensor tensor : tensors) {
      Shape shape = tensor.shape();
      if (shape.rank() == 0 || !shape.withDim(0, 0).equals(first.shape().withDim(0, 0))) {
        throw new BadInputException(
            "the output '"
                + engine.signature().outputs().get(output).name()
                + "' of several runs can't be put together: it has the shapes "
                + first.shape()
                + " and "
                + shape
                + "; give one sample at a time");
      }
      rows += shape.dim(0);
      if (tensor.strings() == null) {
        sizeBytes += tensor.data().byteSize();
      } else {
        strings.addAll(tensor.strings());
      }
    }
    Shape whole = first.shape().withDim(0, rows);
    if (first.strings() != null) {
      return new Tensor(first.type(), whole, null, strings);
    }
    MemorySegment data = room(output, sizeBytes);
    long at = 0;
    for (Tensor tensor : tensors) {
      MemorySegment.copy(tensor.data(), 0, data, at, tensor.data().byteSize());
      at += tensor.data().byteSize();
    }
    return new Tensor(first.type(), whole, data, null);
  }
}
