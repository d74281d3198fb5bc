package dev.sluice.bench.zoo;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;

import dev.sluice.bindings.onnxruntime.OrtEnvironment;
import dev.sluice.bindings.onnxruntime.OrtSession;
import dev.sluice.bindings.onnxruntime.OrtSessionOptions;
import dev.sluice.bindings.onnxruntime.OrtValue;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;

/** The scores that ONNX Runtime gives samples, some rows at a time. */
public final class OrtScores {
  private static final int ROWS = 256;

  private OrtScores() {}

  /** One row of scores per sample. */
  public static float[][] of(byte[] model, Samples samples) {
    OrtEnvironment environment = OrtEnvironment.shared();
    float[][] scores = new float[samples.count()][];
    long rowBytes = samples.data().byteSize() / samples.count();
    long[] shape = new long[samples.rowShape().length + 1];
    System.arraycopy(samples.rowShape(), 0, shape, 1, samples.rowShape().length);
    try (OrtSession session =
        OrtSession.open(
            environment, MemorySegment.ofArray(model), OrtSessionOptions.defaults(), "zoo")) {
      for (int from = 0; from < scores.length; from += ROWS) {
        int count = Math.min(ROWS, scores.length - from);
        shape[0] = count;
        MemorySegment rows = samples.data().asSlice(from * rowBytes, count * rowBytes);
        try (OrtValue input = OrtValue.tensor(environment, rows, samples.type(), shape)) {
          List<OrtValue> outputs = session.run(List.of(input));
          try {
            float[] all = outputs.getFirst().data().toArray(JAVA_FLOAT_UNALIGNED);
            int classes = all.length / count;
            for (int i = 0; i < count; i++) {
              scores[from + i] = Arrays.copyOfRange(all, i * classes, (i + 1) * classes);
            }
          } finally {
            outputs.forEach(OrtValue::close);
          }
        }
      }
    }
    return scores;
  }
}
