package dev.sluice.engine.stage;

/** The order of the model's colour channels; images come in as red, green, blue. */
public enum ChannelOrder {
  /** Red first. */
  RGB,
  /** Blue first. */
  BGR
}
