/**
 * ONNX models as files: reading them without trusting them, and what they say about themselves. The
 * messages of the standard are generated from {@code onnx.proto}.
 */
package dev.sluice.converter.onnx;
