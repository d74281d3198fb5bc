/**
 * The place of the CUDA C++ kernels around a model (pre- and post-processing, calibration), their
 * launch descriptors, and for each a plain Java reference that the CPU backend runs. There is none
 * yet.
 */
package dev.sluice.kernels;
