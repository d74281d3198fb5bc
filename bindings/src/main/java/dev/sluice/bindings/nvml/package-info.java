/** NVML, NVIDIA's management library, through FFM: how a GPU is doing. */
package dev.sluice.bindings.nvml;
