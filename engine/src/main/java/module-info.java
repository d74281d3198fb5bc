/** Packages, backends, batching and the public API that a service uses. */
module dev.sluice.engine {
  exports dev.sluice.engine;
  exports dev.sluice.engine.backend;
  exports dev.sluice.engine.cpu;

  requires transitive dev.sluice.bindings;
  requires dev.sluice.kernels;
}
