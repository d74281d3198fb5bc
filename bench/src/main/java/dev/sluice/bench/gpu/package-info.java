/**
 * What the GPU kit measures: what the kernels reach, and the engine beside a bare loop over the
 * same plan.
 */
package dev.sluice.bench.gpu;
