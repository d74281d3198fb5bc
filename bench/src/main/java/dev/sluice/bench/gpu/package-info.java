/** What the kernels reach on a GPU; run by the GPU kit. */
package dev.sluice.bench.gpu;
