/** Packages, backends, batching and the public API that a service uses. */
module dev.sluice.engine {
  exports dev.sluice.engine;
  exports dev.sluice.engine.backend;
  exports dev.sluice.engine.cpu;
  exports dev.sluice.engine.format;
  exports dev.sluice.engine.memory;
  exports dev.sluice.engine.npy;

  // Jackson builds the manifest's records.
  opens dev.sluice.engine.format to
      tools.jackson.databind;

  requires transitive dev.sluice.bindings;
  requires dev.sluice.kernels;
  requires HdrHistogram;
  requires tools.jackson.databind;
}
