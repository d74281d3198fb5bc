/**
 * Owns the CUDA C++ kernels around a model (pre- and post-processing, calibration), their launch
 * descriptors, and for each a plain Java reference that the CPU backend runs.
 */
package dev.sluice.kernels;
