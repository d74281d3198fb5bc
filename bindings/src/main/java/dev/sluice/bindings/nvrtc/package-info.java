/** NVRTC, the run-time compiler of CUDA C++, through FFM. */
package dev.sluice.bindings.nvrtc;
