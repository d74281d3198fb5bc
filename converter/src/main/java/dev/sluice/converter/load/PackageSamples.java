package dev.sluice.converter.load;

import dev.sluice.bindings.ElementType;
import dev.sluice.converter.load.LoadSamples.Tolerance;
import dev.sluice.engine.Engine;
import dev.sluice.engine.Shape;
import dev.sluice.engine.TensorSpec;
import dev.sluice.engine.backend.BackendException;
import dev.sluice.engine.format.Manifest;
import dev.sluice.engine.format.SluicePackage;
import dev.sluice.engine.npy.NpyArray;
import dev.sluice.engine.npy.NpyException;
import dev.sluice.engine.stage.InputStep;
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
 * 1. Everything else (indices, lengths, flags) is taken element by element from one of the
 * package's golden samples, where the model is known to take it, and so are the shapes; a package
 * without any gets zeros, in the shapes it was made for.
 *
 * <p>Thread safety: stateless.
 */
public final class PackageSamples {
  private static final int MAX_SAMPLES = 64;
  private static final long MAX_BYTES = 256L << 20;
  private static final Duration BUDGET = Duration.ofSeconds(1);

  private static final ValueLayout.OfShort I16 =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfInt I32 =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
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
    Map<String, List<NpyArray>> golden = golden(opened);
    List<Shape> shapes = new ArrayList<>();
    List<List<MemorySegment>> known = new ArrayList<>();
    long sampleBytes = 1;
    for (TensorSpec spec : engine.signature().inputs()) {
      List<NpyArray> arrays = golden.getOrDefault(spec.name(), List.of());
      Shape shape = arrays.isEmpty() ? made(spec, manifest.profile()) : arrays.getFirst().shape();
      if (engine.batched()) {
        shape = shape.withDim(0, 1);
      }
      shapes.add(shape);
      List<MemorySegment> ones = ones(spec, shape, arrays);
      if (arrays.isEmpty()) {
        fillSizes(engine, spec, ones);
      }
      known.add(ones);
      sampleBytes += ones.isEmpty() ? 0 : ones.getFirst().byteSize() * rows;
    }
    SplittableRandom random = new SplittableRandom(seed);
    List<MemorySegment[]> inputs = new ArrayList<>();
    for (int i = 0; i < Math.clamp(MAX_BYTES / sampleBytes, 1, MAX_SAMPLES); i++) {
      MemorySegment[] sample = new MemorySegment[known.size()];
      for (int input = 0; input < sample.length; input++) {
        ElementType type = engine.signature().inputs().get(input).type();
        sample[input] = random(type, known.get(input), rows, random);
      }
      inputs.add(sample);
    }
    return LoadSamples.answered(engine, shapes, rows, inputs, Tolerance.of(manifest), BUDGET);
  }

  /** The golden samples' arrays of each input. */
  private static Map<String, List<NpyArray>> golden(SluicePackage opened) throws NpyException {
    Map<String, List<NpyArray>> arrays = new LinkedHashMap<>();
    for (Manifest.GoldenSample sample : opened.manifest().golden()) {
      for (String input : sample.inputs().keySet()) {
        arrays
            .computeIfAbsent(input, name -> new ArrayList<>())
            .add(opened.goldenInput(sample, input));
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

  /** The first row of each array, or of zeros where there is none; nothing for STRING. */
  private static List<MemorySegment> ones(TensorSpec spec, Shape shape, List<NpyArray> arrays) {
    if (spec.type() == ElementType.STRING) {
      return List.of();
    }
    long sizeBytes = spec.type().byteSize(shape.elementCount());
    return arrays.isEmpty()
        ? List.of(MemorySegment.ofArray(new byte[Math.toIntExact(sizeBytes)]))
        : arrays.stream().map(array -> heap(array.data().asSlice(0, sizeBytes))).toList();
  }

  /** Images of which no golden sample tells a size get the largest. */
  private static void fillSizes(Engine engine, TensorSpec spec, List<MemorySegment> ones) {
    for (InputStep step : engine.stages().inputs()) {
      if (step.sizes() >= 0 && step.stage().sizeTensor().equals(spec.name())) {
        MemorySegment sizes = ones.getFirst();
        for (long at = 0; at < sizes.byteSize(); at += 2 * Integer.BYTES) {
          sizes.set(I32, at, step.stage().sourceHeight());
          sizes.set(I32, at + Integer.BYTES, step.stage().sourceWidth());
        }
      }
    }
  }

  /** A copy that outlives the package. */
  private static MemorySegment heap(MemorySegment data) {
    return MemorySegment.ofArray(data.toArray(ValueLayout.JAVA_BYTE));
  }

  private static MemorySegment random(
      ElementType type, List<MemorySegment> known, int rows, SplittableRandom random) {
    if (known.isEmpty()) {
      return null;
    }
    long rowBytes = known.getFirst().byteSize();
    int width = Math.max(1, type.bits() / Byte.SIZE);
    MemorySegment all =
        MemorySegment.ofArray(new byte[Math.toIntExact(Math.multiplyExact(rowBytes, rows))]);
    for (long at = 0; at < all.byteSize(); at += width) {
      switch (type) {
        case FLOAT -> all.set(F32, at, (float) random.nextDouble());
        case DOUBLE -> all.set(F64, at, random.nextDouble());
        case FLOAT16 -> all.set(I16, at, Float.floatToFloat16((float) random.nextDouble()));
        default -> {
          MemorySegment one = known.get(random.nextInt(known.size()));
          MemorySegment.copy(one, at % rowBytes, all, at, width);
        }
      }
    }
    return all;
  }
}
