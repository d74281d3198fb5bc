/** ONNX graphs in Java: what the project's own models are written with. */
package dev.sluice.bench.onnx;
