/**
 * Graphs in other precisions than FLOAT.
 *
 * <p>TensorRT's networks are strongly typed: a value's type is what the graph says, and nothing is
 * chosen behind its back. So a precision is a graph: {@link
 * dev.sluice.converter.precision.HalfPrecision} makes one whose values are FLOAT16 or BFLOAT16, and
 * {@link dev.sluice.converter.precision.HalfEmulation} makes of that one a graph of FLOAT that
 * rounds the same values, which ONNX Runtime can run on any CPU. {@link
 * dev.sluice.converter.precision.StrongTyping} tells, without a GPU, what of a graph TensorRT would
 * refuse.
 */
package dev.sluice.converter.precision;
