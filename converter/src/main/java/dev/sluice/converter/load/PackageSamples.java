package dev.sluice.converter.load;

import dev.sluice.bindings.ElementType;
import dev.sluice.converter.load.LoadSamples.Tolerance;
import dev.sluice.engine.Engine;
import dev.sluice.engine.Shape;
import dev.sluice.engine.TensorSpec;
import dev.sluice.engine.backend.BackendException;
import dev.sluice.engine.format.Manifest;
import dev.sluice.engine.format.SluicePackage;
import dev.sluice.engine.npy.Npy;
import dev.sluice.engine.npy.NpyArray;
import dev.sluice.engine.npy.NpyException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;

/**
 * Random inputs for any package, the same for the same seed. Real numbers are uniform between 0 and
 * 1. Everything else (indices, lengths, flags) is as in the package's golden sample, where the
 * model is known to take it, and so are the shapes; a package without one has zeros, in the shapes
 * it was made for.
 *
 * <p>Thread safety: stateless.
 */
public final class PackageSamples {
  private static final int MAX_SAMPLES = 64;
  private static final long MAX_BYTES = 256L << 20;
  private static final Duration BUDGET = Duration.ofSeconds(1);

  private static final ValueLayout.OfShort I16 =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfFloat F32 =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfDouble F64 =
      ValueLayout.JAVA_DOUBLE_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private PackageSamples() {}

  /**
   * Samples with their answers.
   *
   * @param rows rows of each; 1 for a model that is not batched
   * @throws NpyException where the golden sample is damaged
   */
  public static LoadSamples make(Engine engine, SluicePackage opened, int rows, long seed)
      throws NpyException, BackendException, InterruptedException {
    Manifest manifest = opened.manifest();
    Map<String, NpyArray> golden = golden(opened);
    List<Shape> shapes = new ArrayList<>();
    List<MemorySegment> models = new ArrayList<>();
    long sampleBytes = 1;
    for (TensorSpec spec : engine.signature().inputs()) {
      NpyArray known = golden.get(spec.name());
      Shape shape = known != null ? known.shape() : made(spec, manifest.profile());
      if (engine.batched()) {
        shape = shape.withDim(0, 1);
      }
      shapes.add(shape);
      MemorySegment model = spec.type() == ElementType.STRING ? null : one(spec, shape, known);
      models.add(model);
      sampleBytes += model == null ? 0 : model.byteSize() * rows;
    }
    SplittableRandom random = new SplittableRandom(seed);
    List<MemorySegment[]> inputs = new ArrayList<>();
    for (int i = 0; i < Math.clamp(MAX_BYTES / sampleBytes, 1, MAX_SAMPLES); i++) {
      MemorySegment[] sample = new MemorySegment[models.size()];
      for (int input = 0; input < sample.length; input++) {
        ElementType type = engine.signature().inputs().get(input).type();
        sample[input] = repeat(type, models.get(input), rows, random);
      }
      inputs.add(sample);
    }
    return LoadSamples.answered(engine, shapes, rows, inputs, Tolerance.of(manifest), BUDGET);
  }

  private static Map<String, NpyArray> golden(SluicePackage opened) throws NpyException {
    Map<String, NpyArray> arrays = new LinkedHashMap<>();
    if (!opened.manifest().golden().isEmpty()) {
      for (var input : opened.manifest().golden().getFirst().inputs().entrySet()) {
        String who = opened.file() + ": entry " + input.getValue();
        arrays.put(input.getKey(), Npy.read(opened.entry(input.getValue()), who));
      }
    }
    return arrays;
  }

  private static Shape made(TensorSpec spec, Manifest.Profile profile) {
    List<Manifest.Range> ranges = profile.shapes().get(spec.name());
    Shape shape = spec.shape();
    for (int axis = 0; axis < shape.rank(); axis++) {
      if (shape.dim(axis) == Shape.DYNAMIC) {
        shape = shape.withDim(axis, ranges == null ? 1 : ranges.get(axis).opt());
      }
    }
    return shape;
  }

  /** The first row of what is known to work, or zeros. */
  private static MemorySegment one(TensorSpec spec, Shape shape, NpyArray known) {
    int sizeBytes = Math.toIntExact(spec.type().byteSize(shape.elementCount()));
    MemorySegment row = MemorySegment.ofArray(new byte[sizeBytes]);
    if (known != null) {
      row.copyFrom(known.data().asSlice(0, sizeBytes));
    }
    return row;
  }

  private static MemorySegment repeat(
      ElementType type, MemorySegment model, int rows, SplittableRandom random) {
    if (model == null) {
      return null;
    }
    int rowBytes = Math.toIntExact(model.byteSize());
    MemorySegment all = MemorySegment.ofArray(new byte[Math.multiplyExact(rowBytes, rows)]);
    for (int row = 0; row < rows; row++) {
      all.asSlice((long) row * rowBytes).copyFrom(model);
    }
    switch (type) {
      case FLOAT -> {
        for (long at = 0; at < all.byteSize(); at += Float.BYTES) {
          all.set(F32, at, (float) random.nextDouble());
        }
      }
      case DOUBLE -> {
        for (long at = 0; at < all.byteSize(); at += Double.BYTES) {
          all.set(F64, at, random.nextDouble());
        }
      }
      case FLOAT16 -> {
        for (long at = 0; at < all.byteSize(); at += Short.BYTES) {
          all.set(I16, at, Float.floatToFloat16((float) random.nextDouble()));
        }
      }
      default -> {
        // As in the golden sample.
      }
    }
    return all;
  }
}
