/**
 * The demonstration model, the other models of the zoo, and everything that makes them: generators
 * of labelled samples, small networks with hand-written gradients, their trainer, and the export to
 * ONNX. {@link dev.sluice.bench.train.Lesson} lists the models.
 *
 * <p>Everything here is a function of its seed, bit for bit: floating-point code uses only
 * operations that Java defines exactly (no {@code Math.exp} or {@code Math.sin}, whose last bit may
 * differ between machines, but {@link java.lang.StrictMath} and functions made of additions,
 * multiplications and divisions), random numbers come from a named algorithm, and sums are taken in
 * an order that does not depend on the number of threads.
 */
package dev.sluice.bench.train;
