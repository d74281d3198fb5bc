/** The CUDA driver API through FFM. */
package dev.sluice.bindings.cuda;
