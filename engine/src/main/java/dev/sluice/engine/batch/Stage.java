package dev.sluice.engine.batch;

/** What is measured of a batch, in nanoseconds. */
public enum Stage {
  /** From the claim to the submit of the batch's first request. */
  WRITE,
  /** From the submit of the batch's first request to the run. */
  WAIT,
  /** The run in the backend, stages included. */
  RUN,
  /** The part of the run that the stages before the model took; only of packages with stages. */
  PRE,
  /** The part of the run that the stages after the model took; only of packages with stages. */
  POST,
  /** The part of the run that the device worked; only where it measures that. */
  DEVICE,
  /** From the end of the run to the close of the last request. */
  READ
}
