/**
 * A CUDA driver in memory, for tests of what runs on a GPU, yours and ours: {@link
 * dev.sluice.bindings.sim.SimulatedCuda} is a {@link dev.sluice.bindings.cuda.CudaApi} without a
 * GPU, with faults on demand and a log of calls.
 *
 * <p>Simulated are: the address space, with bounds and lifetimes checked at every access; contexts,
 * and which is current on a thread; streams with their order, the legacy stream's included; events;
 * host functions; capture into graphs with its prohibitions, and launches of them; stream-ordered
 * pools and what they reserve; pinned memory; modules, whose kernels are Java ({@link
 * dev.sluice.bindings.sim.SimulatedKernel}). Accesses to the same memory that nothing puts in order
 * are reported as races. A failure on the device comes late and stays, as on a device.
 *
 * <p>Not simulated are: how long anything takes (events tell the time of the host); memory nodes of
 * graphs, managed memory, peer access, textures; PTX and cubins. A graph's nodes run one after the
 * other. A module's image is text: the line {@code sluice-sim-module}, then the name of a function
 * on each line, then a 0.
 */
package dev.sluice.bindings.sim;
