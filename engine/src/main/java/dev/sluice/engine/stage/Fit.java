package dev.sluice.engine.stage;

/** How an image gets the model's height and width. */
public enum Fit {
  /** It has them already. */
  NONE,
  /** Stretched to them, whatever its proportions. */
  RESIZE,
  /** Scaled with its proportions kept, centred, and the rest filled. */
  LETTERBOX
}
