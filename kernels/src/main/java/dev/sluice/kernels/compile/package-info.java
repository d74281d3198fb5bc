/** Makes cubins of CUDA sources for the device at hand, keeps them on disk, and loads them. */
package dev.sluice.kernels.compile;
