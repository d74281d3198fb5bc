/** Reads and rewrites ONNX graphs, proves batching, and packs the result. */
package dev.sluice.converter;
