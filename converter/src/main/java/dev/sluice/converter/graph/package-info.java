/**
 * A model as an immutable graph, and named rewrites of it.
 *
 * <p>A {@link dev.sluice.converter.graph.Graph} is a view of ONNX's own messages that knows for
 * every value who makes it, who takes it, and its element type and shape. Types and shapes are ONNX
 * Runtime's: a session without optimizations is made of the model without its large weights, and
 * asked for each value. What it does not know stays unknown. Values that a rewrite needs are
 * computed by ONNX Runtime, too.
 *
 * <p>A {@link dev.sluice.converter.graph.Rewrite} makes another graph of one and says what it did.
 * Weights that it makes lie in files that are mapped, see {@link
 * dev.sluice.converter.graph.NewWeights}; weights that stay are never read.
 */
package dev.sluice.converter.graph;
