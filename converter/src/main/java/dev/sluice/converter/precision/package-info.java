/**
 * Brings models to other precisions: the graph of each backend, and what that costs in accuracy.
 *
 * <p>TensorRT's networks are strongly typed: a value's type is what the graph says, and nothing is
 * chosen behind its back. So a precision is a graph. {@link
 * dev.sluice.converter.precision.Int8Conversion} writes QuantizeLinear and DequantizeLinear around
 * the layers that 8 bits serve well; {@link dev.sluice.converter.precision.HalfPrecision} makes
 * values FLOAT16 or BFLOAT16, and {@link dev.sluice.converter.precision.HalfEmulation} makes of
 * that a graph of FLOAT that rounds the same values, which ONNX Runtime can run on any CPU. {@link
 * dev.sluice.converter.precision.StrongTyping} tells, without a GPU, what of a graph TensorRT would
 * refuse.
 */
package dev.sluice.converter.precision;
