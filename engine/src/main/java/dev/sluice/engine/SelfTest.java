package dev.sluice.engine;

import dev.sluice.bindings.CacheDirectory;
import dev.sluice.engine.backend.Backend;
import dev.sluice.engine.backend.BackendException;
import dev.sluice.engine.backend.BatchMemory;
import dev.sluice.engine.backend.Lane;
import dev.sluice.engine.backend.ShapeKey;
import dev.sluice.engine.format.Manifest;
import dev.sluice.engine.format.PackageException;
import dev.sluice.engine.format.SluicePackage;
import dev.sluice.engine.format.TensorDifference;
import dev.sluice.engine.npy.Npy;
import dev.sluice.engine.npy.NpyArray;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Runs a package's golden samples on the backend that is to serve it: a driver, a library or a CPU
 * that computes something else is found before the first caller finds it.
 *
 * <p>Thread safety: stateless.
 */
final class SelfTest {
  private static final System.Logger LOG = System.getLogger(SelfTest.class.getName());

  private SelfTest() {}

  /** Whether a package passed before under this key. */
  static boolean passed(String key) {
    try {
      return Files.exists(file(key));
    } catch (IOException e) {
      return false;
    }
  }

  /** Notes that it did. */
  static void remember(String key) {
    try {
      Path file = file(key);
      if (!Files.exists(file)) {
        Files.createFile(file);
      }
    } catch (IOException e) {
      LOG.log(System.Logger.Level.DEBUG, "the self-test is run again at the next opening", e);
    }
  }

  private static Path file(String key) throws IOException {
    return CacheDirectory.open("self-test").resolve(key);
  }

  /**
   * Runs every sample.
   *
   * @throws BackendException where a run fails or its outputs are not the stored ones
   * @throws PackageException where the samples are not the model's
   * @throws IOException where a sample cannot be read
   */
  static void run(SluicePackage opened, Backend backend) throws IOException, BackendException {
    boolean batched = opened.manifest().batching().proven();
    for (Manifest.GoldenSample sample : opened.manifest().golden()) {
      run(opened, backend, sample, batched);
    }
  }

  private static void run(
      SluicePackage opened, Backend backend, Manifest.GoldenSample sample, boolean batched)
      throws IOException, BackendException {
    List<NpyArray> inputs = new ArrayList<>();
    List<Shape> shapes = new ArrayList<>();
    int rows = 1;
    for (TensorSpec spec : backend.signature().inputs()) {
      if (!sample.inputs().containsKey(spec.name())) {
        throw misfit(opened, "has no input '" + spec.name() + "', which the model takes");
      }
      NpyArray array = opened.goldenInput(sample, spec.name());
      inputs.add(array);
      if (array.type() != spec.type()) {
        throw misfit(opened, "is of " + array.type() + " where the model takes " + spec);
      }
      if (batched) {
        int its = rows(opened, array, spec);
        if (inputs.size() > 1 && its != rows) {
          throw misfit(opened, "has " + rows + " rows in one input and " + its + " in another");
        }
        rows = its;
      }
      shapes.add(batched ? array.shape().withDim(0, 1) : array.shape());
    }
    try (BatchMemory memory = backend.allocate(new ShapeKey(shapes), rows);
        Lane lane = backend.openLane(0)) {
      for (int i = 0; i < inputs.size(); i++) {
        memory.input(i).copyFrom(inputs.get(i).data());
      }
      lane.run(memory, rows);
      for (int i = 0; i < backend.signature().outputs().size(); i++) {
        TensorSpec spec = backend.signature().outputs().get(i);
        if (!sample.outputs().containsKey(spec.name())) {
          continue; // two scores were so close that another machine may rank them otherwise
        }
        if (backend.relTolerance() > 0 && !TensorDifference.isReal(spec.type())) {
          continue; // such as ranks, which may change where scores may
        }
        compare(
            opened,
            sample,
            spec,
            memory.output(i).asSlice(0, memory.outputRowBytes(i) * rows),
            backend.relTolerance());
      }
    }
  }

  private static int rows(SluicePackage opened, NpyArray array, TensorSpec spec)
      throws PackageException {
    long rows = array.shape().rank() == 0 ? 0 : array.shape().dim(0);
    if (rows < 1 || rows > Integer.MAX_VALUE) {
      throw misfit(opened, "has the shape " + array.shape() + " where the model takes " + spec);
    }
    return (int) rows;
  }

  /** A manifest that was not made for the graph. */
  private static PackageException misfit(SluicePackage opened, String problem) {
    return new PackageException(
        opened.file() + ": a golden sample " + problem + "; build the package again");
  }

  private static NpyArray read(SluicePackage opened, String entry) throws IOException {
    return Npy.read(opened.entry(entry), opened.file() + ", entry '" + entry + "'");
  }

  private static void compare(
      SluicePackage opened,
      Manifest.GoldenSample sample,
      TensorSpec spec,
      MemorySegment actual,
      double relTolerance)
      throws IOException, BackendException {
    NpyArray expected = read(opened, sample.outputs().get(spec.name()));
    if (expected.type() != spec.type()) {
      throw misfit(opened, "is of " + expected.type() + " where the model gives " + spec);
    }
    TensorDifference difference = TensorDifference.of(spec.type(), expected.data(), actual);
    if (!difference.within(sample.absTolerance(), Math.max(sample.relTolerance(), relTolerance))) {
      throw new BackendException(
          opened.file()
              + ": the self-test failed: output '"
              + spec.name()
              + "' differs from the stored one by "
              + difference.maxAbs()
              + ", where its largest value is "
              + difference.largest()
              + "; this machine computes the model differently from the one that built the package:"
              + " build it again here and compare, or open it with selfTest(false)",
          null);
    }
  }
}
