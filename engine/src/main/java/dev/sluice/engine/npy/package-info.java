/** Tensors as NumPy files: {@code .npy} and {@code .npz}, read without trusting them. */
package dev.sluice.engine.npy;
