/**
 * A CUDA device in memory, for tests of what runs on one: {@link dev.sluice.bindings.cuda.CudaApi}
 * without a GPU, with faults on demand and a log of calls.
 */
package dev.sluice.bindings.sim;
