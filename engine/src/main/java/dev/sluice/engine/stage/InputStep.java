package dev.sluice.engine.stage;

import dev.sluice.kernels.KernelCall;
import dev.sluice.kernels.NormalizeImage;
import java.lang.foreign.MemorySegment;

/**
 * A stage before the model, the tensors that it works on, and the kernel that does it. An image
 * whose size does not fit its row counts as absent: the model sees the fill value everywhere.
 *
 * <p>Thread safety: immutable.
 *
 * @param stage what is done
 * @param model index of the model's input that it fills
 * @param served index of the served input with the images
 * @param sizes index of the served input with their sizes, or -1 where all have one size
 * @param kernel what does it, on a device or in Java
 */
public record InputStep(InputStage stage, int model, int served, int sizes, NormalizeImage kernel) {

  static InputStep of(InputStage stage, int model, int served) {
    return new InputStep(stage, model, served, stage.anySize() ? served + 1 : -1, kernel(stage));
  }

  /** {@code (x * scale - mean) / std} as one factor and one summand. */
  private static NormalizeImage kernel(InputStage stage) {
    float[] factors = new float[stage.channels()];
    float[] summands = new float[stage.channels()];
    for (int c = 0; c < factors.length; c++) {
      factors[c] = (float) (stage.scale() / stage.std().get(c));
      summands[c] = (float) (-stage.mean().get(c) / stage.std().get(c));
    }
    NormalizeImage.Resize resize =
        switch (stage.fit()) {
          case NONE -> NormalizeImage.Resize.NONE;
          case RESIZE -> NormalizeImage.Resize.STRETCH;
          case LETTERBOX -> NormalizeImage.Resize.LETTERBOX;
        };
    return new NormalizeImage(
        stage.type(),
        stage.height(),
        stage.width(),
        stage.channels(),
        resize,
        stage.order() == ChannelOrder.BGR,
        stage.fill(),
        factors,
        summands);
  }

  /**
   * Prepares the launch on a device.
   *
   * @param images address of the served input, rows of {@link InputStage#capacityBytes}
   * @param imageSizes address of height and width of each, 32-bit; 0 where all have one size
   * @param target address of the model's input
   * @param count number of images
   */
  public void prepare(KernelCall call, long images, long imageSizes, long target, long count) {
    kernel.prepare(
        call,
        images,
        imageSizes,
        target,
        count,
        stage.capacityBytes(),
        stage.sourceHeight(),
        stage.sourceWidth());
  }

  /**
   * The same on the calling thread. Allocates nothing.
   *
   * @param images the served input
   * @param imageSizes height and width of each, or null where all have one size
   * @param target the model's input
   * @param count number of images
   */
  public void run(
      MemorySegment images, MemorySegment imageSizes, MemorySegment target, long count) {
    kernel.reference(
        images,
        imageSizes,
        target,
        count,
        stage.capacityBytes(),
        stage.sourceHeight(),
        stage.sourceWidth());
  }
}
