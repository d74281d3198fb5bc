package dev.sluice.engine.stage;

import dev.sluice.bindings.ElementType;
import dev.sluice.engine.stage.StagePlan.InputStep;
import dev.sluice.engine.stage.StagePlan.OutputStep;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * Runs stages on the calling thread over memory of the host.
 *
 * <p>Thread safety: stateless.
 */
public final class HostStages {
  private static final ValueLayout.OfInt I32 =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfFloat F32 =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort I16 =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private HostStages() {}

  /**
   * Images to the model's input. An image whose size does not fit its row counts as empty: the
   * model then sees the fill value everywhere.
   *
   * @param step what to do
   * @param images rows of {@link InputStage#capacityBytes}
   * @param sizes height and width of each, or null where all have one size
   * @param target the model's input
   * @param count number of images
   */
  public static void input(
      InputStep step, MemorySegment images, MemorySegment sizes, MemorySegment target, int count) {
    InputStage stage = step.stage();
    for (int n = 0; n < count; n++) {
      int h = sizes == null ? stage.sourceHeight() : sizes.get(I32, n * 8L);
      int w = sizes == null ? stage.sourceWidth() : sizes.get(I32, n * 8L + 4);
      one(stage, images, (long) n * stage.capacityBytes(), h, w, target, n);
    }
  }

  private static void one(
      InputStage s, MemorySegment images, long base, int h, int w, MemorySegment out, int n) {
    boolean ok = s.fits(h, w);
    int rh = s.height();
    int rw = s.width();
    if (ok && s.fit() == Fit.LETTERBOX) {
      float r = Math.min((float) s.height() / h, (float) s.width() / w);
      rh = Math.clamp(Math.round(h * r), 1, s.height());
      rw = Math.clamp(Math.round(w * r), 1, s.width());
    }
    int top = (s.height() - rh) / 2;
    int left = (s.width() - rw) / 2;
    int ch = s.channels();
    for (int c = 0; c < ch; c++) {
      int from = s.order() == ChannelOrder.BGR ? ch - 1 - c : c;
      double mean = s.mean().get(c);
      double std = s.std().get(c);
      for (int y = 0; y < s.height(); y++) {
        for (int x = 0; x < s.width(); x++) {
          double v = s.fill();
          int iy = y - top;
          int ix = x - left;
          if (ok && iy >= 0 && iy < rh && ix >= 0 && ix < rw) {
            double sy = Math.clamp((iy + 0.5) * h / rh - 0.5, 0, h - 1);
            double sx = Math.clamp((ix + 0.5) * w / rw - 0.5, 0, w - 1);
            int y0 = (int) sy;
            int x0 = (int) sx;
            int y1 = Math.min(y0 + 1, h - 1);
            int x1 = Math.min(x0 + 1, w - 1);
            double fy = sy - y0;
            double fx = sx - x0;
            v =
                (1 - fy)
                        * ((1 - fx) * px(images, base, w, ch, y0, x0, from)
                            + fx * px(images, base, w, ch, y0, x1, from))
                    + fy
                        * ((1 - fx) * px(images, base, w, ch, y1, x0, from)
                            + fx * px(images, base, w, ch, y1, x1, from));
          }
          float f = (float) ((v * s.scale() - mean) / std);
          long at = (((long) n * ch + c) * s.height() + y) * s.width() + x;
          if (s.type() == ElementType.FLOAT) {
            out.set(F32, at * 4, f);
          } else {
            out.set(I16, at * 2, Float.floatToFloat16(f));
          }
        }
      }
    }
  }

  private static int px(MemorySegment m, long base, int w, int ch, int y, int x, int c) {
    return m.get(ValueLayout.JAVA_BYTE, base + ((long) y * w + x) * ch + c) & 0xff;
  }

  /**
   * The model's output to what callers see.
   *
   * @param step what to do
   * @param scores the model's output
   * @param values FLOAT, {@code k} a row
   * @param indices INT32, {@code k} a row
   * @param rows number of rows
   */
  public static void output(
      OutputStep step,
      MemorySegment scores,
      MemorySegment values,
      MemorySegment indices,
      int rows) {
    OutputStage s = step.stage();
    for (int r = 0; r < rows; r++) {
      float max = Float.NEGATIVE_INFINITY;
      for (int c = 0; c < s.columns(); c++) {
        max = Math.max(max, score(s, scores, (long) r * s.columns() + c));
      }
      double sum = 0;
      for (int c = 0; c < s.columns(); c++) {
        sum += Math.exp(score(s, scores, (long) r * s.columns() + c) - max);
      }
      float last = Float.POSITIVE_INFINITY;
      int lastIndex = -1;
      for (int k = 0; k < s.k(); k++) {
        float best = Float.NEGATIVE_INFINITY;
        int index = -1;
        for (int c = 0; c < s.columns(); c++) {
          float v = score(s, scores, (long) r * s.columns() + c);
          boolean after = v < last || (v == last && c > lastIndex);
          if (after && (index < 0 || v > best)) {
            best = v;
            index = c;
          }
        }
        last = best;
        lastIndex = index;
        long at = ((long) r * s.k() + k) * 4;
        indices.set(I32, at, index);
        values.set(
            F32,
            at,
            s.kind() == OutputStage.Kind.ARGMAX ? best : (float) (Math.exp(best - max) / sum));
      }
    }
  }

  private static float score(OutputStage s, MemorySegment m, long i) {
    return s.type() == ElementType.FLOAT
        ? m.get(F32, i * 4)
        : Float.float16ToFloat(m.get(I16, i * 2));
  }
}
