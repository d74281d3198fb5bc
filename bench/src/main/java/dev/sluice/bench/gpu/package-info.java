/**
 * What the kernels reach on a GPU, which the GPU kit runs, and the time that a plan takes with
 * nothing around it, which the engine is measured against.
 */
package dev.sluice.bench.gpu;
