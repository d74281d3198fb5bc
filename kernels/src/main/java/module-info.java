/** CUDA kernels, their launch descriptors and their Java references. */
module dev.sluice.kernels {
  exports dev.sluice.kernels;
  exports dev.sluice.kernels.compile;

  requires transitive dev.sluice.bindings;
}
