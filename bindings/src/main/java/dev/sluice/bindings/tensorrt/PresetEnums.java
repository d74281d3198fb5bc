package dev.sluice.bindings.tensorrt;

/**
 * Between the enums of {@link TensorRtApi} and those of the presets, by name: a constant is called
 * as in {@code NvInfer.h}, there with a leading {@code k}. So a value that moves from one release
 * to the next is the presets' business alone.
 *
 * <p>Thread safety: stateless.
 */
final class PresetEnums {
  private PresetEnums() {}

  /** The presets' constant of one of ours. */
  static <P extends Enum<P>> P theirs(Class<P> type, Enum<?> ours) {
    return Enum.valueOf(type, "k" + ours.name());
  }

  /**
   * Our constant of one of the presets'.
   *
   * @param theirs after its {@code intern()}: what a native method returns has a value alone
   * @throws IllegalStateException where the library has a constant that the presets or Sluice do
   *     not know
   */
  static <E extends Enum<E>> E ours(Class<E> type, Enum<?> theirs) {
    try {
      return Enum.valueOf(type, text(theirs));
    } catch (IllegalArgumentException e) {
      throw new IllegalStateException(
          "TensorRT answers with a "
              + type.getSimpleName()
              + " that is not known here: "
              + text(theirs)
              + "; use the release that the presets are made for",
          e);
    }
  }

  /** The name without the {@code k}. */
  static String text(Enum<?> theirs) {
    // The constructor that JavaCPP bypasses sets the name.
    return theirs.name() == null ? "unknown" : theirs.name().substring(1);
  }
}
