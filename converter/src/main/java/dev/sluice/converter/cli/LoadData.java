package dev.sluice.converter.cli;

import dev.sluice.bindings.ElementType;
import dev.sluice.converter.load.LoadSamples;
import dev.sluice.converter.load.LoadSamples.Tolerance;
import dev.sluice.engine.Engine;
import dev.sluice.engine.ImageRows;
import dev.sluice.engine.Inputs;
import dev.sluice.engine.Shape;
import dev.sluice.engine.TensorSpec;
import dev.sluice.engine.backend.BackendException;
import dev.sluice.engine.format.Manifest;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * The samples of a folder as requests of a load, as many as fit in some memory.
 *
 * <p>Thread safety: stateless.
 */
final class LoadData {
  private static final int MAX_SAMPLES = 64;
  private static final long MAX_BYTES = 256L << 20;

  /** What an array surely holds. */
  private static final long MAX_INPUT_BYTES = Integer.MAX_VALUE - 8;

  private static final Duration BUDGET = Duration.ofSeconds(10);

  private LoadData() {}

  /** A request's memory on the heap. */
  private record HeapInputs(Engine engine, List<MemorySegment> memory, int rows) implements Inputs {
    @Override
    public MemorySegment input(int index) {
      return memory.get(index);
    }

    @Override
    public MemorySegment input(String name) {
      return input(engine.signature().inputIndex(name));
    }

    @Override
    public void write(int index, MemorySegment rows) {
      input(index).copyFrom(rows);
    }

    @Override
    public ImageRows image(int index) {
      return ImageRows.of(this, engine.signature(), engine.stages(), index);
    }

    @Override
    public ImageRows image(String name) {
      return image(engine.signature().inputIndex(name));
    }

    @Override
    public void strings(int index, String... values) {
      throw new IllegalStateException("strings are refused before");
    }
  }

  /**
   * Reads the folder and asks the engine for the answers.
   *
   * @param rows of each request; where the folder has fewer they come round again
   */
  static LoadSamples read(Path folder, Engine engine, Manifest manifest, int rows)
      throws IOException, BackendException, BadInputException, InterruptedException {
    for (TensorSpec spec : engine.signature().inputs()) {
      if (spec.type() == ElementType.STRING) {
        throw new BadInputException(
            folder
                + ": input '"
                + spec.name()
                + "' takes strings, of which bench sends empty ones only; leave --data out");
      }
    }
    List<RunInputs> data = DataFolder.read(folder, Served.of(engine));
    List<Shape> shapes = shapes(engine, data.getFirst());
    long bytes = 1;
    for (int i = 0; i < shapes.size(); i++) {
      TensorSpec spec = engine.signature().inputs().get(i);
      bytes += spec.type().byteSize(shapes.get(i).elementCount()) * rows;
    }
    List<MemorySegment[]> samples = new ArrayList<>();
    Cursor cursor = new Cursor(data);
    long units = data.stream().mapToLong(one -> units(engine, one)).sum();
    long count = Math.clamp(Math.ceilDiv(units, rows), 1, MAX_SAMPLES);
    for (int i = 0; i < Math.clamp(MAX_BYTES / bytes, 1, count); i++) {
      MemorySegment[] memory = new MemorySegment[shapes.size()];
      for (int input = 0; input < memory.length; input++) {
        ElementType type = engine.signature().inputs().get(input).type();
        long sizeBytes = type.byteSize(shapes.get(input).elementCount()) * rows;
        if (sizeBytes > MAX_INPUT_BYTES) {
          throw new BadInputException(
              folder
                  + ": "
                  + rows
                  + " rows of a sample take "
                  + sizeBytes
                  + " bytes, a request has at most "
                  + MAX_INPUT_BYTES
                  + "; give a smaller --batch");
        }
        memory[input] = MemorySegment.ofArray(new byte[(int) sizeBytes]);
      }
      HeapInputs inputs = new HeapInputs(engine, List.of(memory), rows);
      for (int row = 0; row < rows; row++) {
        if (!shapes(engine, cursor.data()).equals(shapes)) {
          throw new BadInputException(
              folder + ": the samples differ in shape, bench sends one shape; keep those of one");
        }
        cursor.write(engine, inputs, row);
      }
      samples.add(memory);
    }
    return LoadSamples.answered(engine, shapes, rows, samples, Tolerance.of(manifest), BUDGET);
  }

  /** Requests of one row that are in a sample. */
  private static long units(Engine engine, RunInputs data) {
    return engine.batched() || data.hasImages() ? data.rows() / data.rowsAtOnce() : 1;
  }

  private static List<Shape> shapes(Engine engine, RunInputs data) {
    boolean parts = engine.batched() || data.hasImages();
    int rows = parts ? data.rowsAtOnce() : Math.toIntExact(data.rows());
    Map<String, Shape> byName = data.shapes(Served.of(engine), rows);
    return engine.signature().inputs().stream().map(spec -> byName.get(spec.name())).toList();
  }

  /**
   * Goes round the rows of all samples.
   *
   * <p>Thread safety: one thread.
   */
  private static final class Cursor {
    private final List<RunInputs> all;
    private int sample;
    private long row;

    Cursor(List<RunInputs> all) {
      this.all = all;
    }

    RunInputs data() {
      return all.get(sample);
    }

    void write(Engine engine, Inputs inputs, int at) throws IOException {
      RunInputs data = data();
      boolean parts = engine.batched() || data.hasImages();
      for (RowSource source : data.sources()) {
        int rows = parts ? data.rowsAtOnce() : Math.toIntExact(source.rows());
        source.write(row, rows, inputs, at);
      }
      row += data.rowsAtOnce();
      if (!parts || row >= data.rows()) {
        row = 0;
        sample = (sample + 1) % all.size();
      }
    }
  }
}
