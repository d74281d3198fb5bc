/** Packages, backends, batching and the public API that a service uses. */
module dev.sluice.engine {
  exports dev.sluice.engine;
  exports dev.sluice.engine.backend;
  exports dev.sluice.engine.cpu;
  exports dev.sluice.engine.cuda;
  exports dev.sluice.engine.format;
  exports dev.sluice.engine.memory;
  exports dev.sluice.engine.npy;
  exports dev.sluice.engine.plan;
  exports dev.sluice.engine.stage;

  // Jackson builds the records of the manifest and of plans' keys.
  opens dev.sluice.engine.format to
      tools.jackson.databind;
  opens dev.sluice.engine.plan to
      tools.jackson.databind;
  opens dev.sluice.engine.stage to
      tools.jackson.databind;

  requires transitive dev.sluice.bindings;
  requires transitive dev.sluice.kernels;
  requires HdrHistogram;
  requires tools.jackson.databind;
}
